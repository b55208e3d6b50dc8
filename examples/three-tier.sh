#!/usr/bin/env bash
# An Application Load Balancer in two zones before servers in private subnets, built with the plain AWS CLI and checked with
# real requests; then a Network Load Balancer before the same servers.
#
#   enishi up --detach && examples/three-tier.sh
#
# Needs: a running Enishi (`enishi up`), the AWS CLI, curl, python3 (instances run the host's root).
# Ends with status 0 only if every request went as AWS says; cleans up what it made.
set -euo pipefail

ENISHI=${ENISHI:-enishi}
eval "$("$ENISHI" env)"
export AWS_PAGER="" AWS_DEFAULT_OUTPUT=text
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$1"; }
passed=0
ok() {
  printf 'ok    %s\n' "$1"
  passed=$((passed + 1))
}
fail() {
  printf 'FAIL  %s\n' "$1"
  exit 1
}
# want TEXT WHAT COMMAND...: the command prints exactly this.
want() {
  local expected=$1 what=$2 answer
  shift 2
  answer=$("$@" 2>&1) || true
  [ "$answer" = "$expected" ] || fail "$what: wanted \"$expected\", got \"$answer\""
  ok "$what"
}
# until_true WHAT COMMAND...: within a minute the command succeeds.
until_true() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "$what did not happen"
    sleep 0.2
  done
}

# An HTTP server that says who it is, what it was told of its client, and which address the connection came from.
cat >"$work/server.py" <<'SERVER'
#!/usr/bin/env python3
import http.server, os, socket, socketserver, sys, time
if os.fork():
    os._exit(0)
os.setsid()
name = socket.gethostname()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow":
            open("/run/slow", "w").close()
            time.sleep(4)
        text = {
            "/who": name,
            "/client": self.headers.get("X-Forwarded-For", "-"),
            "/peer": self.client_address[0],
        }.get(self.path, "ok")
        body = (text + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
server = Server(("0.0.0.0", 8080), Handler)
open("/run/server.pid", "w").write(str(os.getpid()))
server.serve_forever()
SERVER

step "A VPC with a public and a private subnet in each of two zones"
vpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId)
subnet() { # CIDR ZONE
  aws ec2 create-subnet --vpc-id "$vpc" --cidr-block "$1" --availability-zone "us-east-1$2" --query Subnet.SubnetId
}
public_a=$(subnet 10.0.0.0/24 a) public_b=$(subnet 10.0.1.0/24 b)
private_a=$(subnet 10.0.10.0/24 a) private_b=$(subnet 10.0.11.0/24 b)
igw=$(aws ec2 create-internet-gateway --query InternetGateway.InternetGatewayId)
aws ec2 attach-internet-gateway --vpc-id "$vpc" --internet-gateway-id "$igw"
table=$(aws ec2 create-route-table --vpc-id "$vpc" --query RouteTable.RouteTableId)
aws ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --gateway-id "$igw" >/dev/null
for subnet in "$public_a" "$public_b"; do
  aws ec2 associate-route-table --route-table-id "$table" --subnet-id "$subnet" >/dev/null
done

step "Groups: the load balancer from everywhere on 80, the servers from the load balancer on 8080"
front=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name front --description front --query GroupId)
servers=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name servers --description servers --query GroupId)
aws ec2 authorize-security-group-ingress --group-id "$front" --protocol tcp --port 80 --cidr 0.0.0.0/0 >/dev/null
aws ec2 authorize-security-group-ingress --group-id "$servers" --protocol tcp --port 8080 --source-group "$front" >/dev/null

step "A server in each private subnet"
run() { # SUBNET NAME
  aws ec2 run-instances --image-id ami-0abcdef1234567890 --instance-type t3.micro --subnet-id "$1" --security-group-ids "$servers" \
    --user-data "file://$work/server.py" --tag-specifications "ResourceType=instance,Tags=[{Key=Name,Value=$2}]" \
    --query 'Instances[0].InstanceId'
}
one=$(run "$private_a" "one-$vpc") two=$(run "$private_b" "two-$vpc")
aws ec2 wait instance-running --instance-ids "$one" "$two"

