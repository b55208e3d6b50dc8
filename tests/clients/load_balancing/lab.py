"""What the scenarios of load balancers share: a VPC with two zones, instances with servers in them, load balancers before
them, and clients on the simulated internet."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

ENISHI = os.environ["ENISHI"]
HERE = Path(__file__).parent
PATIENCE = 60
# What answers quickest: a target is healthy after two probes and unhealthy after two.
QUICK_CHECKS = {
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}


def check(wanted, found, what):
    assert wanted == found, f"{what}: wanted {wanted!r}, found {found!r}"


def ok(what):
    print(f"ok    {what}", flush=True)


def until(what, holds, seconds=PATIENCE):
    """Asks until it holds; answers what it answered."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


def refused(code, call, *values, **arguments):
    try:
        call(*values, **arguments)
    except ClientError as error:
        check(code, error.response["Error"]["Code"], str(error))
        return
    raise AssertionError(f"{code} was not raised")


class Reply:
    """An answer as curl prints it with its headers."""

    def __init__(self, printed):
        head, _, body = printed.partition(b"\r\n\r\n")
        # Interim answers come before.
        while head.startswith((b"HTTP/1.1 1", b"HTTP/2 1")) and b" 101" not in head[:13]:
            head, _, body = body.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        self.version, self.status = words[0], int(words[1])
        self.headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:])]
        self.body = body

    def all(self, name):
        return [value for other, value in self.headers if other == name]

    def get(self, name):
        return next(iter(self.all(name)), None)

    def text(self):
        return self.body.decode().strip()

    def json(self):
        return json.loads(self.body)

    def cookies(self):
        """What is set: name, value, and attributes in lower case."""
        found = {}
        for line in self.all("set-cookie"):
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            parts = (attribute.partition("=") for attribute in attributes)
            found[name] = (value, {key.lower(): content for key, _, content in parts})
        return found


class Instance:
    def __init__(self, described, name):
        self.id, self.address, self.name = described["InstanceId"], described["PrivateIpAddress"], name

    def run(self, *command, **options):
        return subprocess.run([ENISHI, "exec", self.id, "--", *command], capture_output=True, check=False, **options)

    def shell(self, script):
        done = self.run("sh", "-c", script)
        check(0, done.returncode, f"{self.name}: {script}: {done.stderr}")
        return done.stdout.decode()

    def tell(self, path, port=8080):
        """Changes how the server in it behaves."""
        done = self.run("curl", "-fsS", "--max-time", "5", f"http://127.0.0.1:{port}/{path}")
        check(0, done.returncode, f"{self.name}: {path}: {done.stderr}")


