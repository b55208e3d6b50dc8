#!/usr/bin/env python3
"""Load balancers against nginx and HAProxy, each in the same VPC, before the same server, in the same run.

    bench/balancer.py                    everything (about fifteen minutes), as root; prints a Markdown table
    bench/balancer.py http nlb           only these of: http websockets rules targets nlb restart

Builds the release binary. Wants `nginx`, `haproxy`, `wrk`, `h2load` (nghttp2-client), `iperf3` and `openssl`: Debian packages of
these names. nginx and HAProxy run in instances of their own, with a worker for each core; what they get and what the load balancer
gets goes the same way through the VPC. Rounds are interleaved; medians are printed with their range.
"""

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import run
from run import Daemon, Ec2, every, first, instances, private_ip, row, spread

ROUNDS = 5
SECONDS = 4
BODY = "x" * 612
# Where the client and the server of connections are in their instances.
CONNECTIONS = "/run/connections"


class Elb(Ec2):
    """The load balancers' API over one kept connection."""

    HEADERS = {
        **Ec2.HEADERS,
        "Authorization": Ec2.HEADERS["Authorization"].replace("/ec2/", "/elasticloadbalancing/"),
    }

    def __call__(self, action, **parameters):
        return super().__call__(action, version="2015-12-01", **parameters)


class Lab:
    """A VPC in two zones with a client, a server, nginx and HAProxy."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.ec2, self.elb = Ec2(daemon), Elb(daemon)
        self.vpc = first(self.ec2("CreateVpc", CidrBlock="10.0.0.0/16"), "vpcId")
        zones = (("10.0.0.0/20", "us-east-1a"), ("10.0.16.0/20", "us-east-1b"))
        self.subnets = [
            first(self.ec2("CreateSubnet", VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=zone), "subnetId")
            for cidr, zone in zones
        ]
        self.group = first(
            self.ec2("CreateSecurityGroup", VpcId=self.vpc, GroupName="all", GroupDescription="all"), "groupId"
        )
        self.ec2(
            "AuthorizeSecurityGroupIngress",
            GroupId=self.group,
            **{"IpPermissions.1.IpProtocol": "-1", "IpPermissions.1.IpRanges.1.CidrIp": "0.0.0.0/0"},
        )
        self.client, self.server, self.nginx, self.haproxy = instances(self.ec2, self.subnets[0], [self.group], 4)
        self.address = {
            name: private_ip(self.ec2, getattr(self, name)) for name in ("client", "server", "nginx", "haproxy")
        }
        self.running = []

    def put(self, target, path, text):
        subprocess.run(
            [run.ENISHI, "exec", target, "--", "sh", "-c", f"mkdir -p $(dirname {path}) && cat > {path}"],
            env=self.daemon.environment,
            input=text if isinstance(text, bytes) else text.encode(),
            check=True,
        )

    def start(self, target, *command):
        process = self.daemon.execute(target, *command)
        self.running.append(process)
        return process

    def ask(self, *command):
        done = subprocess.run(
            [run.ENISHI, "exec", self.client, "--", *command],
            env=self.daemon.environment,
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr

    def until_answers(self, url):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.ask("curl", "-sk", "--max-time", "2", "-o", "/dev/null", "-w", "%{http_code}", url).strip() == "200":
                return
            time.sleep(0.1)
        sys.exit(f"{url} does not answer")

    def serve(self, ports=(8080,)):
        """A server that costs as little as a server can."""
        listen = "\n".join(f"listen {port} backlog=4096;" for port in ports)
        self.put(
            self.server,
            "/etc/bench/server.conf",
            f"""daemon off; worker_processes 1; error_log /dev/null; pid /run/bench.pid;
