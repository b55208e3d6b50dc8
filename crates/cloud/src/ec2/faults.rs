//! Every fault of EC2, one function per code: functions bear AWS's codes, messages are AWS's.
//! [Error codes for the Amazon EC2 API](https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html)

mod compute;

use std::fmt::Display;

use enishi_wire::Fault;

pub(crate) use compute::*;

/// `The vpc ID 'vpc-1' does not exist`, or for several ids joined by `, `: `The vpc IDs 'vpc-1, vpc-2' do not exist`.
pub(crate) fn does_not_exist(code: &'static str, noun: &str, ids: &str) -> Fault {
    let message = match ids.contains(", ") {
        false => format!("The {noun} '{ids}' does not exist"),
        true => format!("The {noun}s '{ids}' do not exist"),
    };
    Fault::new(code, message)
}

/// Declares faults of ids: one that a resource does not exist.
macro_rules! not_found {
    ($($name:ident: $code:literal, $noun:literal;)*) => {
        $(
            #[doc = concat!("`", $code, "`")]
            pub(crate) fn $name(ids: &str) -> Fault {
                does_not_exist($code, $noun, ids)
            }
        )*
    };
}

not_found! {
    invalid_vpc_id_not_found: "InvalidVpcID.NotFound", "vpc ID";
    invalid_subnet_id_not_found: "InvalidSubnetID.NotFound", "subnet ID";
    invalid_route_table_id_not_found: "InvalidRouteTableID.NotFound", "routeTable ID";
    invalid_internet_gateway_id_not_found: "InvalidInternetGatewayID.NotFound", "internetGateway ID";
    invalid_network_insights_path_id_not_found:
        "InvalidNetworkInsightsPathId.NotFound", "network insights path ID";
    invalid_network_insights_analysis_id_not_found:
        "InvalidNetworkInsightsAnalysisId.NotFound", "network insights analysis ID";
    invalid_prefix_list_id_not_found: "InvalidPrefixListID.NotFound", "prefix list ID";
    invalid_vpc_peering_connection_id_not_found:
        "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID";
    invalid_group_not_found: "InvalidGroup.NotFound", "security group";
    invalid_security_group_rule_id_not_found: "InvalidSecurityGroupRuleId.NotFound", "security group rule ID";
    invalid_network_acl_id_not_found: "InvalidNetworkAclID.NotFound", "networkAcl ID";
    invalid_dhcp_option_id_not_found: "InvalidDhcpOptionID.NotFound", "dhcpOption ID";
    invalid_association_id_not_found: "InvalidAssociationID.NotFound", "association ID";
    invalid_allocation_id_not_found: "InvalidAllocationID.NotFound", "allocation ID";
    invalid_network_interface_id_not_found: "InvalidNetworkInterfaceID.NotFound", "networkInterface ID";
    invalid_attachment_id_not_found: "InvalidAttachmentID.NotFound", "networkInterface attachment ID";
    invalid_instance_id_not_found: "InvalidInstanceID.NotFound", "instance ID";
    invalid_key_pair_not_found: "InvalidKeyPair.NotFound", "key pair";
    invalid_key_pair_id_not_found: "InvalidKeyPair.NotFound", "key pair ID";
    invalid_nat_gateway_id_not_found: "InvalidNatGatewayID.NotFound", "natGateway ID";
    invalid_vpc_cidr_block_association_id_not_found:
        "InvalidVpcCidrBlockAssociationID.NotFound", "vpc CIDR block association ID";
    invalid_subnet_cidr_reservation_id_not_found:
        "InvalidSubnetCidrReservationId.NotFound", "subnet CIDR reservation ID";
}

/// `InvalidAMIID.NotFound`
pub(crate) fn invalid_amiid_not_found(ids: &str) -> Fault {
    let message = match ids.contains(", ") {
        false => format!("The image id '[{ids}]' does not exist"),
        true => format!("The image ids '[{ids}]' do not exist"),
    };
    Fault::new("InvalidAMIID.NotFound", message)
}

