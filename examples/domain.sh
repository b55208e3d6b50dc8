#!/usr/bin/env bash
# A domain of one's own, from registering it to `ssh` by its name, with the plain AWS CLI.
#
#   enishi up --detach && examples/domain.sh
#
# Needs: a running Enishi (`enishi up`), the AWS CLI, dig, an ssh client and sshd (instances run the host's root).
# Ends with status 0 only if every name was resolved as AWS says; cleans up what it made.
set -euo pipefail

ENISHI=${ENISHI:-enishi}
DOMAIN=${DOMAIN:-enishi-tour.com}
eval "$("$ENISHI" env)"
export AWS_PAGER="" AWS_DEFAULT_OUTPUT=text
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$1"; }
passed=0
# want WHAT EXPECTED ACTUAL
want() {
  if [ "$2" != "$3" ]; then
    printf 'FAIL  %s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
    exit 1
  fi
  printf 'ok    %s: %s\n' "$1" "$3"
  passed=$((passed + 1))
}
# done_with OPERATION: waits until the registrar has done it.
done_with() {
  local status=SUBMITTED
  for _ in $(seq 100); do
    status=$(aws route53domains get-operation-detail --operation-id "$1" --query Status)
    case $status in SUBMITTED | IN_PROGRESS) sleep 0.1 ;; *) break ;; esac
  done
  want "the registrar's operation $1" SUCCESSFUL "$status"
}
# From the internet: as a stranger would ask, and by hand from the root down.
resolve() { "$ENISHI" exec internet -- dig +short +time=2 +tries=2 "$1" "$2"; }
trace() { "$ENISHI" exec internet -- dig +trace +nodnssec +time=2 +tries=2 @198.41.0.4 "$1" "$2"; }

step "Is $DOMAIN free?"
want "availability" AVAILABLE "$(aws route53domains check-domain-availability --domain-name "$DOMAIN" --query Availability)"

step "Register it for a year"
# An address that nobody has confirmed yet, however often this runs.
contact='{"FirstName":"Ann","LastName":"Lee","ContactType":"PERSON","AddressLine1":"1 Main Street","City":"Seattle",
  "State":"WA","CountryCode":"US","ZipCode":"98101","PhoneNumber":"+1.2065550100","Email":"ann-'"$$@$DOMAIN"'"}'
operation=$(aws route53domains register-domain --domain-name "$DOMAIN" --duration-in-years 1 --admin-contact "$contact" \
  --registrant-contact "$contact" --tech-contact "$contact" --query OperationId)
done_with "$operation"
want "availability for everybody else" UNAVAILABLE \
  "$(aws route53domains check-domain-availability --domain-name "$DOMAIN" --query Availability)"

step "Confirm the registrant's address: the mail is in the outbox"
reachability() { aws route53domains get-contact-reachability-status --domain-name "$DOMAIN" --query status; }
want "the registrant" PENDING "$(reachability)"
"$ENISHI" mail "$DOMAIN"
"$ENISHI" mail confirm "$DOMAIN"
want "the registrant" DONE "$(reachability)"

step "The hosted zone that came with it, and its name servers at the registry"
zone=$(aws route53 list-hosted-zones-by-name --dns-name "$DOMAIN" --query "HostedZones[?Name=='$DOMAIN.'] | [0].Id")
servers=$(aws route53 get-hosted-zone --id "$zone" --query 'DelegationSet.NameServers' | tr '\t' '\n' | sort)
given=$(aws route53domains get-domain-detail --domain-name "$DOMAIN" --query 'Nameservers[].Name' | tr '\t' '\n' | sort)
want "the domain's name servers" "$servers" "$given"
want "as the internet sees them" "$servers" "$(resolve "$DOMAIN" NS | sed 's/\.$//' | sort)"

step "An instance that admits ssh, with an Elastic IP"
vpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId)
subnet=$(aws ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.0.0/24 --query Subnet.SubnetId)
igw=$(aws ec2 create-internet-gateway --query InternetGateway.InternetGatewayId)
aws ec2 attach-internet-gateway --vpc-id "$vpc" --internet-gateway-id "$igw"
table=$(aws ec2 describe-route-tables --filters "Name=vpc-id,Values=$vpc" --query 'RouteTables[0].RouteTableId')
aws ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --gateway-id "$igw" >/dev/null
group=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name ssh --description ssh --query GroupId)
aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0 >/dev/null
aws ec2 create-key-pair --key-name "$DOMAIN" --key-type ed25519 --query KeyMaterial >"$work/key"
chmod 600 "$work/key"
instance=$(aws ec2 run-instances --image-id ami-0abcdef1234567890 --instance-type t3.micro --subnet-id "$subnet" \
  --security-group-ids "$group" --key-name "$DOMAIN" --query 'Instances[0].InstanceId')