events {{ worker_connections 16384; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path /tmp/b1; proxy_temp_path /tmp/b2;
  fastcgi_temp_path /tmp/b3; uwsgi_temp_path /tmp/b4; scgi_temp_path /tmp/b5;
  server {{ {listen} location / {{ return 200 "{BODY}"; }} }} }}""",
        )
        self.start(self.server, "nginx", "-c", "/etc/bench/server.conf")
        self.until_answers(f"http://{self.address['server']}:{ports[0]}/")

    def peers(self, certificate, key):
        pem = "/etc/bench/site.pem"
        for target in (self.nginx, self.haproxy):
            self.put(target, pem, certificate + key)
        upstream = f"{self.address['server']}:8080"
        self.put(
            self.nginx,
            "/etc/bench/proxy.conf",
            f"""daemon off; worker_processes auto; error_log /dev/null; pid /run/bench.pid;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path /tmp/b1; proxy_temp_path /tmp/b2;
  fastcgi_temp_path /tmp/b3; uwsgi_temp_path /tmp/b4; scgi_temp_path /tmp/b5;
  upstream servers {{ server {upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 80 reuseport backlog=4096; listen 443 ssl http2 reuseport backlog=4096;
    http2_max_requests 100000000;
    ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{ proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_pass http://servers; }} }} }}""".replace("http2_max_requests 100000000;", ""),
        )
        self.start(self.nginx, "nginx", "-c", "/etc/bench/proxy.conf")
        self.put(
            self.haproxy,
            "/etc/bench/haproxy.cfg",
            f"""global
  maxconn 8000
  nbthread 2
  tune.h2.max-concurrent-streams 128
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend http
  mode http
  option forwardfor
  bind :80
  bind :443 ssl crt {pem} alpn h2,http/1.1
  default_backend servers
backend servers
  mode http
  http-reuse always
  server one {upstream}
frontend tcp
  mode tcp
  bind :9000
  default_backend tcp
backend tcp
  mode tcp
  server one {upstream}
listen bare
  mode tcp
  bind :9001
  server one {self.address['server']}:9090
""",
        )
        self.start(self.haproxy, "haproxy", "-f", "/etc/bench/haproxy.cfg")
        for name in ("nginx", "haproxy"):
            self.until_answers(f"http://{self.address[name]}/")

    def balancer(self, kind="application"):
        parameters = {f"Subnets.member.{n + 1}": subnet for n, subnet in enumerate(self.subnets)}
        if kind == "application":
            parameters["SecurityGroups.member.1"] = self.group
        text = self.elb("CreateLoadBalancer", Name=kind, Type=kind, Scheme="internal", **parameters)
        arn = first(text, "LoadBalancerArn")
        name = arn.split("loadbalancer/")[1]
        text = self.ec2(
            "DescribeNetworkInterfaces",
            **{"Filter.1.Name": "description", "Filter.1.Value.1": f"ELB {name}", "Filter.2.Name": "subnet-id",
               "Filter.2.Value.1": self.subnets[0]},
        )
        return arn, first(text, "privateIpAddress")

    def targets(self, name, protocol, port, *members, **parameters):
        text = self.elb(
            "CreateTargetGroup", Name=name, Protocol=protocol, Port=port, VpcId=self.vpc, **parameters
        )
        arn = first(text, "TargetGroupArn")
        for n, port in enumerate(members):
            self.elb(
                "RegisterTargets",
                TargetGroupArn=arn,
                **{"Targets.member.1.Id": self.server, "Targets.member.1.Port": port},
            )
        return arn

    def listen(self, balancer, protocol, port, group, **parameters):
        text = self.elb(
            "CreateListener",
            LoadBalancerArn=balancer,
            Protocol=protocol,
            Port=port,
            **{"DefaultActions.member.1.Type": "forward", "DefaultActions.member.1.TargetGroupArn": group},
            **parameters,
        )
        return first(text, "ListenerArn")

    def healthy(self, group, count=1):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            states = every(self.elb("DescribeTargetHealth", TargetGroupArn=group), "State")
            if states.count("healthy") >= count:
                return
            time.sleep(0.05)
        sys.exit("targets do not become healthy")

    def wrk(self, url, connections=64, *options):
        text = self.ask("wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", *options, url)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
        late = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
        if not rate or not late or "Non-2xx" in text:
            sys.exit(f"wrk {url}:\n{text}")
        return float(rate.group(1)), float(late.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[late.group(2)]

    def h2load(self, url):
        text = self.ask("h2load", "-c8", "-m32", f"-D{SECONDS}", "--warm-up-time=1", url)
        rate = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", text)
        late = re.search(r"time for request:\s+\S+\s+(\S+)", text)
        failed = re.search(r"(\d+) failed", text)
        if not rate or not failed or failed.group(1) != "0":
            sys.exit(f"h2load {url}:\n{text}")
        figure, unit = re.match(r"([\d.]+)(us|ms|s)", late.group(1)).groups()
        return float(rate.group(1)), float(figure) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def certificate():
    with tempfile.TemporaryDirectory() as directory:
        key, cert = Path(directory) / "key.pem", Path(directory) / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=bench.example.com", "-addext", "subjectAltName=DNS:bench.example.com", "-keyout", key, "-out", cert],
            check=True,
            capture_output=True,
        )
        return cert.read_text(), key.read_text()


def imported(daemon, cert, key):
    """The certificate's ARN."""
    import base64
    import json

    connection = Ec2(daemon).connection
    body = json.dumps({
        "Certificate": base64.b64encode(cert.encode()).decode(),
        "PrivateKey": base64.b64encode(key.encode()).decode(),
    })
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Date": Ec2.HEADERS["X-Amz-Date"],
        "X-Amz-Target": "CertificateManager.ImportCertificate",
        "Authorization": Ec2.HEADERS["Authorization"].replace("/ec2/", "/acm/"),
    }
    connection.request("POST", "/", body, headers)
    return json.load(connection.getresponse())["CertificateArn"]


def compare(what, measure, addresses, wanted):
    """`measure(address)` gives a rate and a 99th percentile; ours first."""
    rates = {name: [] for name in addresses}
    late = {name: [] for name in addresses}
    for _ in range(ROUNDS):
        for name, address in addresses.items():
            rate, percentile = measure(address)
            rates[name].append(rate)
            late[name].append(percentile)
    for peer, least in wanted.items():
        ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates[peer]))
        row(f"{what}, requests/s", spread(rates["ours"]), f"{peer} {spread(rates[peer])}", f"{ratio:.2f}", least)
        ratio = statistics.median(a / b for a, b in zip(late["ours"], late[peer]) if b)
        row(f"{what}, p99 ms", spread(late["ours"], 2), f"{peer} {spread(late[peer], 2)}", f"{ratio:.2f}", "")


