#!/usr/bin/env bash
# The path between the instances of `reachability.tf`; runs in its directory. `reachability.sh changed` after the second apply, which
# analyses the path of the first one again and deletes it.
set -euo pipefail
: "${ENISHI_ENDPOINT:?the endpoint}"
export AWS_ACCESS_KEY_ID=$TF_VAR_account AWS_DEFAULT_REGION=us-east-1 AWS_DEFAULT_OUTPUT=text
output=$(terraform output -no-color -json path)
field() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])" <<<"$output"; }
ec2() { aws --endpoint-url "$ENISHI_ENDPOINT" ec2 "$@"; }
same() { [ "$1" = "$2" ] || { echo "wanted \"$1\", found \"$2\""; exit 1; }; }
# What the path's analyses found.
analyse() { # PATH QUERY
  local analysis
  analysis=$(ec2 start-network-insights-analysis --network-insights-path-id "$1" \
    --query NetworkInsightsAnalysis.NetworkInsightsAnalysisId)
  ec2 describe-network-insights-analyses --network-insights-analysis-ids "$analysis" --query "NetworkInsightsAnalyses[0].[$2]"
}

if [ "${1:-}" != changed ]; then
  path=$(ec2 create-network-insights-path --source "$(field source)" --destination "$(field destination)" --protocol tcp \
    --destination-port 8080 --query NetworkInsightsPath.NetworkInsightsPathId)
  same "succeeded True" "$(analyse "$path" Status,NetworkPathFound | tr '\t' ' ')"
  exit
fi
path=$(ec2 describe-network-insights-paths --filters "Name=source,Values=$(field source)" \
  --query 'NetworkInsightsPaths[].NetworkInsightsPathId')
# "This security group has no inbound or outbound rules that apply."
# [Explanation codes](https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html)
same "False ENI_SG_RULES_MISMATCH ingress $(field group)" "$(analyse "$path" \
  'NetworkPathFound,Explanations[0].ExplanationCode,Explanations[0].Direction,Explanations[0].SecurityGroups[0].Id' | tr '\t' ' ')"
for analysis in $(ec2 describe-network-insights-analyses --query 'NetworkInsightsAnalyses[].NetworkInsightsAnalysisId'); do
  ec2 delete-network-insights-analysis --network-insights-analysis-id "$analysis" >/dev/null
done
ec2 delete-network-insights-path --network-insights-path-id "$path" >/dev/null