/// `InvalidVolume.NotFound`; unlike other kinds with a full stop.
pub(crate) fn invalid_volume_not_found(ids: &str) -> Fault {
    let message = match ids.contains(", ") {
        false => format!("The volume '{ids}' does not exist."),
        true => format!("The volumes '{ids}' do not exist."),
    };
    Fault::new("InvalidVolume.NotFound", message)
}

/// `NatGatewayNotFound`
pub(crate) fn nat_gateway_not_found(ids: &str) -> Fault {
    Fault::new("NatGatewayNotFound", format!("NAT gateway {ids} was not found"))
}

/// `InvalidSubnet`: the subnet of a NAT gateway, which is looked up elsewhere than others.
pub(crate) fn invalid_subnet(id: &str) -> Fault {
    Fault::new("InvalidSubnet", format!("Subnet {id} was not found"))
}

/// Declares faults of ids: one that an id has the wrong form, with the prefix that it should have.
macro_rules! malformed {
    ($($name:ident: $code:literal, $prefix:literal;)*) => {
        $(
            #[doc = concat!("`", $code, "`")]
            pub(crate) fn $name(id: &str) -> Fault {
                let expecting = match id.starts_with(concat!($prefix, "-")) {
                    true => "",
                    false => concat!(" (expecting \"", $prefix, "-...\")"),
                };
                Fault::new($code, format!("Invalid id: \"{id}\"{expecting}"))
            }
        )*
    };
}

malformed! {
    invalid_group_id_malformed: "InvalidGroupId.Malformed", "sg";
    invalid_security_group_rule_id_malformed: "InvalidSecurityGroupRuleId.Malformed", "sgr";
    invalid_instance_id_malformed: "InvalidInstanceID.Malformed", "i";
    invalid_amiid_malformed: "InvalidAMIID.Malformed", "ami";
    invalid_network_insights_analysis_id_malformed: "InvalidNetworkInsightsAnalysisId.Malformed", "nia";
    invalid_prefix_list_id_malformed: "InvalidPrefixListId.Malformed", "pl";
    invalid_vpc_peering_connection_id_malformed: "InvalidVpcPeeringConnectionId.Malformed", "pcx";
    invalid_volume_id_malformed: "InvalidVolumeID.Malformed", "vol";
}

/// `InvalidID`: an id of no known kind.
pub(crate) fn invalid_id(id: &str) -> Fault {
    Fault::new("InvalidID", format!("The ID '{id}' is not valid"))
}

/// `InvalidParameterValue`: one value is wrong, in AWS's usual words.
pub(crate) fn invalid_value(parameter: &str, value: impl Display, why: &str) -> Fault {
    invalid_parameter_value(format!("Value ({value}) for parameter {parameter} is invalid. {why}"))
}

/// `InvalidParameterValue`
pub(crate) fn invalid_parameter_value(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterValue", message)
}

/// `InvalidParameter`
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameter", message)
}

/// `InvalidParameterCombination`
pub(crate) fn invalid_parameter_combination(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterCombination", message)
}

/// `MissingParameter`
pub(crate) fn missing_parameter(parameter: &str) -> Fault {
    Fault::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
}

/// `DependencyViolation`
pub(crate) fn dependency_violation(message: impl Into<String>) -> Fault {
    Fault::new("DependencyViolation", message)
}

/// `DependencyViolation` in the words of the VPC's own resources: `The vpc 'vpc-1' has dependencies and cannot be deleted.`
pub(crate) fn has_dependencies(noun: &str, id: impl Display) -> Fault {
    dependency_violation(format!("The {noun} '{id}' has dependencies and cannot be deleted."))
}

/// `OperationNotPermitted`
pub(crate) fn operation_not_permitted(message: impl Into<String>) -> Fault {
    Fault::new("OperationNotPermitted", message)
}

