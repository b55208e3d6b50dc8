#!/usr/bin/env python3
"""Name service against its peers: one command, each figure against its peer in the same run.

    bench/dns.py                 everything (about fifteen minutes), as root; prints a Markdown table
    bench/dns.py static million  only these

Wants Debian's dnsperf, knot, nsd and unbound. Servers run on one core with one thread, dnsperf on the other; runs are
interleaved (ours, Knot, NSD, ours, ...), and medians are printed with their range. One core of dnsperf does not saturate one
core of these servers, so what is compared is answers per second of the server's processor time (user and system, children
included) under the same load. Everything stays on loopback, and in namespaces that Enishi makes.
"""

import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import CACHE, ENISHI, ROOT, ROUNDS, ROWS, Daemon, row, spread  # noqa: E402

TARGET = ENISHI.parent
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
NAMES = 10_000
ORIGIN = "bench.example."
SERVER_CORE, CLIENT_CORE = "0", "1"


def build():
    if os.environ.get("SKIP_BUILD"):
        return
    subprocess.run(
        ["cargo", "build", "--release", "--package", "enishi", "--package", "enishi-dns", "--bins", "--examples"],
        cwd=ROOT,
        check=True,
    )


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def write_zone(path, names):
    with open(path, "w") as zone:
        zone.write(f"$ORIGIN {ORIGIN}\n$TTL 300\n")
        zone.write("@ IN SOA ns hostmaster 1 7200 900 1209600 86400\n@ IN NS ns\nns IN A 192.0.2.53\n")
        for number in range(names):
            zone.write(f"h{number} IN A 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}\n")


def write_queries(path, names):
    with open(path, "w") as queries:
        for number in range(names):
            queries.write(f"h{number * 7919 % names}.{ORIGIN} A\n")


class Server:
    """A process on the server's core, ended with the block."""

    def __init__(self, command, port, directory, stdin=None):
        log = open(Path(directory) / "log", "a")
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *command],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdin else log,
            stderr=log,
            text=True,
        )
        self.port = port

    def __enter__(self):
        deadline = time.monotonic() + 60
        while not asked(self.port, f"h1.{ORIGIN}"):
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"{self.process.args} does not answer")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def asked(port, name, address="127.0.0.1"):
    """The last address of the answer to an A query; None without one."""
    wire = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    for label in name.rstrip(".").split("."):
        wire += bytes([len(label)]) + label.encode()
    wire += b"\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        try:
            client.sendto(wire, (address, port))
            answer = client.recv(4096)
        except OSError:
            return None
    return socket.inet_ntoa(answer[-4:]) if len(answer) > len(wire) and answer[7] else None


def ours(directory, zone, *words):
    port = free_port()
    command = [str(TARGET / "examples" / "name_server"), f"127.0.0.1:{port}", ORIGIN, str(zone), *words]
    return Server(command, port, directory, stdin=True)


def knot(directory, zone):
    port = free_port()
    home = Path(directory) / f"knot{port}"
    home.mkdir()
    (home / "knot.conf").write_text(
        f"""server:
  rundir: {home}
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {home}
template:
  - id: default
    storage: {home}
    file: {zone}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
  - domain: {ORIGIN}
"""
    )
    return Server(["knotd", "-c", str(home / "knot.conf")], port, directory)


def nsd(directory, zone):
    port = free_port()
    home = Path(directory) / f"nsd{port}"
    home.mkdir()
    (home / "nsd.conf").write_text(
        f"""server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{home}"
  database: ""
  pidfile: "{home}/pid"
  xfrdfile: "{home}/xfrd"
  zonelistfile: "{home}/zones"
  xfrdir: "{home}"
remote-control:
  control-enable: no
zone:
  name: {ORIGIN}
  zonefile: "{zone}"
"""
    )
    return Server(["nsd", "-d", "-c", str(home / "nsd.conf")], port, directory)


def processor_seconds(pid):
    """What a process and its descendants used so far."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = int(fields[11]) + int(fields[12])
    total, family = 0, [pid]
    while family:
        member = family.pop()
        total += used.get(member, 0)
        family += [child for child, parent in parents.items() if parent == member]
    return total / os.sysconf("SC_CLK_TCK")


def rate(pid, port, queries, address="127.0.0.1", prefix=()):
    """Answers per second of processor time."""
    before = processor_seconds(pid)
    output = subprocess.run(
        [*prefix, "taskset", "-c", CLIENT_CORE, "dnsperf", "-s", address, "-p", str(port), "-d", str(queries)]
        + ["-l", str(SECONDS), "-c", "8", "-q", "400", "-t", "2"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    done = int(re.search(r"Queries completed:\s+(\d+)", output).group(1))
    sent = int(re.search(r"Queries sent:\s+(\d+)", output).group(1))
    if done < 0.99 * sent:
        print(f"    {sent - done} of {sent} queries were not answered", flush=True)
    codes = re.search(r"Response codes:\s+(.*)", output).group(1)
    if not codes.startswith("NOERROR") or "(100.00%)" not in codes:
        sys.exit(f"unexpected answers: {codes}")
    return done / (processor_seconds(pid) - before)


def compare(directory, makers, queries):
    """Rates by maker, interleaved; every server runs alone."""
    rates = {name: [] for name in makers}
    for _ in range(ROUNDS):
        for name, make in makers.items():
            with make() as server:
                rates[name].append(rate(server.process.pid, server.port, queries))
    return rates


def against_peers(what, directory, words, wanted):
    zone, queries = Path(directory) / "zone", Path(directory) / "queries"
    write_zone(zone, NAMES)
    write_queries(queries, NAMES)
    makers = {
        "ours": lambda: ours(directory, zone, *words),
        "knot": lambda: knot(directory, zone),
        "nsd": lambda: nsd(directory, zone),
    }
    rates = compare(directory, makers, queries)
    mine = statistics.median(rates["ours"])
    best = max(("knot", "nsd"), key=lambda name: statistics.median(rates[name]))
    peers = ", ".join(f"{name} {spread(rates[name])}" for name in ("knot", "nsd"))
    ratio = mine / statistics.median(rates[best])
    row(what, spread(rates["ours"]), peers, f"{ratio:.2f} of {best}", wanted)


def static(directory):
    against_peers("static records, answers per core and second", directory, (), "at least 1.0 of the better")


def routed(directory):
    against_peers(
        "weighted and latency records, answers per core and second (peers: static)", directory, ("routed",), "at least 0.8"
    )


def million(directory):
    zone = Path(directory) / "million"
    write_zone(zone, 1_000_000)
    times, sizes = [], []
    for _ in range(ROUNDS):
        with ours(directory, zone) as server:
            found = re.search(r"(\d+) ms, (\d+) KiB", server.process.stdout.readline())
            times.append(int(found.group(1)) / 1000)
            peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())
            sizes.append(int(found.group(2)) / 1024)
            peak = int(peak.group(1)) / 1024
    row("a zone of a million records loads, s", spread(times, 2), "", "", "under 5")
    row("resident after it, MiB (peak)", f"{spread(sizes)} ({peak:,.0f})", "", "", "under 500")


def upsert(daemon, zone, value):
    body = f"""<?xml version="1.0"?><ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
<ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>h1.{ORIGIN}</Name><Type>A</Type><TTL>60</TTL>
<ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>
</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"""
    return call(daemon, "POST", f"/2013-04-01/hostedzone/{zone}/rrset/", body)


def call(daemon, method, path, body):
    import http.client

    if not hasattr(daemon, "connection"):
        daemon.connection = http.client.HTTPConnection(daemon.host, daemon.port)
    scope = "Credential=test/20260101/us-east-1/route53/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        "X-Amz-Date": "20260101T000000Z",
    }
    daemon.connection.request(method, path, body, headers)
    answer = daemon.connection.getresponse()
    text = answer.read().decode()
    if answer.status >= 300:
        sys.exit(text)
    return text


def change(_):
    """From sending the change to the first answer that obeys it."""
    with Daemon() as daemon:
        port = int(daemon.dns.rsplit(":", 1)[1])
        body = f"""<CreateHostedZoneRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Name>{ORIGIN}</Name>
<CallerReference>bench</CallerReference></CreateHostedZoneRequest>"""
        zone = re.search(r"/hostedzone/(\w+)", call(daemon, "POST", "/2013-04-01/hostedzone", body)).group(1)
        times, late = [], 0
        for number in range(200):
            value = f"192.0.2.{number % 250 + 1}"
            started = time.monotonic()
            upsert(daemon, zone, value)
            late += asked(port, f"h1.{ORIGIN}") != value
            times.append((time.monotonic() - started) * 1000)
        times.sort()
        figure = f"p50 {times[100]:.2f}, p99 {times[197]:.2f}; {late} of 200 answers were older"
        row("a record change is in force (call and query), ms", figure, "", "", "under 10")


def resolver(directory, upstream):
    """Our resolver alone; it forwards to the name server and caches, as Unbound does here."""
    port = free_port()
    command = [str(TARGET / "examples" / "resolver"), f"127.0.0.1:{port}", f"127.0.0.1:{upstream}", ORIGIN]
    return Server(command, port, directory, stdin=True)


def unbound(directory, upstream):
    port = free_port()
    config = Path(directory) / f"unbound{port}.conf"
    config.write_text(
        f"""server:
  interface: 127.0.0.1@{port}
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{directory}"
  module-config: "iterator"
  do-not-query-localhost: no
  use-syslog: no
  msg-cache-size: 64m
  rrset-cache-size: 128m
  so-rcvbuf: 4m
  so-sndbuf: 4m
remote-control:
  control-enable: no
forward-zone:
  name: "{ORIGIN}"
  forward-addr: 127.0.0.1@{upstream}
"""
    )
    return Server(["unbound", "-c", str(config)], port, directory)


def cached(directory):
    """Answers from the cache, which one run fills."""
    zone, queries = Path(directory) / "zone", Path(directory) / "queries"
    write_zone(zone, NAMES)
    write_queries(queries, NAMES)
    rates = {"ours": [], "unbound": []}
    makers = {"ours": resolver, "unbound": unbound}
    with ours(directory, zone) as upstream:
        for _ in range(ROUNDS):
            for name, make in makers.items():
                with make(directory, upstream.port) as server:
                    rate(server.process.pid, server.port, queries)
                    rates[name].append(rate(server.process.pid, server.port, queries))
    ratio = statistics.median(rates["ours"]) / statistics.median(rates["unbound"])
    what = "cached answers of a resolver, per core and second"
    row(what, spread(rates["ours"]), f"unbound {spread(rates['unbound'])}", f"{ratio:.2f}", "at least 1 / 1.2 = 0.83")


BENCHES = {"static": static, "routed": routed, "million": million, "cached": cached, "change": change}


def main():
    chosen = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in chosen if name not in BENCHES]
    if unknown:
        sys.exit(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    for program in ("dnsperf", "knotd", "nsd", "unbound"):
        if not shutil.which(program):
            sys.exit(f"please install {program}")
    CACHE.mkdir(parents=True, exist_ok=True)
    build()
    for name in chosen:
        print(f"{name}:", flush=True)
        with tempfile.TemporaryDirectory(prefix="enishi-bench-") as directory:
            BENCHES[name](directory)
    print("\n| what | Enishi | peer | ratio | wanted |\n|---|---|---|---|---|")
    for line in ROWS:
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
