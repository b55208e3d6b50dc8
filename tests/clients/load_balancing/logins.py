"""The first half of a login: who is not known is sent to the identity provider, refused, or let through.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
"""

from urllib.parse import parse_qs, urlsplit

from lab import check, fixed, ok, refused, run

SITE = "site.example.com"


def login(unauthenticated, **more):
    config = {
        "Issuer": "https://192.0.2.10",
        "AuthorizationEndpoint": "https://192.0.2.10/authorize",
        "TokenEndpoint": "https://192.0.2.10/token",
        "UserInfoEndpoint": "https://192.0.2.10/user",
        "ClientId": "web shop",
        "ClientSecret": "secret",
        "OnUnauthenticatedRequest": unauthenticated,
        **more,
    }
    return {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config}


def actions(*arguments, **more):
    return [login(*arguments, **more), {**fixed("inside"), "Order": 2}]


def scenario(lab):
    balancer, name = lab.balancer()
    certificate, pem = lab.certificate(SITE)
    listener = lab.listener(
        balancer, fixed("open"), port=443, protocol="HTTPS", Certificates=[{"CertificateArn": certificate}]
    )
    plain = lab.listener(balancer, fixed("open"))
    # "you can only use authentication with HTTPS listeners"
    refused("InvalidLoadBalancerAction", lab.elb.modify_listener, ListenerArn=plain, DefaultActions=actions("deny"))

    def ask(path, *arguments):
        return lab.curl("--cacert", pem, "--connect-to", f"::{name}", *arguments, f"https://{SITE}{path}")

    def default(*arguments, **more):
        lab.elb.modify_listener(ListenerArn=listener, DefaultActions=actions(*arguments, **more))

    default("deny")
    check(401, ask("/").status, "deny")
    default("allow")
    check("inside", ask("/").text(), "allow")
    default("authenticate", Scope="openid email", AuthenticationRequestExtraParams={"prompt": "login"})
    found = ask("/a?b=c")
    check(302, found.status, "authenticate")
    where = urlsplit(found.get("location"))
    check(("https", "192.0.2.10", "/authorize"), (where.scheme, where.hostname, where.path), "where clients are sent")
    asked = {key: value for key, [value] in parse_qs(where.query).items()}
    assert asked.pop("state"), asked
    wanted = {
        "client_id": "web shop",
        "response_type": "code",
        "scope": "openid email",
        "redirect_uri": f"https://{SITE}/oauth2/idpresponse",
        "prompt": "login",
    }
    check(wanted, asked, "what the provider is asked for")
    # "The load balancer received a request with an invalid state" and a cookie that nobody made is none.
    check(401, ask("/oauth2/idpresponse?code=1&state=forged").status, "a state that nobody made")
    check(302, ask("/", "-H", "Cookie: AWSELBAuthSessionCookie-0=forged").status, "a session that nobody made")
    ok("authenticate-oidc: deny, allow, authenticate with scope and parameters; forged states and sessions count for nothing")


run(scenario)