/// `UnsupportedOperation`
pub(crate) fn unsupported_operation(message: impl Into<String>) -> Fault {
    Fault::new("UnsupportedOperation", message)
}

/// `IncorrectState`
pub(crate) fn incorrect_state(message: impl Into<String>) -> Fault {
    Fault::new("IncorrectState", message)
}

/// `IdempotentParameterMismatch`
pub(crate) fn idempotent_parameter_mismatch() -> Fault {
    Fault::new(
        "IdempotentParameterMismatch",
        "The client token you have provided is associated with a different set of request parameters.",
    )
}

/// `InvalidPaginationToken`
pub(crate) fn invalid_pagination_token() -> Fault {
    Fault::new("InvalidPaginationToken", "The specified pagination token is not valid or has expired.")
}

/// `FilterLimitExceeded`
pub(crate) fn filter_limit_exceeded() -> Fault {
    Fault::new(
        "FilterLimitExceeded",
        "The maximum number of filter values specified on a single call is 200.",
    )
}

/// `TagLimitExceeded`
pub(crate) fn tag_limit_exceeded() -> Fault {
    Fault::new("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
}

// ---- CIDR blocks ----

/// `InvalidVpc.Range`
pub(crate) fn invalid_vpc_range(cidr: impl Display) -> Fault {
    Fault::new("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid."))
}

/// `InvalidVpc.Conflict`: a CIDR block overlaps one of the VPC's own.
pub(crate) fn invalid_vpc_conflict(cidr: impl Display, other: impl Display) -> Fault {
    Fault::new(
        "InvalidVpc.Conflict",
        format!("The CIDR '{cidr}' conflicts with the existing CIDR '{other}'."),
    )
}

/// `InvalidVpc.Range`: a secondary block of a range that the VPC's other blocks exclude.
pub(crate) fn restricted_vpc_range(cidr: impl Display) -> Fault {
    let message = format!(
        "The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use \
         a publicly-routable CIDR. For additional restrictions, see \
         https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
    );
    Fault::new("InvalidVpc.Range", message)
}

/// `InvalidVpc.Conflict`: a route leads elsewhere for addresses of a new block.
pub(crate) fn invalid_vpc_conflict_with_route(cidr: impl Display, destination: impl Display) -> Fault {
    Fault::new(
        "InvalidVpc.Conflict",
        format!("The CIDR '{cidr}' conflicts with the existing route '{destination}'."),
    )
}

/// `OperationNotPermitted`: the first block of a VPC stays.
pub(crate) fn primary_cidr_block(association: impl Display) -> Fault {
    operation_not_permitted(format!(
        "The vpc CIDR block with association ID {association} may not be disassociated. It is the primary IPv4 CIDR \
         block of the VPC"
    ))
}

/// `InvalidCidrBlock.InUse`
pub(crate) fn invalid_cidr_block_in_use(vpc: impl Display, cidr: impl Display) -> Fault {
    Fault::new(
        "InvalidCidrBlock.InUse",
        format!("The vpc {vpc} currently has a subnet within CIDR block {cidr}"),
    )
}

/// `InvalidSubnet.Range`
pub(crate) fn invalid_subnet_range(cidr: impl Display) -> Fault {
    Fault::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid."))
}

/// `InvalidSubnet.Conflict`
pub(crate) fn invalid_subnet_conflict(cidr: impl Display) -> Fault {
    Fault::new("InvalidSubnet.Conflict", format!("The CIDR '{cidr}' conflicts with another subnet"))
}

/// `InvalidSubnetCidrReservation.Conflict`
pub(crate) fn invalid_subnet_cidr_reservation_conflict(cidr: impl Display) -> Fault {
    Fault::new(
        "InvalidSubnetCidrReservation.Conflict",
        format!("The CIDR '{cidr}' conflicts with another subnet CIDR reservation"),
    )
}

