#!/usr/bin/env bash
# A web tier and its database in two peered VPCs, built with the plain AWS CLI and checked with real packets.
#
#   enishi up --detach && examples/vpc-peering.sh
#
# Needs: a running Enishi (`enishi up`), the AWS CLI, dig, python3 (each instance's server; instances run the host's root).
# Ends with status 0 only if every packet went as AWS says; cleans up what it made.
set -euo pipefail

ENISHI=${ENISHI:-enishi}
eval "$("$ENISHI" env)"
export AWS_PAGER="" AWS_DEFAULT_OUTPUT=text
servers=()
trap '[ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true' EXIT

step() { printf '\n== %s\n' "$1"; }
passed=0
# want reach|blocked WHAT FROM ADDRESS PORT [EXPECTED ANSWER]
# The server answers the source address it saw, so that translation would be visible.
want() {
  local verdict=$1 what=$2 from=$3 address=$4 port=$5 expected=${6:-} answer status=0
  answer=$("$ENISHI" exec "$from" -- python3 -c '
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.5) as s:
        s.settimeout(1.5)
        print(s.makefile().readline().strip())
except OSError as error:
    sys.exit(1)' "$address" "$port") || status=1
  if [ "$verdict" = reach ] && [ $status -eq 0 ] && { [ -z "$expected" ] || [ "$answer" = "$expected" ]; }; then
    printf 'ok    %s (it saw %s)\n' "$what" "$answer"
  elif [ "$verdict" = blocked ] && [ $status -ne 0 ]; then
    printf 'ok    %s\n' "$what"
  else
    printf 'FAIL  %s: wanted %s %s, got status %s answer "%s"\n' "$what" "$verdict" "$expected" "$status" "$answer"
    exit 1
  fi
  passed=$((passed + 1))
}
# is WHAT EXPECTED ACTUAL
is() {
  [ "$2" = "$3" ] || { printf 'FAIL  %s: wanted "%s", got "%s"\n' "$1" "$2" "$3"; exit 1; }
  printf 'ok    %s: %s\n' "$1" "$3"
  passed=$((passed + 1))
}
# One TCP server in an instance; it answers the address the connection came from.
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

step "Three VPCs: the web tier 10.0.0.0/16, the database 10.1.0.0/16, the office 10.2.0.0/16"
network() { # SECOND BYTE OF THE BLOCK: its VPC, with DNS host names
  local vpc
  vpc=$(aws ec2 create-vpc --cidr-block "10.$1.0.0/16" --query Vpc.VpcId)
  aws ec2 modify-vpc-attribute --vpc-id "$vpc" --enable-dns-hostnames
  echo "$vpc"
}
subnet() { aws ec2 create-subnet --vpc-id "$1" --cidr-block "10.$2.0.0/24" --query Subnet.SubnetId; }
table() { aws ec2 describe-route-tables --filters "Name=vpc-id,Values=$1" --query 'RouteTables[0].RouteTableId'; }
group() { aws ec2 create-security-group --vpc-id "$1" --group-name "$2" --description "$2" --query GroupId; }
web_vpc=$(network 0) data_vpc=$(network 1) office_vpc=$(network 2)
web_subnet=$(subnet "$web_vpc" 0) data_subnet=$(subnet "$data_vpc" 1) office_subnet=$(subnet "$office_vpc" 2)
web_table=$(table "$web_vpc") data_table=$(table "$data_vpc") office_table=$(table "$office_vpc")
web_group=$(group "$web_vpc" web) data_group=$(group "$data_vpc" data) office_group=$(group "$office_vpc" office)
aws ec2 authorize-security-group-ingress --group-id "$web_group" --protocol tcp --port 80 --cidr 10.0.0.0/8 >/dev/null
# No subnet has a route to it: it only lets the database's instance have a public address, and so a public host name.
igw=$(aws ec2 create-internet-gateway --query InternetGateway.InternetGatewayId)
aws ec2 attach-internet-gateway --vpc-id "$data_vpc" --internet-gateway-id "$igw"

step "An instance in each, with a server in the first two"
run() { # SUBNET GROUP NAME [MORE]
  aws ec2 run-instances --image-id ami-0abcdef1234567890 --instance-type t3.micro --subnet-id "$1" --security-group-ids "$2" \
    --tag-specifications "ResourceType=instance,Tags=[{Key=Name,Value=$3}]" --query 'Instances[0].InstanceId' "${@:4}"
}
web=$(run "$web_subnet" "$web_group" "web-$web_vpc")
data=$(run "$data_subnet" "$data_group" "data-$data_vpc" --associate-public-ip-address)
office=$(run "$office_subnet" "$office_group" "office-$office_vpc")
aws ec2 wait instance-running --instance-ids "$web" "$data" "$office"
field() { aws ec2 describe-instances --instance-ids "$1" --query "Reservations[0].Instances[0].$2"; }
web_ip=$(field "$web" PrivateIpAddress) data_ip=$(field "$data" PrivateIpAddress) office_ip=$(field "$office" PrivateIpAddress)
data_public=$(field "$data" PublicIpAddress) data_name=$(field "$data" PublicDnsName)
serve "$web" 80
serve "$data" 5432

