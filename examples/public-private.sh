#!/usr/bin/env bash
# A public and a private subnet, built with the plain AWS CLI and checked with real packets.
#
#   enishi up --detach && examples/public-private.sh
#
# Needs: a running Enishi (`enishi up`), the AWS CLI, python3 (each instance's server; instances run the host's root).
# Ends with status 0 only if every packet went as AWS says; cleans up what it made.
set -euo pipefail

ENISHI=${ENISHI:-enishi}
eval "$("$ENISHI" env)"
export AWS_PAGER="" AWS_DEFAULT_OUTPUT=text

step() { printf '\n== %s\n' "$1"; }
passed=0
# want reach|blocked WHAT FROM ADDRESS PORT [EXPECTED ANSWER]
# The server answers the source address it saw, so that translation is visible.
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
# refused CODE COMMAND...: the call fails with this AWS error code.
refused() {
  local code=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'FAIL  %s was not refused\n' "$*"
    exit 1
  fi
  case $output in
    *"($code)"*) printf 'ok    refused: %s\n' "${output##*$'\n'}" ;;
    *) printf 'FAIL  wanted %s, got: %s\n' "$code" "$output"; exit 1 ;;
  esac
  passed=$((passed + 1))
}

# One TCP server an instance; it answers the address the connection came from.
server() {
  cat <<SCRIPT
#!/usr/bin/env python3
import os, socketserver
if os.fork():
    os._exit(0)
os.setsid()
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write((self.client_address[0] + "\n").encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("0.0.0.0", $1), Answer).serve_forever()
SCRIPT
}

step "VPC 10.0.0.0/16 with a public and a private subnet"
vpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId)
public=$(aws ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.0.0/24 --query Subnet.SubnetId)
private=$(aws ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.1.0/24 --query Subnet.SubnetId)
igw=$(aws ec2 create-internet-gateway --query InternetGateway.InternetGatewayId)
aws ec2 attach-internet-gateway --vpc-id "$vpc" --internet-gateway-id "$igw"
public_table=$(aws ec2 create-route-table --vpc-id "$vpc" --query RouteTable.RouteTableId)
aws ec2 associate-route-table --route-table-id "$public_table" --subnet-id "$public" >/dev/null
aws ec2 create-route --route-table-id "$public_table" --destination-cidr-block 0.0.0.0/0 --gateway-id "$igw" >/dev/null

step "NAT gateway with an Elastic IP, and the private subnet's table"
nat_eip=$(aws ec2 allocate-address --query AllocationId)
nat_ip=$(aws ec2 describe-addresses --allocation-ids "$nat_eip" --query 'Addresses[0].PublicIp')
nat=$(aws ec2 create-nat-gateway --subnet-id "$public" --allocation-id "$nat_eip" --query NatGateway.NatGatewayId)
aws ec2 wait nat-gateway-available --nat-gateway-ids "$nat"
private_table=$(aws ec2 create-route-table --vpc-id "$vpc" --query RouteTable.RouteTableId)
aws ec2 associate-route-table --route-table-id "$private_table" --subnet-id "$private" >/dev/null
aws ec2 create-route --route-table-id "$private_table" --destination-cidr-block 0.0.0.0/0 --nat-gateway-id "$nat" >/dev/null

step "Security groups: the web tier from everywhere on 80, the app tier from the web tier on 8080"
web_group=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name web --description web --query GroupId)
app_group=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name app --description app --query GroupId)
aws ec2 authorize-security-group-ingress --group-id "$web_group" --protocol tcp --port 80 --cidr 0.0.0.0/0 >/dev/null
aws ec2 authorize-security-group-ingress --group-id "$app_group" --protocol tcp --port 8080 --source-group "$web_group" >/dev/null

step "Three instances, one TCP server each"
run() { # SUBNET GROUP PORT NAME
  aws ec2 run-instances --image-id ami-0abcdef1234567890 --instance-type t3.micro --subnet-id "$1" --security-group-ids "$2" \
    --user-data "$(server "$3")" --tag-specifications "ResourceType=instance,Tags=[{Key=Name,Value=$4}]" \
    --query 'Instances[0].InstanceId'
}
web=$(run "$public" "$web_group" 80 "web-$vpc")
app=$(run "$private" "$app_group" 8080 "app-$vpc")
other=$(run "$private" "$web_group" 80 "other-$vpc")
aws ec2 wait instance-running --instance-ids "$web" "$app" "$other"
address() { aws ec2 describe-instances --instance-ids "$1" --query 'Reservations[0].Instances[0].PrivateIpAddress'; }
web_ip=$(address "$web") app_ip=$(address "$app") other_ip=$(address "$other")
web_eip=$(aws ec2 allocate-address --query AllocationId)
web_public=$(aws ec2 describe-addresses --allocation-ids "$web_eip" --query 'Addresses[0].PublicIp')
aws ec2 associate-address --allocation-id "$web_eip" --instance-id "$web" >/dev/null
for target in "$web 80" "$app 8080" "$other 80"; do
  set -- $target
  "$ENISHI" exec "$1" -- python3 -c '
