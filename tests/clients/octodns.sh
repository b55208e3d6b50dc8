#!/usr/bin/env bash
# octoDNS with its Route 53 provider: a YAML zone is synced, after which it sees nothing to change; then again after a change.
# Wants ENISHI_ENDPOINT, and octodns-sync in the path.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${ENISHI_ENDPOINT:?the endpoint}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/octodns/." "$work"
export AWS_ENDPOINT_URL="$ENISHI_ENDPOINT" AWS_ACCESS_KEY_ID=700000000000 AWS_SECRET_ACCESS_KEY=test
export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true OCTODNS_ZONES="$work/zones"

# Plans, and carries the plan out when there is one; what it says ends up in the file `said`.
sync() {
  octodns-sync --config-file "$work/config.yaml" "$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
}

# A sync that changes something.
changes() {
  sync --doit --force
  ! grep -q "No changes were planned" "$work/said" || { echo "$1: nothing was changed"; return 1; }
}

# A plan without a change.
unchanged() {
  sync
  grep -q "No changes were planned" "$work/said" || { echo "$1: changes are left"; cat "$work/said"; return 1; }
}

changes "the first sync"
unchanged "after the first sync"
python3 - "$work/zones/octodns.net.yaml" <<'PYTHON'
import sys

path = sys.argv[1]
zone = open(path).read()
for old, new in [("value: 192.0.2.4", "value: 192.0.2.44"), ("weight: 3", "weight: 5"), ("aaaa:", "six:")]:
    assert old in zone, old
    zone = zone.replace(old, new)
open(path, "w").write(zone)
PYTHON
changes "a sync after a change"
unchanged "after the second sync"

# What other clients see.
route53() { aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 route53 "$@" --output text; }
zone=$(route53 list-hosted-zones --query 'HostedZones[0].Id')
seen=$(route53 list-resource-record-sets --hosted-zone-id "$zone" \
  --query "ResourceRecordSets[?Name=='www.octodns.net.'].ResourceRecords[0].Value")
[ "$seen" = 192.0.2.44 ] || { echo "www.octodns.net is $seen"; exit 1; }
six=$(route53 list-resource-record-sets --hosted-zone-id "$zone" --query "length(ResourceRecordSets[?Type=='AAAA'])")
[ "$six" = 1 ] || { echo "$six sets of type AAAA"; exit 1; }
echo "synced, unchanged, changed, unchanged"
