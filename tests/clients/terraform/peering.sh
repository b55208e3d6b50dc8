#!/usr/bin/env bash
# Packets over the connections that `peering.tf` has made; runs in its directory. `peering.sh changed` after the second apply.
set -euo pipefail
: "${ENISHI:?the enishi binary}"
output=$(terraform output -no-color -json)
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)" <<<"$output"; }
web=$(field "['web']['value']")

servers=()
trap '[ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true' EXIT
# A server that answers whom it sees.
serve() { # INSTANCE PORT
  local server ready
  exec {server}< <(exec "$ENISHI" exec "$1" -- python3 -u -c '
import socketserver, sys
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write((self.client_address[0] + "\n").encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
with Server(("0.0.0.0", int(sys.argv[1])), Answer) as server:
    print("ready")
    server.serve_forever()' "$2")
  servers+=($!)
  read -r ready <&"$server"
  [ "$ready" = ready ]
}
ask() { # ADDRESS PORT
  "$ENISHI" exec "$web" -- python3 -c '
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.5) as connection:
        connection.settimeout(1.5)
        print(connection.makefile().readline().strip())
except OSError:
    print("blocked")' "$1" "$2"
}
# want TEXT COMMAND...: the command prints exactly this.
want() {
  local answer
  answer=$("${@:2}" 2>&1) || true
  [ "$answer" = "$1" ] || { echo "${*:2}: wanted \"$1\", got \"$answer\""; exit 1; }
}

seen=$(field "['addresses']['value']['web']")
for name in data theirs far; do
  instance=$(field "['servers']['value']['$name']")
  address=$(field "['addresses']['value']['$name']")
  serve "$instance" 5432
  serve "$instance" 5433
  want "$seen" ask "$address" 5432
  # The groups of the first apply admit one port; the far one's both, always.
  if [ "$name" = far ] || [ "${1:-}" = changed ]; then
    want "$seen" ask "$address" 5433
  else
    want blocked ask "$address" 5433
  fi
done

# The far side's public host name, while it lets the peer resolve it and after.
if [ "${1:-}" = changed ]; then
  address=$(field "['name']['value']['public']")
else
  address=$(field "['name']['value']['private']")
fi
want "$address" "$ENISHI" exec "$web" -- dig +short +time=2 +tries=2 "$(field "['name']['value']['name']")" A