import socket, sys, time
for _ in range(200):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=1).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.05)
sys.exit("the server did not start")' "$2"
done
# A server on the internet, to see which address the NAT gateway shows.
internet_ip=198.18.0.1
coproc INTERNET { exec "$ENISHI" exec internet -- python3 -u -c '
import socketserver
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write((self.client_address[0] + "\n").encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
with Server(("0.0.0.0", 4430), Answer) as server:
    print("ready")
    server.serve_forever()'; }
internet_pid=$INTERNET_PID
trap 'kill $internet_pid 2>/dev/null || true' EXIT
read -r ready <&"${INTERNET[0]}"
[ "$ready" = ready ]

step "Who reaches whom"
want reach   "internet -> web on the open port, by its Elastic IP" internet "$web_public" 80 "$internet_ip"
want blocked "internet -> web on another port" internet "$web_public" 22
want reach   "web -> app, allowed by group reference" "$web" "$app_ip" 8080 "$web_ip"
want reach   "other (also in the web group) -> app" "$other" "$app_ip" 8080 "$other_ip"
want blocked "app -> app's peer on a port nobody opened" "$other" "$app_ip" 9090
want reach   "app -> internet through the NAT gateway, with its Elastic IP" "$app" "$internet_ip" 4430 "$nat_ip"
want blocked "internet -> app's NAT gateway" internet "$nat_ip" 8080
want blocked "internet -> app's private address" internet "$app_ip" 8080

step "A network ACL that forgets the ephemeral ports breaks the answer"
acl=$(aws ec2 create-network-acl --vpc-id "$vpc" --query NetworkAcl.NetworkAclId)
association=$(aws ec2 describe-network-acls --filters "Name=association.subnet-id,Values=$private" \
  --query "NetworkAcls[0].Associations[?SubnetId=='$private'].NetworkAclAssociationId | [0]")
aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 100 --ingress --protocol tcp --port-range From=8080,To=8080 \
  --cidr-block 0.0.0.0/0 --rule-action allow
association=$(aws ec2 replace-network-acl-association --association-id "$association" --network-acl-id "$acl" --query NewAssociationId)
want blocked "web -> app: the request passes, the answer does not" "$web" "$app_ip" 8080
want reach   "other -> app: the same ACL does not apply inside one subnet" "$other" "$app_ip" 8080 "$other_ip"
aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 100 --egress --protocol tcp --port-range From=1024,To=65535 \
  --cidr-block 0.0.0.0/0 --rule-action allow
want reach   "web -> app: with the ephemeral ports" "$web" "$app_ip" 8080 "$web_ip"
default_acl=$(aws ec2 describe-network-acls --filters "Name=vpc-id,Values=$vpc" Name=default,Values=true --query 'NetworkAcls[0].NetworkAclId')
aws ec2 replace-network-acl-association --association-id "$association" --network-acl-id "$default_acl" >/dev/null
aws ec2 delete-network-acl --network-acl-id "$acl"

step "A removed rule or route is gone for the next connection"
aws ec2 revoke-security-group-ingress --group-id "$app_group" --protocol tcp --port 8080 --source-group "$web_group" >/dev/null
want blocked "web -> app without the rule" "$web" "$app_ip" 8080
aws ec2 authorize-security-group-ingress --group-id "$app_group" --protocol tcp --port 8080 --source-group "$web_group" >/dev/null
want reach   "web -> app with the rule again" "$web" "$app_ip" 8080 "$web_ip"
aws ec2 delete-route --route-table-id "$private_table" --destination-cidr-block 0.0.0.0/0
want blocked "app -> internet without the route" "$app" "$internet_ip" 4430
aws ec2 create-route --route-table-id "$private_table" --destination-cidr-block 0.0.0.0/0 --nat-gateway-id "$nat" >/dev/null
want reach   "app -> internet with the route again" "$app" "$internet_ip" 4430 "$nat_ip"

step "A moved Elastic IP never reaches its old instance again"
aws ec2 associate-route-table --route-table-id "$public_table" --subnet-id "$private" >/dev/null 2>&1 || \
  aws ec2 replace-route-table-association --route-table-id "$public_table" --association-id \
    "$(aws ec2 describe-route-tables --route-table-ids "$private_table" --query 'RouteTables[0].Associations[0].RouteTableAssociationId')" >/dev/null
aws ec2 associate-address --allocation-id "$web_eip" --instance-id "$other" --allow-reassociation >/dev/null
"$ENISHI" exec "$web" -- pkill -f serve_forever || true
want reach   "internet -> the Elastic IP: the new instance answers" internet "$web_public" 80 "$internet_ip"
aws ec2 disassociate-address --public-ip "$web_public"
want blocked "internet -> the Elastic IP: nobody" internet "$web_public" 80

step "An internet gateway with mapped addresses cannot be detached"
refused DependencyViolation aws ec2 detach-internet-gateway --internet-gateway-id "$igw" --vpc-id "$vpc"

step "Clean up"
aws ec2 terminate-instances --instance-ids "$web" "$app" "$other" >/dev/null
aws ec2 delete-nat-gateway --nat-gateway-id "$nat" >/dev/null
aws ec2 wait instance-terminated --instance-ids "$web" "$app" "$other"
aws ec2 wait nat-gateway-deleted --nat-gateway-ids "$nat"
aws ec2 detach-internet-gateway --internet-gateway-id "$igw" --vpc-id "$vpc"
aws ec2 delete-internet-gateway --internet-gateway-id "$igw"
aws ec2 release-address --allocation-id "$nat_eip"
aws ec2 release-address --allocation-id "$web_eip"
aws ec2 delete-security-group --group-id "$app_group" >/dev/null
aws ec2 delete-security-group --group-id "$web_group" >/dev/null
aws ec2 delete-subnet --subnet-id "$public"
aws ec2 delete-subnet --subnet-id "$private"
aws ec2 delete-route-table --route-table-id "$public_table"
aws ec2 delete-route-table --route-table-id "$private_table"
aws ec2 delete-vpc --vpc-id "$vpc"
printf '\n%s checks passed\n' "$passed"
