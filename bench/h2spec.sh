#!/usr/bin/env bash
# h2spec against a load balancer's HTTPS listener and against nginx, on loopback.
#
#   bench/h2spec.sh            prints what fails with the load balancer and not with nginx; fails if anything does
#
# Wants `h2spec` (https://github.com/summerwind/h2spec), `nginx`, `openssl` and `curl`. Without h2spec it says so and does nothing.
# Of Debian's packages h2spec can be built in a GOPATH: golang-go, golang-golang-x-net-dev, golang-github-spf13-cobra-dev,
# golang-github-fatih-color-dev.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v h2spec >/dev/null || { echo "h2spec is not there: nothing to do"; exit 0; }
folder=$(mktemp -d)
started=()
finish() {
    [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap finish EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$folder/key.pem" -out "$folder/certificate.pem" -days 1 \
    -subj /CN=localhost 2>/dev/null
cargo build -q -p enishi-proxy --example balancer
example="${CARGO_TARGET_DIR:-target}/debug/examples/balancer"

# nginx speaks HTTP/2 at one port, and is the target of the load balancer at another.
tls=$(free_port) plain=$(free_port) balancer=$(free_port)
page=$(printf 'x%.0s' {1..2000})
cat >"$folder/nginx.conf" <<CONFIG
daemon off;
pid $folder/nginx.pid;
error_log $folder/error.log;
worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    server {
        listen 127.0.0.1:$plain;
        location / { return 200 "$page"; }
    }
    server {
        listen 127.0.0.1:$tls ssl http2;
        ssl_certificate $folder/certificate.pem;
        ssl_certificate_key $folder/key.pem;
        location / { proxy_pass http://127.0.0.1:$plain; }
    }
}
CONFIG
nginx -c "$folder/nginx.conf" & started+=($!)
mkfifo "$folder/input"
"$example" "127.0.0.1:$balancer" "127.0.0.1:$plain" --tls "$folder/certificate.pem" "$folder/key.pem" \
    <"$folder/input" >/dev/null & started+=($!)
exec 4>"$folder/input"
for port in "$tls" "$balancer"; do
    curl -skf --retry 50 --retry-connrefused --retry-delay 1 "https://127.0.0.1:$port/" >/dev/null
done

# The names of the cases that failed, by section.
failures() {
    h2spec -h 127.0.0.1 -p "$1" -t -k -S -j "$folder/$2.xml" >"$folder/$2.txt" 2>&1 || true
    tail -n 1 "$folder/$2.txt" | sed "s/^/$2: /"
    python3 - "$folder/$2.xml" >"$folder/$2.failed" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

for suite in tree.parse(sys.argv[1]).getroot().iter("testsuite"):
    for case in suite.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            print(f'{case.get("package")} {case.get("classname")}')
PYTHON
    sort -o "$folder/$2.failed" "$folder/$2.failed"
}
failures "$tls" nginx
failures "$balancer" balancer
echo "fails with both:"
comm -12 "$folder/nginx.failed" "$folder/balancer.failed" | sed 's/^/  /'
echo "fails with nginx alone:"
comm -23 "$folder/nginx.failed" "$folder/balancer.failed" | sed 's/^/  /'
echo "fails with the load balancer alone:"
comm -13 "$folder/nginx.failed" "$folder/balancer.failed" | sed 's/^/  /'
! comm -13 "$folder/nginx.failed" "$folder/balancer.failed" | grep -q .