def http():
    print("HTTP, against nginx and HAProxy", flush=True)
    cert, key = certificate()
    with Daemon() as daemon:
        lab = Lab(daemon)
        lab.serve()
        lab.peers(cert, key)
        balancer, address = lab.balancer()
        group = lab.targets("web", "HTTP", 8080, 8080)
        lab.listen(balancer, "HTTP", 80, group)
        arn = imported(daemon, cert, key)
        lab.listen(balancer, "HTTPS", 443, group, **{"Certificates.member.1.CertificateArn": arn})
        lab.healthy(group)
        lab.until_answers(f"http://{address}/")
        addresses = {"ours": address, "nginx": lab.address["nginx"], "haproxy": lab.address["haproxy"]}
        wanted = {"nginx": "at least 1.0", "haproxy": "at least 0.9"}
        compare("HTTP/1.1 keep-alive, 64 connections", lambda a: lab.wrk(f"http://{a}/"), addresses, wanted)
        compare("HTTP/1.1 over TLS, 64 connections", lambda a: lab.wrk(f"https://{a}/"), addresses, wanted)
        compare("HTTP/2 over TLS, 8 x 32 streams", lambda a: lab.h2load(f"https://{a}/"), addresses, wanted)


def rules():
    print("500 rules and 1,000 targets", flush=True)
    with Daemon() as daemon:
        lab = Lab(daemon)
        lab.serve(range(8080, 9080))
        Ec2(daemon).quota("elasticloadbalancing", "L-7EED9B64", 1000)
        balancer, address = lab.balancer()
        few = lab.targets("few", "HTTP", 8080, 8080)
        many = lab.targets("many", "HTTP", 8080, *range(8080, 9080))
        lab.listen(balancer, "HTTP", 80, few)
        listener = lab.listen(balancer, "HTTP", 81, many)
        path_rules(lab, listener, few)
        # The same rules, but one target.
        narrow = lab.listen(balancer, "HTTP", 82, few)
        path_rules(lab, narrow, few)
        lab.healthy(few)
        lab.healthy(many, 1000)
        spread_by_nginx(lab)
        ways = {"small": f"{address}", "rules": f"{address}:82", "large": f"{address}:81",
                "nginx": f"{lab.address['nginx']}:80", "nginx, large": f"{lab.address['nginx']}:81"}
        rates = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, where in ways.items():
                rates[way].append(lab.wrk(f"http://{where}/")[0])

        def cost(less, more):
            return f"costs {1 - statistics.median(b / a for a, b in zip(rates[less], rates[more])):.1%}"

        small = f"1 and 1: {spread(rates['small'])}"
        row("500 rules and 1 target, requests/s", spread(rates["rules"]), small, cost("small", "rules"), "less than 10 %")
        row("500 rules and 1,000 targets, requests/s", spread(rates["large"]), small, cost("small", "large"), "less than 10 %")
        row("nginx, the same locations and servers, requests/s", spread(rates["nginx, large"]),
            f"1 and 1: {spread(rates['nginx'])}", cost("nginx", "nginx, large"), "")


