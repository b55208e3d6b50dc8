"""boto3 against Reachability Analyzer: what a path leads through, all that is in the way, and that packets agree with every verdict.
[What is Reachability Analyzer?](https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html)"""

import concurrent.futures
import contextlib
import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENISHI, OWN, QUICK, PORT = os.environ["ENISHI"], "111122223333", {"Delay": 1, "MaxAttempts": 30}, 8080
KEYS = {"region_name": "us-east-1", "aws_access_key_id": OWN, "aws_secret_access_key": "test"}  # Twelve digits are an account.
EC2 = boto3.client("ec2", endpoint_url=sys.argv[1], **KEYS)
OUTSIDE = "198.18.0.1"  # The internet's own address.
SERVER = f"""
import socket
server = socket.create_server(("", {PORT}))
print("ready")
while True:
    connection, client = server.accept()
    connection.sendall(client[0].encode())
    connection.close()
"""
CLIENT = f"""
import socket, sys
with socket.create_connection((sys.argv[1], {PORT}), timeout=1.5) as connection:
    print(connection.recv(99).decode())
"""
EVERYBODY = [{"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
ALL = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
OUT, IN = "i eni sg acl rtb", "acl sg eni i"  # Of an instance's subnet and into one.


def refused(code, call, **more):
    try:
        call(**more)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return
    raise AssertionError(f"{code} was not raised: {more}")


def same(wanted, found):
    assert wanted == found, f"wanted {wanted}, found {found}"


def by(**filters):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]


class Host:
    """An instance in a subnet, route table, ACL and group of its own; all of it lets everything out, and the port in."""

    def __init__(self, vpc, block):
        self.subnet = EC2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"]
        self.table = EC2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        EC2.associate_route_table(SubnetId=self.subnet, RouteTableId=self.table)
        self.acl = EC2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        for egress in (False, True):
            self.entry(100, egress, RuleAction="allow", Protocol="-1")
        (old,) = EC2.describe_network_acls(Filters=by(**{"association.subnet-id": self.subnet}))["NetworkAcls"]
        (old,) = [row["NetworkAclAssociationId"] for row in old["Associations"] if row["SubnetId"] == self.subnet]
        EC2.replace_network_acl_association(AssociationId=old, NetworkAclId=self.acl)
        self.group = EC2.create_security_group(GroupName=block, Description="own", VpcId=vpc)["GroupId"]
        EC2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=EVERYBODY)
        more = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
        (run,) = EC2.run_instances(**more, SubnetId=self.subnet, SecurityGroupIds=[self.group])["Instances"]
        self.id, self.address = run["InstanceId"], run["PrivateIpAddress"]
        self.eni = run["NetworkInterfaces"][0]["NetworkInterfaceId"]

    def entry(self, number, egress, **more):
        more = {"NetworkAclId": self.acl, "RuleNumber": number, "Egress": egress, "CidrBlock": "0.0.0.0/0", **more}
        EC2.create_network_acl_entry(**more)

    def route(self, block, **target):
        EC2.create_route(RouteTableId=self.table, DestinationCidrBlock=block, **target)


def create(source, destination, **more):
    more = {"Protocol": "tcp", "DestinationPort": PORT, **more}
    return EC2.create_network_insights_path(Source=source, Destination=destination, **more)["NetworkInsightsPath"]


def analyse(path, **more):
    started = EC2.start_network_insights_analysis(NetworkInsightsPathId=path, **more)["NetworkInsightsAnalysis"]
    same(("running", False), (started["Status"], "NetworkPathFound" in started))
    ids = [started["NetworkInsightsAnalysisId"]]
    (found,) = EC2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=ids)["NetworkInsightsAnalyses"]
    same("succeeded", found["Status"])
    return found


def kinds(components):
    same(list(range(1, len(components) + 1)), [row["SequenceNumber"] for row in components])
    return " ".join(row["Component"]["Id"].rsplit("-", 1)[0] for row in components)


def codes(found):
    return [row["ExplanationCode"] for row in found.get("Explanations", [])]


@contextlib.contextmanager
def server(where):
    command = [ENISHI, "exec", where, "--", "python3", "-u", "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            same("ready\n", process.stdout.readline())
            yield
        finally:
            process.terminate()


def asks(where, address):
    """Whom the server at an address sees; nothing if it is not reached."""
    command = [ENISHI, "exec", where, "--", "python3", "-c", CLIENT, address]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout.strip()


class Network:
    """A public and a private subnet, with a NAT gateway between them, and a VPC of its own to peer with."""

    def __init__(self):
        self.vpc, self.other = (EC2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"] for block in ("10.0.0.0/16", "10.1.0.0/16"))
        self.igw = EC2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        EC2.attach_internet_gateway(InternetGatewayId=self.igw, VpcId=self.vpc)
        self.web, self.app = Host(self.vpc, "10.0.0.0/24"), Host(self.vpc, "10.0.1.0/24")
        self.data = Host(self.other, "10.1.0.0/24")
        hosts = [host.id for host in (self.web, self.app, self.data)]
        EC2.get_waiter("instance_running").wait(InstanceIds=hosts, WaiterConfig=QUICK)
        self.elastic, self.public = self.allocate()
        self.outer, self.shared = self.allocate()
        self.nat = EC2.create_nat_gateway(SubnetId=self.web.subnet, AllocationId=self.outer)["NatGateway"]["NatGatewayId"]
        EC2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[self.nat], WaiterConfig=QUICK)
        self.web.route("0.0.0.0/0", GatewayId=self.igw)
        self.app.route("0.0.0.0/0", NatGatewayId=self.nat)
        self.associate()
        # Who asks, and at what address whom a path ends at is found.
        web, app, data = ((host.id, host.id, host.address) for host in (self.web, self.app, self.data))
        into = [(self.igw, "internet"), (self.igw, "internet", self.public), (self.igw, "internet", OUTSIDE)]
        self.pairs = {
            "web app": (web, app), "app web": (app, web), "web data": (web, data), "data app": (data, app),
            "web igw": (web, into[2]), "app igw": (app, into[2]),
            "igw web": (into[0], (self.web.id, "", self.public)), "igw app": (into[0], app),
        }  # fmt: skip
        self.paths = {name: create(a[0], b[0])["NetworkInsightsPathId"] for name, (a, b) in self.pairs.items()}

    def allocate(self):
        made = EC2.allocate_address(Domain="vpc")
        return made["AllocationId"], made["PublicIp"]

    def associate(self):
        self.association = EC2.associate_address(AllocationId=self.elastic, InstanceId=self.web.id)["AssociationId"]

    def blocked(self, **wanted):
        """Which pairs are blocked, and by what: packets have to agree."""
        def one(name):
            (source, destination), found = self.pairs[name], analyse(self.paths[name])
            seen = asks(source[1], destination[2])
            return name, bool(seen), found["NetworkPathFound"], " ".join(codes(found)), seen
        with concurrent.futures.ThreadPoolExecutor() as pool:
            rows = list(pool.map(one, self.pairs))
        for row in rows: print(row, "" if row[1] == row[2] else "DISAGREE")