step "An Application Load Balancer in both zones"
alb=$(aws elbv2 create-load-balancer --name "front-${vpc: -8}" --subnets "$public_a" "$public_b" --security-groups "$front" \
  --query 'LoadBalancers[0].LoadBalancerArn')
group=$(aws elbv2 create-target-group --name "web-${vpc: -8}" --protocol HTTP --port 8080 --vpc-id "$vpc" \
  --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --unhealthy-threshold-count 2 \
  --query 'TargetGroups[0].TargetGroupArn')
aws elbv2 modify-target-group-attributes --target-group-arn "$group" \
  --attributes Key=deregistration_delay.timeout_seconds,Value=10 >/dev/null
aws elbv2 register-targets --target-group-arn "$group" --targets "Id=$one" "Id=$two"
aws elbv2 create-listener --load-balancer-arn "$alb" --protocol HTTP --port 80 \
  --default-actions "Type=forward,TargetGroupArn=$group" >/dev/null
listener=$(aws elbv2 describe-listeners --load-balancer-arn "$alb" --query 'Listeners[0].ListenerArn')
aws elbv2 wait load-balancer-available --load-balancer-arns "$alb"
aws elbv2 wait target-in-service --target-group-arn "$group"
name=$(aws elbv2 describe-load-balancers --load-balancer-arns "$alb" --query 'LoadBalancers[0].DNSName')
ok "both targets are healthy; the name is $name"

step "internet -> load balancer -> servers"
ask() { "$ENISHI" exec internet -- curl --silent --max-time 5 "$@"; }
status() { ask --output /dev/null --write-out '%{http_code}\n' "$@"; }
want 200 "a request by the load balancer's name" status "http://$name/"
want 198.18.0.1 "a server is told the client's address" ask "http://$name/client"
seen=$(for _ in 1 2 3 4 5 6 7 8; do ask "http://$name/who"; done | sort -u | wc -l)
[ "$seen" -eq 2 ] || fail "both servers answer: $seen did"
ok "both servers answer, in turn"
peers=$(aws ec2 describe-network-interfaces --filters "Name=description,Values=ELB app/front-${vpc: -8}/*" \
  --query 'NetworkInterfaces[].PrivateIpAddress')
peer=$(ask "http://$name/peer")
case " ${peers//$'\t'/ } " in
  *" $peer "*) ok "a server sees the address of a node: $peer" ;;
  *) fail "a server sees $peer, the nodes are $peers" ;;
esac

step "Rules"
rule() { # PRIORITY CONDITIONS ACTIONS
  aws elbv2 create-rule --listener-arn "$listener" --priority "$1" --conditions "$2" --actions "$3" --query 'Rules[0].RuleArn'
}
rule 10 'Field=path-pattern,Values=/old/*' \
  'Type=redirect,RedirectConfig={Path=/new,Query=,StatusCode=HTTP_301}' >/dev/null
rule 20 'Field=http-header,HttpHeaderConfig={HttpHeaderName=X-Closed,Values=[yes]}' \
  'Type=fixed-response,FixedResponseConfig={StatusCode=403,ContentType=text/plain,MessageBody=closed}' >/dev/null
want "301 http://$name:80/new" "a path pattern redirects" \
  ask --output /dev/null --write-out '%{http_code} %{redirect_url}\n' "http://$name/old/page"
want "closed" "a header gets a fixed response" ask --header 'X-Closed: yes' "http://$name/"