/// `InsufficientCidrBlocks`: the default VPC has no room for another default subnet.
pub(crate) fn insufficient_cidr_blocks(prefix: u8) -> Fault {
    Fault::new(
        "InsufficientCidrBlocks",
        format!("The VPC has no free /{prefix} CIDR block for a default subnet."),
    )
}

// ---- defaults ----

/// `DefaultVpcAlreadyExists`
pub(crate) fn default_vpc_already_exists() -> Fault {
    Fault::new("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.")
}

/// `DefaultSubnetAlreadyExistsInAvailabilityZone`
pub(crate) fn default_subnet_already_exists_in_availability_zone(subnet: impl Display) -> Fault {
    Fault::new(
        "DefaultSubnetAlreadyExistsInAvailabilityZone",
        format!("'{subnet}' is already the default subnet in this availability zone."),
    )
}

/// `DefaultVpcDoesNotExist`
pub(crate) fn default_vpc_does_not_exist() -> Fault {
    Fault::new("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
}

/// `VPCIdNotSpecified`
pub(crate) fn vpc_id_not_specified() -> Fault {
    Fault::new("VPCIdNotSpecified", "No default VPC for this user")
}

/// `MissingInput`: nothing says in which subnet.
pub(crate) fn missing_input(message: impl Into<String>) -> Fault {
    Fault::new("MissingInput", message)
}

// ---- gateways and routes ----

/// `Resource.AlreadyAssociated`
pub(crate) fn resource_already_associated(message: impl Into<String>) -> Fault {
    Fault::new("Resource.AlreadyAssociated", message)
}

/// `Gateway.NotAttached`
pub(crate) fn gateway_not_attached(gateway: impl Display, vpc: impl Display) -> Fault {
    Fault::new("Gateway.NotAttached", format!("resource {gateway} is not attached to network {vpc}"))
}

/// `RouteAlreadyExists`
pub(crate) fn route_already_exists(destination: impl Display) -> Fault {
    Fault::new("RouteAlreadyExists", format!("The route identified by {destination} already exists."))
}

/// `InvalidRoute.NotFound`
pub(crate) fn invalid_route_not_found(table: impl Display, destination: impl Display) -> Fault {
    Fault::new(
        "InvalidRoute.NotFound",
        format!("no route with destination-cidr-block {destination} in route table {table}"),
    )
}

/// `InvalidParameterValue`: two resources of different VPCs.
pub(crate) fn different_networks(a: &str, a_id: impl Display, b: &str, b_id: impl Display) -> Fault {
    invalid_parameter_value(format!("{a} {a_id} and {b} {b_id} belong to different networks"))
}

/// `InvalidParameterValue`: `ReplaceRoute` for a destination without a route.
pub(crate) fn no_route_to_replace(destination: impl Display) -> Fault {
    invalid_parameter_value(format!(
        "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
    ))
}

/// `InvalidParameterValue`: only an interface may be in the way inside a VPC.
pub(crate) fn route_inside_vpc(destination: impl Display) -> Fault {
    invalid_parameter_value(format!(
        "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks. This \
         route can target only an interface or an instance."
    ))
}

/// `InvalidInstanceID`: an instance cannot stand for its interface, as it has several.
pub(crate) fn invalid_instance_id_many_interfaces(instance: impl Display) -> Fault {
    Fault::new(
        "InvalidInstanceID",
        format!(
            "There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the \
             operation instead."
        ),
    )
}

/// `InvalidGatewayID.NotFound`
pub(crate) fn invalid_gateway_id_not_found(id: &str) -> Fault {
    does_not_exist("InvalidGatewayID.NotFound", "gateway ID", id)
}

// ---- security groups ----

/// `InvalidGroup.NotFound` for a name.
pub(crate) fn invalid_group_not_found_by_name(name: &str, vpc: Option<&str>) -> Fault {
    let message = match vpc {
        Some(vpc) => format!("The security group '{name}' does not exist in VPC '{vpc}'"),
        None => format!("The security group '{name}' does not exist in default VPC"),
    };
    Fault::new("InvalidGroup.NotFound", message)
}

/// `InvalidGroup.NotFound`: a group of another VPC.
pub(crate) fn invalid_group_of_other_network() -> Fault {
    Fault::new("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
}

/// `MissingParameter`: a rule without a source or destination.
pub(crate) fn missing_source() -> Fault {
    Fault::new(
        "MissingParameter",
        "Missing source specification: include source security group or CIDR information",
    )
}

/// `InvalidGroup.Duplicate`
pub(crate) fn invalid_group_duplicate(name: &str, vpc: impl Display) -> Fault {
    Fault::new(
        "InvalidGroup.Duplicate",
        format!("The security group '{name}' already exists for VPC '{vpc}'"),
    )
}

/// `InvalidParameterValue`: the default group's name.
pub(crate) fn reserved_group_name(name: &str) -> Fault {
    invalid_parameter_value(format!("Cannot use reserved security group name: {name}"))
}

/// `CannotDelete`: the default security group.
pub(crate) fn cannot_delete_group(group: impl Display) -> Fault {
    Fault::new(
        "CannotDelete",
        format!("the specified group: \"{group}\" name: \"default\" cannot be deleted by a user"),
    )
}

/// `InvalidPermission.Duplicate`; the rule in AWS's form: `peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW`.
pub(crate) fn invalid_permission_duplicate(rule: impl Display) -> Fault {
    Fault::new("InvalidPermission.Duplicate", format!("the specified rule \"{rule}\" already exists"))
}

/// `InvalidPermission.NotFound`
pub(crate) fn invalid_permission_not_found() -> Fault {
    Fault::new("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}

// ---- network ACLs ----

/// `NetworkAclEntryAlreadyExists`
pub(crate) fn network_acl_entry_already_exists(number: u16) -> Fault {
    Fault::new(
        "NetworkAclEntryAlreadyExists",
        format!("The network acl entry identified by {number} already exists."),
    )
}

/// `InvalidNetworkAclEntry.NotFound`
pub(crate) fn invalid_network_acl_entry_not_found(number: u16, acl: impl Display, egress: bool) -> Fault {
    let direction = if egress { "egress" } else { "ingress" };
    Fault::new(
        "InvalidNetworkAclEntry.NotFound",
        format!("The {direction} entry with rule number '{number}' does not exist in network ACL '{acl}'"),
    )
}

/// `InvalidStateTransition`: a VPC peering connection cannot go from the one state to the other.
pub(crate) fn invalid_state_transition(id: impl Display, from: &str, to: &str) -> Fault {
    Fault::new(
        "InvalidStateTransition",
        format!("Invalid state transition for {id}, attempted to transition from {from} to {to}"),
    )
}

/// `VpcPeeringConnectionAlreadyExists`: another one connects the VPCs already.
pub(crate) fn vpc_peering_connection_already_exists(id: impl Display) -> Fault {
    Fault::new(
        "VpcPeeringConnectionAlreadyExists",
        format!("The vpc peering connection identified by {id} already exists."),
    )
}

/// `MissingParameter`: a path without a destination.
pub(crate) fn missing_insights_destination() -> Fault {
    Fault::new(
        "MissingParameter",
        "The request must include either the Destination parameter or the FilterAtSource.DestinationAddress parameter. \
         Add the required parameter and retry the request.",
    )
}

/// `AnalysisExistsForNetworkInsightsPath`
pub(crate) fn analysis_exists_for_network_insights_path(id: impl Display) -> Fault {
    Fault::new(
        "AnalysisExistsForNetworkInsightsPath",
        format!("The network insights path '{id}' has analyses. Delete them first."),
    )
}

/// `PrefixListVersionMismatch`
pub(crate) fn prefix_list_version_mismatch() -> Fault {
    Fault::new("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
}

/// `PrefixListMaxEntriesExceeded`
pub(crate) fn prefix_list_max_entries_exceeded() -> Fault {
    Fault::new(
        "PrefixListMaxEntriesExceeded",
        "You've reached the maximum number of entries for the prefix list.",
    )
}

/// `InvalidPrefixListModification`: an entry is there already, or is not there.
pub(crate) fn invalid_prefix_list_modification(message: impl Into<String>) -> Fault {
    Fault::new("InvalidPrefixListModification", message.into())
}

/// `InvalidVpcPeeringConnectionState.DnsHostnamesDisabled`
pub(crate) fn dns_hostnames_disabled() -> Fault {
    Fault::new(
        "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
        "To enable DNS hostname resolution for the VPC peering connection, DNS hostname support must be enabled for the VPCs.",
    )
}

// ---- quotas ----

/// Declares faults of quotas.
macro_rules! limit_exceeded {
    ($($name:ident: $code:literal, $message:literal;)*) => {
        $(
            #[doc = concat!("`", $code, "`")]
            pub(crate) fn $name() -> Fault {
                Fault::new($code, $message)
            }
        )*
    };
}

limit_exceeded! {
    vpc_limit_exceeded: "VpcLimitExceeded", "The maximum number of VPCs has been reached.";
    subnet_limit_exceeded: "SubnetLimitExceeded", "The maximum number of subnets has been reached.";
    cidr_limit_exceeded: "CidrLimitExceeded", "This network has met its maximum number of allowed CIDRs";
    route_table_limit_exceeded: "RouteTableLimitExceeded", "The maximum number of route tables has been reached.";
    route_limit_exceeded: "RouteLimitExceeded", "The maximum number of routes has been reached.";
    internet_gateway_limit_exceeded:
        "InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.";
    security_group_limit_exceeded:
        "SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.";
    rules_per_security_group_limit_exceeded:
        "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.";
    security_groups_per_interface_limit_exceeded:
        "SecurityGroupsPerInterfaceLimitExceeded",
        "The maximum number of security groups per interface has been reached.";
    network_acl_limit_exceeded: "NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.";
    network_acl_entry_limit_exceeded:
        "NetworkAclEntryLimitExceeded", "The maximum number of network ACL entries has been reached.";
    address_limit_exceeded: "AddressLimitExceeded", "The maximum number of addresses has been reached.";
    prefix_list_limit_exceeded: "PrefixListLimitExceeded", "The maximum number of prefix lists has been reached.";
    network_insights_path_limit_exceeded:
        "NetworkInsightsPath.LimitExceeded", "The maximum number of network insights paths has been reached.";
    network_insights_analysis_limit_exceeded:
        "NetworkInsightsAnalysis.LimitExceeded", "The maximum number of network insights analyses has been reached.";
    pending_vpc_peering_connection_limit_exceeded:
        "PendingVpcPeeringConnectionLimitExceeded", "Vpc peering connection request limit exceeded.";
    active_vpc_peering_connection_per_vpc_limit_exceeded:
        "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
        "The maximum number of active VPC peering connections per VPC has been reached.";
    network_interface_limit_exceeded:
        "NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.";
}

/// `NatGatewayLimitExceeded`
pub(crate) fn nat_gateway_limit_exceeded(zone: &str, limit: usize) -> Fault {
    Fault::new(
        "NatGatewayLimitExceeded",
        format!("The maximum number of NAT Gateways has been reached. Limit in {zone}: {limit}"),
    )
}

// ---- what is not built ----

/// `UnsupportedOperation`: IPv6 addresses.
pub(crate) fn ipv6_not_supported() -> Fault {
    unsupported_operation("IPv6 is not supported by Enishi.")
}

/// `UnsupportedOperation`: a part of an operation.
pub(crate) fn not_supported(what: &str) -> Fault {
    unsupported_operation(format!("{what} is not supported by Enishi."))
}
