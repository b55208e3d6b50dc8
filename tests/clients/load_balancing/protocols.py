"""Clients of other protocols through an Application Load Balancer: HTTP/2, WebSocket, gRPC, and many requests at once.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-protocol-version
"""

import re
import sys

from lab import check, forward, ok, run, until


class Site:
    """An HTTPS listener, and an HTTP listener beside it, before an HTTP server."""

    def __init__(self, lab):
        self.server = lab.server("web")
        self.group = lab.group([self.server])
        self.balancer, self.name = lab.balancer()
        certificate, self.pem = lab.certificate("site.example.com")
        self.http = lab.listener(self.balancer, forward(self.group))
        self.https = lab.listener(
            self.balancer, forward(self.group), port=443, protocol="HTTPS", Certificates=[{"CertificateArn": certificate}]
        )
        lab.healthy(self.group)
        self.tls = ("--cacert", self.pem, "--connect-to", f"::{self.name}")


def versions(lab, site):
    """"Application Load Balancers provide native support for HTTP/2 with HTTPS listeners", targets are asked in HTTP/1.1."""
    for option, wanted in (("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")):
        found = lab.curl(option, *site.tls, "https://site.example.com/a")
        check((wanted, 200), (found.version, found.status), option)
        told = dict(found.json()["headers"])
        check(("https", "443"), (told["x-forwarded-proto"], told["x-forwarded-port"]), "what the target is told")
    # An HTTP listener has no HTTP/2; the client that would like it is answered in HTTP/1.1.
    found = lab.curl("--http2", f"http://{site.name}/")
    check(("HTTP/1.1", 200), (found.version, found.status), "HTTP/2 over HTTP")
    body = "x" * 300_000
    done = lab.internet(
        "curl", "-sS", "--http2", *site.tls, "--data-binary", "@-", "https://site.example.com/", input=body.encode()
    )
    assert b'"body": 300000' in done.stdout, done
    lab.change_balancer(site.balancer, {"routing.http2.enabled": "false"})
    until("HTTP/2 turned off", lambda: lab.curl("--http2", *site.tls, "https://site.example.com/").version == "HTTP/1.1", 5)
    lab.change_balancer(site.balancer, {"routing.http2.enabled": "true"})
    ok("curl: HTTP/1.1 and HTTP/2 over TLS, HTTP/1.1 without it or with HTTP/2 turned off")


def load(lab, site):
    """Every request of many, over many connections and streams, is answered."""
    for scheme, name in (("http", ("--h1", f"http://{site.name}/who")), ("https", (f"https://{site.name}/who",))):
        done = lab.internet("h2load", "-n", "1000", "-c", "10", "-m", "10", *name)
        found = re.search(r"requests: 1000 total, .* (\d+) succeeded, (\d+) failed", done.stdout.decode())
        assert found, done
        check(("1000", "0"), found.groups(), f"h2load {scheme}")
        assert b"status codes: 1000 2xx" in done.stdout, done
    ok("h2load: 1000 of 1000 requests in HTTP/1.1, and in HTTP/2 over TLS")


WEB_SOCKET = """
import ssl, sys
from websockets.sync.client import connect
name, pem = sys.argv[1], sys.argv[2]
trusted = ssl.create_default_context(cafile=pem)
for scheme, more in (("ws", {}), ("wss", {"ssl": trusted, "server_hostname": "site.example.com"})):
    with connect(f"{scheme}://{name}/chat", open_timeout=10, proxy=None, **more) as socket:
        assert socket.recv(10) == "/chat"
        for n in range(50):
            socket.send(f"{n}")
            assert socket.recv(10) == f"echo {n}", n
        socket.send(b"x" * 200000)
        assert socket.recv(10) == b"x" * 200000
        socket.ping().wait(10)
        print(scheme, "echoed")
"""


