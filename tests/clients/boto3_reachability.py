"""boto3 against Reachability Analyzer: what a path leads through, all that is in its way, and packets, which fare as every analysis says.
[What is Reachability Analyzer?](https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html)"""

import concurrent.futures
import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENISHI, OWN, PORT, OUTSIDE = os.environ["ENISHI"], "111122223333", 8080, "198.18.0.1"  # The internet's own address.
KEYS = {"region_name": "us-east-1", "aws_access_key_id": OWN, "aws_secret_access_key": "test"}  # Twelve digits are an account.
QUICK = {"Delay": 1, "MaxAttempts": 30}
EC2 = boto3.client("ec2", endpoint_url=sys.argv[1], **KEYS)
EVERYBODY = [{"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
ALL = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
ACL, GROUP, NO_ROUTE, BLACKHOLE = "SUBNET_ACL_RESTRICTION", "ENI_SG_RULES_MISMATCH", "NO_ROUTE_TO_DESTINATION", "BAD_STATE_ROUTE"
NO_PRIVATE, NO_PUBLIC = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"
OUT, IN = "i eni sg acl rtb", "acl sg eni i"  # Of an instance's subnet and into one, as recorded analyses list them.


def refused(code, call, **more):
    try:
        call(**more)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return
    raise AssertionError(f"{code} was not raised: {more}")


def same(wanted, found):
    assert wanted == found, f"wanted {wanted}, found {found}"


def by(**filters):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]


class Host:
    """An instance with a subnet, route table and group of its own, which lets everything out, and the port in."""

    def __init__(self, vpc, block):
        self.subnet = EC2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"]
        self.table = EC2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        EC2.associate_route_table(SubnetId=self.subnet, RouteTableId=self.table)
        self.group = EC2.create_security_group(GroupName=block, Description="own", VpcId=vpc)["GroupId"]
        EC2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=EVERYBODY)
        more = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
        (run,) = EC2.run_instances(**more, SubnetId=self.subnet, SecurityGroupIds=[self.group])["Instances"]
        self.id, self.address, self.eni = run["InstanceId"], run["PrivateIpAddress"], run["NetworkInterfaces"][0]["NetworkInterfaceId"]

    def route(self, block, **target):
        EC2.create_route(RouteTableId=self.table, DestinationCidrBlock=block, **target)


def create(source, destination, **more):
    more = {"Protocol": "tcp", "DestinationPort": PORT, **more}
    return EC2.create_network_insights_path(Source=source, Destination=destination, **more)["NetworkInsightsPath"]


def analyse(path, **more):
    started = EC2.start_network_insights_analysis(NetworkInsightsPathId=path, **more)["NetworkInsightsAnalysis"]
    same(("running", False), (started["Status"], "NetworkPathFound" in started))
    ids = [started["NetworkInsightsAnalysisId"]]
    (found,) = EC2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=ids)["NetworkInsightsAnalyses"]
    same(("succeeded", "Explanations" in found), (found["Status"], not found["NetworkPathFound"]))
    return found


def codes(found):
    return " ".join(row["ExplanationCode"] for row in found.get("Explanations", []))


def kinds(components):
    same([*range(1, len(components) + 1)], [row["SequenceNumber"] for row in components])
    return " ".join(row["Component"]["Id"].split("-")[0] for row in components)


def ids(found, *keys):
    return [found[key]["Id"] for key in keys]


