"""`kill -9` of the daemon under load: a connection through a Network Load Balancer loses nothing, new ones are made while the
daemon is away; clients of an Application Load Balancer are cut off, and served again as soon as it is back. Starts a daemon of
its own, so that nobody else's is killed."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time

from lab import ENISHI, Lab, check, forward, ok, until

# Numbered lines for ever, which come back over the same connection.
COUNT = """
import socket, sys, time
client = socket.create_connection((sys.argv[1], 90), 10)
client.settimeout(60)
lines = client.makefile("r")
n = 0
while True:
    client.sendall(b"%d\\n" % n)
    print(lines.readline().strip(), flush=True)
    n += 1
    time.sleep(0.002)
"""

# Asks over and over, with a new connection each time; prints when by a clock that all processes share.
ASK = """
import http.client, sys, time
while True:
    try:
        connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=2)
        connection.request("GET", "/who")
        found = str(connection.getresponse().status)
    except Exception as error:
        found = type(error).__name__
    connection.close()
    print(time.monotonic(), found, flush=True)
    time.sleep(0.002)
"""

# A request that is under way when the daemon is killed.
WAIT = """
import http.client, sys, time
connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=60)
connection.request("GET", "/slow/50")
print("sent", flush=True)
try:
    found = str(connection.getresponse().status)
except Exception as error:
    found = type(error).__name__
print(found, flush=True)
"""


class Daemon:
    def __init__(self, data, address="127.0.0.1:0"):
        self.began = time.monotonic()
        command = [ENISHI, "up", "--listen", address, "--dns", "127.0.0.1:0", "--data-dir", data]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.ready = time.monotonic()
        self.endpoint = re.search(r"http://[0-9.:]+", line).group()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def again(self, data):
        return Daemon(data, self.endpoint.removeprefix("http://"))


class Watched:
    """A program on the internet, and the lines that it prints."""

    def __init__(self, lab, script, *arguments):
        command = [ENISHI, "exec", "internet", "--", "python3", "-u", "-c", script, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lab.running.append(self.process)
        self.lines = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def more(self, what, count, wanted=""):
        """Waits for so many more lines that end like this."""
        start = len(self.lines)
        until(what, lambda: sum(line.endswith(wanted) for line in self.lines[start:]) >= count)

    def since(self, moment):
        """What was found at each time after a moment."""
        pairs = (line.split() for line in list(self.lines))
        return [(float(when), found) for when, found in pairs if float(when) >= moment]


def node(lab, balancer):
    """The address of a node on the internet: names are the daemon's, who is away for a while."""
    return lab.nodes(balancer)[0]["Association"]["PublicIp"]


def build(lab):
    """An Application and a Network Load Balancer before the same server; an address of each."""
    server = lab.server("web")
    lab.serve(server, "lines.py", 9000, "echo")
    group = lab.group([server])
    flows, requests = lab.group([server], Protocol="TCP", Port=9000), lab.group([server], Protocol="TCP")
    alb, _ = lab.balancer()
    lab.listener(alb, forward(group))
    nlb, _ = lab.balancer("network")
    lab.listener(nlb, forward(flows), port=90, protocol="TCP")
    lab.listener(nlb, forward(requests), protocol="TCP")
    lab.healthy(group, flows, requests)
    return node(lab, alb), node(lab, nlb)


def restart(lab, daemon, data):
    alb, nlb = build(lab)
    count, ask_alb, ask_nlb = Watched(lab, COUNT, nlb), Watched(lab, ASK, alb), Watched(lab, ASK, nlb)
    for round in range(1, 4):
        waiting = Watched(lab, WAIT, alb)
        waiting.more("a request under way", 1, "sent")
        count.more("lines", 100)
        ask_alb.more("requests through the ALB", 20, " 200")
        ask_nlb.more("connections through the NLB", 20, " 200")
        killed = time.monotonic()
        daemon.kill()
        ask_nlb.more("new connections through the NLB without a daemon", 50, " 200")
        ask_alb.more("connections that the ALB's node refuses", 1, " ConnectionRefusedError")
        count.more("lines without a daemon", 100)
        cut = until("the end of the request under way", lambda: waiting.lines[1:])[0]
        assert cut in ("RemoteDisconnected", "ConnectionResetError"), cut
        daemon = daemon.again(data)
        ask_alb.more("requests through the ALB again", 20, " 200")
        count.more("lines with the new daemon", 100)
        after = ask_alb.since(daemon.began)
        first = next(when for when, found in after if found == "200")
        assert first - daemon.ready < 10, f"{first - daemon.ready} s after it was ready"
        later = {found for when, found in after if when > first}
        check({"200"}, later, "what clients of the ALB see from then on")
        check({"200"}, {found for _, found in ask_nlb.since(killed)}, "what clients of the NLB see")
        print(
            f"      round {round}: away {daemon.began - killed:.2f} s; ready {1000 * (daemon.ready - daemon.began):.0f} ms after"
            f" its start, the first 200 through the ALB {1000 * (first - daemon.ready):+.0f} ms from then; a request under"
            f" way ended with {cut}",
            flush=True,
        )
    lines = list(count.lines)
    check([str(n) for n in range(len(lines))], lines, "numbered lines")
    ok(f"NLB: {len(lines)} lines over one connection through three kills without gap or repeat, no new connection failed")
    ok("ALB: refused while the daemon is away, accepted when it is back")
    return daemon


def main():
    with tempfile.TemporaryDirectory() as directory:
        data = os.path.join(directory, "enishi")
        daemon = Daemon(data)
        os.environ["ENISHI_ENDPOINT"] = daemon.endpoint
        try:
            with Lab(daemon.endpoint) as lab:
                restart(lab, daemon, data)
        finally:
            subprocess.run([ENISHI, "down"], check=False, capture_output=True)


main()
