"""boto3 against VPC peering: the life of a connection, accounts and regions, groups of peered VPCs, and packets."""

import contextlib
import datetime
import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENISHI = os.environ["ENISHI"]
OWN, OTHER = "111122223333", "444455556666"
QUICK = {"Delay": 1, "MaxAttempts": 30}
# A server that answers whom it sees, and a client that prints the answer.
SERVER = """
import socketserver, sys
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write((self.client_address[0] + "\\n").encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
with Server(("0.0.0.0", int(sys.argv[1])), Answer) as server:
    print("ready")
    server.serve_forever()
"""
CLIENT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.5) as connection:
        connection.settimeout(1.5)
        print(connection.makefile().readline().strip())
except OSError:
    sys.exit(1)
"""


def client(endpoint, key=OWN, region="us-east-1"):
    """An access key of twelve digits is an account."""
    return boto3.client(
        "ec2", endpoint_url=endpoint, region_name=region, aws_access_key_id=key, aws_secret_access_key="test"
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was not raised")


def same(wanted, found):
    assert wanted == found, f"wanted {wanted}, found {found}"


def by(**filters):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]


def vpc(ec2, block):
    return ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]


def request(ec2, own, peer, **more):
    return ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=peer, **more)["VpcPeeringConnection"]


def peer(requester, own, accepter, other, **more):
    """An active connection."""
    pcx = request(requester, own, other, **more)["VpcPeeringConnectionId"]
    accepter.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    return pcx


def shown(ec2, pcx):
    return ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[pcx])["VpcPeeringConnections"][0]


def status(ec2, pcx):
    return shown(ec2, pcx)["Status"]["Code"]


def tags(ec2, pcx):
    return {tag["Key"]: tag["Value"] for tag in shown(ec2, pcx)["Tags"]}


def end(ec2, pcx):
    assert ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)["Return"]
    ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[pcx], WaiterConfig=QUICK)


def requests(ec2):
    """What a request and its acceptance answer, as the AWS CLI's examples of both commands show it."""
    one, two = vpc(ec2, "10.0.0.0/16"), vpc(ec2, "10.1.0.0/16")
    own = [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Name", "Value": "pair"}]}]
    refused("DryRunOperation", ec2.create_vpc_peering_connection, VpcId=one, PeerVpcId=two, DryRun=True)
    before = datetime.datetime.now(datetime.timezone.utc)
    made = request(ec2, one, two, TagSpecifications=own)
    pcx = made["VpcPeeringConnectionId"]
    assert pcx.startswith("pcx-"), pcx
    same({"Code": "initiating-request", "Message": f"Initiating Request to {OWN}"}, made["Status"])
    same([{"Key": "Name", "Value": "pair"}], made["Tags"])
    options = {
        "AllowDnsResolutionFromRemoteVpc": False,
        "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
        "AllowEgressFromLocalVpcToRemoteClassicLink": False,
    }
    whole = lambda id, block: {  # noqa: E731
        "CidrBlock": block,
        "CidrBlockSet": [{"CidrBlock": block}],
        "OwnerId": OWN,
        "PeeringOptions": options,
        "VpcId": id,
        "Region": "us-east-1",
    }
    same(whole(one, "10.0.0.0/16"), made["RequesterVpcInfo"])
    # "CIDR block information is only returned when describing an active VPC peering connection."
    same({"OwnerId": OWN, "VpcId": two, "Region": "us-east-1"}, made["AccepterVpcInfo"])
    # "The VPC peering connection request expires after 7 days".
    wait = made["ExpirationTime"] - before
    assert datetime.timedelta(days=7, seconds=-2) < wait < datetime.timedelta(days=7, minutes=10), wait

    ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[pcx], WaiterConfig=QUICK)
    same({"Code": "pending-acceptance", "Message": f"Pending Acceptance by {OWN}"}, shown(ec2, pcx)["Status"])
    same(pcx, request(ec2, one, two)["VpcPeeringConnectionId"])
    refused(
        "OperationNotPermitted",
        ec2.modify_vpc_peering_connection_options,
        VpcPeeringConnectionId=pcx,
        AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True},
    )

    # "You cannot have more than one VPC peering connection between two VPCs at the same time": another way round, which can be
    # asked for, cannot be accepted.
    reverse = request(ec2, two, one)["VpcPeeringConnectionId"]
    assert reverse != pcx
    accepted = ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)["VpcPeeringConnection"]
    same({"Code": "provisioning", "Message": "Provisioning"}, accepted["Status"])
    same(whole(two, "10.1.0.0/16"), accepted["AccepterVpcInfo"])
    assert "ExpirationTime" not in accepted, accepted
    same({"Code": "active", "Message": "Active"}, shown(ec2, pcx)["Status"])
    refused("VpcPeeringConnectionAlreadyExists", ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=reverse)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=reverse)
    same(pcx, request(ec2, one, two)["VpcPeeringConnectionId"])
    same("active", status(ec2, pcx))
    return one, two, pcx