class Network:
    """A public subnet (web) and a private one behind a NAT gateway (app), and a peered VPC (data)."""

    def __init__(self):
        self.vpc, self.other = (EC2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"] for block in ("10.0.0.0/16", "10.1.0.0/16"))
        self.igw = EC2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        EC2.attach_internet_gateway(InternetGatewayId=self.igw, VpcId=self.vpc)
        (acl,) = EC2.describe_network_acls(Filters=by(vpc_id=self.vpc))["NetworkAcls"]
        self.acl = acl["NetworkAclId"]
        self.web, self.app, self.data = Host(self.vpc, "10.0.0.0/24"), Host(self.vpc, "10.0.1.0/24"), Host(self.other, "10.1.0.0/24")
        hosts = {"web": self.web, "app": self.app, "data": self.data}
        (self.elastic, self.public), (shared, self.shared) = (
            (made["AllocationId"], made["PublicIp"]) for made in (EC2.allocate_address(Domain="vpc") for _ in range(2))
        )
        self.nat = EC2.create_nat_gateway(SubnetId=self.web.subnet, AllocationId=shared)["NatGateway"]["NatGatewayId"]
        EC2.get_waiter("instance_running").wait(InstanceIds=[host.id for host in hosts.values()], WaiterConfig=QUICK)
        EC2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[self.nat], WaiterConfig=QUICK)
        peering = EC2.create_vpc_peering_connection(VpcId=self.vpc, PeerVpcId=self.other)["VpcPeeringConnection"]
        self.pcx = peering["VpcPeeringConnectionId"]
        EC2.accept_vpc_peering_connection(VpcPeeringConnectionId=self.pcx)
        for host, block in ((self.web, "10.1.0.0/16"), (self.app, "10.1.0.0/16"), (self.data, "10.0.0.0/16")):
            host.route(block, VpcPeeringConnectionId=self.pcx)
        self.web.route("0.0.0.0/0", GatewayId=self.igw)
        self.app.route("0.0.0.0/0", NatGatewayId=self.nat)
        self.associate()
        # From where a request is sent, and to what address.
        self.pairs = {"web_igw": (self.web.id, OUTSIDE), "app_igw": (self.app.id, OUTSIDE)}
        self.pairs |= {"igw_web": ("internet", self.public), "igw_app": ("internet", self.app.address)}
        for one, other in (("web", "app"), ("app", "web"), ("web", "data"), ("data", "app")):
            self.pairs[f"{one}_{other}"] = (hosts[one].id, hosts[other].address)
        ends = {"igw": self.igw, **{name: host.id for name, host in hosts.items()}}
        self.paths = {name: create(*(ends[end] for end in name.split("_")))["NetworkInsightsPathId"] for name in self.pairs}

    def associate(self):
        self.association = EC2.associate_address(AllocationId=self.elastic, InstanceId=self.web.id)["AssociationId"]

    def blocked(self, **wanted):
        """Which pairs are blocked, and by what: a request from the source to the destination has to fare as the analysis says."""

        def judge(name):
            (source, address), found = self.pairs[name], analyse(self.paths[name])
            command = [ENISHI, "exec", source, "--", "curl", "--silent", "--max-time", "1.5", f"http://{address}:{PORT}/"]
            arrived = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
            same((name, codes(found), found["NetworkPathFound"]), (name, codes(found), arrived))
            return name, found

        with concurrent.futures.ThreadPoolExecutor() as pool:
            judged = dict(pool.map(judge, self.pairs))
        # The private subnet's instance never has a public address.
        same({"igw_app": NO_PRIVATE, **wanted}, {name: codes(found) for name, found in judged.items() if codes(found)})
        return {name: judged[name]["Explanations"][0] for name in wanted}


