"""A whole login with an identity provider that nobody here wrote, and a target that verifies who it is as AWS tells it to.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
"""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from lab import ENISHI, check, forward, ok, run, until
from registrant import contact

DOMAIN = "enishi-logins.org"
PROVIDER, APP = f"https://idp.{DOMAIN}", f"https://app.{DOMAIN}"

# The user guide's example, with the authority that is to be trusted: REGION TOKEN.
VERIFY = """
import base64, json, ssl, sys, urllib.request
sys.path.insert(0, "/run/packages")
import jwt
region, encoded = sys.argv[2:]
header = encoded.split(".")[0]
kid = json.loads(base64.b64decode(header).decode())["kid"]
trusted = ssl.create_default_context(cafile="/run/ca.pem")
with urllib.request.urlopen(f"https://public-keys.auth.elb.{region}.amazonaws.com/{kid}", timeout=20, context=trusted) as answer:
    key = answer.read().decode()
print(json.dumps(jwt.decode(encoded, key, algorithms=["ES256"])))
"""


def zone(lab):
    """A domain, and a certificate for all names in it, issued when its zone says so."""
    domains, dns, acm = lab.client("route53domains"), lab.client("route53"), lab.client("acm")
    ann = contact(f"ann@{DOMAIN}")
    contacts = {"AdminContact": ann, "RegistrantContact": ann, "TechContact": ann}
    operation = domains.register_domain(DomainName=DOMAIN, DurationInYears=1, **contacts)["OperationId"]
    status = lambda: domains.get_operation_detail(OperationId=operation)["Status"]
    until("the domain is registered", lambda: status() == "SUCCESSFUL")
    zone_id = dns.list_hosted_zones_by_name(DNSName=DOMAIN)["HostedZones"][0]["Id"]

    def point(name, target):
        record = {"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": target}]}
        changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        dns.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)

    arn = acm.request_certificate(DomainName=f"*.{DOMAIN}", ValidationMethod="DNS")["CertificateArn"]
    options = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    point(options[0]["ResourceRecord"]["Name"], options[0]["ResourceRecord"]["Value"])
    acm.get_waiter("certificate_validated").wait(CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return point, arn


def login():
    config = {
        "Issuer": PROVIDER,
        "AuthorizationEndpoint": f"{PROVIDER}/oauth2/authorize",
        "TokenEndpoint": f"{PROVIDER}/oauth2/token",
        "UserInfoEndpoint": f"{PROVIDER}/userinfo",
        "ClientId": "shop",
        "ClientSecret": "secret",
        "Scope": "openid email profile",
    }
    return {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config}


def site(lab, certificate, group, *actions):
    balancer, dns_name = lab.balancer()
    actions = [*actions, {**forward(group), "Order": len(actions) + 1}]
    lab.listener(balancer, *actions, port=443, protocol="HTTPS", Certificates=[{"CertificateArn": certificate}])
    return dns_name


class Browser:
    """Somebody on the internet who trusts the local authority and keeps cookies."""

    def __init__(self, lab, authority):
        self.lab, self.jar = lab, os.path.join(lab.work.name, "cookies")
        self.common = ("--cacert", authority, "-b", self.jar, "-c", self.jar)
        Path(self.jar).touch()

    def open(self, url, *arguments):
        return self.lab.curl(*self.common, *arguments, url)


def scenario(lab):
    authority = os.path.join(lab.work.name, "ca.pem")
    trusted = subprocess.run([ENISHI, "ca"], check=True, capture_output=True).stdout
    Path(authority).write_bytes(trusted)
    point, certificate = zone(lab)

    provider = lab.instance("idp")
    lab.bring(provider, "oidc-provider-mock")
    lab.serve(provider, "oidc_server.py", 8080)
    providers = lab.group([provider], HealthCheckPath="/.well-known/openid-configuration")
    shop = lab.server("shop")
    shops = lab.group([shop])
    point(f"idp.{DOMAIN}", site(lab, certificate, providers))
    point(f"app.{DOMAIN}", site(lab, certificate, shops, login()))
    lab.healthy(providers, shops)

    browser = Browser(lab, authority)
    discovered = browser.open(f"{PROVIDER}/.well-known/openid-configuration").json()
    config = login()["AuthenticateOidcConfig"]
    endpoints = [config[key] for key in ("Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint")]
    says = [discovered[key] for key in ("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint")]
    check(says, endpoints, "what the provider says of itself")

    away = browser.open(f"{APP}/cart?item=7")
    check(302, away.status, "who is not known is sent to the provider")
    form = browser.open(away.get("location"))
    assert form.status == 200 and "Authorize Client" in form.text(), form.text()
    denied = browser.open(away.get("location"), "-d", "action=deny")
    check(["access_denied"], parse_qs(urlsplit(denied.get("location")).query)["error"], "what the provider answers")
    check(401, browser.open(denied.get("location")).status, "who denies does not get in")

    allowed = browser.open(away.get("location"), "-d", "sub=ann")
    assert allowed.get("location").startswith(f"{APP}/oauth2/idpresponse?"), allowed.headers
    back = browser.open(allowed.get("location"))
    check((302, f"{APP}/cart?item=7"), (back.status, back.get("location")), "after the login")
    seen = browser.open(back.get("location")).json()
    headers = dict(map(tuple, seen["headers"]))
    check(("/cart?item=7", "ann"), (seen["path"], headers["x-amzn-oidc-identity"]), "what the target sees")
    assert headers["x-amzn-oidc-accesstoken"], headers
    check(561, browser.open(allowed.get("location")).status, "a code is good once")
    ok("authenticate-oidc: the provider of oidc-provider-mock logs somebody in over TLS; denied is 401, a used code 561")

    lab.bring(shop, "PyJWT", "cryptography")
    done = shop.run("sh", "-c", "cat >/run/ca.pem", input=trusted)
    check(0, done.returncode, done.stderr)
    done = shop.run("python3", "-c", VERIFY, "-", "us-east-1", headers["x-amzn-oidc-data"])
    check(0, done.returncode, done.stderr.decode())
    claims = json.loads(done.stdout)
    wanted = {"sub": "ann", "email": "ann@enishi-logins.org", "name": "Ann", "iss": PROVIDER}
    check(wanted, {key: claims.get(key) for key in wanted}, "what the target verified")
    ok("PyJWT in the target verifies x-amzn-oidc-data with the key from public-keys.auth.elb.us-east-1.amazonaws.com")


run(scenario)