def resources(endpoint):
    """boto3's resource API."""
    ec2 = boto3.resource(
        "ec2", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=OWN, aws_secret_access_key="test"
    )
    one, two = ec2.create_vpc(CidrBlock="10.0.0.0/16"), ec2.create_vpc(CidrBlock="10.1.0.0/16")
    pcx = ec2.create_vpc_peering_connection(VpcId=one.id, PeerVpcId=two.id)
    pcx.wait_until_exists()
    pcx.accept()
    pcx.reload()
    same(("active", one, two), (pcx.status["Code"], pcx.requester_vpc, pcx.accepter_vpc))
    same([pcx], list(one.requested_vpc_peering_connections.all()))
    same([pcx], list(two.accepted_vpc_peering_connections.all()))
    same([], list(two.requested_vpc_peering_connections.all()))
    pcx.delete()
    pcx.reload()
    same("deleted", pcx.status["Code"])
    one.delete()
    two.delete()


def endings(ec2, theirs, one, two, pcx):
    """From what state to what other a connection does not go."""
    invalid = lambda call, id: refused("InvalidStateTransition", call, VpcPeeringConnectionId=id)  # noqa: E731
    invalid(ec2.accept_vpc_peering_connection, pcx)
    # "While in this state, either of the VPC owners can delete the VPC peering connection, but cannot reject it."
    message = invalid(ec2.reject_vpc_peering_connection, pcx)
    same(f"Invalid state transition for {pcx}, attempted to transition from active to rejected", message)
    end(ec2, pcx)
    same({"Code": "deleted", "Message": f"Deleted by {OWN}"}, shown(ec2, pcx)["Status"])
    for call in (ec2.accept_vpc_peering_connection, ec2.reject_vpc_peering_connection, ec2.delete_vpc_peering_connection):
        invalid(call, pcx)

    other = request(ec2, two, one)["VpcPeeringConnectionId"]
    assert ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=other)["Return"]
    same({"Code": "rejected", "Message": f"Rejected by {OWN}"}, shown(ec2, other)["Status"])
    # "You cannot delete the VPC peering connection when the VPC peering connection is in the rejected state."
    for call in (ec2.accept_vpc_peering_connection, ec2.delete_vpc_peering_connection):
        invalid(call, other)

    # "If you create a VPC peering connection request between VPCs with overlapping CIDR blocks, the VPC peering connection has a
    # status of failed."
    twin = vpc(ec2, "10.0.128.0/17")
    for own, peered in ((one, twin), (one, one)):
        failed = request(ec2, own, peered)["VpcPeeringConnectionId"]
        same("failed", status(ec2, failed))
        for call in (ec2.accept_vpc_peering_connection, ec2.delete_vpc_peering_connection):
            invalid(call, failed)
    # Nothing is told of VPCs of other accounts, not even whether they exist.
    stranger = request(ec2, one, "vpc-0123456789abcdef0", PeerOwnerId=OTHER)["VpcPeeringConnectionId"]
    same("failed", status(ec2, stranger))
    # "The failed VPC peering connection remains visible to the requester for 2 hours": to nobody else.
    # [VPC peering connection lifecycle](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-lifecycle)
    block = vpc(theirs, "10.0.0.0/17")
    overlapping = request(ec2, one, block, PeerOwnerId=OTHER)["VpcPeeringConnectionId"]
    same(("failed", []), (status(ec2, overlapping), theirs.describe_vpc_peering_connections()["VpcPeeringConnections"]))
    refused("InvalidVpcPeeringConnectionID.NotFound", theirs.accept_vpc_peering_connection, VpcPeeringConnectionId=overlapping)
    tag = {"Resources": [overlapping], "Tags": [{"Key": "Name", "Value": "failed"}]}
    refused("InvalidVpcPeeringConnectionID.NotFound", theirs.create_tags, **tag)
    ec2.create_tags(**tag)
    theirs.delete_vpc(VpcId=block)
    refused("InvalidVpcID.NotFound", ec2.create_vpc_peering_connection, VpcId=one, PeerVpcId="vpc-0123456789abcdef0")
    refused("InvalidVpcID.NotFound", ec2.create_vpc_peering_connection, VpcId="vpc-0123456789abcdef0", PeerVpcId=one)
    for call in (
        ec2.accept_vpc_peering_connection,
        ec2.reject_vpc_peering_connection,
        ec2.delete_vpc_peering_connection,
    ):
        refused("InvalidVpcPeeringConnectionID.NotFound", call, VpcPeeringConnectionId="pcx-0123456789abcdef0")
        refused("InvalidVpcPeeringConnectionId.Malformed", call, VpcPeeringConnectionId="pcx-x")
    refused(
        "InvalidVpcPeeringConnectionID.NotFound",
        ec2.describe_vpc_peering_connections,
        VpcPeeringConnectionIds=["pcx-0123456789abcdef0"],
    )
    return twin


