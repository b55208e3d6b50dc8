"""Every type of rule condition, and priorities, with requests that match and requests that do not.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from lab import check, fixed, ok, run

INTERNET = "198.18.0.1"


def header(name, *values):
    return {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": list(values)}}


def host(*values):
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(values)}}


def path(*values):
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


def method(*values):
    return {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": list(values)}}


def query(*pairs):
    values = [{"Key": key, "Value": value} if key else {"Value": value} for key, value in pairs]
    return {"Field": "query-string", "QueryStringConfig": {"Values": values}}


def source(*values):
    return {"Field": "source-ip", "SourceIpConfig": {"Values": list(values)}}


def regex(field, config, *values, **more):
    return {"Field": field, config: {"RegexValues": list(values), **more}}


def at(name):
    return ("/", "-H", f"Host: {name}")


def says(line, target="/"):
    return (target, "-H", line)


def by(name, target="/"):
    return (target, "-X", name)


# What is tested, its conditions, what matches, what does not: a path, and curl's arguments.
CASES = [
    ("host-header", [host("example.com", "b.example.org")],
     [at("example.com"), at("EXAMPLE.com"), at("example.com:80"), at("b.example.org")],
     [at("www.example.com"), at("example.com.net"), ("/example.com",)]),
    # "*.example.com matches test.example.com but doesn't match example.com"
    ("host-header: *", [host("*.example.com")], [at("test.example.com"), at("a.b.example.com")], [at("example.com")]),
    ("host-header: ?", [host("app?.example.com")], [at("app1.example.com")], [at("app.example.com"), at("app12.example.com")]),
    ("host-header: regex", [regex("host-header", "HostHeaderConfig", r"^(.+\.)?shop\.example\.(com|org)$")],
     [at("shop.example.org"), at("a.SHOP.example.com")], [at("shop.example.net"), at("xshop.example.com")]),
    # "a path pattern is case-sensitive"; "applied only to the path of the URL, not to its query parameters"
    ("path-pattern", [path("/img/*", "/exact")],
     [("/img/a",), ("/img/",), ("/img/a/b.png?x=1",), ("/exact",), ("/exact?y",)],
     [("/img",), ("/IMG/a",), ("/exact/",), ("/?/img/a",)]),
    ("path-pattern: * within", [path("/img/*/pics")], [("/img/x/pics",), ("/img/x/y/pics",)], [("/img/pics",), ("/img/x/pics/a",)]),
    ("path-pattern: ?", [path("/v?/a")], [("/v1/a",)], [("/v/a",), ("/v12/a",)]),
    ("path-pattern: gRPC", [path("/package.Service/*")], [("/package.Service/Method",)], [("/package.Other/Method",)]),
    ("path-pattern: regex", [regex("path-pattern", "PathPatternConfig", r"^/api/v[0-9]+/.*$")],
     [("/api/v12/x",)], [("/api/v/x",), ("/API/v1/x",)]),
    # "The header name isn't case-sensitive"; the comparison of values neither.
    ("http-header", [header("User-Agent", "*Chrome*", "*Safari*")],
     [says("user-agent: Mozilla CHROME/1"), says("User-Agent: Safari")], [says("User-Agent: curl"), says("X: Chrome")]),
    ("http-header: ?", [header("X-Version", "v?")], [says("x-version: V2")], [says("X-Version: v"), says("X-Version: v10")]),
    ("http-header: one of many", [header("X-Many", "two")], [("/", "-H", "X-Many: one", "-H", "X-Many: two")], [says("X-Many: one")]),
    ("http-header: regex", [regex("http-header", "HttpHeaderConfig", r"^id-[0-9]{3}$", HttpHeaderName="X-Id")],
     [says("X-Id: id-123")], [says("X-Id: id-1234"), says("X-Id: 123")]),
    # "The method name is case-sensitive": wildcards do not count, and methods may be of one's own.
    ("http-request-method", [method("PUT", "PURGE")], [by("PUT"), by("PURGE")], [by("GET"), by("PURG")]),
    # "The comparison is not case-sensitive."
    ("query-string", [query(("version", "v1"), (None, "*example*"))],
     [("/?version=v1",), ("/?a=b&VERSION=V1",), ("/?a=xEXAMPLEx",)],
     [("/?version=v2",), ("/?a=v1",), ("/version=v1",), ("/",)]),
    ("query-string: ?", [query(("n", "1?"))], [("/?n=12",)], [("/?n=1",), ("/?n=123",)]),
    ("query-string: escaped", [query(("n", r"a\*b"))], [("/?n=a*b",)], [("/?n=axb",)]),
    # "This condition is not satisfied by the addresses in the X-Forwarded-For header."
    ("source-ip", [source("192.0.2.0/24", f"{INTERNET}/32")], [("/",)], []),
    ("source-ip: not what a header says", [source("203.0.113.0/24")], [], [("/",), says("X-Forwarded-For: 203.0.113.9")]),
    # "A rule's conditions are all met", each by one of its values.
    ("all conditions of a rule", [path("/a/*", "/b/*"), method("POST"), header("X-Team", "blue"), source("0.0.0.0/0")],
     [("/b/1", "-X", "POST", "-H", "X-Team: blue")],
     [("/b/1", "-X", "POST"), ("/b/1", "-H", "X-Team: blue"), ("/c", "-X", "POST", "-H", "X-Team: blue")]),
]


def conditions(lab):
    balancer, name = lab.balancer()
    listener = lab.listener(balancer, fixed("default"))
    for what, wanted, matching, others in CASES:
        rule = lab.rule(listener, 10, wanted, fixed("matched"))
        for requests, answer in ((matching, "matched"), (others, "default")):
            for target, *arguments in requests:
                found = lab.curl("--globoff", f"http://{name}{target}", *arguments).text()
                check(answer, found, f"{what}: {target} {arguments}")
        lab.elb.delete_rule(RuleArn=rule)
        ok(f"{what}: {len(matching)} match, {len(others)} do not")
    return listener, name


def priorities(lab, listener, name):
    """"Rules are evaluated in priority order, from the lowest value to the highest value. The default rule is evaluated last."
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html"""
    made = {
        priority: lab.rule(listener, priority, [path(pattern)], fixed(text))
        for priority, pattern, text in ((50000, "/*", "last"), (200, "/a/*", "second"), (100, "/a/b/*", "first"))
    }
    wanted = {"/a/b/c": "first", "/a/c": "second", "/c": "last"}
    check(wanted, {target: lab.curl(f"http://{name}{target}").text() for target in wanted}, "priorities")
    swapped = [{"RuleArn": made[50000], "Priority": 1}, {"RuleArn": made[100], "Priority": 201}]
    lab.elb.set_rule_priorities(RulePriorities=swapped)
    check("last", lab.curl(f"http://{name}/a/b/c").text(), "priorities set anew")
    lab.elb.set_rule_priorities(RulePriorities=[{"RuleArn": made[50000], "Priority": 300}])
    check("second", lab.curl(f"http://{name}/a/b/c").text(), "priorities set again")
    lab.elb.delete_rule(RuleArn=made[200])
    check("first", lab.curl(f"http://{name}/a/b/c").text(), "a rule deleted")
    ok("priorities decide, at once when they change")


def scenario(lab):
    priorities(lab, *conditions(lab))


run(scenario)
