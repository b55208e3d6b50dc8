#!/usr/bin/env bash
# Real clients against a daemon of their own. Wants ENISHI (the binary), VENV (AWS CLI, boto3, octoDNS, gRPC), PROVIDERS (Terraform's mirror).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${ENISHI:?the enishi binary}" "${VENV:?a Python environment}" "${PROVIDERS:?a Terraform provider mirror}"
export PATH="$VENV/bin:$PATH" ENISHI

data=$(mktemp -d)
cleanup() {
  status=$?
  "$ENISHI" down >/dev/null 2>&1 || true
  [ $status -eq 0 ] || { echo "-- the daemon's log:"; tail -n 60 "$data/log" 2>/dev/null || true; }
  rm -rf "$data"
}
trap cleanup EXIT

"$ENISHI" up --listen 127.0.0.1:0 --data-dir "$data/enishi" --detach >"$data/log" 2>&1
ENISHI_ENDPOINT=$(sed -n 's/.*\(http:\/\/127\.0\.0\.1:[0-9]*\).*/\1/p' "$data/log" | head -n 1)
export ENISHI_ENDPOINT
passed=0
run() {
  echo "-- $1"
  shift
  "$@"
  "$ENISHI" reset >/dev/null
  # What ran takes its files with it, which nobody else may remove where instances have users of their own.
  curl -fsS "$ENISHI_ENDPOINT/_enishi/settle" >/dev/null
  passed=$((passed + 1))
}

run "boto3" python3 "$here/boto3_vpc.py" "$ENISHI_ENDPOINT"
run "boto3: resources, waiters, paginators" python3 "$here/boto3_resources.py" "$ENISHI_ENDPOINT"
run "boto3, AWS CLI: Route 53" python3 "$here/route53.py" "$ENISHI_ENDPOINT"
run "octoDNS" bash "$here/octodns.sh"
run "AWS CLI: examples/public-private.sh" "$root/examples/public-private.sh"
run "AWS CLI: examples/three-tier.sh" "$root/examples/three-tier.sh"
run "boto3: resolver" python3 "$here/boto3_resolver.py" "$ENISHI_ENDPOINT"
run "boto3: peering" python3 "$here/boto3_peering.py" "$ENISHI_ENDPOINT"
run "AWS CLI: examples/vpc-peering.sh" "$root/examples/vpc-peering.sh"
run "boto3: prefix lists" python3 "$here/boto3_prefix_list.py" "$ENISHI_ENDPOINT"
run "boto3: reachability" python3 "$here/boto3_reachability.py" "$ENISHI_ENDPOINT"
run "boto3, AWS CLI: Classic Load Balancers" python3 "$here/boto3_elb.py" "$ENISHI_ENDPOINT"
run "boto3: load balancers" python3 "$here/boto3_elbv2.py" "$ENISHI_ENDPOINT"
run "curl, h2load, WebSocket, gRPC: load balancers" bash "$here/load_balancing/run.sh"
run "the daemon killed under load" python3 "$here/load_balancing/restart.py"
run "boto3: domains" python3 "$here/boto3_domains.py" "$ENISHI_ENDPOINT"
run "boto3, AWS CLI: ACM" python3 "$here/boto3_acm.py" "$ENISHI_ENDPOINT"
run "boto3, AWS CLI: CloudWatch" python3 "$here/boto3_cloudwatch.py" "$ENISHI_ENDPOINT"
run "boto3: S3" python3 "$here/s3.py" "$ENISHI_ENDPOINT"
run "AWS CLI: examples/domain.sh" "$root/examples/domain.sh"
run "Terraform" bash "$here/terraform/run.sh"
run "ssh" bash "$here/ssh.sh"
echo "$passed passed, 0 failed"
