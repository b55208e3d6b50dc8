"""boto3 against Route 53 Domains: from a free name to a confirmed, renewed, transferred and deleted domain."""

import email.policy
import json
import sys
import time
import urllib.error
import urllib.request
from email.parser import BytesParser

import boto3
from botocore.exceptions import ClientError
from registrant import contact

DOMAIN = "boto3-tour.com"
OTHER_ACCOUNT = "111122223333"
CONTACT = contact("ann@boto3-tour.net")


def client(service, endpoint, key="test"):
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key="test"
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error
    raise AssertionError(f"{code} was not raised")


def succeed(domains, answer):
    """Waits until the operation is over, which it is as soon as the network follows."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        detail = domains.get_operation_detail(OperationId=answer["OperationId"])
        if detail["Status"] not in ("SUBMITTED", "IN_PROGRESS"):
            assert detail["Status"] == "SUCCESSFUL", detail
            return detail
    raise AssertionError(f"not in time: {detail}")


def open_link(url, method="GET", headers=None):
    request = urllib.request.Request(url, method=method, headers=headers or {})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def status_of(url, method="GET", headers=None):
    try:
        open_link(url, method, headers)
        return 200
    except urllib.error.HTTPError as error:
        return error.code


def names_and_prices(domains):
    available = domains.check_domain_availability(DomainName=DOMAIN)
    assert available["Availability"] == "AVAILABLE"
    assert domains.check_domain_availability(DomainName="example.com")["Availability"] == "UNAVAILABLE"
    refused("UnsupportedTLD", domains.check_domain_availability, DomainName="shop.test")
    error = refused("InvalidInput", domains.check_domain_availability, DomainName="shop")
    assert "must contain more than 1 label" in str(error)
    suggested = domains.get_domain_suggestions(DomainName=DOMAIN, SuggestionCount=10, OnlyAvailable=True)
    names = [suggestion["DomainName"] for suggestion in suggested["SuggestionsList"]]
    assert len(names) == 10 and DOMAIN not in names
    prices = [price for page in domains.get_paginator("list_prices").paginate() for price in page["Prices"]]
    com = next(price for price in prices if price["Name"] == "com")
    assert com["RegistrationPrice"]["Currency"] == "USD"
    assert domains.list_prices(Tld="com")["Prices"] == [com]


def registration(domains, route53):
    bad = {**CONTACT, "PhoneNumber": "206-555-0100"}
    contacts = {"AdminContact": CONTACT, "RegistrantContact": CONTACT, "TechContact": CONTACT}
    request = {"DomainName": DOMAIN, "DurationInYears": 1, **contacts}
    error = refused("InvalidInput", domains.register_domain, **{**request, "AdminContact": bad})
    assert "ADMIN.PHONE_NUMBER" in str(error)
    refused("TLDRulesViolation", domains.register_domain, **{**request, "DomainName": "boto3-tour.co.uk"})
    detail = succeed(domains, domains.register_domain(**request))
    assert detail["Type"] == "REGISTER_DOMAIN" and detail["DomainName"] == DOMAIN
    refused("InvalidInput", domains.register_domain, **request)
    shown = domains.get_domain_detail(DomainName=DOMAIN)
    assert shown["RegistrantContact"]["Email"] == CONTACT["Email"]
    assert shown["StatusList"] == ["clientTransferProhibited"]
    assert shown["ExpirationDate"].year == shown["CreationDate"].year + 1
    zones = route53.list_hosted_zones_by_name(DNSName=DOMAIN)["HostedZones"]
    zone = next(zone for zone in zones if zone["Name"] == f"{DOMAIN}.")
    servers = route53.get_hosted_zone(Id=zone["Id"])["DelegationSet"]["NameServers"]
    assert [server["Name"] for server in shown["Nameservers"]] == servers
    return zone["Id"], servers


def verification(domains, endpoint):
    def status():
        return domains.get_contact_reachability_status(domainName=DOMAIN)["status"]

    assert status() == "PENDING"
    answer = domains.resend_contact_reachability_email(domainName=DOMAIN)
    assert answer["emailAddress"] == CONTACT["Email"] and not answer["isAlreadyVerified"]
    outbox = json.loads(open_link(f"{endpoint}/_enishi/mail"))["data"]
    assert [mail["domain"] for mail in outbox] == [DOMAIN, DOMAIN]
    shown = json.loads(open_link(f"{endpoint}/_enishi/mail?id={outbox[-1]['id']}"))["data"]
    message = BytesParser(policy=email.policy.default).parsebytes(shown["message"].encode("ascii"))
    assert not message.defects
    assert message["To"].addresses[0].addr_spec == CONTACT["Email"]
    assert message["To"].addresses[0].display_name == "Ann Lee"
    assert message["Date"].datetime.tzinfo is not None
    link = next(line for line in message.get_content().splitlines() if line.startswith("http"))
    assert link.startswith(endpoint) and link == shown["link"]

    page = open_link(link).decode()
    assert DOMAIN in page and 'method="post"' in page
    assert status() == "PENDING", "looking at the link confirms nothing"
    assert status_of(link, "POST", {"Origin": "https://evil.example"}) == 403
    assert status_of(f"{link}0", "POST") == 404
    assert status() == "PENDING"
    assert DOMAIN in open_link(link, "POST", {"Origin": endpoint}).decode()
    assert status() == "DONE"
    assert domains.resend_contact_reachability_email(domainName=DOMAIN)["isAlreadyVerified"]


def changes(domains, servers):
    error = refused(
        "InvalidInput", domains.update_domain_nameservers, DomainName=DOMAIN, Nameservers=[{"Name": f"ns.{DOMAIN}"}]
    )
    assert "glue" in str(error)
    glue = [{"Name": f"ns.{DOMAIN}", "GlueIps": ["198.19.255.1"]}]
    succeed(domains, domains.update_domain_nameservers(DomainName=DOMAIN, Nameservers=glue))
    assert domains.get_domain_detail(DomainName=DOMAIN)["Nameservers"] == glue
    given = [{"Name": server} for server in servers]
    succeed(domains, domains.update_domain_nameservers(DomainName=DOMAIN, Nameservers=given))

    succeed(domains, domains.disable_domain_transfer_lock(DomainName=DOMAIN))
    assert domains.get_domain_detail(DomainName=DOMAIN)["StatusList"] == ["ok"]
    assert len(domains.retrieve_domain_auth_code(DomainName=DOMAIN)["AuthCode"]) >= 16
    succeed(domains, domains.enable_domain_transfer_lock(DomainName=DOMAIN))
    domains.disable_domain_auto_renew(DomainName=DOMAIN)
    assert not domains.list_domains()["Domains"][0]["AutoRenew"]
    domains.enable_domain_auto_renew(DomainName=DOMAIN)

    year = domains.get_domain_detail(DomainName=DOMAIN)["ExpirationDate"].year
    refused("InvalidInput", domains.renew_domain, DomainName=DOMAIN, CurrentExpiryYear=year - 1)
    succeed(domains, domains.renew_domain(DomainName=DOMAIN, CurrentExpiryYear=year, DurationInYears=2))
    assert domains.get_domain_detail(DomainName=DOMAIN)["ExpirationDate"].year == year + 2

    owner = {**CONTACT, "LastName": "Poe"}
    detail = succeed(domains, domains.update_domain_contact(DomainName=DOMAIN, RegistrantContact=owner))
    assert detail["Type"] == "CHANGE_DOMAIN_OWNER"
    succeed(domains, domains.update_domain_contact_privacy(DomainName=DOMAIN, TechPrivacy=False))
    shown = domains.get_domain_detail(DomainName=DOMAIN)
    assert shown["RegistrantContact"]["LastName"] == "Poe" and not shown["TechPrivacy"] and shown["AdminPrivacy"]

    domains.update_tags_for_domain(DomainName=DOMAIN, TagsToUpdate=[{"Key": "team", "Value": "web"}])
    assert domains.list_tags_for_domain(DomainName=DOMAIN)["TagList"] == [{"Key": "team", "Value": "web"}]
    domains.delete_tags_for_domain(DomainName=DOMAIN, TagsToDelete=["team"])
    assert domains.list_tags_for_domain(DomainName=DOMAIN)["TagList"] == []


def lists(domains):
    paginator = domains.get_paginator("list_operations")
    kinds = [row["Type"] for page in paginator.paginate(MaxItems=100) for row in page["Operations"]]
    assert kinds[-1] == "REGISTER_DOMAIN" and kinds.count("DOMAIN_LOCK") == 2, kinds
    bills = [row for page in domains.get_paginator("view_billing").paginate() for row in page["BillingRecords"]]
    assert sorted(bill["Operation"] for bill in bills) == ["REGISTER_DOMAIN", "RENEW_DOMAIN"]
    begins = [{"Name": "DomainName", "Operator": "BEGINS_WITH", "Values": ["boto3"]}]
    assert [row["DomainName"] for row in domains.list_domains(FilterConditions=begins)["Domains"]] == [DOMAIN]


def between_accounts(domains, other):
    assert domains.check_domain_transferability(DomainName=DOMAIN)["Transferability"] == {
        "Transferable": "DOMAIN_IN_OWN_ACCOUNT"
    }
    offer = domains.transfer_domain_to_another_aws_account(DomainName=DOMAIN, AccountId=OTHER_ACCOUNT)
    assert domains.get_operation_detail(OperationId=offer["OperationId"])["StatusFlag"] == "PENDING_ACCEPTANCE"
    accept = other.accept_domain_transfer_from_another_aws_account
    refused("InvalidInput", accept, DomainName=DOMAIN, Password="wrong")
    succeed(other, accept(DomainName=DOMAIN, Password=offer["Password"]))
    refused("InvalidInput", domains.get_domain_detail, DomainName=DOMAIN)
    assert [row["DomainName"] for row in other.list_domains()["Domains"]] == [DOMAIN]
    other.transfer_domain_to_another_aws_account(DomainName=DOMAIN, AccountId="000000000000")
    other.cancel_domain_transfer_to_another_aws_account(DomainName=DOMAIN)


def refusals(domains):
    contacts = {"AdminContact": CONTACT, "RegistrantContact": CONTACT, "TechContact": CONTACT}
    refused("UnsupportedOperationException", domains.transfer_domain, DomainName="boto3-tour.org", **contacts)
    refused("UnsupportedOperationException", domains.push_domain, DomainName=DOMAIN, Target="TAG")


def main():
    endpoint = sys.argv[1]
    domains, route53 = client("route53domains", endpoint), client("route53", endpoint)
    other = client("route53domains", endpoint, OTHER_ACCOUNT)
    names_and_prices(domains)
    zone, servers = registration(domains, route53)
    verification(domains, endpoint)
    changes(domains, servers)
    lists(domains)
    between_accounts(domains, other)
    refusals(domains)
    succeed(other, other.delete_domain(DomainName=DOMAIN))
    assert domains.check_domain_availability(DomainName=DOMAIN)["Availability"] == "AVAILABLE"
    route53.delete_hosted_zone(Id=zone)
    print("domains: registered, confirmed, changed, renewed, transferred, deleted")


main()