def filters_and_pages(ec2, one, two, twin):
    def found(**filters):
        rows = ec2.describe_vpc_peering_connections(Filters=by(**filters))["VpcPeeringConnections"]
        return {row["VpcPeeringConnectionId"] for row in rows}

    active = peer(ec2, one, ec2, two)
    ec2.create_tags(Resources=[active], Tags=[{"Key": "Name", "Value": "active"}, {"Key": "Team", "Value": "net"}])
    waiting = request(ec2, two, twin)["VpcPeeringConnectionId"]
    same({active}, found(status_code="active"))
    same({waiting}, found(status_code="pending-acceptance"))
    assert len(found(status_code="failed")) == 4 and len(found(status_code="rejected")) == 1
    same({active}, found(**{"requester-vpc-info.vpc-id": one, "status-code": "active"}))
    same({waiting}, found(**{"accepter-vpc-info.vpc-id": twin, "requester-vpc-info.vpc-id": two}))
    same({active}, found(**{"accepter-vpc-info.cidr-block": "10.1.*", "requester-vpc-info.owner-id": OWN, "status-code": "a*"}))
    same({active}, found(**{"tag:Team": "net"}))
    same({active}, found(tag_key="Team"))
    same({waiting}, found(status_message=f"Pending Acceptance by {OWN}"))
    # The value as the response has it, which boto3 has parsed.
    same({waiting}, found(expiration_time=shown(ec2, waiting)["ExpirationTime"].strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    same({active}, found(vpc_peering_connection_id=active))
    refused("InvalidParameterValue", ec2.describe_vpc_peering_connections, Filters=by(peer="x"))
    kinds = {tag["ResourceType"] for tag in ec2.describe_tags(Filters=by(resource_id=active))["Tags"]}
    same({"vpc-peering-connection"}, kinds)

    pages = ec2.get_paginator("describe_vpc_peering_connections").paginate(PaginationConfig={"PageSize": 5})
    rows = [[row["VpcPeeringConnectionId"] for row in page["VpcPeeringConnections"]] for page in pages]
    same([5, 4], [len(page) for page in rows])
    same(9, len({id for page in rows for id in page}))
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=waiting)
    return active


def vpc_deletion(ec2, other, endpoint):
    """When a VPC with connections can be deleted: [Delete a VPC peering connection]
    (https://docs.aws.amazon.com/vpc/latest/peering/delete-vpc-peering-connection.html)"""
    theirs = client(endpoint, OTHER)
    active = ec2.describe_vpc_peering_connections(Filters=by(status_code="active"))["VpcPeeringConnections"][0]
    one = active["RequesterVpcInfo"]["VpcId"]
    refused("DependencyViolation", ec2.delete_vpc, VpcId=one)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=active["AccepterVpcInfo"]["VpcId"])
    end(ec2, active["VpcPeeringConnectionId"])
    # "You cannot delete a VPC for which you have a pending-acceptance request from a VPC in another account. You must first reject
    # the VPC peering connection request."
    block = vpc(theirs, "10.7.0.0/16")
    incoming = request(theirs, block, one, PeerOwnerId=OWN)["VpcPeeringConnectionId"]
    refused("DependencyViolation", ec2.delete_vpc, VpcId=one)
    ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=incoming)
    # "If you have requested a VPC peering connection with a VPC in another account, and you delete your VPC before the other party has
    # accepted the request, the VPC peering connection is also deleted."
    outgoing = request(ec2, one, block, PeerOwnerId=OTHER)["VpcPeeringConnectionId"]
    ec2.delete_vpc(VpcId=one)
    same("deleted", status(theirs, outgoing))
    refused(
        "InvalidStateTransition", theirs.accept_vpc_peering_connection, VpcPeeringConnectionId=outgoing
    )
    theirs.delete_vpc(VpcId=block)
    for vpc_id in other:
        ec2.delete_vpc(VpcId=vpc_id)


