"""boto3's resource API, every paginator and the waiters, and the CLI-shaped arguments that go with them."""

import sys

import boto3
from botocore.exceptions import ClientError, WaiterError

ENDPOINT = sys.argv[1]
KEYS = dict(endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="555555555555", aws_secret_access_key="test")
# Their resources cannot exist here; the operations are refused.
NOT_BUILT = {"UnsupportedOperation", "NotImplemented"}


def resources(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")
    vpc.wait_until_available()
    vpc.create_tags(Tags=[{"Key": "Name", "Value": "main"}])
    vpc.modify_attribute(EnableDnsHostnames={"Value": True})
    assert vpc.describe_attribute(Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    gateway = ec2.create_internet_gateway()
    vpc.attach_internet_gateway(InternetGatewayId=gateway.id)
    subnet = vpc.create_subnet(CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1a")
    table = vpc.create_route_table()
    route = table.create_route(DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway.id)
    table.reload()
    assert [(r.state, r.gateway_id) for r in table.routes] == [("active", "local"), ("active", gateway.id)]
    association = table.associate_with_subnet(SubnetId=subnet.id)
    group = vpc.create_security_group(GroupName="web", Description="web")
    group.authorize_ingress(IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    assert group.ip_permissions[0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    assert [g.group_name for g in vpc.security_groups.filter(Filters=[{"Name": "group-name", "Values": ["w*"]}])] == ["web"]
    acl = vpc.create_network_acl()
    acl.create_entry(RuleNumber=10, Protocol="6", RuleAction="allow", Egress=False, CidrBlock="0.0.0.0/0",
                     PortRange={"From": 80, "To": 80})
    acl.replace_entry(RuleNumber=10, Protocol="-1", RuleAction="deny", Egress=False, CidrBlock="0.0.0.0/0")
    assert acl.entries[0]["RuleAction"] in ("deny", "allow")
    key = ec2.create_key_pair(KeyName="key", KeyType="ed25519")
    assert key.key_material.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    (instance,) = subnet.create_instances(
        ImageId="ami-0abcdef1234567890", InstanceType="t3.small", MinCount=1, MaxCount=1, KeyName="key",
        SecurityGroupIds=[group.id],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
    )
    instance.wait_until_exists()
    instance.wait_until_running()
    instance.reload()
    assert instance.state["Name"] == "running" and instance.vpc.id == vpc.id
    assert {i.id for i in vpc.instances.all()} == {instance.id}
    (volume,) = instance.volumes.all()
    assert volume.state == "in-use" and volume.attachments[0]["InstanceId"] == instance.id
    assert instance.image.id == "ami-0abcdef1234567890" and instance.key_pair.name == "key"
    interface = subnet.create_network_interface(Description="second", Groups=[group.id])
    interface.attach(InstanceId=instance.id, DeviceIndex=1)
    interface.reload()
    assert interface.attachment["InstanceId"] == instance.id
    interface.assign_private_ip_addresses(SecondaryPrivateIpAddressCount=1)
    interface.reload()
    assert len(interface.private_ip_addresses) == 2
    address = ec2.VpcAddress(ec2.meta.client.allocate_address(Domain="vpc")["AllocationId"])
    address.associate(NetworkInterfaceId=interface.id)
    address.reload()
    assert address.network_interface_id == interface.id and address.association.public_ip == address.public_ip
    address.association.delete()
    address.release()
    interface.detach(Force=True)
    interface.delete()
    instance.modify_attribute(DisableApiTermination={"Value": True})
    try:
        instance.terminate()
        raise AssertionError("termination is protected")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "OperationNotPermitted"
    instance.modify_attribute(DisableApiTermination={"Value": False})
    instance.stop()
    instance.wait_until_stopped()
    instance.modify_attribute(InstanceType={"Value": "t3.large"})
    instance.start()
    instance.wait_until_running()
    instance.reload()
    assert instance.instance_type == "t3.large"
    instance.reboot()
    assert "Output" in instance.console_output() or instance.console_output()["InstanceId"] == instance.id
    instance.terminate()
    instance.wait_until_terminated()
    options = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["corp.example"]}])
    options.associate_with_vpc(VpcId=vpc.id)
    vpc.associate_dhcp_options(DhcpOptionsId="default")
    options.delete()
    association.delete()
    route.delete()
    table.delete()
    acl.delete()
    group.delete()
    subnet.delete()
    vpc.detach_internet_gateway(InternetGatewayId=gateway.id)
    gateway.delete()
    key.delete()
    vpc.delete()


def paginators(client):
    """Every Describe that has a paginator."""
    served = refused = 0
    for operation in client.meta.service_model.operation_names:
        name = "".join("_" + c.lower() if c.isupper() else c for c in operation).lstrip("_")
        if not operation.startswith("Describe") or not client.can_paginate(name):
            continue
        required = client.meta.service_model.operation_model(operation).input_shape.required_members
        if required:
            continue
        try:
            pages = list(client.get_paginator(name).paginate())
            assert pages
            served += 1
        except ClientError as error:
            assert error.response["Error"]["Code"] in NOT_BUILT, f"{operation}: {error}"
            refused += 1
    assert served > 25, served
    print(f"{served} paginators served, {refused} of what is not built refused")


def pages(client):
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    wanted = {
        client.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")["Subnet"]["SubnetId"] for n in range(12)
    }
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    found = list(client.get_paginator("describe_subnets").paginate(Filters=here, PaginationConfig={"PageSize": 5}))
    assert [len(page["Subnets"]) for page in found] == [5, 5, 2]
    assert {s["SubnetId"] for page in found for s in page["Subnets"]} == wanted
    client.get_waiter("subnet_available").wait(SubnetIds=sorted(wanted))
    client.get_waiter("vpc_exists").wait(VpcIds=[vpc])
    client.get_waiter("vpc_available").wait(VpcIds=[vpc])
    for subnet in wanted:
        client.delete_subnet(SubnetId=subnet)
    client.delete_vpc(VpcId=vpc)


def waiters(client):
    subnet = client.describe_subnets()["Subnets"][0]["SubnetId"]
    quick = {"Delay": 1, "MaxAttempts": 30}
    nat = client.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    client.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat], WaiterConfig=quick)
    client.delete_nat_gateway(NatGatewayId=nat)
    client.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[nat], WaiterConfig=quick)
    group = client.create_security_group(GroupName="waited", Description="waited")["GroupId"]
    client.get_waiter("security_group_exists").wait(GroupIds=[group], WaiterConfig=quick)
    client.delete_security_group(GroupId=group)
    interface = client.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    client.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[interface], WaiterConfig=quick)
    client.delete_network_interface(NetworkInterfaceId=interface)
    run = client.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    instance = run["Instances"][0]["InstanceId"]
    for waiter in ("instance_exists", "instance_running", "instance_status_ok", "system_status_ok"):
        client.get_waiter(waiter).wait(InstanceIds=[instance], WaiterConfig=quick)
    volume = client.describe_volumes()["Volumes"][0]["VolumeId"]
    client.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig=quick)
    client.terminate_instances(InstanceIds=[instance])
    client.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig=quick)
    client.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig=quick)
    image = client.register_image(Name="mine", ImageLocation="/", RootDeviceName="/dev/sda1")["ImageId"]
    client.get_waiter("image_exists").wait(ImageIds=[image], WaiterConfig=quick)
    client.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=quick)
    client.deregister_image(ImageId=image)
    client.create_key_pair(KeyName="waited", KeyType="ed25519")
    client.get_waiter("key_pair_exists").wait(KeyNames=["waited"], WaiterConfig=quick)
    client.delete_key_pair(KeyName="waited")
    try:
        client.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig=quick)
        raise AssertionError("a terminated instance never runs")
    except WaiterError:
        pass


def main():
    client = boto3.client("ec2", **KEYS)
    resources(boto3.resource("ec2", **KEYS))
    pages(client)
    waiters(client)
    paginators(client)


main()
