"""Every action of a rule that needs no identity provider, stickiness, and who gets the next request.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
"""

import collections
import email.utils
import subprocess
import time

from lab import ENISHI, PATIENCE, check, fixed, forward, ok, refused, run, until

LEAST = "least_outstanding_requests"


class Servers:
    """Three servers, each healthy in a group of its own, and a group of the first two, behind one load balancer."""

    def __init__(self, lab):
        self.lab = lab
        self.servers = [lab.server(name, zone) for name, zone in (("one", 0), ("two", 1), ("three", 0))]
        self.alone = [lab.group([server]) for server in self.servers]
        self.both = lab.group(self.servers[:2])
        self.balancer, name = lab.balancer()
        self.url = f"http://{name}"
        self.listener = lab.listener(self.balancer, forward(self.both))
        # A group is checked only while a listener uses it.
        lab.rule(self.listener, 49000, path("/alone"), forward(*self.alone))
        lab.healthy(self.both, *self.alone)

    def default(self, action):
        self.lab.elb.modify_listener(ListenerArn=self.listener, DefaultActions=[action])

    def join(self, server):
        """The server joins the first two, and is healthy."""
        target = {"TargetGroupArn": self.both, "Targets": [{"Id": server.id}]}
        self.lab.elb.register_targets(**target)
        waiter = self.lab.elb.get_waiter("target_in_service")
        waiter.wait(**target, WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE})

    def leave(self, server):
        target = {"TargetGroupArn": self.both, "Targets": [{"Id": server.id}]}
        self.lab.elb.deregister_targets(**target)
        waiter = self.lab.elb.get_waiter("target_deregistered")
        waiter.wait(**target, WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE})

    def who(self, times=1, *arguments):
        return self.lab.lines(f"{self.url}/who", times, *arguments)


def path(*values):
    return [{"Field": "path-pattern", "Values": list(values)}]


def fixed_responses(lab, at):
    """"You can use fixed-response actions to drop client requests and return a custom HTTP response" with 2XX, 4XX or 5XX."""
    page = "<p>closed</p>"
    cases = [("201", "application/json", "{}"), ("418", "text/html", page), ("503", "text/plain", "")]
    for status, kind, body in cases:
        at.default(fixed(body, status, kind))
        found = lab.curl(f"{at.url}/")
        check((int(status), body), (found.status, found.text()), f"fixed response {status}")
        if body:
            check(kind, found.get("content-type").partition(";")[0], "its type")
    ok("fixed-response: 201, 418 and 503 with a type and a body of one's own")


def redirects(lab, at):
    """"You can reuse URI components using the following reserved keywords: #{protocol}, #{host}, #{port}, #{path}, #{query}"""
    asked = f"{at.url}:80/a/b?c=d&e"
    host = at.url.removeprefix("http://")
    cases = [
        ({"StatusCode": "HTTP_301", "Protocol": "HTTPS", "Port": "443"}, f"https://{host}:443/a/b?c=d&e", 301),
        ({"StatusCode": "HTTP_302", "Host": "new.#{host}", "Path": "/x/#{path}"}, f"http://new.{host}:80/x/a/b?c=d&e", 302),
        ({"StatusCode": "HTTP_302", "Protocol": "#{protocol}", "Port": "#{port}", "Path": "/#{path}/z", "Query": "q=1&#{query}"},
         f"http://{host}:80/a/b/z?q=1&c=d&e", 302),
        ({"StatusCode": "HTTP_301", "Host": "example.com", "Path": "/#{host}/#{port}/#{protocol}", "Query": ""},
         f"http://example.com:80/{host}/80/http", 301),
        ({"StatusCode": "HTTP_301", "Path": "/new", "Query": "from=#{path}"}, f"http://{host}:80/new?from=a/b", 301),
    ]
    for config, wanted, status in cases:
        at.default({"Type": "redirect", "RedirectConfig": config})
        found = lab.curl(asked)
        check((status, wanted), (found.status, found.get("location")), f"redirect {config}")
    # "you must modify at least one of the following components: protocol, port, hostname or path"
    loop = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}
    refused("InvalidLoadBalancerAction", at.lab.elb.modify_listener, ListenerArn=at.listener, DefaultActions=[loop])
    ok(f"redirect: {len(cases)} with every placeholder, 301 and 302; a loop is refused")