def ways(network):
    web, app = network.web, network.app
    wanted = {
        "web_app": (f"{OUT} {IN}", f"{OUT} {IN}"),
        "data_app": (f"{OUT} pcx {IN}", f"{OUT} pcx {IN}"),
        "web_igw": (f"{OUT} igw", f"igw {IN}"),
        "igw_web": (f"igw {IN}", f"{OUT} igw"),
        "app_igw": (f"{OUT} acl eni nat eni acl rtb igw", f"igw acl eni nat eni acl rtb {IN}"),
    }
    found = {name: analyse(network.paths[name]) for name in wanted}
    forward, back = ({name: row[f"{side}PathComponents"] for name, row in found.items()} for side in ("Forward", "Return"))
    same(wanted, {name: (kinds(forward[name]), kinds(back[name])) for name in wanted})

    # The rules, entries and routes that let a packet pass, and whose they are.
    _, sender, egress, allowed, route, _, ingress, receiver, _ = forward["web_app"]
    same([web.eni, web.subnet, network.vpc, web.id], ids(sender, "Component", "Subnet", "Vpc", "AttachedTo"))
    same([app.eni, app.subnet, network.vpc, app.id], ids(receiver, "Component", "Subnet", "Vpc", "AttachedTo"))
    rule = {"Cidr": "0.0.0.0/0", "Direction": "egress", "SecurityGroupId": web.group, "Protocol": "all"}
    same(rule, egress["SecurityGroupRule"])
    rule |= {"Direction": "ingress", "SecurityGroupId": app.group, "Protocol": "tcp", "PortRange": {"From": PORT, "To": PORT}}
    same(rule, ingress["SecurityGroupRule"])
    rule = {"Cidr": "0.0.0.0/0", "Egress": True, "Protocol": "all", "RuleAction": "allow", "RuleNumber": 100}
    same((network.acl, rule), (allowed["Component"]["Id"], allowed["AclRule"]))
    local = {"DestinationCidr": "10.0.0.0/16", "GatewayId": "local", "Origin": "createroutetable", "State": "active"}
    same((web.table, local), (route["Component"]["Id"], route["RouteTableRoute"]))
    same(network.pcx, forward["data_app"][4]["RouteTableRoute"]["VpcPeeringConnectionId"])
    same([network.pcx, network.other, network.vpc], ids(forward["data_app"][5], "Component", "SourceVpc", "DestinationVpc"))
    # NGW_SOURCE_ADDRESS_REASSIGN: "NAT gateways transform the source's addresses in outbound traffic to match its private IP address",
    # and the internet gateway's is the public one; on the way in it is the other way round.
    (inner,), (outer,) = (forward["app_igw"][n]["OutboundHeader"]["SourceAddresses"] for n in (7, 11))
    same(("10.0.0", f"{network.shared}/32"), (inner.rsplit(".", 1)[0], outer))
    same([f"{web.address}/32"], forward["igw_web"][0]["OutboundHeader"]["DestinationAddresses"])

    # COMPONENT_FILTER_RESTRICTION: "There is no path that traverses the specified component."
    through = {"FilterInArns": [f"arn:aws:ec2:us-east-1:{OWN}:natgateway/{network.nat}"]}
    found = [analyse(network.paths[name], **through) for name in ("app_igw", "web_igw")]
    same(["", "COMPONENT_FILTER_RESTRICTION"], [codes(row) for row in found])
    same([True, False], ["ForwardPathComponents" in row for row in found])