step "A request: nothing passes before it is accepted"
request() { # VPC PEER
  aws ec2 create-vpc-peering-connection --vpc-id "$1" --peer-vpc-id "$2" --query VpcPeeringConnection.VpcPeeringConnectionId
}
status() { aws ec2 describe-vpc-peering-connections --vpc-peering-connection-ids "$1" --query 'VpcPeeringConnections[0].Status.Code'; }
accept() { aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id "$1" >/dev/null; }
route() { # TABLE BLOCK PEERING
  aws ec2 create-route --route-table-id "$1" --destination-cidr-block "$2" --vpc-peering-connection-id "$3" >/dev/null
}
state() { aws ec2 describe-route-tables --route-table-ids "$1" --query "RouteTables[0].Routes[?DestinationCidrBlock=='$2'].State"; }
pcx=$(request "$web_vpc" "$data_vpc")
is "the request" pending-acceptance "$(status "$pcx")"
route "$web_table" 10.1.0.0/16 "$pcx"
route "$data_table" 10.0.0.0/16 "$pcx"
is "the route to it" blackhole "$(state "$web_table" 10.1.0.0/16)"
want blocked "data -> web, which admits it" "$data" "$web_ip" 80

step "Accepted: both need a route"
accept "$pcx"
is "the connection" active "$(status "$pcx")"
is "the route to it" active "$(state "$web_table" 10.1.0.0/16)"
want reach   "data -> web, by its private address" "$data" "$web_ip" 80 "$data_ip"
aws ec2 delete-route --route-table-id "$web_table" --destination-cidr-block 10.1.0.0/16
want blocked "data -> web without a way back: the request arrives, the answer does not" "$data" "$web_ip" 80
route "$web_table" 10.1.0.0/16 "$pcx"
want reach   "data -> web with it again" "$data" "$web_ip" 80 "$data_ip"

step "The database admits the web tier by its group, which is in the other VPC"
want blocked "web -> data before there is a rule" "$web" "$data_ip" 5432
aws ec2 authorize-security-group-ingress --group-id "$data_group" --protocol tcp --port 5432 --source-group "$web_group" >/dev/null
want reach   "web -> data with the rule: the database sees the private address" "$web" "$data_ip" 5432 "$web_ip"
want blocked "web -> data on a port nobody opened" "$web" "$data_ip" 5433

step "The office is peered with the web tier: that does not lead on to the database"
office_pcx=$(request "$office_vpc" "$web_vpc")
accept "$office_pcx"
route "$office_table" 10.0.0.0/16 "$office_pcx"
route "$office_table" 10.1.0.0/16 "$office_pcx"
route "$web_table" 10.2.0.0/16 "$office_pcx"
route "$data_table" 10.2.0.0/16 "$pcx"
aws ec2 authorize-security-group-ingress --group-id "$data_group" --protocol tcp --port 5432 --cidr 10.2.0.0/16 >/dev/null
want reach   "office -> web" "$office" "$web_ip" 80 "$office_ip"
want blocked "office -> data, which admits it and has a route back" "$office" "$data_ip" 5432

step "The database's public host name"
resolve() { "$ENISHI" exec "$1" -- dig +short +time=2 +tries=2 "$2" A; }
is "$data_name for the web tier" "$data_public" "$(resolve "$web" "$data_name")"
want blocked "web -> data by that name" "$web" "$data_name" 5432
data_private=$(field "$data" PrivateDnsName)
is "$data_private for the web tier" "" "$(resolve "$web" "$data_private")"
aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id "$pcx" \
  --accepter-peering-connection-options AllowDnsResolutionFromRemoteVpc=true >/dev/null
is "$data_name once the peering resolves it" "$data_ip" "$(resolve "$web" "$data_name")"
want reach   "web -> data by that name" "$web" "$data_name" 5432 "$web_ip"
is "$data_private as well" "$data_ip" "$(resolve "$web" "$data_private")"
is "the name of $data_ip" "$data_private." "$("$ENISHI" exec "$web" -- dig +short +time=2 +tries=2 -x "$data_ip")"
is "$data_name for the office, which is not its peer" "$data_public" "$(resolve "$office" "$data_name")"

step "VPCs whose blocks overlap cannot be peered"
twin_vpc=$(network 1)
is "a request from 10.1.0.0/16 to 10.1.0.0/16" failed "$(status "$(request "$twin_vpc" "$data_vpc")")"

step "Without the connection its routes lead nowhere and the group is a stale one"
aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id "$pcx" >/dev/null
aws ec2 wait vpc-peering-connection-deleted --vpc-peering-connection-ids "$pcx"
is "the web tier's route" blackhole "$(state "$web_table" 10.1.0.0/16)"
is "the database's route" blackhole "$(state "$data_table" 10.0.0.0/16)"
is "stale groups" "$data_group" "$(aws ec2 describe-stale-security-groups --vpc-id "$data_vpc" --query 'StaleSecurityGroupSet[].GroupId')"
want blocked "web -> data" "$web" "$data_ip" 5432
want blocked "data -> web" "$data" "$web_ip" 80

step "Clean up"
aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id "$office_pcx" >/dev/null
aws ec2 terminate-instances --instance-ids "$web" "$data" "$office" >/dev/null
aws ec2 wait instance-terminated --instance-ids "$web" "$data" "$office"
aws ec2 detach-internet-gateway --internet-gateway-id "$igw" --vpc-id "$data_vpc"
aws ec2 delete-internet-gateway --internet-gateway-id "$igw"
for group in "$web_group" "$data_group" "$office_group"; do aws ec2 delete-security-group --group-id "$group" >/dev/null; done
for subnet in "$web_subnet" "$data_subnet" "$office_subnet"; do aws ec2 delete-subnet --subnet-id "$subnet"; done
for vpc in "$web_vpc" "$data_vpc" "$office_vpc" "$twin_vpc"; do aws ec2 delete-vpc --vpc-id "$vpc"; done
printf '\n%s checks passed\n' "$passed"