def path_rules(lab, listener, group):
    for n in range(499):
        lab.elb(
            "CreateRule",
            ListenerArn=listener,
            Priority=n + 1,
            **{
                "Conditions.member.1.Field": "path-pattern",
                "Conditions.member.1.Values.member.1": f"/service-{n}/*",
                "Actions.member.1.Type": "forward",
                "Actions.member.1.TargetGroupArn": group,
            },
        )


def spread_by_nginx(lab):
    """nginx on port 80 with one server, on port 81 with 499 locations before the one that leads to 1,000 servers."""
    servers = "".join(f"server {lab.address['server']}:{port};" for port in range(8080, 9080))
    locations = "".join(f"location /service-{n}/ {{ proxy_pass http://few; }}" for n in range(499))
    kept = "keepalive_requests 100000000;"
    lab.put(
        lab.nginx,
        "/etc/bench/proxy.conf",
        f"""daemon off; worker_processes auto; error_log /dev/null; pid /run/bench.pid;
events {{ worker_connections 8192; }}
http {{ access_log off; {kept} client_body_temp_path /tmp/b1; proxy_temp_path /tmp/b2;
  fastcgi_temp_path /tmp/b3; uwsgi_temp_path /tmp/b4; scgi_temp_path /tmp/b5;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
  upstream few {{ server {lab.address['server']}:8080; keepalive 256; {kept} }}
  upstream many {{ {servers} keepalive 4096; {kept} }}
  server {{ listen 80 reuseport backlog=4096; location / {{ proxy_pass http://few; }} }}
  server {{ listen 81 reuseport backlog=4096; {locations} location / {{ proxy_pass http://many; }} }} }}""",
    )
    lab.start(lab.nginx, "nginx", "-c", "/etc/bench/proxy.conf")
    lab.until_answers(f"http://{lab.address['nginx']}:81/")


def targets():
    print("A target added", flush=True)
    with Daemon() as daemon:
        lab = Lab(daemon)
        lab.serve()
        balancer, address = lab.balancer()
        group = lab.targets("web", "HTTP", 8080)
        lab.listen(balancer, "HTTP", 80, group)
        times = []
        for _ in range(10):
            started = time.monotonic()
            lab.elb("RegisterTargets", TargetGroupArn=group, **{"Targets.member.1.Id": lab.server})
            while "healthy" not in every(lab.elb("DescribeTargetHealth", TargetGroupArn=group), "State"):
                pass
            times.append((time.monotonic() - started) * 1000)
            lab.until_answers(f"http://{address}/")
            lab.elb("ModifyTargetGroupAttributes", TargetGroupArn=group,
                    **{"Attributes.member.1.Key": "deregistration_delay.timeout_seconds", "Attributes.member.1.Value": 0})
            lab.elb("DeregisterTargets", TargetGroupArn=group, **{"Targets.member.1.Id": lab.server})
            while every(lab.elb("DescribeTargetHealth", TargetGroupArn=group), "State"):
                time.sleep(0.01)
        row("a target added, ms until it is healthy and gets requests", spread(times, 1), "", "", "under 20")