def obstacles(network):
    """[Explanation codes](https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html)"""
    web, app, data = network.web, network.app, network.data
    # "This security group has no inbound or outbound rules that apply."
    EC2.revoke_security_group_ingress(GroupId=app.group, IpPermissions=EVERYBODY)
    found = network.blocked(web_app=GROUP, data_app=GROUP)["web_app"]
    same([app.eni, app.subnet, network.vpc], ids(found, "NetworkInterface", "Subnet", "Vpc"))
    same(("ingress", [app.group]), (found["Direction"], [group["Id"] for group in found["SecurityGroups"]]))
    # A group stands for its members only. What may go out does not matter for the answer to what was let in.
    members = [{"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "UserIdGroupPairs": [{"GroupId": web.group}]}]
    EC2.authorize_security_group_ingress(GroupId=app.group, IpPermissions=members)
    EC2.revoke_security_group_egress(GroupId=app.group, IpPermissions=ALL)
    same("egress", network.blocked(data_app=GROUP, app_web=GROUP, app_igw=GROUP)["app_igw"]["Direction"])
    referred, _, _ = analyse(network.paths["web_app"])["ForwardPathComponents"][6:]
    same((app.group, web.group), (referred["Component"]["Id"], referred["SecurityGroupRule"]["SecurityGroupId"]))
    EC2.authorize_security_group_egress(GroupId=app.group, IpPermissions=ALL)
    EC2.authorize_security_group_ingress(GroupId=app.group, IpPermissions=EVERYBODY)

    # "Inbound or outbound traffic for a subnet must be admitted by the network ACL for the subnet", answers too.
    for egress, first, last in ((False, PORT, PORT), (True, 32768, 65535)):
        entry = {"NetworkAclId": network.acl, "RuleNumber": 50, "Egress": egress}
        rule = {"RuleNumber": 50, "Egress": egress, "RuleAction": "deny", "PortRange": {"From": first, "To": last}}
        EC2.create_network_acl_entry(**entry | rule, Protocol="6", CidrBlock="10.1.0.0/16")
        found = network.blocked(data_app=ACL)["data_app"]
        same([network.acl, app.subnet, network.vpc], ids(found, "Acl", "Subnet", "Vpc"))
        same({**rule, "Protocol": "tcp", "Cidr": "10.1.0.0/16"}, found["AclRule"])
        same("egress" if egress else "ingress", found["Direction"])
        EC2.delete_network_acl_entry(**entry)
    # Behind one obstacle is another.
    EC2.create_network_acl_entry(**entry, RuleAction="deny", Protocol="-1", CidrBlock="10.0.1.0/24")
    EC2.revoke_security_group_ingress(GroupId=app.group, IpPermissions=members + EVERYBODY)
    network.blocked(web_app=f"{ACL} {GROUP}", app_web=ACL, data_app=GROUP, app_igw=ACL)
    EC2.authorize_security_group_ingress(GroupId=app.group, IpPermissions=EVERYBODY)
    EC2.delete_network_acl_entry(**entry)

    # "Traffic can't reach the internet through the internet gateway if the source address is not paired with a public IP address".
    EC2.disassociate_address(AssociationId=network.association)
    found = network.blocked(web_igw=NO_PUBLIC, igw_web=NO_PRIVATE)
    same((network.igw, web.address), (found["web_igw"]["InternetGateway"]["Id"], found["web_igw"]["Address"]))
    same([network.igw, web.eni], ids(found["igw_web"], "InternetGateway", "NetworkInterface"))
    network.associate()

    # "The route table does not have an applicable route to the destination resource", or none for the answer.
    EC2.delete_route(RouteTableId=app.table, DestinationCidrBlock="0.0.0.0/0")
    EC2.delete_route(RouteTableId=data.table, DestinationCidrBlock="10.0.0.0/16")
    found = network.blocked(app_igw=NO_ROUTE, data_app=NO_ROUTE, web_data=NO_ROUTE)
    same([app.table, network.igw], ids(found["app_igw"], "RouteTable", "Destination"))
    same([data.table], ids(found["web_data"], "RouteTable"))
    app.route("0.0.0.0/0", NatGatewayId=network.nat)
    data.route("10.0.0.0/16", VpcPeeringConnectionId=network.pcx)

    # "This route is not in a functional state."
    EC2.delete_vpc_peering_connection(VpcPeeringConnectionId=network.pcx)
    found = network.blocked(web_data=BLACKHOLE, data_app=BLACKHOLE)["web_data"]
    same(([web.table], "blackhole"), (ids(found, "RouteTable"), found["RouteTableRoute"]["State"]))
    # "This component is not in a functional state."
    EC2.stop_instances(InstanceIds=[app.id])
    EC2.get_waiter("instance_stopped").wait(InstanceIds=[app.id], WaiterConfig=QUICK)
    network.pairs = {name: pair for name, pair in network.pairs.items() if pair[0] != app.id}  # Nothing runs there.
    found = network.blocked(web_app="BAD_STATE", data_app="BAD_STATE", igw_app="BAD_STATE", web_data=BLACKHOLE)
    same([app.id], ids(found["web_app"], "Component"))


def records(network):
    """Tags, filters, pages, and what is deleted before what."""
    app, igw = network.app.id, network.igw
    for kind, wanted in (("Paths", [5, 3]), ("Analyses", [5, 5])):
        pages = EC2.get_paginator(f"describe_network_insights_{kind.lower()}").paginate(PaginationConfig={"PageSize": 5})
        same(wanted, [len(page[f"NetworkInsights{kind}"]) for page in pages][:2])
    (tag,) = tags = [{"Key": "Name", "Value": "own"}]
    own = lambda kind: [{"ResourceType": f"network-insights-{kind}", "Tags": tags}]  # noqa: E731
    arn = f"arn:aws:ec2:us-east-1:{OWN}:instance/{app}"
    made, again = (create(arn, igw, Protocol="udp", ClientToken="once", TagSpecifications=own("path")) for _ in range(2))
    same((made, app, arn, "udp", tags), (again, *(made[key] for key in ("Source", "SourceArn", "Protocol", "Tags"))))
    path = made["NetworkInsightsPathId"]
    analysis = analyse(path, TagSpecifications=own("analysis"))["NetworkInsightsAnalysisId"]
    found = {row["ResourceId"]: row["ResourceType"] for row in EC2.describe_tags(Filters=by(**{"tag:Name": tag["Value"]}))["Tags"]}
    same({path: "network-insights-path", analysis: "network-insights-analysis"}, found)

    paths = lambda **filters: len(EC2.describe_network_insights_paths(Filters=by(**filters))["NetworkInsightsPaths"])  # noqa: E731
    same((1, 8, 3, 3, 1), (paths(protocol="udp"), paths(protocol="tcp"), paths(source=app), paths(destination=app), paths(tag_key="Name")))
    rows = lambda **more: EC2.describe_network_insights_analyses(**more)["NetworkInsightsAnalyses"]  # noqa: E731
    for value, wanted in (("true", True), ("false", False)):
        same({wanted}, {row["NetworkPathFound"] for row in rows(Filters=by(path_found=value))})
    same([analysis], [row["NetworkInsightsAnalysisId"] for row in rows(NetworkInsightsPathId=path)])
    same([], rows(Filters=by(status="failed")))

    for code, source, destination, more in (
        ("NetworkInsightsSource.NotFound", "i-0123456789abcdef0", igw, {}),
        ("NetworkInsightsDestination.NotFound", app, "eni-0123456789abcdef0", {}),
        ("InvalidParameterValue", app, igw, {"Protocol": "icmp"}),
        ("InvalidParameterValue", app, igw, {"DestinationPort": 65536}),
        ("DryRunOperation", app, igw, {"DryRun": True}),
    ):
        refused(code, create, source=source, destination=destination, **more)
    refused("InvalidNetworkInsightsPathId.NotFound", analyse, path="nip-0123456789abcdef0")
    refused("AnalysisExistsForNetworkInsightsPath", EC2.delete_network_insights_path, NetworkInsightsPathId=path)
    for row in rows():
        EC2.delete_network_insights_analysis(NetworkInsightsAnalysisId=row["NetworkInsightsAnalysisId"])
    refused("InvalidNetworkInsightsAnalysisId.NotFound", EC2.delete_network_insights_analysis, NetworkInsightsAnalysisId=analysis)
    for id in (path, *network.paths.values()):
        same(id, EC2.delete_network_insights_path(NetworkInsightsPathId=id)["NetworkInsightsPathId"])
    refused("InvalidNetworkInsightsPathId.NotFound", EC2.delete_network_insights_path, NetworkInsightsPathId=path)
    same((0, []), (paths(), rows()))


def main():
    network, servers = Network(), []
    try:
        for where in ("internet", network.web.id, network.app.id, network.data.id):
            command = [ENISHI, "exec", where, "--", "python3", "-u", "-m", "http.server", str(PORT)]
            servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
            assert servers[-1].stdout.readline().startswith("Serving HTTP")
        network.blocked()
        ways(network)
        obstacles(network)
    finally:
        for server in servers:
            server.terminate()
            server.wait()
    records(network)
    print("boto3: reachability: ways, obstacles, packets that agree, filters, pages, deletion")


main()
