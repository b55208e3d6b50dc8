#!/usr/bin/env bash
# Requests from the internet to the instance of `prefix_lists.tf`, whose group admits one list and whose table has a route back to the
# other; runs in its directory. `prefix_lists.sh changed` after the second apply.
set -euo pipefail
: "${ENISHI:?the enishi binary}"
output=$(terraform output -no-color -json web)
field() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])" <<<"$output"; }

# A server that answers whom it sees.
exec {server}< <(exec "$ENISHI" exec "$(field id)" -- python3 -u -c '
import socket
server = socket.create_server(("", 80))
print("ready")
while True:
    connection, client = server.accept()
    connection.recv(9999)
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + client[0].encode())
    connection.close()')
trap 'kill $! 2>/dev/null || true' EXIT
read -r ready <&"$server"
[ "$ready" = ready ]

# want admitted|blocked SOURCE
want() {
  local answer verdict=blocked
  answer=$("$ENISHI" exec internet -- curl --silent --max-time 1.5 --interface "$2" "http://$(field address)/") || true
  [ "$answer" != "$2" ] || verdict=admitted
  [ "$verdict" = "$1" ] || { echo "$2 to the instance: wanted $1, got $verdict \"$answer\""; exit 1; }
}
if [ "${1:-}" = changed ]; then
  want blocked 203.0.113.7    # The group's list has it no longer.
  want admitted 198.51.100.7
  want admitted 198.51.100.200
  want admitted 192.0.2.7
else
  want admitted 203.0.113.7
  want blocked 198.51.100.7   # The group's list does not have it yet,
  want blocked 192.0.2.7      # and the table's does not have this one: its answer finds no way.
fi