step "A server is killed"
"$ENISHI" exec "$one" -- sh -c 'kill -9 "$(cat /run/server.pid)"'
statuses=$(for _ in 1 2 3 4; do status "http://$name/"; done | sort | uniq -c | awk '{print $2}' | paste -sd' ')
[ "$statuses" = "200 502" ] || fail "until its health check fails, requests to it give 502: got $statuses"
ok "until its health check fails, requests to it give 502"
is() { # TARGET STATE
  [ "$(aws elbv2 describe-target-health --target-group-arn "$group" --targets "Id=$1" \
    --query 'TargetHealthDescriptions[0].TargetHealth.State')" = "$2" ]
}
start=$SECONDS
until_true "the health check noticing" is "$one" unhealthy
took=$((SECONDS - start))
[ $took -le 13 ] || fail "interval 5 x threshold 2 + timeout 2, but it took $took s"
ok "unhealthy $took s later (interval 5 x threshold 2 + timeout 2)"
statuses=$(for _ in $(seq 20); do status "http://$name/"; done | sort -u | paste -sd' ')
want 200 "from then on no request fails" echo "$statuses"

step "A server is deregistered: what it has begun it finishes"
ask "http://$name/slow" --output /dev/null --write-out '%{http_code}\n' >"$work/slow" &
slow=$!
until_true "the request reaching the server" "$ENISHI" exec "$two" -- test -e /run/slow
aws elbv2 deregister-targets --target-group-arn "$group" --targets "Id=$two"
until_true "the target draining" is "$two" draining
wait $slow
want 200 "the request under way was answered" cat "$work/slow"

step "A Network Load Balancer before the same servers"
aws ec2 authorize-security-group-ingress --group-id "$servers" --protocol tcp --port 8080 --cidr 0.0.0.0/0 >/dev/null
nlb=$(aws elbv2 create-load-balancer --name "flow-${vpc: -8}" --type network --subnets "$public_a" "$public_b" \
  --query 'LoadBalancers[0].LoadBalancerArn')
flows=$(aws elbv2 create-target-group --name "tcp-${vpc: -8}" --protocol TCP --port 8080 --vpc-id "$vpc" \
  --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --query 'TargetGroups[0].TargetGroupArn')
aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$nlb" \
  --attributes Key=load_balancing.cross_zone.enabled,Value=true >/dev/null
aws elbv2 register-targets --target-group-arn "$flows" --targets "Id=$two"
aws elbv2 create-listener --load-balancer-arn "$nlb" --protocol TCP --port 80 \
  --default-actions "Type=forward,TargetGroupArn=$flows" >/dev/null
aws elbv2 wait load-balancer-available --load-balancer-arns "$nlb"
aws elbv2 wait target-in-service --target-group-arn "$flows"
flow_name=$(aws elbv2 describe-load-balancers --load-balancer-arns "$nlb" --query 'LoadBalancers[0].DNSName')
want 198.18.0.1 "a server sees the client's own address" ask "http://$flow_name/peer"

step "Clean up"
for balancer in "$alb" "$nlb"; do
  aws elbv2 delete-load-balancer --load-balancer-arn "$balancer"
  aws elbv2 wait load-balancers-deleted --load-balancer-arns "$balancer"
done
for unused in "$group" "$flows"; do
  aws elbv2 delete-target-group --target-group-arn "$unused"
done
aws ec2 terminate-instances --instance-ids "$one" "$two" >/dev/null
aws ec2 wait instance-terminated --instance-ids "$one" "$two"
aws ec2 delete-security-group --group-id "$servers" >/dev/null
aws ec2 delete-security-group --group-id "$front" >/dev/null
for subnet in "$public_a" "$public_b" "$private_a" "$private_b"; do
  aws ec2 delete-subnet --subnet-id "$subnet"
done
aws ec2 delete-route-table --route-table-id "$table" >/dev/null
aws ec2 detach-internet-gateway --internet-gateway-id "$igw" --vpc-id "$vpc"
aws ec2 delete-internet-gateway --internet-gateway-id "$igw"
aws ec2 delete-vpc --vpc-id "$vpc"
printf '\n%s checks passed\n' "$passed"