class Lab:
    def __init__(self, endpoint, account="test"):
        """An access key of twelve digits is an account."""
        self.endpoint, self.account = endpoint, account
        self.ec2, self.elb, self.classic = self.client("ec2"), self.client("elbv2"), self.client("elb")
        self.running = []
        self.work = tempfile.TemporaryDirectory()
        self.count = 0

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=self.account, aws_secret_access_key="test"
        )

    def __enter__(self):
        ec2 = self.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"][0]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
            for n, zone in enumerate("ab")
        ]
        made = ec2.create_security_group(GroupName="open", Description="open", VpcId=self.vpc)
        self.open = made["GroupId"]
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.authorize_security_group_ingress(GroupId=self.open, IpPermissions=everything)
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.kill()
            process.wait()
        self.work.cleanup()

    def name(self, stem):
        self.count += 1
        return f"{stem}-{self.count}"

    # Instances, and what runs in them.

    def instance(self, name, zone=0):
        made = self.ec2.run_instances(
            ImageId="ami-0123456789abcdef0",
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[
                {"DeviceIndex": 0, "SubnetId": self.subnets[zone], "Groups": [self.open], "AssociatePublicIpAddress": True}
            ],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
        )["Instances"][0]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]], WaiterConfig={"Delay": 1})
        return Instance(made, name)

    def serve(self, instance, script, *arguments):
        """Starts a Python program of this directory in an instance; it says `ready` when it listens."""
        code = (HERE / script).read_text()
        command = [ENISHI, "exec", instance.id, "--", "python3", "-u", "-c", code, instance.name, *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.running.append(process)
        check("ready\n", process.stdout.readline(), f"{script} in {instance.name}")
        return process

    def server(self, name, zone=0, script="server.py", arguments=(8080,)):
        instance = self.instance(name, zone)
        self.serve(instance, script, *arguments)
        return instance

    def install(self, instance, *packages):
        """Brings Python packages of this environment into an instance, which sees no directory of ours."""
        site = next(path for path in sys.path if path.endswith("site-packages"))
        packed = subprocess.run(["tar", "-C", site, "-cf", "-", *packages], stdout=subprocess.PIPE, check=True).stdout
        script = "mkdir -p /run/packages && tar -C /run/packages -xf -"
        done = instance.run("sh", "-c", script, input=packed)
        check(0, done.returncode, f"packages in {instance.name}: {done.stderr}")

    def bring(self, instance, *distributions):
        """Brings distributions of this environment, and what they require of it, into an instance."""
        found = {}
        wanted = list(distributions)
        while wanted:
            name = canonical(wanted.pop())
            if name in found:
                continue
            found[name] = metadata.distribution(name)
            required = [line for line in found[name].requires or [] if "extra ==" not in line]
            names = (re.match(r"[\w.-]+", line)[0] for line in required)
            wanted += [name for name in names if is_installed(name)]
        files = (path for distribution in found.values() for path in distribution.files or [])
        self.install(instance, *sorted({path.parts[0] for path in files if path.parts[0] != ".."}))

    # Load balancers.

    def balancer(self, kind="application", **more):
        groups = {"SecurityGroups": [self.open]} if kind == "application" else {}
        arguments = {"Name": self.name("lb"), "Type": kind, "Subnets": self.subnets, **groups, **more}
        made = self.elb.create_load_balancer(**arguments)["LoadBalancers"][0]
        arn = made["LoadBalancerArn"]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        return arn, made["DNSName"]

    def nodes(self, balancer):
        """The network interfaces of a load balancer's nodes, in the order of their subnets."""
        description = f"ELB {balancer.split(':loadbalancer/')[1]}"
        found = self.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [description]}])
        return sorted(found["NetworkInterfaces"], key=lambda node: self.subnets.index(node["SubnetId"]))

    def group(self, targets=(), attributes=None, **more):
        arguments = {"Name": self.name("group"), "Protocol": "HTTP", "Port": 8080, "VpcId": self.vpc, **QUICK_CHECKS, **more}
        if arguments["Protocol"] == "HTTP" and more.get("ProtocolVersion") != "GRPC":
            arguments.setdefault("HealthCheckPath", "/health")
        arn = self.elb.create_target_group(**arguments)["TargetGroups"][0]["TargetGroupArn"]
        self.change_group(arn, {"deregistration_delay.timeout_seconds": "1", **(attributes or {})})
        if targets:
            self.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": target.id} for target in targets])
        return arn

    def change_group(self, arn, attributes):
        pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=pairs)

    def change_balancer(self, arn, attributes):
        pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
        self.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=pairs)

    def listener(self, balancer, *actions, port=80, protocol="HTTP", **more):
        made = self.elb.create_listener(
            LoadBalancerArn=balancer, Protocol=protocol, Port=port, DefaultActions=list(actions), **more
        )
        return made["Listeners"][0]["ListenerArn"]

    def rule(self, listener, priority, conditions, *actions):
        made = self.elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=list(actions))
        return made["Rules"][0]["RuleArn"]

    def health(self, group, target=None):
        """State and reason of a target, or of the only one."""
        arguments = {"Targets": [{"Id": target.id}]} if target else {}
        found = self.elb.describe_target_health(TargetGroupArn=group, **arguments)["TargetHealthDescriptions"]
        check(1, len(found), f"targets of {group}")
        health = found[0]["TargetHealth"]
        return health["State"], health.get("Reason")

    def healthy(self, *groups):
        for group in groups:
            waiter = self.elb.get_waiter("target_in_service")
            waiter.wait(TargetGroupArn=group, WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE})

    def certificate(self, domain):
        """A certificate of a domain, self-signed, in ACM; and the path of a file that trusts it."""
        key, body = (os.path.join(self.work.name, f"{domain}.{kind}") for kind in ("key", "pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}", "-keyout", key, "-out", body],
            check=True, capture_output=True,
        )
        made = self.client("acm").import_certificate(Certificate=Path(body).read_bytes(), PrivateKey=Path(key).read_bytes())
        return made["CertificateArn"], body

    # Clients on the internet, which is on the host's files.

    def internet(self, *command, **options):
        return subprocess.run([ENISHI, "exec", "internet", "--", *command], capture_output=True, check=False, **options)

    def curl(self, *arguments):
        done = self.internet("curl", "-sSi", "--max-time", "20", *arguments)
        check(0, done.returncode, f"curl {' '.join(arguments)}: {done.stderr.decode()}")
        return Reply(done.stdout)

    def lines(self, url, times, *arguments):
        """The bodies of so many requests of one client."""
        done = self.internet("curl", "-sS", "--max-time", "60", *arguments, f"{url}#[1-{times}]")
        check(0, done.returncode, f"curl {url}: {done.stderr.decode()}")
        return done.stdout.decode().split()


def canonical(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


def is_installed(distribution):
    """What other versions or systems require is not."""
    try:
        return bool(metadata.distribution(canonical(distribution)))
    except metadata.PackageNotFoundError:
        return False


def fixed(text, status="200", content_type="text/plain"):
    config = {"StatusCode": status, "ContentType": content_type, "MessageBody": text}
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def forward(*groups, sticky=None):
    """A forward action; groups are ARNs, or pairs of ARN and weight."""
    pairs = [group if isinstance(group, tuple) else (group, 1) for group in groups]
    config = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in pairs]}
    if sticky:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky}
    return {"Type": "forward", "ForwardConfig": config}


def run(*scenarios):
    """Runs scenarios in one lab."""
    with Lab(*sys.argv[1:3]) as lab:
        for scenario in scenarios:
            scenario(lab)
