"""What the health of targets is said to be and why, and what clients are told when no target answers as it should.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-reason-codes
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#load-balancer-http-error-codes
"""

from lab import check, fixed, forward, ok, run, until


def reasons(lab):
    """Every reason of a target, from its registration to its end."""
    server = lab.server("web")
    stranger = lab.instance("stranger", 1)
    group = lab.group([server])
    check(("unused", "Target.NotInUse"), lab.health(group), "no load balancer uses the group")
    check(("unused", "Target.NotRegistered"), lab.health(group, stranger), "an instance that is not registered")
    made = lab.elb.create_load_balancer(Name="early", Subnets=lab.subnets, SecurityGroups=[lab.open])["LoadBalancers"][0]
    balancer, name = made["LoadBalancerArn"], made["DNSName"]
    lab.listener(balancer, forward(group))
    early = lab.health(group)
    assert early in (("initial", "Elb.RegistrationInProgress"), ("initial", "Elb.InitialHealthChecking"), ("healthy", None)), early
    lab.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer], WaiterConfig={"Delay": 1})
    lab.healthy(group)
    check(("healthy", None), lab.health(group), "a server that answers")
    ok(f"Target.NotInUse, Target.NotRegistered, {early[1] or 'no reason'} while it is made, healthy")

    server.tell("be/500")
    until("Target.ResponseCodeMismatch", lambda: lab.health(group) == ("unhealthy", "Target.ResponseCodeMismatch"))
    # "If a target group contains only unhealthy registered targets, the load balancer routes requests to all those targets"
    check(200, lab.curl(f"http://{name}/").status, "fail open")
    server.tell("be/200/4")
    until("Target.Timeout", lambda: lab.health(group) == ("unhealthy", "Target.Timeout"))
    server.tell("be/200")
    lab.healthy(group)
    server.run("curl", "-s", "http://127.0.0.1:8080/stop")
    until("Target.FailedHealthChecks", lambda: lab.health(group) == ("unhealthy", "Target.FailedHealthChecks"))
    lab.serve(server, "server.py", 8080)
    lab.healthy(group)
    ok("Target.ResponseCodeMismatch (and fail open), Target.Timeout, Target.FailedHealthChecks, healthy again")

    reserved = lab.group(TargetType="ip")
    lab.elb.register_targets(TargetGroupArn=reserved, Targets=[{"Id": lab.nodes(balancer)[1]["PrivateIpAddress"]}])
    lab.rule(lab.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"], 9,
             [{"Field": "path-pattern", "Values": ["/itself"]}], forward(reserved))
    check(("unused", "Target.IpUnusable"), lab.health(reserved), "an address of a load balancer")
    check(503, lab.curl(f"http://{name}/itself").status, "no target that can be used")
    ok("Target.IpUnusable: a load balancer's own address is asked for nothing")

    lab.ec2.stop_instances(InstanceIds=[server.id])
    until("Target.InvalidState", lambda: lab.health(group) == ("unused", "Target.InvalidState"))
    check(503, lab.curl(f"http://{name}/").status, "with no target that runs")
    lab.ec2.start_instances(InstanceIds=[server.id])
    lab.ec2.get_waiter("instance_running").wait(InstanceIds=[server.id], WaiterConfig={"Delay": 1})
    until("a new beginning", lambda: lab.health(group)[0] in ("initial", "unhealthy"))
    lab.serve(server, "server.py", 8080)
    lab.healthy(group)
    lab.change_group(group, {"deregistration_delay.timeout_seconds": "5"})
    lab.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": server.id}])
    check(("draining", "Target.DeregistrationInProgress"), lab.health(group), "a target that leaves")
    until("gone", lambda: lab.health(group, server) == ("unused", "Target.NotRegistered"))
    found = lab.curl(f"http://{name}/")
    check((503, 162), (found.status, len(found.body)), "a group without targets")
    ok("Target.InvalidState while it is stopped, Target.DeregistrationInProgress, gone")
    return server, balancer, name


