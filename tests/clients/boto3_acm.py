"""boto3 and the AWS CLI against AWS Certificate Manager: validation through Route 53, the waiter, imports, lists, tags."""

import json
import os
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]
ENISHI = os.environ["ENISHI"]


def client(service, key="test"):
    return boto3.client(
        service, endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key="test"
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was not raised")


def run(*words):
    done = subprocess.run(words, capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def cli(*words):
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    command = ["aws", "--endpoint-url", ENDPOINT, "--region", "us-east-1", "--output", "json", "acm", *words]
    done = subprocess.run(command, capture_output=True, check=False, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def zone(route53, name):
    return route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]


def put(route53, zone_id, name, kind, *values):
    records = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value} for value in values]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": records}]}
    route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)


def validations(acm, arn):
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]


def status(acm, arn):
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]


def until(what, look, wanted):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = look()
        if found == wanted:
            return
    raise AssertionError(f"{what} is {found}, wanted {wanted}")


def request_and_validate(acm, route53, folder):
    arn = acm.request_certificate(
        DomainName="example.com",
        SubjectAlternativeNames=["*.example.com", "www.example.org"],
        ValidationMethod="DNS",
        IdempotencyToken="first",
        Tags=[{"Key": "Name", "Value": "web"}],
    )["CertificateArn"]
    again = {"DomainName": "example.com", "SubjectAlternativeNames": ["*.example.com", "www.example.org"]}
    same = acm.request_certificate(**again, ValidationMethod="DNS", IdempotencyToken="first")["CertificateArn"]
    assert same == arn
    records = {item["DomainName"]: item["ResourceRecord"] for item in validations(acm, arn)}
    assert records["example.com"] == records["*.example.com"] != records["www.example.org"], records
    refused("RequestInProgressException", acm.get_certificate, CertificateArn=arn)

    # The zones may be anybody's, as names are the same for all.
    other = client("route53", "210987654321")
    zones = {"example.com": (route53, zone(route53, "example.com")), "www.example.org": (other, zone(other, "example.org"))}
    for domain, (owner, zone_id) in zones.items():
        assert status(acm, arn) == "PENDING_VALIDATION"
        put(owner, zone_id, records[domain]["Name"], records[domain]["Type"], records[domain]["Value"])
    acm.get_waiter("certificate_validated").wait(CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    until("the certificate", lambda: status(acm, arn), "ISSUED")

    got = acm.get_certificate(CertificateArn=arn)
    authority = run(ENISHI, "ca")
    assert got["CertificateChain"].split() == authority.split()
    files = {"leaf.pem": got["Certificate"], "ca.pem": authority}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)
    leaf, root = (os.path.join(folder, name) for name in files)
    for name in ("example.com", "anything.example.com", "www.example.org"):
        run("openssl", "verify", "-CAfile", root, "-purpose", "sslserver", "-verify_hostname", name, leaf)
    shown = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    serial = run("openssl", "x509", "-in", leaf, "-noout", "-serial").strip().removeprefix("serial=")
    assert shown["Serial"].replace(":", "").upper() == serial, (shown["Serial"], serial)
    assert (shown["NotAfter"] - shown["NotBefore"]).days == 197 and shown["Type"] == "AMAZON_ISSUED", shown
    assert shown["KeyAlgorithm"] == "RSA-2048" and shown["Issuer"] == "Enishi", shown
    return arn


def caa_is_heeded(acm, route53):
    zone_id = zone(route53, "example.net")
    put(route53, zone_id, "example.net", "CAA", '0 issue "ca.example.org"', '0 issuewild "amazon.com"')
    arns = {}
    for name in ("deep.example.net", "*.example.net"):
        made = acm.request_certificate(DomainName=name, ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1")
        arns[name] = made["CertificateArn"]
        record = validations(acm, arns[name])[0]["ResourceRecord"]
        put(route53, zone_id, record["Name"], "CNAME", record["Value"])
    until("the wildcard", lambda: status(acm, arns["*.example.net"]), "ISSUED")
    until("the other", lambda: status(acm, arns["deep.example.net"]), "FAILED")
    shown = acm.describe_certificate(CertificateArn=arns["deep.example.net"])["Certificate"]
    assert shown["FailureReason"] == "CAA_ERROR", shown


def imports(acm, folder):
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "own.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", key, "-out", certificate]
    run(*command, "-subj", "/C=JP/O=Shop/CN=shop.example.com", "-addext", "subjectAltName=DNS:shop.example.com,DNS:*.shop.example.com")
    made = cli("import-certificate", "--certificate", f"fileb://{certificate}", "--private-key", f"fileb://{key}")
    shown = cli("describe-certificate", "--certificate-arn", made["CertificateArn"])["Certificate"]
    assert shown["Type"] == "IMPORTED" and shown["Issuer"] == "Shop", shown
    assert shown["SubjectAlternativeNames"] == ["shop.example.com", "*.shop.example.com"], shown
    run("openssl", "genrsa", "-out", os.path.join(folder, "other.pem"), "2048")
    with open(os.path.join(folder, "other.pem"), "rb") as other, open(certificate, "rb") as body:
        refused("ValidationException", acm.import_certificate, Certificate=body.read(), PrivateKey=other.read())
    return made["CertificateArn"]


def lists_and_tags(acm, issued, imported):
    pages = list(acm.get_paginator("list_certificates").paginate(PaginationConfig={"PageSize": 1}))
    assert [item["CertificateArn"] for page in pages for item in page["CertificateSummaryList"]] == [issued, imported]
    every = acm.list_certificates(Includes={"keyTypes": ["RSA_2048", "EC_prime256v1"]})["CertificateSummaryList"]
    assert len(every) == 4, every
    failed = acm.list_certificates(CertificateStatuses=["FAILED"], Includes={"keyTypes": ["EC_prime256v1"]})
    assert [item["DomainName"] for item in failed["CertificateSummaryList"]] == ["deep.example.net"]
    acm.add_tags_to_certificate(CertificateArn=imported, Tags=[{"Key": "Name", "Value": "shop"}, {"Key": "a", "Value": "b"}])
    acm.remove_tags_from_certificate(CertificateArn=imported, Tags=[{"Key": "a"}])
    assert acm.list_tags_for_certificate(CertificateArn=imported)["Tags"] == [{"Key": "Name", "Value": "shop"}]
    assert acm.list_tags_for_certificate(CertificateArn=issued)["Tags"] == [{"Key": "Name", "Value": "web"}]
    refused("InvalidParameterException", acm.request_certificate, DomainName="example.com", ValidationMethod="EMAIL")
    acm.delete_certificate(CertificateArn=imported)
    message = refused("ResourceNotFoundException", acm.describe_certificate, CertificateArn=imported)
    assert message == f"Could not find certificate {imported}.", message


def main():
    acm, route53 = client("acm"), client("route53")
    with tempfile.TemporaryDirectory() as folder:
        issued = request_and_validate(acm, route53, folder)
        imported = imports(acm, folder)
        caa_is_heeded(acm, route53)
        lists_and_tags(acm, issued, imported)


main()