def weights(lab, at):
    """"if you have two target groups, each with a weight of 10, each target group receives half the requests"""
    one, two, three = at.alone
    at.default(forward((one, 30), (two, 10), (three, 0)))
    seen = collections.Counter(at.who(400))
    check({"one", "two"}, set(seen), "who answers")
    assert 255 <= seen["one"] <= 345, f"300 of 400 are one's, four deviations are 35: {seen}"
    ok(f"forward: weights 30, 10 and 0 gave {seen['one']}, {seen['two']} and 0 of 400")


def attributes(cookie, seconds):
    """A cookie lasts as long as it should."""
    expires = email.utils.parsedate_to_datetime(cookie[1]["expires"]).timestamp()
    assert abs(expires - time.time() - seconds) < 15, f"{cookie} should expire in {seconds} s"
    check("/", cookie[1]["path"], "a cookie's path")


def group_stickiness(lab, at):
    """"the load balancer generates a cookie named AWSALBTG ... and a second one AWSALBTGCORS with SameSite=None"
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html#target-group-stickiness"""
    one, two, _ = at.alone
    at.default(forward(one, two, sticky=100))
    found = lab.curl(f"{at.url}/who")
    cookies = found.cookies()
    check({"AWSALBTG", "AWSALBTGCORS"}, set(cookies), "cookies of a group's stickiness")
    attributes(cookies["AWSALBTG"], 100)
    check("None", cookies["AWSALBTGCORS"][1].get("samesite"), "SameSite")
    assert "samesite" not in cookies["AWSALBTG"][1], cookies
    for name, (value, _) in cookies.items():
        stuck = set(at.who(20, "-H", f"Cookie: a=b; {name}={value}"))
        check({found.text()}, stuck, f"with {name}")
    forged = set(at.who(40, "-H", "Cookie: AWSALBTG=" + cookies["AWSALBTG"][0][::-1]))
    check({"one", "two"}, forged, "with a cookie that nobody made")
    at.default(forward(one, two, sticky=1))
    found = lab.curl(f"{at.url}/who")
    value = found.cookies()["AWSALBTG"][0]
    deadline = time.monotonic() + 10
    while set(at.who(20, "-H", f"Cookie: AWSALBTG={value}")) != {"one", "two"}:
        assert time.monotonic() < deadline, "a cookie of one second holds on"
    ok("forward: AWSALBTG and AWSALBTGCORS hold the group until they expire; a forged one does not")


def lb_cookie(lab, at):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html#duration-based-stickiness"""
    at.default(forward(at.both))
    settings = {"enabled": "true", "type": "lb_cookie", "lb_cookie.duration_seconds": "90"}
    lab.change_group(at.both, {f"stickiness.{key}": value for key, value in settings.items()})
    found = lab.curl(f"{at.url}/who")
    cookies = found.cookies()
    check({"AWSALB", "AWSALBCORS"}, set(cookies), "cookies of duration-based stickiness")
    attributes(cookies["AWSALB"], 90)
    check("None", cookies["AWSALBCORS"][1].get("samesite"), "SameSite")
    for name, (value, _) in cookies.items():
        check({found.text()}, set(at.who(20, "-H", f"Cookie: {name}={value}")), f"with {name}")
    # "If there are multiple cookies, the expiry is reset after every request": every answer sets them anew.
    again = lab.curl("-H", f"Cookie: AWSALB={cookies['AWSALB'][0]}", f"{at.url}/who").cookies()
    check({"AWSALB", "AWSALBCORS"}, set(again), "cookies of the next answer")
    check({"one", "two"}, set(at.who(20)), "without a cookie")
    ok("lb_cookie: AWSALB and AWSALBCORS hold the target, every answer renews them")


