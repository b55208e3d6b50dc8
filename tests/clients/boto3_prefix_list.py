"""boto3 against managed prefix lists: versions, pages, and what refers to them, of which packets follow a new version at once.
[Managed prefix lists](https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html)"""

import concurrent.futures
import contextlib
import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENISHI, ENDPOINT, OWN = os.environ["ENISHI"], sys.argv[1], "111122223333"
KEYS = {"region_name": "us-east-1", "aws_access_key_id": OWN, "aws_secret_access_key": "test"}  # Twelve digits are an account.
EC2 = boto3.client("ec2", endpoint_url=ENDPOINT, **KEYS)
ONE, TWO, THREE = "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"
HOME, AWAY = "203.0.113.7", "198.51.100.7"  # The internet answers for all of its addresses.
# A server that answers whom it sees.
SERVER = """
import socket
server = socket.create_server(("", 80))
print("ready")
while True:
    connection, client = server.accept()
    connection.recv(9999)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + client[0].encode())
    connection.close()
"""


def refused(code, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return
    raise AssertionError(f"{code} was not raised: {more}")


def same(wanted, found):
    assert wanted == found, f"wanted {wanted}, found {found}"


def create(name, size, *blocks, **more):
    more |= {"PrefixListName": name, "AddressFamily": "IPv4", "MaxEntries": size, "Entries": [{"Cidr": block} for block in blocks]}
    return EC2.create_managed_prefix_list(**more)["PrefixList"]


def modify(id, add=(), remove=(), **more):
    """The newest version, unless another is named, plus and minus these blocks."""
    more = {"CurrentVersion": shown(id)["Version"], **more}
    more |= {key: [{"Cidr": block} for block in blocks] for key, blocks in (("AddEntries", add), ("RemoveEntries", remove))}
    return EC2.modify_managed_prefix_list(PrefixListId=id, **more)["PrefixList"]


def restore(id, now, old):
    EC2.restore_managed_prefix_list_version(PrefixListId=id, CurrentVersion=now, PreviousVersion=old)


def shown(id):
    return EC2.describe_managed_prefix_lists(PrefixListIds=[id])["PrefixLists"][0]


def is_now(id, state, version, *blocks):
    found = EC2.get_managed_prefix_list_entries(PrefixListId=id)["Entries"]
    same((state, version, list(blocks)), (shown(id)["State"], shown(id)["Version"], [entry["Cidr"] for entry in found]))


def pages(operation, key, size, **arguments):
    found = EC2.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": size})
    return [len(page[key]) for page in found]


def life():
    tags = [{"Key": "Name", "Value": "offices"}]
    made = create("offices", 3, TWO, ONE, TagSpecifications=[{"ResourceType": "prefix-list", "Tags": tags}])
    id = made["PrefixListId"]
    wanted = {"PrefixListId": id, "PrefixListName": "offices", "MaxEntries": 3, "AddressFamily": "IPv4", "Version": 1, "Tags": tags}
    wanted |= {"PrefixListArn": f"arn:aws:ec2:us-east-1:{OWN}:prefix-list/{id}", "OwnerId": OWN, "State": "create-in-progress"}
    same((wanted, {**wanted, "State": "create-complete"}), (made, shown(id)))
    # "Adding or removing entries in a prefix list creates a new version of the prefix list. Changing the name of the prefix list
    # does not affect the version." (ModifyManagedPrefixList)
    same("modify-in-progress", modify(id, [THREE], [ONE])["State"])
    modify(id, PrefixListName="sites", MaxEntries=2)
    is_now(id, "modify-complete", 2, TWO, THREE)
    first = EC2.get_managed_prefix_list_entries(PrefixListId=id, TargetVersion=1)["Entries"]
    same([{"Cidr": ONE}, {"Cidr": TWO}], first)
    restore(id, 2, 1)
    is_now(id, "restore-complete", 3, ONE, TWO)
    # "If you specify a current version number that does not match the true current version number, the request fails."
    refused("PrefixListVersionMismatch", restore, id, 2, 1)
    for code, change in (
        ("PrefixListVersionMismatch", {"remove": [ONE], "CurrentVersion": 2}),
        ("PrefixListMaxEntriesExceeded", {"add": [THREE]}),
        ("PrefixListMaxEntriesExceeded", {"MaxEntries": 1}),
        ("InvalidPrefixListModification", {"add": [ONE]}),
        ("InvalidPrefixListModification", {"remove": [THREE]}),
        ("InvalidParameterValue", {"add": [ONE], "remove": [ONE]}),
        ("InvalidParameterCombination", {"add": [THREE], "MaxEntries": 9}),
    ):
        refused(code, modify, id, **change)
    is_now(id, "restore-complete", 3, ONE, TWO)
    return id


def filters_and_pages(sites):
    many, blocks = create("many", 50)["PrefixListId"], [f"10.0.{n}.0/24" for n in range(12)]

    def add(block):  # Several clients at once, each from the version that it saw, as Terraform's aws_ec2_managed_prefix_list_entry.
        try:
            modify(many, [block])
        except ClientError as error:
            same("PrefixListVersionMismatch", error.response["Error"]["Code"])
            add(block)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(add, blocks))
    is_now(many, "modify-complete", 13, *blocks)
    same([5, 5, 2], pages("get_managed_prefix_list_entries", "Entries", 5, PrefixListId=many))
    same([1, 1], pages("describe_managed_prefix_lists", "PrefixLists", 1))
    same([0], pages("describe_prefix_lists", "PrefixLists", 5))
    EC2.create_tags(Resources=[many], Tags=[{"Key": "Team", "Value": "net"}])
    for wanted, name, value in (
        ({sites}, "prefix-list-name", "si*"), ({many}, "prefix-list-id", many), ({sites, many}, "owner-id", OWN),
        (set(), "owner-id", "AWS"), ({many}, "tag:Team", "net"), ({sites}, "tag-key", "Name"),
    ):
        rows = EC2.describe_managed_prefix_lists(Filters=[{"Name": name, "Values": [value]}])["PrefixLists"]
        same(wanted, {row["PrefixListId"] for row in rows})
    same("delete-in-progress", EC2.delete_managed_prefix_list(PrefixListId=many)["PrefixList"]["State"])
    refused("InvalidPrefixListID.NotFound", shown, many)


