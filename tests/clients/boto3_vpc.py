"""boto3 against Enishi: waiters, paginators, filters, and the error codes that scripts catch."""

import sys

import boto3
from botocore.exceptions import ClientError


def client(service, endpoint, key="test", region="us-east-1"):
    return boto3.client(
        service, endpoint_url=endpoint, region_name=region, aws_access_key_id=key, aws_secret_access_key="test"
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        assert error.response["ResponseMetadata"]["RequestId"]
        return error
    raise AssertionError(f"{code} was not raised")


def accounts_and_regions(endpoint):
    assert client("sts", endpoint).get_caller_identity()["Account"] == "000000000000"
    assert client("sts", endpoint, "111122223333").get_caller_identity()["Account"] == "111122223333"
    assert client("sts", endpoint, "AKIAIOSFODNN7EXAMPLE").get_caller_identity()["Account"] == "123456789012"
    role = client("sts", endpoint).assume_role(RoleArn="arn:aws:iam::222233334444:role/net", RoleSessionName="me")
    keys = role["Credentials"]
    session = boto3.client(
        "sts",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert session.get_caller_identity()["Arn"] == "arn:aws:sts::222233334444:assumed-role/net/me"
    vpc = client("ec2", endpoint).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for other in (client("ec2", endpoint, "111122223333"), client("ec2", endpoint, region="eu-west-1")):
        refused("InvalidVpcID.NotFound", other.describe_vpcs, VpcIds=[vpc])
        defaults = other.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        assert [v["CidrBlock"] for v in defaults] == ["172.31.0.0/16"]
    client("ec2", endpoint).delete_vpc(VpcId=vpc)


def vpc_errors(ec2):
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/29")
    refused("DryRunOperation", ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.1.0.0/24")
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")
    refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.128/25")
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.create_subnet, VpcId="vpc-0123456789abcdef0", CidrBlock="10.0.1.0/24")


def tags_filters_pages(ec2):
    vpc = ec2.create_vpc(
        CidrBlock="10.9.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "paged"}]}],
    )["Vpc"]["VpcId"]
    for n in range(12):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24")
    pages = list(
        ec2.get_paginator("describe_subnets").paginate(
            Filters=[{"Name": "vpc-id", "Values": [vpc]}], PaginationConfig={"PageSize": 5}
        )
    )
    assert [len(page["Subnets"]) for page in pages] == [5, 5, 2]
    assert all(s["AvailableIpAddressCount"] == 251 for page in pages for s in page["Subnets"])
    found = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["pag*"]}])["Vpcs"]
    assert [v["VpcId"] for v in found] == [vpc]
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "Name"}])
    assert not ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["paged"]}])["Vpcs"]
    return vpc


def instances(ec2, vpc):
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    key = ec2.create_key_pair(KeyName="boto", KeyType="ed25519")
    assert key["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    refused("InvalidKeyPair.Duplicate", ec2.create_key_pair, KeyName="boto")
    started = ec2.run_instances(
        ImageId="ami-0abcdef1234567890",
        MinCount=2,
        MaxCount=2,
        SubnetId=subnet,
        KeyName="boto",
        ClientToken="once",
        InstanceType="t3.micro",
    )["Instances"]
    again = ec2.run_instances(
        ImageId="ami-0abcdef1234567890",
        MinCount=2,
        MaxCount=2,
        SubnetId=subnet,
        KeyName="boto",
        ClientToken="once",
        InstanceType="t3.micro",
    )["Instances"]
    ids = sorted(i["InstanceId"] for i in started)
    assert ids == sorted(i["InstanceId"] for i in again)
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1})
    free = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"]
    assert free == 249, free
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    ec2.stop_instances(InstanceIds=ids)
    ec2.get_waiter("instance_stopped").wait(InstanceIds=ids, WaiterConfig={"Delay": 1})
    ec2.terminate_instances(InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig={"Delay": 1})
    states = ec2.describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"]
    assert {i["State"]["Name"] for i in states} == {"terminated"}
    ec2.delete_key_pair(KeyName="boto")


def quotas(endpoint):
    ec2 = client("ec2", endpoint, "333344445555")
    made = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(5)]
    refused("AddressLimitExceeded", ec2.allocate_address, Domain="vpc")
    client("service-quotas", endpoint, "333344445555").request_service_quota_increase(
        ServiceCode="ec2", QuotaCode="L-0263D0A3", DesiredValue=6
    )
    made.append(ec2.allocate_address(Domain="vpc")["AllocationId"])
    for allocation in made:
        ec2.release_address(AllocationId=allocation)


def main():
    endpoint = sys.argv[1]
    ec2 = client("ec2", endpoint)
    accounts_and_regions(endpoint)
    vpc_errors(ec2)
    instances(ec2, tags_filters_pages(ec2))
    quotas(endpoint)
    print("boto3: accounts, regions, errors, tags, filters, pages, instances, quotas")


main()