IDLE = """
import asyncio, sys
KEY = "GET / HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
async def main():
    kept = []
    async def one():
        reader, writer = await asyncio.open_connection(sys.argv[1], 80)
        writer.write(KEY.encode())
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        assert b" 101 " in head, head
        kept.append(writer)
    for _ in range(int(sys.argv[2]) // 100):
        await asyncio.gather(*[one() for _ in range(100)])
    print(len(kept), flush=True)
    await asyncio.sleep(30)
asyncio.run(main())
"""

ACCEPT = """
import asyncio
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            if b"pgrade: websocket" in head:
                writer.write(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\\r\\n\\r\\n")
                await reader.read()
                return
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    except Exception:
        pass
async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", 8080, backlog=4096)
    await server.serve_forever()
asyncio.run(main())
"""


def resident(daemon):
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def websockets():
    # Two descriptors for each at the daemon, which raises its own limit as far as it may.
    wanted = min(10_000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // 200 * 100)
    print(f"{wanted} idle WebSockets", flush=True)
    with Daemon() as daemon:
        lab = Lab(daemon)
        limit = "ulimit -n $(ulimit -H -n); exec python3 -uc \"$0\" \"$@\""
        lab.start(lab.server, "sh", "-c", limit, ACCEPT)
        balancer, address = lab.balancer()
        group = lab.targets("web", "HTTP", 8080, 8080)
        lab.listen(balancer, "HTTP", 80, group)
        lab.healthy(group)
        before = resident(daemon)
        client = lab.start(lab.client, "sh", "-c", limit, IDLE, address, str(wanted))
        count = client.stdout.readline().strip()
        after = resident(daemon)
        row(f"{count} idle WebSockets, MiB resident", f"{after:.0f} ({before:.0f} before)", "", "", "under 200")


def nlb():
    print("Network Load Balancer", flush=True)
    cert, key = certificate()
    with Daemon() as daemon:
        lab = Lab(daemon)
        # With its clients' addresses kept, a connection through the balancer has the addresses of a direct one: on the same port, what
        # the last round left behind in TIME_WAIT would be in the way of the next way's. So direct ones go to a port of their own.
        lab.serve((8080, 8081))
        lab.peers(cert, key)
        lab.start(lab.server, "iperf3", "-s", "-p", "5201")
        balancer, address = lab.balancer("network")
        web = lab.targets("web", "TCP", 8080, 8080)
        bulk = lab.targets("bulk", "TCP", 5201, 5201)
        lab.listen(balancer, "TCP", 80, web)
        lab.listen(balancer, "TCP", 5201, bulk)
        lab.healthy(web)
        lab.healthy(bulk)
        rates = {"ours": [], "direct": []}
        for _ in range(ROUNDS):
            for name, where in (("ours", address), ("direct", lab.address["server"])):
                text = lab.ask("iperf3", "-c", where, "-p", "5201", "-t", str(SECONDS), "-f", "g")
                rates[name].append(float(re.search(r"([\d.]+) Gbits/sec.*receiver", text).group(1)))
        ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["direct"]))
        row("one TCP stream through an NLB, Gbit/s", spread(rates["ours"], 1), f"without {spread(rates['direct'], 1)}", f"{ratio:.2f}", "at least 0.80")
        ask = lambda url: lab.wrk(url, 32, "-H", "Connection: close")[0]
        urls = {"ours": f"http://{address}/", "haproxy": f"http://{lab.address['haproxy']}:9000/",
                "direct": f"http://{lab.address['server']}:8081/"}
        connections("requests/s through an NLB, a connection each", ask, urls, "")
        # A client and a server that do nothing else, so that what is between them counts.
        built = run.CACHE / "connections"
        run.CACHE.mkdir(parents=True, exist_ok=True)
        source = run.ROOT / "bench/connections.rs"
        subprocess.run(["rustc", "--edition", "2024", "-O", "-o", built, source], check=True)
        for target in (lab.client, lab.server):
            lab.put(target, CONNECTIONS, built.read_bytes())
        serve = f"chmod +x {CONNECTIONS}; {CONNECTIONS} serve 0.0.0.0:9090 & exec {CONNECTIONS} serve 0.0.0.0:9091"
        lab.start(lab.server, "sh", "-c", serve)
        lab.ask("chmod", "+x", CONNECTIONS)
        bare = lab.targets("bare", "TCP", 9090, 9090)
        lab.listen(balancer, "TCP", 90, bare)
        lab.healthy(bare)
        make = lambda where: float(lab.ask(CONNECTIONS, "make", where, "128", str(SECONDS)))
        where = {"ours": f"{address}:90", "haproxy": f"{lab.address['haproxy']}:9001",
                 "direct": f"{lab.address['server']}:9091"}
        connections("new connections/s through an NLB", make, where, "at least 2")