def sides(endpoint):
    """Two accounts and two regions: who decides, and what each side sees."""
    ec2, theirs = client(endpoint), client(endpoint, OTHER, "eu-west-1")
    one, two = vpc(ec2, "10.0.0.0/16"), vpc(theirs, "10.1.0.0/16")
    for owner, network in ((ec2, one), (theirs, two)):
        owner.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})
    made = request(ec2, one, two, PeerOwnerId=OTHER, PeerRegion="eu-west-1")
    pcx = made["VpcPeeringConnectionId"]
    same({"OwnerId": OTHER, "VpcId": two, "Region": "eu-west-1"}, made["AccepterVpcInfo"])
    same(f"Pending Acceptance by {OTHER}", shown(theirs, pcx)["Status"]["Message"])
    named = {"VpcPeeringConnectionId": pcx}
    for call in (ec2.accept_vpc_peering_connection, ec2.reject_vpc_peering_connection):
        refused("OperationNotPermitted", call, **named)
    refused("OperationNotPermitted", theirs.delete_vpc_peering_connection, **named)
    # Elsewhere the connection is not known, although the account is one of its two.
    for elsewhere in (client(endpoint, OTHER), client(endpoint, OWN, "eu-west-1"), client(endpoint, "777788889999")):
        refused("InvalidVpcPeeringConnectionID.NotFound", elsewhere.accept_vpc_peering_connection, **named)
        same([], elsewhere.describe_vpc_peering_connections(Filters=by(status_code="pending-acceptance"))["VpcPeeringConnections"])
    theirs.accept_vpc_peering_connection(**named)
    same("active", status(ec2, pcx))

    # "Any tags that you create for your VPC peering connection are only applied in the account or Region in which you create them."
    ec2.create_tags(Resources=[pcx], Tags=[{"Key": "Side", "Value": "requester"}, {"Key": "Own", "Value": "1"}])
    theirs.create_tags(Resources=[pcx], Tags=[{"Key": "Side", "Value": "accepter"}])
    same({"Side": "requester", "Own": "1"}, tags(ec2, pcx))
    same({"Side": "accepter"}, tags(theirs, pcx))
    same([], ec2.describe_vpc_peering_connections(Filters=by(**{"tag:Side": "accepter"}))["VpcPeeringConnections"])
    ec2.delete_tags(Resources=[pcx], Tags=[{"Key": "Side"}])
    same({"Own": "1"}, tags(ec2, pcx))
    same({"Side": "accepter"}, tags(theirs, pcx))

    # "you must use the Region for the requester VPC to modify the requester VPC peering options and the Region for the accepter VPC to
    # modify the accepter VPC peering options."
    allow = {"AllowDnsResolutionFromRemoteVpc": True}
    refused("OperationNotPermitted", ec2.modify_vpc_peering_connection_options, **named, AccepterPeeringConnectionOptions=allow)
    refused("OperationNotPermitted", theirs.modify_vpc_peering_connection_options, **named, RequesterPeeringConnectionOptions=allow)
    answer = theirs.modify_vpc_peering_connection_options(**named, AccepterPeeringConnectionOptions=allow)
    same(allow, answer["AccepterPeeringConnectionOptions"])
    assert "RequesterPeeringConnectionOptions" not in answer, answer
    seen, mirrored = shown(ec2, pcx), shown(theirs, pcx)
    assert seen["RequesterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is False, seen
    assert mirrored["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is True, mirrored
    assert "PeeringOptions" not in seen["AccepterVpcInfo"] and "PeeringOptions" not in mirrored["RequesterVpcInfo"], (seen, mirrored)
    for network in (seen, mirrored):
        same(["10.0.0.0/16", "10.1.0.0/16"], [network[f"{side}VpcInfo"]["CidrBlock"] for side in ("Requester", "Accepter")])
    # Names that there are not can be for nobody.
    theirs.modify_vpc_peering_connection_options(**named, AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": False})
    theirs.modify_vpc_attribute(VpcId=two, EnableDnsHostnames={"Value": False})
    refused(
        "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
        theirs.modify_vpc_peering_connection_options,
        **named,
        AccepterPeeringConnectionOptions=allow,
    )

    # "You cannot reference the security group of a peer VPC that's in a different Region."
    group = theirs.create_security_group(GroupName="far", Description="far", VpcId=two)["GroupId"]
    ours = ec2.create_security_group(GroupName="near", Description="near", VpcId=one)["GroupId"]
    pair = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group, "UserId": OTHER}]}]
    refused("InvalidGroup.NotFound", ec2.authorize_security_group_ingress, GroupId=ours, IpPermissions=pair)
    end(theirs, pcx)
    same(f"Deleted by {OTHER}", shown(ec2, pcx)["Status"]["Message"])
    ec2.delete_security_group(GroupId=ours)
    theirs.delete_security_group(GroupId=group)

    # One account in two regions: the other one's part is still done there.
    far = client(endpoint, OWN, "eu-west-1")
    three = vpc(far, "10.2.0.0/16")
    pcx = request(ec2, one, three, PeerRegion="eu-west-1")["VpcPeeringConnectionId"]
    message = refused("OperationNotPermitted", ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=pcx)
    assert "Incorrect region (us-east-1)" in message and "eu-west-1" in message, message
    refused("OperationNotPermitted", ec2.reject_vpc_peering_connection, VpcPeeringConnectionId=pcx)
    far.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    refused(
        "OperationNotPermitted",
        ec2.modify_vpc_peering_connection_options,
        VpcPeeringConnectionId=pcx,
        AccepterPeeringConnectionOptions=allow,
    )
    end(ec2, pcx)
    same("deleted", status(far, pcx))
    ec2.delete_vpc(VpcId=one)
    theirs.delete_vpc(VpcId=two)
    far.delete_vpc(VpcId=three)


