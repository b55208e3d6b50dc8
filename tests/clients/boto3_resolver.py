"""boto3 against Route 53 Resolver: endpoints, rules, query logging, configurations; with paginators, and what is refused."""

import sys
import time

import boto3
from botocore.exceptions import ClientError


def client(service, endpoint):
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error.response
    raise AssertionError(f"{code} was not raised")


def until(what, look, wanted):
    """Looks until it is as wanted, which it is as soon as the network follows."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = look()
        if found == wanted:
            return
    raise AssertionError(f"{what} is {found}, wanted {wanted}")


def gone(resolver, call, **arguments):
    def look():
        try:
            call(**arguments)
        except resolver.exceptions.ResourceNotFoundException:
            return True
        return False

    until(f"{arguments} is gone", look, True)


def endpoint_of(resolver, direction, subnets, group):
    made = resolver.create_resolver_endpoint(
        CreatorRequestId=direction,
        Name=direction.lower(),
        Direction=direction,
        SecurityGroupIds=[group],
        IpAddresses=[{"SubnetId": subnet} for subnet in subnets],
        Tags=[{"Key": "way", "Value": direction}],
    )["ResolverEndpoint"]
    assert made["Status"] == "CREATING" and made["IpAddressCount"] == 2, made
    assert made["Protocols"] == ["Do53"] and made["ResolverEndpointType"] == "IPV4", made
    until(
        made["Id"],
        lambda: resolver.get_resolver_endpoint(ResolverEndpointId=made["Id"])["ResolverEndpoint"]["Status"],
        "OPERATIONAL",
    )
    return made


def endpoints(resolver, ec2, subnets, group):
    inbound = endpoint_of(resolver, "INBOUND", subnets, group)
    outbound = endpoint_of(resolver, "OUTBOUND", subnets, group)
    listed = resolver.get_paginator("list_resolver_endpoints").paginate(PaginationConfig={"PageSize": 1})
    assert {endpoint["Id"] for page in listed for endpoint in page["ResolverEndpoints"]} == {inbound["Id"], outbound["Id"]}
    found = resolver.list_resolver_endpoints(Filters=[{"Name": "Direction", "Values": ["INBOUND"]}])
    assert [endpoint["Id"] for endpoint in found["ResolverEndpoints"]] == [inbound["Id"]], found
    tags = resolver.list_tags_for_resource(ResourceArn=inbound["Arn"])["Tags"]
    assert tags == [{"Key": "way", "Value": "INBOUND"}], tags

    # The endpoints' own addresses were chosen at random.
    taken = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnets[0]]}])["NetworkInterfaces"]
    taken = {interface["PrivateIpAddress"] for interface in taken}
    free = next(ip for ip in (f"10.0.1.{n}" for n in range(53, 60)) if ip not in taken)
    resolver.associate_resolver_endpoint_ip_address(
        ResolverEndpointId=inbound["Id"], IpAddress={"SubnetId": subnets[0], "Ip": free}
    )
    addresses = resolver.get_paginator("list_resolver_endpoint_ip_addresses")
    look = lambda: {  # noqa: E731
        address["Ip"]: address["Status"]
        for page in addresses.paginate(ResolverEndpointId=inbound["Id"])
        for address in page["IpAddresses"]
    }
    until("the new address", lambda: look().get(free), "ATTACHED")
    interfaces = ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [f"Route 53 Resolver: {inbound['Id']}:*"]}]
    )["NetworkInterfaces"]
    assert {interface["PrivateIpAddress"] for interface in interfaces} == set(look()), interfaces
    assert all(interface["RequesterManaged"] and interface["Status"] == "in-use" for interface in interfaces)
    refused(
        "OperationNotPermitted",
        ec2.delete_network_interface,
        NetworkInterfaceId=interfaces[0]["NetworkInterfaceId"],
    )
    error = refused(
        "InvalidParameterException",
        resolver.create_resolver_endpoint,
        CreatorRequestId="doh",
        Direction="INBOUND",
        SecurityGroupIds=[group],
        IpAddresses=[{"SubnetId": subnet} for subnet in subnets],
        Protocols=["DoH"],
    )
    assert error["FieldName"] == "Protocols", error
    return inbound, outbound


def rules(resolver, vpc, outbound):
    rule = resolver.create_resolver_rule(
        CreatorRequestId="rule",
        Name="corp",
        RuleType="FORWARD",
        DomainName="corp.example",
        ResolverEndpointId=outbound["Id"],
        TargetIps=[{"Ip": "192.0.2.53"}],
    )["ResolverRule"]
    assert rule["DomainName"] == "corp.example." and rule["TargetIps"][0]["Port"] == 53, rule
    made = resolver.associate_resolver_rule(ResolverRuleId=rule["Id"], VPCId=vpc)["ResolverRuleAssociation"]
    look = lambda: resolver.get_resolver_rule_association(  # noqa: E731
        ResolverRuleAssociationId=made["Id"]
    )["ResolverRuleAssociation"]["Status"]
    until(made["Id"], look, "COMPLETE")
    names = [rule["Name"] for page in resolver.get_paginator("list_resolver_rules").paginate() for rule in page["ResolverRules"]]
    assert names == ["Internet Resolver", "corp"], names
    pages = resolver.get_paginator("list_resolver_rule_associations").paginate(
        Filters=[{"Name": "VPCId", "Values": [vpc]}]
    )
    found = [association["Name"] for page in pages for association in page["ResolverRuleAssociations"] if "Name" in association]
    assert found == ["System Rule Association"], found
    resolver.update_resolver_rule(
        ResolverRuleId=rule["Id"], Config={"TargetIps": [{"Ip": "192.0.2.54", "Port": 5353}]}
    )
    refused("ResourceInUseException", resolver.delete_resolver_rule, ResolverRuleId=rule["Id"])
    refused("InvalidRequestException", resolver.delete_resolver_endpoint, ResolverEndpointId=outbound["Id"])
    refused("UnsupportedOperationException", resolver.get_resolver_rule_policy, Arn=rule["Arn"])
    resolver.disassociate_resolver_rule(ResolverRuleId=rule["Id"], VPCId=vpc)
    gone(resolver, resolver.get_resolver_rule_association, ResolverRuleAssociationId=made["Id"])
    resolver.delete_resolver_rule(ResolverRuleId=rule["Id"])


def query_logs(resolver, logs, vpc):
    logs.create_log_group(logGroupName="/resolver")
    arn = logs.describe_log_groups(logGroupNamePrefix="/resolver")["logGroups"][0]["arn"]
    config = resolver.create_resolver_query_log_config(
        Name="queries", DestinationArn=arn, CreatorRequestId="queries"
    )["ResolverQueryLogConfig"]
    association = resolver.associate_resolver_query_log_config(
        ResolverQueryLogConfigId=config["Id"], ResourceId=vpc
    )["ResolverQueryLogConfigAssociation"]
    look = lambda: resolver.get_resolver_query_log_config_association(  # noqa: E731
        ResolverQueryLogConfigAssociationId=association["Id"]
    )["ResolverQueryLogConfigAssociation"]["Status"]
    until(association["Id"], look, "ACTIVE")
    listed = resolver.list_resolver_query_log_configs(SortBy="Name", SortOrder="ASCENDING")
    assert listed["TotalCount"] == 1 and listed["ResolverQueryLogConfigs"][0]["AssociationCount"] == 1, listed
    resolver.disassociate_resolver_query_log_config(ResolverQueryLogConfigId=config["Id"], ResourceId=vpc)
    gone(
        resolver,
        resolver.get_resolver_query_log_config_association,
        ResolverQueryLogConfigAssociationId=association["Id"],
    )
    resolver.delete_resolver_query_log_config(ResolverQueryLogConfigId=config["Id"])
    refused(
        "InvalidParameterException",
        resolver.create_resolver_query_log_config,
        Name="bucket",
        DestinationArn="arn:aws:s3:::bucket",
        CreatorRequestId="bucket",
    )
    logs.delete_log_group(logGroupName="/resolver")


def configuration(resolver, vpc):
    resolver.update_resolver_config(ResourceId=vpc, AutodefinedReverseFlag="DISABLE")
    look = lambda: resolver.get_resolver_config(ResourceId=vpc)["ResolverConfig"]["AutodefinedReverse"]  # noqa: E731
    until("reverse names", look, "DISABLED")
    assert resolver.list_resolver_configs()["ResolverConfigs"][0]["ResourceId"] == vpc
    refused("InvalidParameterException", resolver.update_resolver_dnssec_config, ResourceId=vpc, Validation="ENABLE")


def main(endpoint):
    ec2, resolver, logs = (client(service, endpoint) for service in ("ec2", "route53resolver", "logs"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    blocks = ("10.0.1.0/24", "10.0.2.0/24")
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"] for block in blocks]
    group = ec2.create_security_group(GroupName="dns", Description="dns", VpcId=vpc)["GroupId"]
    inbound, outbound = endpoints(resolver, ec2, subnets, group)
    rules(resolver, vpc, outbound)
    query_logs(resolver, logs, vpc)
    configuration(resolver, vpc)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
    for made in (inbound, outbound):
        resolver.delete_resolver_endpoint(ResolverEndpointId=made["Id"])
        gone(resolver, resolver.get_resolver_endpoint, ResolverEndpointId=made["Id"])
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)
    print("boto3: resolver works")


main(sys.argv[1])