def connections(what, measure, ways, wanted):
    rates = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, where in ways.items():
            rates[way].append(measure(where))
    ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["haproxy"]))
    peers = f"HAProxy in TCP mode {spread(rates['haproxy'])}; without either {spread(rates['direct'])}"
    row(what, spread(rates["ours"]), peers, f"{ratio:.2f}", wanted)


PROBE = """
import http.client, sys, time
out, end = open("/run/probe", "w", buffering=1), time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=2)
        connection.request("GET", "/")
        said = connection.getresponse().status
        connection.close()
    except Exception as error:
        said = type(error).__name__
    print(time.monotonic(), said, file=out)
    time.sleep(0.001)
"""


def restart():
    """`kill -9` and a new daemon, with connections through a Network Load Balancer and requests to an Application Load Balancer."""
    print("Restart under load", flush=True)
    seconds, times, ready, seen, errors = 6, [], [], set(), []
    with Daemon() as daemon:
        lab = Lab(daemon)
        lab.serve()
        groups, addresses = {}, {}
        for kind, protocol in (("application", "HTTP"), ("network", "TCP")):
            balancer, addresses[kind] = lab.balancer(kind)
            groups[kind] = lab.targets(kind, protocol, 8080, 8080)
            lab.listen(balancer, protocol, 80, groups[kind])
            lab.healthy(groups[kind])
        lab.put(lab.client, "/run/probe.py", PROBE)
        for _ in range(ROUNDS):
            for address in addresses.values():
                lab.until_answers(f"http://{address}/")
            load = f"wrk -t1 -c8 -d{seconds}s http://{addresses['network']}/ > /run/load"
            probe = f"python3 /run/probe.py {addresses['application']} {seconds}"
            lab.ask("sh", "-c", f"({load}; echo over >> /run/load) > /dev/null 2>&1 & {probe} > /dev/null 2>&1 & sleep 1")
            daemon.process.kill()
            daemon.process.wait()
            began = time.monotonic()
            daemon.start()
            ready.append(daemon.ready * 1000)
            while "over" not in (text := lab.ask("cat", "/run/load")):
                time.sleep(0.1)
            errors.append(text.count("Socket errors") + text.count("Non-2xx"))
            lines = [line.split() for line in lab.ask("cat", "/run/probe").splitlines()]
            seen |= {said for _, said in lines}
            times.append((next(float(at) for at, said in lines if float(at) > began and said == "200") - began) * 1000)
    row("restart: ms from the process's start to the first 200 of an ALB", spread(times, 1),
        f"`listening` after {spread(ready, 1)}; seen: {', '.join(sorted(seen))}", "", "under 200")
    row("the same: errors of 8 busy connections through an NLB", str(sum(errors)), "", "", "0")


PARTS = {"http": http, "websockets": websockets, "rules": rules, "targets": targets, "nlb": nlb, "restart": restart}


def main():
    if not os.environ.get("SKIP_BUILD"):
        subprocess.run(["cargo", "build", "--release", "--package", "enishi"], cwd=run.ROOT, check=True)
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
    print("\n| figure | Enishi | peer | ratio | wanted |\n|---|---|---|---|---|")
    for line in run.ROWS:
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