class Network:
    """A VPC with a subnet and an instance in it, in a group of its own."""

    def __init__(self, ec2, second):
        self.ec2, self.block = ec2, f"10.{second}.0.0/16"
        self.vpc = vpc(ec2, self.block)
        self.subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.{second}.0.0/24")["Subnet"]["SubnetId"]
        self.table = ec2.describe_route_tables(Filters=by(vpc_id=self.vpc))["RouteTables"][0]["RouteTableId"]
        made = ec2.create_security_group(GroupName="own", Description="own", VpcId=self.vpc)
        self.group = made["GroupId"]
        run = ec2.run_instances(
            ImageId="ami-0123456789abcdef0", InstanceType="t3.micro", MinCount=1, MaxCount=1,
            SubnetId=self.subnet, SecurityGroupIds=[self.group],
        )["Instances"][0]
        self.id, self.address = run["InstanceId"], run["PrivateIpAddress"]
        ec2.get_waiter("instance_running").wait(InstanceIds=[self.id], WaiterConfig=QUICK)

    def route(self, other, pcx):
        self.ec2.create_route(RouteTableId=self.table, DestinationCidrBlock=other.block, VpcPeeringConnectionId=pcx)

    def routes(self):
        rows = self.ec2.describe_route_tables(RouteTableIds=[self.table])["RouteTables"][0]["Routes"]
        return [(row["VpcPeeringConnectionId"], row["State"]) for row in rows if "VpcPeeringConnectionId" in row]

    def asks(self, other, port):
        """What the other one's server sees; nothing if it is not reached."""
        command = [ENISHI, "exec", self.id, "--", "python3", "-c", CLIENT, other.address, str(port)]
        return subprocess.run(command, capture_output=True, check=False, text=True).stdout.strip()

    @contextlib.contextmanager
    def server(self, port):
        command = [ENISHI, "exec", self.id, "--", "python3", "-u", "-c", SERVER, str(port)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            try:
                same("ready\n", process.stdout.readline())
                yield
            finally:
                process.terminate()

    def delete(self):
        self.ec2.terminate_instances(InstanceIds=[self.id])
        self.ec2.get_waiter("instance_terminated").wait(InstanceIds=[self.id], WaiterConfig=QUICK)
        groups = self.ec2.describe_security_groups(Filters=by(vpc_id=self.vpc))["SecurityGroups"]
        for group in groups:
            if group["GroupName"] != "default":
                self.ec2.delete_security_group(GroupId=group["GroupId"])
        self.ec2.delete_subnet(SubnetId=self.subnet)
        self.ec2.delete_vpc(VpcId=self.vpc)


def groups(web, data):
    """A rule that refers to a group of a peered VPC of another account, and what becomes of it: [Update your security groups to
    reference peer security groups](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html)"""
    ec2, theirs = web.ec2, data.ec2
    port = lambda group, number=5432: [  # noqa: E731
        {"IpProtocol": "tcp", "FromPort": number, "ToPort": number, "UserIdGroupPairs": [{"GroupId": group, "UserId": OWN}]}
    ]
    # "To reference a security group in a peer VPC, the VPC peering connection must be in the active state."
    pcx = request(ec2, web.vpc, data.vpc, PeerOwnerId=OTHER)["VpcPeeringConnectionId"]
    refused("InvalidGroup.NotFound", theirs.authorize_security_group_ingress, GroupId=data.group, IpPermissions=port(web.group))
    theirs.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    web.route(data, pcx)
    data.route(web, pcx)
    same([(pcx, "active")], web.routes())
    filters = by(**{"route.vpc-peering-connection-id": pcx})
    same([data.table], [table["RouteTableId"] for table in theirs.describe_route_tables(Filters=filters)["RouteTables"]])
    with data.server(5432):
        same("", web.asks(data, 5432))
        made = theirs.authorize_security_group_ingress(GroupId=data.group, IpPermissions=port(web.group))
        peered = {
            "GroupId": web.group, "PeeringStatus": "active", "UserId": OWN, "VpcId": web.vpc, "VpcPeeringConnectionId": pcx
        }
        same(peered, made["SecurityGroupRules"][0]["ReferencedGroupInfo"])
        same(web.address, web.asks(data, 5432))
        same("", web.asks(data, 5433))
        permission = theirs.describe_security_groups(GroupIds=[data.group])["SecurityGroups"][0]["IpPermissions"][0]
        same([peered], permission["UserIdGroupPairs"])

        # Another group of the peer, of which nobody is a member until he is.
        late = ec2.create_security_group(GroupName="late", Description="late", VpcId=web.vpc)["GroupId"]
        theirs.revoke_security_group_ingress(GroupId=data.group, IpPermissions=port(web.group))
        theirs.authorize_security_group_ingress(GroupId=data.group, IpPermissions=port(late))
        same("", web.asks(data, 5432))
        ec2.modify_instance_attribute(InstanceId=web.id, Groups=[web.group, late])
        same(web.address, web.asks(data, 5432))
        ec2.modify_instance_attribute(InstanceId=web.id, Groups=[web.group])
        theirs.authorize_security_group_egress(GroupId=data.group, IpPermissions=port(web.group, 514))

        # Its owner sees who refers to it.
        reference = lambda group: {  # noqa: E731
            "GroupId": group, "ReferencingVpcId": data.vpc, "VpcPeeringConnectionId": pcx
        }
        found = ec2.describe_security_group_references(GroupId=[web.group, late])["SecurityGroupReferenceSet"]
        same([reference(id) for id in sorted([web.group, late])], sorted(found, key=lambda row: row["GroupId"]))
        refused("InvalidGroup.NotFound", theirs.describe_security_group_references, GroupId=[web.group])
        same([], theirs.describe_stale_security_groups(VpcId=data.vpc)["StaleSecurityGroupSet"])

        # "Rules are stale when they reference a deleted security group": its owner is not kept from deleting it.
        ec2.delete_security_group(GroupId=late)
        (stale,) = theirs.describe_stale_security_groups(VpcId=data.vpc)["StaleSecurityGroupSet"]
        same((data.group, "own", "own", data.vpc), tuple(stale[key] for key in ("GroupId", "GroupName", "Description", "VpcId")))
        (permission,) = stale["StaleIpPermissions"]
        same(("tcp", 5432, 5432), tuple(permission[key] for key in ("IpProtocol", "FromPort", "ToPort")))
        # Whose the group was is not said (the AWS CLI's example of describe-stale-security-groups).
        gone = {"GroupId": late, "PeeringStatus": "active", "VpcId": web.vpc, "VpcPeeringConnectionId": pcx}
        same([gone], permission["UserIdGroupPairs"])
        same([], stale["StaleIpPermissionsEgress"])
        theirs.authorize_security_group_ingress(GroupId=data.group, IpPermissions=port(web.group))
        same(web.address, web.asks(data, 5432))

        # "If the VPC peering connection is deleted [...] the security group rule becomes stale."
        end(ec2, pcx)
        same([(pcx, "blackhole")], web.routes())
        same([(pcx, "blackhole")], data.routes())
        same("", web.asks(data, 5432))
        (stale,) = theirs.describe_stale_security_groups(VpcId=data.vpc)["StaleSecurityGroupSet"]
        pairs = [pair for side in ("", "Egress") for row in stale[f"StaleIpPermissions{side}"] for pair in row["UserIdGroupPairs"]]
        gone = {"GroupId": late, "PeeringStatus": "deleted", "VpcId": web.vpc}
        # Of a group that is still there everything is said, as the guide's example of a deleted connection shows it.
        there = {**peered, "GroupName": "own", "PeeringStatus": "deleted"}
        same([gone, there, there], sorted(pairs, key=lambda pair: pair["GroupId"] != late))
        same([], ec2.describe_security_group_references(GroupId=[web.group])["SecurityGroupReferenceSet"])
        refused("InvalidVpcPeeringConnectionID.NotFound", theirs.replace_route, RouteTableId=data.table,
                DestinationCidrBlock=web.block, VpcPeeringConnectionId=pcx)

        # "If a security group rule was stale because the VPC peering connection was deleted and you then create a new VPC peering
        # connection with the same VPCs, it will no longer be marked as stale."
        pcx = peer(theirs, data.vpc, ec2, web.vpc, PeerOwnerId=OWN)
        for network, other in ((web, data), (data, web)):
            network.ec2.replace_route(
                RouteTableId=network.table, DestinationCidrBlock=other.block, VpcPeeringConnectionId=pcx
            )
            same([(pcx, "active")], network.routes())
        same(web.address, web.asks(data, 5432))
        (stale,) = theirs.describe_stale_security_groups(VpcId=data.vpc)["StaleSecurityGroupSet"]
        same([[late]], [[pair["GroupId"] for pair in row["UserIdGroupPairs"]] for row in stale["StaleIpPermissions"]])
        # "you must manually remove it", which can be done although the group is gone.
        theirs.revoke_security_group_ingress(GroupId=data.group, IpPermissions=port(late))
        same([], theirs.describe_stale_security_groups(VpcId=data.vpc)["StaleSecurityGroupSet"])
    end(theirs, pcx)


def regions(endpoint, near):
    """Packets between two accounts and two regions."""
    far = Network(client(endpoint, OTHER, "eu-west-1"), 9)
    pcx = peer(near.ec2, near.vpc, far.ec2, far.vpc, PeerOwnerId=OTHER, PeerRegion="eu-west-1")
    near.route(far, pcx)
    far.route(near, pcx)
    everybody = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": near.block}]}]
    far.ec2.authorize_security_group_ingress(GroupId=far.group, IpPermissions=everybody)
    with far.server(80):
        same(near.address, near.asks(far, 80))
        end(far.ec2, pcx)
        same("", near.asks(far, 80))
    far.delete()


def main(endpoint):
    ec2 = client(endpoint)
    one, two, pcx = requests(ec2)
    twin = endings(ec2, client(endpoint, OTHER), one, two, pcx)
    filters_and_pages(ec2, one, two, twin)
    vpc_deletion(ec2, (two, twin), endpoint)
    sides(endpoint)
    resources(endpoint)
    web, data = Network(ec2, 0), Network(client(endpoint, OTHER), 1)
    groups(web, data)
    regions(endpoint, web)
    web.delete()
    data.delete()
    print("boto3: peering: life, filters, pages, accounts, regions, groups, packets")


main(sys.argv[1])
