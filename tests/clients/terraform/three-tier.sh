#!/usr/bin/env bash
# Requests from the internet through what `examples/three-tier` has built; runs in its directory. `three-tier.sh changed`
# after the second apply.
set -euo pipefail
: "${ENISHI:?the enishi binary}" "${ENISHI_ENDPOINT:?the endpoint}" "${TF_VAR_account:?the account}"
output=$(terraform output -no-color -json)
field() { python3 -c "import json, sys; value = json.load(sys.stdin)['$1']['value']; print(*([value] if isinstance(value, str) else value))" <<<"$output"; }
name=$(field name)
"$ENISHI" ca >ca.pem

for group in $(field target_groups); do
  AWS_ACCESS_KEY_ID=$TF_VAR_account aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 elbv2 wait target-in-service \
    --target-group-arn "$group"
done

ask() { "$ENISHI" exec internet -- curl --silent --show-error --max-time 5 --cacert "$PWD/ca.pem" --connect-to "::$name" "$@"; }
# want TEXT COMMAND...: the command prints exactly this.
want() {
  local answer
  answer=$("${@:2}" 2>&1) || true
  [ "$answer" = "$1" ] || { echo "${*:2}: wanted \"$1\", got \"$answer\""; exit 1; }
}
# Who answers, asked often enough for every server's turn to come.
servers() { for _ in $(seq 24); do ask "$1"; done | sort -u | paste -sd, -; }

want "301 https://shop.example.com:443/who?x=1" ask --output /dev/null --write-out '%{http_code} %{redirect_url}' \
  "http://shop.example.com/who?x=1"
want "web-a https,web-b https" servers https://shop.example.com/
want "web-a https,web-b https" servers https://api.example.com/
if [ "${1:-}" = changed ]; then
  want "api-a https,api-b https" servers https://shop.example.com/api/who
else
  want "api-a https,api-b https,web-a https,web-b https" servers https://shop.example.com/api/who
fi
want "closed" ask --header "X-Closed: yes" https://api.example.com/
# Each name has the certificate that is its own.
for site in shop api; do
  "$ENISHI" exec internet -- curl --silent --verbose --output /dev/null --cacert "$PWD/ca.pem" --connect-to "::$name" \
    "https://$site.example.com/" 2>&1 | grep -q "subject: CN=$site.example.com" || { echo "$site: another certificate"; exit 1; }
done
