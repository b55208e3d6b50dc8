"""What targets learn of clients: X-Forwarded-For, Proxy Protocol, the client's own address; and a packet through every
protocol of Classic listeners."""

import re
import subprocess

from lab import ENISHI, check, fixed, forward, ok, run, until

INTERNET = "198.18.0.1"
PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n"


def forwarded_for(lab):
    """"X-Forwarded-For: client-ip-address"; append, preserve, remove.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html"""
    server = lab.server("web")
    group = lab.group([server])
    balancer, name = lab.balancer()
    lab.listener(balancer, forward(group))
    lab.healthy(group)
    nodes = {node["PrivateIpAddress"] for node in lab.nodes(balancer)}

    def told(*arguments):
        found = lab.curl(*arguments, f"http://{name}/").json()
        assert found["peer"] in nodes, f"{found['peer']} is no node of {nodes}"
        return dict(found["headers"])

    plain = told()
    port = {key: plain.get(key) for key in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-port")}
    check({"x-forwarded-for": INTERNET, "x-forwarded-proto": "http", "x-forwarded-port": "80"}, port, "X-Forwarded-*")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", plain["x-amzn-trace-id"]), plain
    came = ("-H", "X-Forwarded-For: 203.0.113.7")
    check(f"203.0.113.7, {INTERNET}", told(*came)["x-forwarded-for"], "append")
    lab.change_balancer(balancer, {"routing.http.xff_client_port.enabled": "true"})
    assert re.fullmatch(rf"{INTERNET}:\d+", told()["x-forwarded-for"]), "the client's port"
    lab.change_balancer(balancer, {"routing.http.xff_client_port.enabled": "false"})
    for mode, wanted in (("preserve", "203.0.113.7"), ("remove", None), ("append", f"203.0.113.7, {INTERNET}")):
        lab.change_balancer(balancer, {"routing.http.xff_header_processing.mode": mode})
        check(wanted, told(*came).get("x-forwarded-for"), mode)
    ok("ALB: X-Forwarded-For, -Proto, -Port and the trace; append, preserve, remove, with the client's port")
    inside = lab.instance("inside")
    told = inside.run("curl", "-sS", "--max-time", "5", f"http://{name}/")
    address = lab.ec2.describe_instances(InstanceIds=[inside.id])["Reservations"][0]["Instances"][0]["PublicIpAddress"]
    assert f'"{address}"'.encode() in told.stdout, f"{told} should name {address}"
    ok("ALB: an instance that goes over the internet is seen by its public address")
    return server


def raw(host, port):
    """A connection from the internet that says something; its port, and what the server heard and from whom."""
    done = subprocess.run(
        [ENISHI, "exec", "internet", "--", "python3", "-c",
         "import socket, sys\n"
         "client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)\n"
         "client.sendall(b'hello\\n'); client.settimeout(5)\n"
         "heard = b''\n"
         "while not heard.endswith(b'\\n'):\n"
         "    more = client.recv(4096)\n"
         "    if not more: break\n"
         "    heard += more\n"
         "print(client.getsockname()[1], heard.decode())", host, str(port)],
        capture_output=True, check=False, text=True,
    )
    check(0, done.returncode, f"{host}:{port}: {done.stderr}")
    port, peer, *heard = done.stdout.split()
    return int(port), peer, bytes.fromhex("".join(heard))


def network(lab, server):
    """"preserve_client_ip.enabled": on for instances, off where it is turned off.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#client-ip-preservation"""
    lab.serve(server, "lines.py", 9000, "hear")
    group = lab.group([server], Protocol="TCP", Port=9000)
    balancer, name = lab.balancer("network")
    lab.change_balancer(balancer, {"load_balancing.cross_zone.enabled": "true"})
    lab.listener(balancer, forward(group), port=90, protocol="TCP")
    lab.healthy(group)
    nodes = {node["PrivateIpAddress"] for node in lab.nodes(balancer)}
    _, peer, heard = raw(name, 90)
    check((INTERNET, b"hello\n"), (peer, heard), "with the client's address")
    lab.change_group(group, {"preserve_client_ip.enabled": "false"})
    _, peer, heard = raw(name, 90)
    assert peer in nodes and heard == b"hello\n", f"{peer} is no node of {nodes}"
    ok("NLB: the target sees the client's address, or a node's with preserve_client_ip off")
    secure(lab, group, balancer, name, nodes)
    proxied(lab, group, name, nodes)


def secure(lab, group, balancer, name, nodes):
    """A TLS listener keeps the client's address as a TCP listener does.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#client-ip-preservation"""
    certificate, pem = lab.certificate("network.example.com")
    lab.listener(balancer, forward(group), port=91, protocol="TLS", Certificates=[{"CertificateArn": certificate}])
    script = f"echo hello | openssl s_client -quiet -connect {name}:91 -CAfile {pem} -verify_return_error"
    for keeps, sees in (("true", {INTERNET}), ("false", nodes)):
        lab.change_group(group, {"preserve_client_ip.enabled": keeps})
        done = lab.internet("sh", "-c", script)
        check(0, done.returncode, f"TLS: {done.stderr}")
        peer, heard = done.stdout.decode().split()
        assert peer in sees, f"{peer} is none of {sees}"
        check(b"hello\n", bytes.fromhex(heard), "what was said over TLS")
    ok("NLB: behind a TLS listener the target sees the client's address, or a node's with preserve_client_ip off")


def proxied(lab, group, name, nodes):
    """"Proxy protocol version 2 provides a binary encoding of the proxy protocol header."
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#proxy-protocol"""
    lab.change_group(group, {"proxy_protocol_v2.enabled": "true"})
    for keeps, sees in (("false", nodes), ("true", {INTERNET})):
        lab.change_group(group, {"preserve_client_ip.enabled": keeps})
        port, peer, heard = raw(name, 90)
        assert peer in sees, f"{peer} is none of {sees}"
        assert heard.startswith(PROXY_V2 + b"\x21\x11"), heard
        check(INTERNET, ".".join(map(str, heard[16:20])), "the header's source address")
        check(port, int.from_bytes(heard[24:26], "big"), "the header's source port")
        check(90, int.from_bytes(heard[26:28], "big"), "the header's destination port")
        length = int.from_bytes(heard[14:16], "big")
        check(b"hello\n", heard[16 + length:], "what comes behind the header")
    ok("NLB: Proxy Protocol v2 names the client's address and port")


def classic(lab, server):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-proxy-protocol.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-listener-config.html"""
    elb = lab.classic
    certificate, pem = lab.certificate("classic.example.com")
    lab.serve(server, "lines.py", 9001, "hear")
    front = {"HTTP": (80, 8080, "HTTP"), "HTTPS": (443, 8080, "HTTP"), "TCP": (90, 9000, "TCP"), "SSL": (91, 9000, "TCP"),
             "PROXY": (92, 9001, "TCP")}
    listeners = [
        {"Protocol": "TCP" if protocol == "PROXY" else protocol, "LoadBalancerPort": port, "InstancePort": inner,
         "InstanceProtocol": speaks, **({"SSLCertificateId": certificate} if protocol in ("HTTPS", "SSL") else {})}
        for protocol, (port, inner, speaks) in front.items()
    ]
    made = elb.create_load_balancer(
        LoadBalancerName="classic", Listeners=listeners, Subnets=lab.subnets, SecurityGroups=[lab.open]
    )
    name = made["DNSName"]
    elb.modify_load_balancer_attributes(
        LoadBalancerName="classic", LoadBalancerAttributes={"CrossZoneLoadBalancing": {"Enabled": True}}
    )
    quick = {"Target": "HTTP:8080/health", "Interval": 5, "Timeout": 2, "UnhealthyThreshold": 2, "HealthyThreshold": 2}
    elb.configure_health_check(LoadBalancerName="classic", HealthCheck=quick)
    elb.create_load_balancer_policy(
        LoadBalancerName="classic", PolicyName="proxy", PolicyTypeName="ProxyProtocolPolicyType",
        PolicyAttributes=[{"AttributeName": "ProxyProtocol", "AttributeValue": "true"}],
    )
    elb.set_load_balancer_policies_for_backend_server(LoadBalancerName="classic", InstancePort=9001, PolicyNames=["proxy"])

    def state():
        found = elb.describe_instance_health(LoadBalancerName="classic")["InstanceStates"][0]
        return found["State"], found["ReasonCode"], found["Description"]

    elb.register_instances_with_load_balancer(LoadBalancerName="classic", Instances=[{"InstanceId": server.id}])
    check(("OutOfService", "ELB", "Instance registration is still in progress."), state(), "an instance that has just come")
    until("InService", lambda: state() == ("InService", "N/A", "N/A"))
    tls = ("--cacert", pem, "--connect-to", f"::{name}")
    for protocol, url, options in (("http", f"http://{name}/", ()), ("https", "https://classic.example.com/", tls)):
        told = dict(lab.curl(*options, url).json()["headers"])
        check((INTERNET, protocol), (told["x-forwarded-for"], told["x-forwarded-proto"]), f"Classic {protocol}")
    _, peer, heard = raw(name, 90)
    check((True, b"hello\n"), (peer.startswith("10.0."), heard), "Classic TCP")
    encrypted = lab.internet(
        "sh", "-c", f"echo hello | openssl s_client -quiet -connect {name}:91 -CAfile {pem} -verify_return_error"
    )
    assert b"hello\n".hex().encode() in encrypted.stdout, encrypted
    port, _, heard = raw(name, 92)
    # "PROXY TCP4 198.51.100.22 203.0.113.7 35646 80\r\n"
    line, _, rest = heard.partition(b"\r\n")
    match = re.fullmatch(rf"PROXY TCP4 {INTERNET} (\d+\.\d+\.\d+\.\d+) {port} 92", line.decode())
    assert match and rest == b"hello\n", heard
    ok(f"CLB: HTTP, HTTPS, TCP, SSL carry requests; Proxy Protocol v1 says {line.decode()}")
    server.tell("be/500")
    why = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
    until("OutOfService", lambda: state() == ("OutOfService", "Instance", why))
    found = lab.curl(f"http://{name}/")
    check((503, b""), (found.status, found.body), "no instance in service")
    server.tell("be/200")
    until("InService again", lambda: state()[0] == "InService")
    check(200, lab.curl(f"http://{name}/").status, "in service again")
    ok("CLB: InService, OutOfService and back, with AWS's reasons; 503 between")


def classic_stickiness(lab):
    """"The load balancer uses a special cookie" AWSELB, which lasts as long as the policy says and is set once.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-sticky-sessions.html"""
    elb = lab.classic
    name = elb.describe_load_balancers(LoadBalancerNames=["classic"])["LoadBalancerDescriptions"][0]["DNSName"]
    elb.create_lb_cookie_stickiness_policy(LoadBalancerName="classic", PolicyName="sticky", CookieExpirationPeriod=60)
    elb.set_load_balancer_policies_of_listener(LoadBalancerName="classic", LoadBalancerPort=80, PolicyNames=["sticky"])
    found = lab.curl(f"http://{name}/who").get("set-cookie")
    match = re.match(r"(AWSELB=[^;]+);PATH=/;MAX-AGE=60", found)
    assert match, found
    check([], lab.curl("-H", f"Cookie: {match[1]}", f"http://{name}/who").all("set-cookie"), "a cookie set once")
    ok("CLB: AWSELB lasts as long as the policy says")


def scenario(lab):
    server = forwarded_for(lab)
    network(lab, server)
    classic(lab, server)
    classic_stickiness(lab)


run(scenario)