aws ec2 wait instance-running --instance-ids "$instance"
allocation=$(aws ec2 allocate-address --query AllocationId)
public=$(aws ec2 describe-addresses --allocation-ids "$allocation" --query 'Addresses[0].PublicIp')
aws ec2 associate-address --allocation-id "$allocation" --instance-id "$instance" >/dev/null
private=$(aws ec2 describe-instances --instance-ids "$instance" --query 'Reservations[0].Instances[0].PrivateIpAddress')

step "www.$DOMAIN is that address, once the change is INSYNC"
record() { # ACTION
  aws route53 change-resource-record-sets --hosted-zone-id "$zone" --query ChangeInfo.Id --change-batch '{"Changes":[{"Action":"'"$1"'",
    "ResourceRecordSet":{"Name":"www.'"$DOMAIN"'","Type":"A","TTL":60,"ResourceRecords":[{"Value":"'"$public"'"}]}}]}'
}
change=$(record CREATE)
aws route53 wait resource-record-sets-changed --id "$change"
want "the change" INSYNC "$(aws route53 get-change --id "$change" --query ChangeInfo.Status)"
want "www.$DOMAIN for a stranger on the internet" "$public" "$(resolve "www.$DOMAIN" A)"

step "From the root down: root, top-level domain, the domain's own name servers"
trace "www.$DOMAIN" A | tee "$work/trace"
want "referrals and the answer" "a.root-servers.net a.gtld-servers.net yes $public" "$(awk -v name="www.$DOMAIN." -v servers="$servers" '
  $4 == "NS" && $1 == "." { root = $5 } $4 == "NS" && $1 == "com." { top = $5 }
  $4 == "NS" && index(name, "." $1) { server = $5; sub(/\.$/, "", server); if (index(servers, server)) own = "yes" }
  $4 == "A" && $1 == name { address = $5 }
  END { sub(/\.$/, "", root); sub(/\.$/, "", top); print root, top, own, address }' "$work/trace")"

step "ssh by that name, from the internet"
seen=$("$ENISHI" exec internet -- ssh -F none -i "$work/key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
  -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 -o LogLevel=ERROR "root@www.$DOMAIN" 'hostname -I 2>/dev/null || hostname')
case " $seen " in *" $private "*) seen=$private ;; esac
want "who answers ssh root@www.$DOMAIN" "$private" "$seen"

step "The registry obeys: other name servers, and the name is gone from the internet"
name_servers() { # NAME...
  done_with "$(aws route53domains update-domain-nameservers --domain-name "$DOMAIN" --query OperationId \
    --nameservers $(printf 'Name=%s ' "$@"))"
}
name_servers ns1.nobody-answers-here.net
want "www.$DOMAIN from the root down" "" "$(trace "www.$DOMAIN" A 2>/dev/null | awk -v name="www.$DOMAIN." '$4 == "A" && $1 == name { print $5 }')"
# shellcheck disable=SC2086
name_servers $servers
want "with its own name servers again" "$public" "$(trace "www.$DOMAIN" A | awk -v name="www.$DOMAIN." '$4 == "A" && $1 == name { print $5 }')"

step "Clean up"
record DELETE >/dev/null
done_with "$(aws route53domains delete-domain --domain-name "$DOMAIN" --query OperationId)"
want "availability" AVAILABLE "$(aws route53domains check-domain-availability --domain-name "$DOMAIN" --query Availability)"
aws route53 delete-hosted-zone --id "$zone" >/dev/null
aws ec2 terminate-instances --instance-ids "$instance" >/dev/null
aws ec2 wait instance-terminated --instance-ids "$instance"
aws ec2 release-address --allocation-id "$allocation"
aws ec2 detach-internet-gateway --internet-gateway-id "$igw" --vpc-id "$vpc"
aws ec2 delete-internet-gateway --internet-gateway-id "$igw"
aws ec2 delete-security-group --group-id "$group" >/dev/null
aws ec2 delete-subnet --subnet-id "$subnet"
aws ec2 delete-vpc --vpc-id "$vpc"
aws ec2 delete-key-pair --key-name "$DOMAIN" >/dev/null
printf '\n%s checks passed\n' "$passed"
