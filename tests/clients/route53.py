"""boto3 and the AWS CLI against Route 53: waiters, paginators, error codes that scripts catch, private zones."""

import json
import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]


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


def cli(*words):
    """What the AWS CLI answers; it follows pages by itself."""
    command = ["aws", "--endpoint-url", ENDPOINT, "--region", "us-east-1", "--output", "json", "route53", *words]
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def change(route53, zone, *changes):
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": records} for action, records in changes]}
    info = route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]
    route53.get_waiter("resource_record_sets_changed").wait(Id=info["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert route53.get_change(Id=info["Id"])["ChangeInfo"]["Status"] == "INSYNC"


def a(name, *values):
    return {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": value} for value in values]}


def zones_and_pages(route53):
    made = [
        route53.create_hosted_zone(Name=f"z{n}.example.net", CallerReference=f"z{n}")["HostedZone"]["Id"]
        for n in range(5)
    ]
    refused("HostedZoneAlreadyExists", route53.create_hosted_zone, Name="z.example.net", CallerReference="z0")
    pages = list(route53.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["HostedZones"]) for page in pages] == [2, 2, 1]
    assert sorted(zone["Id"] for page in pages for zone in page["HostedZones"]) == sorted(made)
    assert route53.get_hosted_zone_count()["HostedZoneCount"] == 5

    # ListHostedZonesByName is paged by name and id; nobody's paginator does it.
    names, start = [], {}
    while True:
        page = route53.list_hosted_zones_by_name(MaxItems="2", **start)
        names += [zone["Name"] for zone in page["HostedZones"]]
        if not page["IsTruncated"]:
            break
        start = {"DNSName": page["NextDNSName"], "HostedZoneId": page["NextHostedZoneId"]}
    assert names == [f"z{n}.example.net." for n in range(5)], names
    by_name = cli("list-hosted-zones-by-name", "--dns-name", "z3.example.net", "--max-items", "1")
    assert [zone["Name"] for zone in by_name["HostedZones"]] == ["z3.example.net."], by_name

    zone = made[0]
    for first in range(0, 650, 325):
        change(route53, zone, *(("CREATE", a(f"r{n}.z0.example.net", "192.0.2.1")) for n in range(first, first + 325)))
    listed = cli("list-resource-record-sets", "--hosted-zone-id", zone)["ResourceRecordSets"]
    assert len(listed) == 652, len(listed)
    pages = list(
        route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 100})
    )
    assert [len(page["ResourceRecordSets"]) for page in pages] == [100] * 6 + [52]
    assert [records for page in pages for records in page["ResourceRecordSets"]] == listed
    waited = cli("get-hosted-zone", "--id", zone)["HostedZone"]
    assert waited["ResourceRecordSetCount"] == 652
    return made


def errors(route53, zone):
    message = refused(
        "InvalidChangeBatch",
        route53.change_resource_record_sets,
        HostedZoneId=zone,
        ChangeBatch={
            "Changes": [
                {"Action": "CREATE", "ResourceRecordSet": a("new.z0.example.net", "192.0.2.1")},
                {"Action": "CREATE", "ResourceRecordSet": a("r1.z0.example.net", "192.0.2.1")},
                {"Action": "DELETE", "ResourceRecordSet": a("gone.z0.example.net", "192.0.2.1")},
            ]
        },
    )
    assert message == (
        "[Tried to create resource record set [name='r1.z0.example.net.', type='A'] but it already exists, "
        "Tried to delete resource record set [name='gone.z0.example.net.', type='A'] but it was not found]"
    ), message
    refused("HostedZoneNotEmpty", route53.delete_hosted_zone, Id=zone)
    refused("NoSuchHostedZone", route53.get_hosted_zone, Id="Z0")
    refused("NoSuchChange", route53.get_change, Id="C0")
    refused("InvalidDomainName", route53.create_hosted_zone, Name="a..b", CallerReference="wrong")
    limit = route53.get_hosted_zone_limit(HostedZoneId=zone, Type="MAX_RRSETS_BY_ZONE")
    assert (limit["Limit"]["Value"], limit["Count"]) == (10_000, 652), limit
    limit = route53.get_account_limit(Type="MAX_HOSTED_ZONES_BY_OWNER")
    assert (limit["Limit"]["Value"], limit["Count"]) == (500, 5), limit


def private_zones(route53):
    mine = {"VPCRegion": "us-east-1", "VPCId": client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]}
    other, other_route53 = client("ec2", "222233334444"), client("route53", "222233334444")
    theirs = {"VPCRegion": "us-east-1", "VPCId": other.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]}
    made = route53.create_hosted_zone(Name="corp.internal", CallerReference="corp", VPC=mine)
    zone = made["HostedZone"]["Id"]
    assert made["HostedZone"]["Config"]["PrivateZone"] and made["VPC"] == mine
    refused("NotAuthorizedException", other_route53.associate_vpc_with_hosted_zone, HostedZoneId=zone, VPC=theirs)
    route53.create_vpc_association_authorization(HostedZoneId=zone, VPC=theirs)
    info = other_route53.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=theirs)["ChangeInfo"]
    other_route53.get_waiter("resource_record_sets_changed").wait(Id=info["Id"], WaiterConfig={"Delay": 1})
    summaries = other_route53.list_hosted_zones_by_vpc(**theirs)["HostedZoneSummaries"]
    assert [summary["Owner"] for summary in summaries] == [{"OwningAccount": "000000000000"}], summaries
    refused("ConflictingDomainExists", route53.create_hosted_zone, Name="corp.internal", CallerReference="2", VPC=mine)
    assert route53.get_hosted_zone(Id=zone)["VPCs"] == [mine, theirs]
    route53.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=theirs)
    refused("LastVPCAssociation", route53.disassociate_vpc_from_hosted_zone, HostedZoneId=zone, VPC=mine)
    change(route53, zone, ("UPSERT", a("www.corp.internal", "10.0.0.1")))
    change(route53, zone, ("DELETE", a("www.corp.internal", "10.0.0.1")))
    route53.delete_hosted_zone(Id=zone)


def main():
    route53 = client("route53")
    made = zones_and_pages(route53)
    errors(route53, made[0])
    private_zones(route53)
    for first in range(0, 650, 325):
        change(
            route53, made[0], *(("DELETE", a(f"r{n}.z0.example.net", "192.0.2.1")) for n in range(first, first + 325))
        )
    for zone in made:
        route53.delete_hosted_zone(Id=zone)
    assert route53.get_hosted_zone_count()["HostedZoneCount"] == 0
    print("zones, pages, errors, waiters, private zones")


if __name__ == "__main__":
    main()