def app_cookie(lab, at):
    """"The application-based cookie AWSALBAPP ... its own expiry of 7 days which is non-configurable"
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html#application-based-stickiness"""
    settings = {"type": "app_cookie", "app_cookie.cookie_name": "SESSION", "app_cookie.duration_seconds": "3600"}
    settings = {"enabled": "true", **settings}
    lab.change_group(at.both, {f"stickiness.{key}": value for key, value in settings.items()})
    check({}, lab.curl(f"{at.url}/who").cookies(), "cookies when the application sets none")
    check({"OTHER"}, set(lab.curl(f"{at.url}/login/OTHER").cookies()), "cookies when the application sets another")
    found = lab.curl(f"{at.url}/login/SESSION")
    cookies = found.cookies()
    check({"SESSION", "AWSALBAPP-0"}, set(cookies), "cookies when the application sets its own")
    attributes(cookies["AWSALBAPP-0"], 7 * 24 * 3600)
    both = f"SESSION=1; AWSALBAPP-0={cookies['AWSALBAPP-0'][0]}"
    check({found.text()}, set(at.who(20, "-H", f"Cookie: {both}")), "with both cookies")
    check({"one", "two"}, set(at.who(20, "-H", f"Cookie: {both.partition('; ')[2]}")), "without the application's cookie")
    refused("InvalidConfigurationRequest", lab.change_group, at.both, {"stickiness.app_cookie.cookie_name": "AWSALB"})
    lab.change_group(at.both, {"stickiness.enabled": "false"})
    ok("app_cookie: AWSALBAPP-0 comes with the application's cookie and counts with it")


def algorithms(lab, at):
    """"round_robin", and "least_outstanding_requests": "the target with the lowest number of in progress requests"
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm"""
    lab.change_group(at.both, {"load_balancing.algorithm.type": "round_robin"})
    at.default(forward(at.both))
    seen = collections.Counter(at.who(40))
    check({"one": 20, "two": 20}, dict(seen), "in turn")
    lab.change_group(at.both, {"load_balancing.algorithm.type": LEAST})
    # One request that takes long keeps its server busy; the others go to the other one. Nodes count what is theirs.
    node = ("--connect-to", "::" + lab.nodes(at.balancer)[0]["Association"]["PublicIp"])
    command = [ENISHI, "exec", "internet", "--", "curl", "-s", "-m", "15", *node, f"{at.url}/slow/8"]
    slow = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lab.running.append(slow)
    until("least outstanding requests", lambda: len(set(at.who(30, *node))) == 1, 7)
    [other] = set(at.who(30, *node))
    check({"one", "two"}, {other, slow.communicate()[0].strip()}, "who was busy, and who was not")
    ok("round_robin takes turns; least_outstanding_requests avoids who is busy")


def slow_start(lab, at):
    """"Slow start mode allows targets to warm up": a new target gets few requests first, its share later.
    "The healthy targets registered with the target group do not enter slow start mode."
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode"""
    refused("InvalidConfigurationRequest", lab.change_group, at.both, {"slow_start.duration_seconds": "30"})
    lab.change_group(at.both, {"load_balancing.algorithm.type": "round_robin"})
    # As long as it can be: however slow this machine is, the target is at its beginning.
    lab.change_group(at.both, {"slow_start.duration_seconds": "900"})
    third = at.servers[2]
    at.join(third)
    early = collections.Counter(at.who(90))
    assert early["three"] < 10, f"{early['three']} of the first 90 requests are a new target's, its full share is 30"
    assert abs(early["one"] - early["two"]) < 10, f"the others share the rest: {early}"
    lab.change_group(at.both, {"slow_start.duration_seconds": "0"})
    until("a full share", lambda: collections.Counter(at.who(90))["three"] == 30)
    at.leave(third)
    lab.change_group(at.both, {"slow_start.duration_seconds": "30"})
    at.join(third)
    until("a full share", lambda: collections.Counter(at.who(90))["three"] == 30)
    ok(f"slow start: {early['three']} of 90 requests at first, 30 when it is over")


def scenario(lab):
    at = Servers(lab)
    for part in (fixed_responses, redirects, weights, group_stickiness, lb_cookie, app_cookie, algorithms, slow_start):
        part(lab, at)


run(scenario)