def web_sockets(lab, site):
    """"Application Load Balancers provide native support for WebSockets", on HTTP and HTTPS listeners."""
    talker = lab.instance("talker")
    lab.install(talker, "websockets")
    lab.serve(talker, "web_socket.py", 8080)
    group = lab.group([talker], Matcher={"HttpCode": "200-499"})
    for listener in (site.http, site.https):
        lab.rule(listener, 10, [{"Field": "path-pattern", "Values": ["/chat"]}], forward(group))
    lab.healthy(group)
    done = lab.internet(sys.executable, "-c", WEB_SOCKET, site.name, site.pem)
    check(b"ws echoed\nwss echoed\n", done.stdout, f"a WebSocket client: {done.stderr.decode()}")
    ok("websockets: ws and wss upgrade, echo, a message of 200 kB, ping")


GRPC = """
import sys, grpc
name, pem = sys.argv[1], sys.argv[2]
trusted = grpc.ssl_channel_credentials(open(pem, "rb").read())
options = [("grpc.ssl_target_name_override", "site.example.com"), ("grpc.enable_http_proxy", 0)]
with grpc.secure_channel(f"{name}:443", trusted, options) as channel:
    assert channel.unary_unary("/demo.Echo/One")(b"hello", timeout=10) == b"hello"
    assert list(channel.unary_stream("/demo.Echo/Count")(b"5", timeout=10)) == [b"0", b"1", b"2", b"3", b"4"]
    asked = (str(n).encode() for n in range(100))
    assert list(channel.stream_stream("/demo.Echo/All")(asked, timeout=20)) == [str(n).encode() for n in range(100)]
    for method, wanted in (("Refuse", grpc.StatusCode.PERMISSION_DENIED), ("Missing", grpc.StatusCode.UNIMPLEMENTED)):
        try:
            channel.unary_unary("/demo.Echo/" + method)(b"", timeout=10)
        except grpc.RpcError as error:
            assert error.code() == wanted, error
        else:
            raise AssertionError(method)
    call = channel.unary_unary("/demo.Echo/Told").with_call(b"", metadata=[("x-mine", "1")], timeout=10)
    assert b"x-forwarded-for" in call[0] and b"x-mine" in call[0], call
    assert dict(call[1].trailing_metadata())["after"] == "all", call
    print("called")
"""


def grpc(lab, site):
    """"gRPC": health checks call a method and look at the status, calls of every kind go through, status and trailers come back."""
    callee = lab.instance("callee")
    lab.install(callee, "grpc")
    lab.serve(callee, "grpc_server.py", 8080)
    group = lab.group([callee], ProtocolVersion="GRPC", HealthCheckPath="/demo.Health/Check", Matcher={"GrpcCode": "0"})
    standard = lab.group([callee], ProtocolVersion="GRPC")
    described = lab.elb.describe_target_groups(TargetGroupArns=[standard])["TargetGroups"][0]
    check(("/AWS.ALB/healthcheck", {"GrpcCode": "12"}), (described["HealthCheckPath"], described["Matcher"]), "the standard check")
    wrong = lab.group([callee], ProtocolVersion="GRPC", Matcher={"GrpcCode": "0"})
    pattern = [{"Field": "path-pattern", "Values": ["/demo.Echo/*"]}]
    lab.rule(site.https, 20, pattern, forward((group, 1), (standard, 0), (wrong, 0)))
    lab.healthy(group, standard)
    mismatch = ("unhealthy", "Target.ResponseCodeMismatch")
    until("a wrong status of gRPC noticed", lambda: lab.health(wrong) == mismatch)
    done = lab.internet(sys.executable, "-c", GRPC, site.name, site.pem)
    check(b"called\n", done.stdout, f"a gRPC client: {done.stderr.decode()}")
    ok("grpc: health by a method of one's own and by AWS's; unary, streams, statuses, metadata and trailers")
    # "HTTP 464": a protocol that the target group's version does not fit.
    found = lab.curl("--http1.1", *site.tls, "https://site.example.com/demo.Echo/One")
    check((464, b""), (found.status, found.body), "HTTP/1.1 to a gRPC group")
    ok("464: HTTP/1.1 for a gRPC group")


def scenario(lab):
    site = Site(lab)
    versions(lab, site)
    load(lab, site)
    web_sockets(lab, site)
    grpc(lab, site)


run(scenario)
