"""boto3 against Elastic Load Balancing v2: its waiters and paginators, the life of a load balancer, and what is refused."""

import sys

import boto3
from botocore.exceptions import ClientError, WaiterError


def client(service, endpoint):
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was not raised")


def wait(elb, name, **arguments):
    elb.get_waiter(name).wait(WaiterConfig={"Delay": 1, "MaxAttempts": 60}, **arguments)


def network(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    return vpc, gateway, subnets


def application(elb, ec2, vpc, subnets):
    made = elb.create_load_balancer(Name="web", Subnets=subnets, Tags=[{"Key": "Name", "Value": "web"}])
    balancer = made["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    assert balancer["State"]["Code"] == "provisioning" and balancer["Type"] == "application", balancer
    assert all(zone["LoadBalancerAddresses"] == [] for zone in balancer["AvailabilityZones"]), balancer
    wait(elb, "load_balancer_exists", LoadBalancerArns=[arn])
    wait(elb, "load_balancer_available", LoadBalancerArns=[arn])
    nodes = ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [f"ELB {arn.split(':loadbalancer/')[1]}"]}]
    )["NetworkInterfaces"]
    assert {node["SubnetId"] for node in nodes} == set(subnets), nodes
    assert all(node["Association"]["IpOwnerId"] == "amazon-elb" for node in nodes), nodes
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
    message = refused("ValidationError", elb.create_load_balancer, Name="one", Subnets=subnets[:1])
    assert message == "At least two subnets in two different Availability Zones must be specified", message

    group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    listener = elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Listeners"][0]
    for priority in range(1, 6):
        elb.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}/*"]}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        )
    pages = elb.get_paginator("describe_rules").paginate(
        ListenerArn=listener["ListenerArn"], PaginationConfig={"PageSize": 2}
    )
    priorities = [rule["Priority"] for page in pages for rule in page["Rules"]]
    assert priorities == ["1", "2", "3", "4", "5", "default"], priorities
    message = refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group["TargetGroupArn"])
    assert message.endswith("is currently in use by a listener or a rule"), message
    return arn, group["TargetGroupArn"], listener["ListenerArn"]


def targets(elb, ec2, group, subnet):
    instance = ec2.run_instances(
        ImageId="ami-0123456789abcdef0", InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet
    )["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    )
    target = {"Id": instance, "Port": 8080}
    elb.register_targets(TargetGroupArn=group, Targets=[target])
    found = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]
    assert found["Target"] == target and found["HealthCheckPort"] == "8080", found
    assert found["TargetHealth"]["State"] in ("initial", "unhealthy"), found
    elb.deregister_targets(TargetGroupArn=group, Targets=[target])
    found = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]
    assert found["TargetHealth"]["Reason"] == "Target.DeregistrationInProgress", found
    wait(elb, "target_deregistered", TargetGroupArn=group, Targets=[target])
    assert elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] == []
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})


def lists(elb, vpc, subnets):
    for n in range(3):
        elb.create_target_group(Name=f"group-{n}", Protocol="TCP", Port=80, VpcId=vpc)
        elb.create_load_balancer(Name=f"net-{n}", Type="network", Scheme="internal", Subnets=subnets)
    for operation, key in (("describe_load_balancers", "LoadBalancers"), ("describe_target_groups", "TargetGroups")):
        pages = list(elb.get_paginator(operation).paginate(PaginationConfig={"PageSize": 3}))
        assert [len(page[key]) for page in pages] == [3, 1], pages
    policies = elb.get_paginator("describe_ssl_policies").paginate(PaginationConfig={"PageSize": 10})
    names = [policy["Name"] for page in policies for policy in page["SslPolicies"]]
    assert "ELBSecurityPolicy-2016-08" in names and len(names) == len(set(names)), names
    limits = elb.get_paginator("describe_account_limits").paginate(PaginationConfig={"PageSize": 5})
    limits = {limit["Name"]: limit["Max"] for page in limits for limit in page["Limits"]}
    assert limits["application-load-balancers"] == "50" and limits["target-groups"] == "3000", limits
    for balancer in elb.describe_load_balancers(Names=["net-0", "net-1", "net-2"])["LoadBalancers"]:
        assert "SecurityGroups" not in balancer, balancer
        elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    for group in elb.describe_target_groups(Names=["group-0", "group-1", "group-2"])["TargetGroups"]:
        assert group["LoadBalancerArns"] == [], group
        elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    try:
        wait(elb, "load_balancer_available", Names=["net-0"])
    except WaiterError as error:
        assert error.last_response["Error"]["Code"] == "LoadBalancerNotFound", error
    else:
        raise AssertionError("a load balancer that is gone became available")


def trust_store(elb, s3):
    """The bundle is read from S3; that it is no certificate is found there."""
    s3.create_bucket(Bucket="trust")
    s3.put_object(Bucket="trust", Key="ca.pem", Body=b"no certificate")
    where = {"CaCertificatesBundleS3Bucket": "trust", "CaCertificatesBundleS3Key": "ca.pem"}
    refused("InvalidCaCertificatesBundle", elb.create_trust_store, Name="clients", **where)
    where["CaCertificatesBundleS3Key"] = "other.pem"
    refused("CaCertificatesBundleNotFound", elb.create_trust_store, Name="clients", **where)
    assert elb.describe_trust_stores()["TrustStores"] == []
    s3.delete_object(Bucket="trust", Key="ca.pem")
    s3.delete_bucket(Bucket="trust")


def main(endpoint):
    elb, ec2 = client("elbv2", endpoint), client("ec2", endpoint)
    trust_store(elb, client("s3", endpoint))
    vpc, gateway, subnets = network(ec2)
    arn, group, listener = application(elb, ec2, vpc, subnets)
    targets(elb, ec2, group, subnets[0])
    lists(elb, vpc, subnets)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    wait(elb, "load_balancers_deleted", LoadBalancerArns=[arn])
    refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[listener])
    elb.delete_target_group(TargetGroupArn=group)
    assert elb.describe_target_groups()["TargetGroups"] == []
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


main(sys.argv[1])