def zones(lab, server):
    """"Target.NotInUse": "Target is in an Availability Zone that is not enabled for the load balancer"; a Network Load Balancer
    says Target.FailedHealthChecks of everything."""
    far = lab.server("far", 1)
    group = lab.group([server, far], Protocol="TCP")
    balancer, _ = lab.balancer("network", Subnets=lab.subnets[:1])
    lab.listener(balancer, forward(group), protocol="TCP")
    until("healthy", lambda: lab.health(group, server) == ("healthy", None))
    check(("unused", "Target.NotInUse"), lab.health(group, far), "a zone without a node")
    server.run("curl", "-s", "http://127.0.0.1:8080/stop")
    until("Target.FailedHealthChecks", lambda: lab.health(group, server) == ("unhealthy", "Target.FailedHealthChecks"))
    lab.serve(server, "server.py", 8080)
    lab.elb.delete_load_balancer(LoadBalancerArn=balancer)
    ok("Target.NotInUse in a zone without a node; an NLB's Target.FailedHealthChecks")


def errors(lab, server, balancer, name):
    """What the load balancer answers itself."""
    group = lab.group([server])
    listener = lab.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    lab.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward(group)])
    lab.healthy(group)

    def asks(wanted, what, path="/", *arguments):
        found = lab.curl(*arguments, f"http://{name}{path}")
        check(wanted, found.status, what)
        assert found.get("server") == "awselb/2.0", f"{what}: {found.headers}"

    # "HTTP 502: The target closed the connection with a TCP RST or a TCP FIN", "the target response is malformed"
    asks(502, "a target that closes", "/close")
    asks(502, "a target that resets", "/reset")
    asks(502, "a target that speaks no HTTP", "/garbage")
    # "HTTP 504: ... the target did not respond before the idle timeout period elapsed"
    lab.change_balancer(balancer, {"idle_timeout.timeout_seconds": "2"})
    asks(504, "a target that is slow", "/slow/6")
    lab.change_balancer(balancer, {"idle_timeout.timeout_seconds": "60"})
    # "HTTP 463: ... an X-Forwarded-For request header with more than 30 IP addresses"
    asks(463, "31 addresses", "/", "-H", "X-Forwarded-For: " + ", ".join(f"192.0.2.{n}" for n in range(31)))
    check(200, lab.curl("-H", "X-Forwarded-For: " + ", ".join(f"192.0.2.{n}" for n in range(30)), f"http://{name}/").status, "30 addresses")
    asks(405, "TRACE", "/", "-X", "TRACE")
    asks(400, "a length that is none", "/", "-H", "Host: a", "-H", "Content-Length: x", "-X", "POST")
    # What a target says is its own.
    for status in (404, 500, 503):
        found = lab.curl(f"http://{name}/status/{status}")
        check((status, "so be it"), (found.status, found.text()), f"a target's own {status}")
    # "HTTP 504: The load balancer failed to establish a connection to the target before the connection timeout expired (10 seconds)"
    closed = lab.ec2.create_security_group(GroupName="closed", Description="closed", VpcId=lab.vpc)["GroupId"]
    hidden = lab.instance("hidden")
    described = lab.ec2.describe_instances(InstanceIds=[hidden.id])["Reservations"][0]["Instances"][0]
    interface = described["NetworkInterfaces"][0]["NetworkInterfaceId"]
    lab.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[closed])
    unreachable = lab.group([hidden])
    lab.rule(listener, 1, [{"Field": "path-pattern", "Values": ["/hidden"]}], forward(unreachable))
    until("Target.Timeout", lambda: lab.health(unreachable) == ("unhealthy", "Target.Timeout"))
    asks(504, "a target that cannot be reached", "/hidden")
    ok("400, 405, 463, 502 (closed, reset, malformed), 503, 504 (slow, no connection) are the load balancer's")
    lab.elb.modify_listener(ListenerArn=listener, DefaultActions=[fixed("still here")])
    check("still here", lab.curl(f"http://{name}/").text(), "the load balancer goes on")


def scenario(lab):
    server, balancer, name = reasons(lab)
    zones(lab, server)
    errors(lab, server, balancer, name)


run(scenario)
