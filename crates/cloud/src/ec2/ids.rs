//! What EC2 calls each kind of resource, and finding one by the id that a request names.
//!
//! A resource of another account or region does not exist for the caller.

use enishi_state::ec2::{
    Address, DhcpOptions, Image, Instance, InternetGateway, KeyPair, ManagedPrefixList, NatGateway,
    NetworkAcl, NetworkInsightsAnalysis, NetworkInsightsPath, NetworkInterface, RouteTable, SecurityGroup,
    SecurityGroupRule, Subnet, SubnetCidrReservation, Volume, Vpc, VpcPeeringConnection,
};
use enishi_state::{Holds, Read, ResourceId, Row, Scope, World};
use enishi_wire::Fault;

use super::faults;

/// A row that EC2's API names by id.
pub(crate) trait Resource: Row {
    /// Its kind as tags and ARNs name it: `elastic-ip`.
    const KIND: &'static str;

    /// Whether it exists for callers of the account and region.
    fn is_of(&self, scope: &Scope) -> bool;

    /// The fault for ids (joined by `, `) that do not exist.
    fn not_found(ids: &str) -> Fault;

    /// The fault for an id of the wrong form. For most kinds AWS does not tell it from one that does not exist.
    fn malformed(id: &str) -> Fault {
        Self::not_found(id)
    }
}

macro_rules! resources {
    ($($row:ty, $prefix:literal, $kind:literal, $not_found:ident $(, $malformed:ident)?;)*) => {
        $(impl Resource for $row {
            const KIND: &'static str = $kind;

            fn is_of(&self, scope: &Scope) -> bool {
                self.scope == *scope
            }

            fn not_found(ids: &str) -> Fault {
                faults::$not_found(ids)
            }

            $(fn malformed(id: &str) -> Fault {
                faults::$malformed(id)
            })?
        })*

        /// The kind of an existing resource of any kind, as tags name it: `elastic-ip` for `eipalloc-…`.
        ///
        /// # Errors
        /// The kind's own fault when there is no such resource in the scope, `InvalidID` when the prefix is unknown.
        pub(crate) fn kind_of(world: &World, scope: &Scope, id: &str) -> Result<&'static str, Fault> {
            let prefix = id.rsplit_once('-').map_or("", |(prefix, _)| prefix);
            match prefix {
                $($prefix => find::<$row>(world, scope, id).map(|_| <$row>::KIND),)*
                "pcx" => find::<VpcPeeringConnection>(world, scope, id).map(|_| VpcPeeringConnection::KIND),
                _ => Err(faults::invalid_id(id)),
            }
        }
    };
}

resources! {
    Vpc, "vpc", "vpc", invalid_vpc_id_not_found;
    Subnet, "subnet", "subnet", invalid_subnet_id_not_found;
    SubnetCidrReservation, "scr", "subnet-cidr-reservation",
        invalid_subnet_cidr_reservation_id_not_found;
    DhcpOptions, "dopt", "dhcp-options", invalid_dhcp_option_id_not_found;
    RouteTable, "rtb", "route-table", invalid_route_table_id_not_found;
    InternetGateway, "igw", "internet-gateway", invalid_internet_gateway_id_not_found;
    SecurityGroup, "sg", "security-group", invalid_group_not_found, invalid_group_id_malformed;
    SecurityGroupRule, "sgr", "security-group-rule",
        invalid_security_group_rule_id_not_found, invalid_security_group_rule_id_malformed;
    NetworkAcl, "acl", "network-acl", invalid_network_acl_id_not_found;
    Address, "eipalloc", "elastic-ip", invalid_allocation_id_not_found;
    NatGateway, "nat", "natgateway", nat_gateway_not_found;
    NetworkInterface, "eni", "network-interface", invalid_network_interface_id_not_found;
    Instance, "i", "instance", invalid_instance_id_not_found, invalid_instance_id_malformed;
    Volume, "vol", "volume", invalid_volume_not_found, invalid_volume_id_malformed;
    KeyPair, "key", "key-pair", invalid_key_pair_id_not_found;
    NetworkInsightsPath, "nip", "network-insights-path", invalid_network_insights_path_id_not_found;
    NetworkInsightsAnalysis, "nia", "network-insights-analysis",
        invalid_network_insights_analysis_id_not_found, invalid_network_insights_analysis_id_malformed;
    ManagedPrefixList, "pl", "prefix-list",
        invalid_prefix_list_id_not_found, invalid_prefix_list_id_malformed;
    Image, "ami", "image", invalid_amiid_not_found, invalid_amiid_malformed;
}

/// It exists for both its sides.
impl Resource for VpcPeeringConnection {
    const KIND: &'static str = "vpc-peering-connection";

    fn is_of(&self, scope: &Scope) -> bool {
        VpcPeeringConnection::is_of(self, scope)
    }

    fn not_found(ids: &str) -> Fault {
        faults::invalid_vpc_peering_connection_id_not_found(ids)
    }

    fn malformed(id: &str) -> Fault {
        faults::invalid_vpc_peering_connection_id_malformed(id)
    }
}

/// Parses an id; the resource need not exist.
///
/// # Errors
/// [`Resource::malformed`].
pub(crate) fn parse<R: Resource>(id: &str) -> Result<R::Id, Fault> {
    R::Id::parse(id).map_err(|_| R::malformed(id))
}

/// The resource with this id in the scope.
///
/// # Errors
/// [`Resource::malformed`], [`Resource::not_found`].
pub(crate) fn find<'w, R: Resource>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w R, Fault>
where
    World: Holds<R>,
{
    let parsed = parse::<R>(id)?;
    world.get::<R>(&parsed).filter(|row| row.is_of(scope)).ok_or_else(|| R::not_found(id))
}

/// Like [`find`] for a required parameter.
///
/// # Errors
/// `MissingParameter` when the request has none, else as [`find`].
pub(crate) fn find_required<'w, R: Resource>(
    world: &'w World,
    scope: &Scope,
    parameter: &str,
    id: Option<&str>,
) -> Result<&'w R, Fault>
where
    World: Holds<R>,
{
    match id {
        Some(id) => find(world, scope, id),
        None => Err(faults::missing_parameter(parameter)),
    }
}

/// The resources that a Describe names by id: all of the scope when it names none, in the order of ids.
///
/// # Errors
/// [`Resource::malformed`]; [`Resource::not_found`] with all the ids that do not exist.
pub(crate) fn select<'w, R: Resource>(read: &Read<'w>, ids: &[String]) -> Result<Vec<&'w R>, Fault>
where
    World: Holds<R>,
{
    let scope = &read.caller.scope;
    if ids.is_empty() {
        return Ok(in_scope(read.world, scope).collect());
    }
    let mut parsed = ids.iter().map(|id| parse::<R>(id)).collect::<Result<Vec<_>, _>>()?;
    parsed.sort();
    parsed.dedup();
    let exists = |id: &R::Id| read.world.get::<R>(id).filter(|row| row.is_of(scope));
    let missing: Vec<&str> = parsed.iter().filter(|id| exists(id).is_none()).map(|id| id.as_str()).collect();
    if !missing.is_empty() {
        return Err(R::not_found(&missing.join(", ")));
    }
    Ok(parsed.iter().filter_map(exists).collect())
}

/// Every resource of a kind in the scope, in the order of ids. The row must be indexed by `scope`.
pub(crate) fn in_scope<'w, R: Resource>(
    world: &'w World,
    scope: &Scope,
) -> impl Iterator<Item = &'w R> + use<'w, R>
where
    World: Holds<R>,
{
    world.by::<R>("scope", &scope.to_string())
}
