#!/usr/bin/env bash
# The scenarios, side by side, each in an account of its own: they mostly wait for health checks. `run.sh NAME...` runs those
# alone. Wants ENISHI and ENISHI_ENDPOINT.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${ENISHI:?the enishi binary}" "${ENISHI_ENDPOINT:?the endpoint}"
# What other clients use as well.
export PYTHONPATH="$here/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- conditions actions logins provider health protocols addresses
account=200000000000
declare -A running
for name in "$@"; do
  account=$((account + 1))
  python3 "$here/$name.py" "$ENISHI_ENDPOINT" "$account" >"$work/$name" 2>&1 &
  running[$name]=$!
done
failed=0
for name in "$@"; do
  if wait "${running[$name]}"; then
    sed "s/^ok   /ok    $name:/" "$work/$name"
  else
    failed=$((failed + 1))
    echo "$name failed"
    sed 's/^/    /' "$work/$name"
  fi
done
[ $failed -eq 0 ]