def ask(source, address, *options):
    """Whom the address's server sees; nothing if it is not reached."""
    command = [ENISHI, "exec", source, "--", "curl", "--silent", "--max-time", "1.5", *options, f"http://{address}/"]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout


@contextlib.contextmanager
def server(place):
    command = [ENISHI, "exec", place, "--", "python3", "-u", "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            same("ready\n", process.stdout.readline())
            yield
        finally:
            process.terminate()


def use():
    """In the default VPC a group admits the addresses of one list, and the table has a route to those of another."""
    table, vpc = (EC2.describe_route_tables()["RouteTables"][0][key] for key in ("RouteTableId", "VpcId"))
    gateway = EC2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    groups = [EC2.create_security_group(GroupName=f"g{n}", Description="own", VpcId=vpc)["GroupId"] for n in range(5)]
    run = EC2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, SecurityGroupIds=groups[:1])
    instance = run["Instances"][0]["InstanceId"]
    EC2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    public = EC2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["PublicIpAddress"]
    clients = create("clients", 5, f"{HOME}/32")["PrefixListId"]
    reach = create("reach", 5, "203.0.113.0/24", "198.51.100.0/24")["PrefixListId"]
    EC2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    EC2.create_route(RouteTableId=table, DestinationPrefixListId=reach, GatewayId=gateway)
    web = lambda id: [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": id}]}]  # noqa: E731
    rule = EC2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=web(clients))["SecurityGroupRules"][0]
    same(clients, rule["PrefixListId"])
    with server(instance), server("internet"):
        admitted = lambda: [who for who in (HOME, AWAY) if ask("internet", public, "--interface", who) == who]  # noqa: E731
        reached = lambda: [whom for whom in (HOME, AWAY) if ask(instance, whom) == public]  # noqa: E731
        same(([HOME], [HOME, AWAY]), (admitted(), reached()))
        modify(clients, [f"{AWAY}/32"], [f"{HOME}/32"])
        same([AWAY], admitted())
        restore(clients, 2, 1)
        same([HOME], admitted())
        modify(reach, remove=["203.0.113.0/24"])
        same([AWAY], reached())
        # The same rule gets another list.
        other = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListId": reach}
        change = [{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": other}]
        EC2.modify_security_group_rules(GroupId=groups[0], SecurityGroupRules=change)
        # "You must first remove all references to the prefix list in your resources." (DeleteManagedPrefixList)
        EC2.delete_managed_prefix_list(PrefixListId=reach)
        same([AWAY], admitted())
    row = shown(reach)
    assert row["State"] == "delete-failed" and table in row["StateMessage"] and groups[0] in row["StateMessage"], row
    for group in groups:
        EC2.authorize_security_group_egress(GroupId=group, IpPermissions=web(reach))
    same([5, 1], pages("get_managed_prefix_list_associations", "PrefixListAssociations", 5, PrefixListId=reach))
    users = EC2.get_managed_prefix_list_associations(PrefixListId=reach)["PrefixListAssociations"]
    same({(id, OWN) for id in (table, *groups)}, {(user["ResourceId"], user["ResourceOwner"]) for user in users})
    EC2.delete_route(RouteTableId=table, DestinationPrefixListId=reach)
    EC2.revoke_security_group_ingress(GroupId=groups[0], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    for group in groups:
        EC2.revoke_security_group_egress(GroupId=group, IpPermissions=web(reach))
    EC2.delete_managed_prefix_list(PrefixListId=reach)
    refused("InvalidPrefixListID.NotFound", shown, reach)


filters_and_pages(life())
use()
print("boto3: prefix lists: life, versions, filters, pages, groups, routes, packets")
