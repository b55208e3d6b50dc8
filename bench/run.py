#!/usr/bin/env python3
"""The side-by-side benchmarks: one command, each figure against its peer in the same run.

    bench/run.py                 everything (about ten minutes), as root; prints a Markdown table
    bench/run.py api packets     only these

Builds the release binary, installs moto (the peer of the API figures) under .cache/bench, and wants `wrk` and `iperf3`
(Debian packages of these names). Runs are interleaved (ours, peer, ours, peer, ...), and medians are printed with their range.
Packets stay inside namespaces that Enishi or this script makes.
"""

import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
ENISHI = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "enishi"
ROUNDS = 5
ROWS = []


def row(what, figure, peer, ratio, wanted):
    ROWS.append((what, figure, peer, ratio, wanted))
    print(f"  {what}: {figure} | {peer} | {ratio} (wanted {wanted})", flush=True)


def spread(values, digits=0):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


class Daemon:
    """An Enishi of its own, in a temporary data directory."""

    def __enter__(self):
        self.data = tempfile.mkdtemp(prefix="enishi-bench-")
        self.port = 0
        self.start()
        self.endpoint = f"http://{self.host}:{self.port}"
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.request("GET", "/_enishi/status")
        self.dns = json.load(connection.getresponse())["dns"]
        connection.close()
        self.environment = {**os.environ, "ENISHI_ENDPOINT": self.endpoint}
        return self

    def start(self):
        """Starts the process, again if there was one: then at the same port."""
        log = open(Path(self.data) / "log", "a")
        started = time.monotonic()
        self.process = subprocess.Popen(
            [ENISHI, "up", "--listen", f"127.0.0.1:{self.port}", "--dns", "127.0.0.1:0", "--data-dir", f"{self.data}/data"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        for line in self.process.stdout:
            found = re.search(r"http://(127\.0\.0\.1):(\d+)", line)
            if found:
                break
        else:
            sys.exit(f"enishi up did not start: {(Path(self.data) / 'log').read_text()}")
        self.host, self.port = found.group(1), int(found.group(2))
        self.ready = time.monotonic() - started

    def __exit__(self, *_):
        subprocess.run([ENISHI, "down"], env=self.environment, capture_output=True)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.data, ignore_errors=True)

    def execute(self, target, *command):
        return subprocess.Popen(
            [ENISHI, "exec", target, "--", *command], env=self.environment, stdout=subprocess.PIPE, text=True
        )


class Peer:
    """moto's server."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [CACHE / "venv/bin/moto_server", "-H", "127.0.0.1", "-p", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in self.process.stdout:
            found = re.search(r"http://(127\.0\.0\.1):(\d+)", line)
            if found:
                break
        self.host, self.port = found.group(1), int(found.group(2))
        self.endpoint = f"http://{self.host}:{self.port}"
        # moto logs each request; an unread pipe would stop it.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.drain.wait()


class Ec2:
    """The EC2 API over one kept connection: nothing between us and the figure."""

    HEADERS = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Amz-Date": "20261122T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0",
    }

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        self.connection.connect()

    def __call__(self, action, service=None, version="2016-11-15", **parameters):
        headers = dict(self.HEADERS)
        body = urllib.parse.urlencode({"Action": action, "Version": version, **parameters})
        self.connection.request("POST", "/", body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            sys.exit(f"{action}: {answer.status} {text}")
        return text

    def quota(self, service, code, value):
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Date": self.HEADERS["X-Amz-Date"],
            "X-Amz-Target": "ServiceQuotasV20190624.RequestServiceQuotaIncrease",
            "Authorization": self.HEADERS["Authorization"].replace("/ec2/", "/servicequotas/"),
        }
        body = json.dumps({"ServiceCode": service, "QuotaCode": code, "DesiredValue": value})
        self.connection.request("POST", "/", body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            sys.exit(f"quota {code}: {answer.status} {text}")


def first(text, tag):
    return re.search(f"<{tag}>([^<]+)</{tag}>", text).group(1)


def every(text, tag):
    return re.findall(f"<{tag}>([^<]+)</{tag}>", text)


def wrk(server, body, connections, seconds=4):
    script = CACHE / "post.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = {json.dumps(body)}\n"
        + "\n".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in Ec2.HEADERS.items())
        + "\n"
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), server.endpoint + "/"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        sys.exit(out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def api():
    print("API rates, against moto server", flush=True)
    with Daemon() as ours, Peer() as moto:
        bodies = {}
        for server in (ours, moto):
            call = Ec2(server)
            vpc = first(call("CreateVpc", CidrBlock="10.0.0.0/16"), "vpcId")
            bodies[server] = {
                "DescribeVpcs": "Action=DescribeVpcs&Version=2016-11-15",
                "CreateTags": f"Action=CreateTags&Version=2016-11-15&ResourceId.1={vpc}&Tag.1.Key=k&Tag.1.Value=v",
            }
        for action, connections, wanted in (("DescribeVpcs", 8, "60"), ("CreateTags", 64, "10")):
            rates = {ours: [], moto: []}
            for _ in range(ROUNDS):
                for server in (ours, moto):
                    rates[server].append(wrk(server, bodies[server][action], connections))
            ratio = statistics.median(a / b for a, b in zip(rates[ours], rates[moto]))
            row(
                f"{action}, {connections} connections, requests/s",
                spread(rates[ours]),
                f"moto {spread(rates[moto])}",
                f"{ratio:.0f} times",
                f"at least {wanted} times",
            )


def start():
    print("Start and idle", flush=True)
    times, memory = [], []
    for _ in range(ROUNDS):
        with Daemon() as daemon:
            times.append(daemon.ready * 1000)
            Ec2(daemon)("DescribeVpcs")
            time.sleep(2)
            status = Path(f"/proc/{daemon.process.pid}/status").read_text()
            memory.append(int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024)
    row("ready, ms from exec to accepting", spread(times, 1), "", "", "under 40")
    row("idle, MiB resident", spread(memory, 1), "", "", "under 30")


def network(call, groups=1):
    """A VPC with a subnet and `groups` groups; AWS's own calls."""
    vpc = first(call("CreateVpc", CidrBlock="10.0.0.0/16"), "vpcId")
    subnet = first(call("CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/20"), "subnetId")
    made = []
    for n in range(groups):
        text = call("CreateSecurityGroup", VpcId=vpc, GroupName=f"g{n}", GroupDescription="bench")
        made.append(first(text, "groupId"))
    return vpc, subnet, made


def instances(call, subnet, groups, count):
    text = call(
        "RunInstances",
        ImageId="ami-0abcdef1234567890",
        InstanceType="t3.micro",
        MinCount=count,
        MaxCount=count,
        SubnetId=subnet,
        **{f"SecurityGroupId.{n + 1}": group for n, group in enumerate(groups)},
    )
    ids = re.findall(r"<instanceId>(i-[0-9a-f]+)</instanceId>", text)
    wait_running(call, ids)
    return ids


def wait_running(call, ids, seconds=60):
    wanted = {f"InstanceId.{n + 1}": i for n, i in enumerate(ids)}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        text = call("DescribeInstances", **wanted)
        if text.count("<name>running</name>") == len(ids):
            return
        time.sleep(0.02)
    sys.exit(f"not running after {seconds} s:\n{text[:2000]}")


def private_ip(call, instance):
    return first(call("DescribeInstances", **{"InstanceId.1": instance}), "privateIpAddress")


def allow(call, group, port, cidr, action="AuthorizeSecurityGroupIngress"):
    parameters = {
        "IpPermissions.1.IpProtocol": "tcp",
        "IpPermissions.1.FromPort": port,
        "IpPermissions.1.ToPort": port,
        "IpPermissions.1.IpRanges.1.CidrIp": cidr,
    }
    return call(action, GroupId=group, **parameters)


def many_instances():
    print("200 instances", flush=True)
    times = []
    for _ in range(ROUNDS):
        with Daemon() as daemon:
            call = Ec2(daemon)
            _, subnet, groups = network(call)
            started = time.monotonic()
            instances(call, subnet, groups, 200)
            times.append(time.monotonic() - started)
    row("200 instances, s until all are running", spread(times, 1), "", "", "under 10")


def changes():
    print("Rule changes", flush=True)
    with Daemon() as daemon:
        call = Ec2(daemon)
        _, subnet, (group,) = network(call)
        client, server = instances(call, subnet, [group], 2)
        address = private_ip(call, server)
        holder = daemon.execute(
            server,
            "python3",
            "-uc",
            "import socket\ns=socket.create_server(('0.0.0.0',80),backlog=1024)\nprint('ready')\nwhile True: s.accept()[0].close()",
        )
        holder.stdout.readline()
        # One connection attempt for each line on its standard input: 1 if it was accepted, 0 if not.
        prober = subprocess.Popen(
            [ENISHI, "exec", client, "--", "python3", "-uc", PROBE, address],
            env=daemon.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        def probe():
            prober.stdin.write("\n")
            prober.stdin.flush()
            return prober.stdout.readline().strip() == "1"
        took, wrong = [], 0
        for n in range(200):
            for action, expected in (("AuthorizeSecurityGroupIngress", True), ("RevokeSecurityGroupIngress", False)):
                started = time.monotonic()
                allow(call, group, 80, "10.0.0.0/16", action)
                took.append((time.monotonic() - started) * 1000)
                if n < 50 and probe() != expected:
                    wrong += 1
        prober.kill()
        holder.kill()
        took.sort()
        row("a rule change, ms until the API answers (p50; p99)", f"{statistics.median(took):.2f}; {took[len(took) * 99 // 100]:.2f}", "", "", "p50 under 3")
        row("new flows under the old rule after the answer", f"{wrong} of 100", "", "", "0")


PROBE = """
import socket, sys
for _ in sys.stdin:
    s = socket.socket()
    s.settimeout(0.1)
    try:
        s.connect((sys.argv[1], 80)); print(1)
    except OSError:
        print(0)
    s.close()
"""


def many_vpcs():
    print("200 VPCs with 4 subnets each", flush=True)
    with Daemon() as daemon:
        call = Ec2(daemon)
        call.quota("vpc", "L-F678F1CE", 300)
        group = None
        for _ in range(200):
            vpc = first(call("CreateVpc", CidrBlock="10.0.0.0/16"), "vpcId")
            text = call("DescribeSecurityGroups", **{"Filter.1.Name": "vpc-id", "Filter.1.Value.1": vpc})
            group = first(text, "groupId")
            for n in range(4):
                subnet = first(call("CreateSubnet", VpcId=vpc, CidrBlock=f"10.0.{n}.0/24"), "subnetId")
            # One instance each, so that every VPC is a router with its rules in force.
            call("RunInstances", ImageId="ami-0abcdef1234567890", MinCount=1, MaxCount=1, SubnetId=subnet)
        reservations = call("DescribeInstances")
        wait_running(call, re.findall(r"<instanceId>(i-[0-9a-f]+)</instanceId>", reservations), 120)
        took = []
        for n in range(100):
            started = time.monotonic()
            allow(call, group, 1000 + n % 50, "10.0.0.0/16", ("Authorize" if n % 100 < 50 else "Revoke") + "SecurityGroupIngress")
            took.append((time.monotonic() - started) * 1000)
        row("one more rule with 200 VPCs and 800 subnets, ms (median)", spread(took, 2), "", "", "under 5")


def iperf(server, client, address):
    """Gbit/s of one TCP stream; `server` and `client` make the processes."""
    listening = server(["iperf3", "-s", "-1", "--forceflush"])
    for line in listening.stdout:
        if "listening" in line:
            break
    out = client(["iperf3", "-c", address, "-t", "3", "-O", "1", "-J"]).communicate()[0]
    listening.wait()
    return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9


class Veth:
    """A raw veth pair between two namespaces: the most the machine can do."""

    def __enter__(self):
        self.names = [f"enishi-bench-{os.getpid()}-{n}" for n in (0, 1)]
        for name in self.names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        subprocess.run(
            ["ip", "-n", self.names[0], "link", "add", "v0", "mtu", "9001", "type", "veth", "peer", "name", "v1", "netns", self.names[1], "mtu", "9001"],
            check=True,
        )
        for n, name in enumerate(self.names):
            subprocess.run(["ip", "-n", name, "address", "add", f"10.0.0.{n + 1}/24", "dev", f"v{n}"], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", f"v{n}", "up"], check=True)
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name])

    def execute(self, n, command):
        return subprocess.Popen(["ip", "netns", "exec", self.names[n], *command], stdout=subprocess.PIPE, text=True)


def packets():
    print("TCP throughput, against a raw veth pair", flush=True)
    with Daemon() as daemon, Veth() as veth:
        call = Ec2(daemon)
        call.quota("vpc", "L-0EA8095F", 1000)
        ends = {}
        for rules in (10, 2000):
            groups_wanted = 1 if rules == 10 else 4
            _, subnet, groups = network(call, groups_wanted)
            client, server = instances(call, subnet, groups, 2)
            for n in range(rules - 1):
                # The rule that matches comes last.
                allow(call, groups[n % groups_wanted], 10000 + n, f"192.168.{n % 250}.0/24")
            allow(call, groups[-1], 5201, "10.0.0.0/16")
            ends[rules] = (client, server, private_ip(call, server))
        rates = {"veth": [], 10: [], 2000: []}
        for _ in range(ROUNDS):
            rates["veth"].append(iperf(lambda c: veth.execute(1, c), lambda c: veth.execute(0, c), "10.0.0.2"))
            for rules, (client, server, address) in ends.items():
                rates[rules].append(
                    iperf(lambda c: daemon.execute(server, *c), lambda c: daemon.execute(client, *c), address)
                )
        ratio = statistics.median(a / b for a, b in zip(rates[2000], rates["veth"]))
        row("one TCP stream through a VPC with 2,000 rules, Gbit/s", spread(rates[2000], 1), f"raw veth {spread(rates['veth'], 1)}", f"{ratio:.2f}", "at least 0.80")
        cost = 1 - statistics.median(a / b for a, b in zip(rates[2000], rates[10]))
        row("2,000 rules against 10, Gbit/s", spread(rates[2000], 1), f"10 rules {spread(rates[10], 1)}", f"costs {cost:.1%}", "under 5 %")


def reset():
    print("Reset", flush=True)
    took, gone = [], []
    for _ in range(ROUNDS):
        with Daemon() as daemon:
            call = Ec2(daemon)
            _, subnet, groups = network(call)
            instances(call, subnet, groups, 200)
            connection = http.client.HTTPConnection(daemon.host, daemon.port)
            # What was just started has finished starting.
            connection.request("GET", "/_enishi/settle")
            connection.getresponse().read()
            started = time.monotonic()
            connection.request("POST", "/_enishi/reset")
            connection.getresponse().read()
            text = call("DescribeInstances")
            took.append((time.monotonic() - started) * 1000)
            assert "<instanceId>" not in text
            connection.request("GET", "/_enishi/settle")
            connection.getresponse().read()
            gone.append(time.monotonic() - started)
    row("reset with 200 instances, ms until a call sees an empty world", spread(took, 1), "", "", "under 20")
    row("until nothing of them runs, s", spread(gone, 2), "", "", "under 2")


BENCHES = {"api": api, "start": start, "changes": changes, "vpcs": many_vpcs, "instances": many_instances, "packets": packets, "reset": reset}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        if name not in BENCHES:
            sys.exit(f"no benchmark {name}; there are {', '.join(BENCHES)}")
    for program in ("wrk", "iperf3"):
        if not shutil.which(program):
            sys.exit(f"please install {program}")
    CACHE.mkdir(parents=True, exist_ok=True)
    if not os.environ.get("SKIP_BUILD"):
        subprocess.run(["cargo", "build", "--release", "--package", "enishi"], cwd=ROOT, check=True)
    if "api" in chosen and not (CACHE / "venv/bin/moto_server").exists():
        subprocess.run([sys.executable, "-m", "venv", CACHE / "venv"], check=True)
        subprocess.run([CACHE / "venv/bin/pip", "install", "--quiet", "moto[server]==5.2.1"], check=True)
    for name in chosen:
        BENCHES[name]()
    print("\n| figure | Enishi | peer | ratio | wanted |\n|---|---|---|---|---|")
    for cells in ROWS:
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
