//! VPC resolvers: what the server at a VPC's base plus two knows.
//! [Amazon DNS server](https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html)
//!
//! * `enableDnsSupport` says whether there is one.
//! * Every private address in the VPC has a name, `ip-10-0-0-5.ec2.internal`, and its reverse name leads back to it. An instance
//!   has a name made of its id too, where its subnet says so (`EnableResourceNameDnsARecordOnLaunch`).
//! * With `enableDnsHostnames` a public host name of the VPC gives the private address, so that traffic inside of the VPC stays
//!   there, and private hosted zones are seen: "you must set both attributes to true".
//!   [VPC settings for private hosted zones](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html)
//! * The names of a peered VPC that allows it are answered like the own ones (`vpc_peering_connection.rs`).
//! * Domains that make no sense outside (private host names, reverse names of private blocks, `localhost`) are answered here.
//!   [Autodefined system rules](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network-autodefined-rules.html)

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use enishi_fabric::dns::{Name, VpcResolver};
use enishi_state::World;
use enishi_state::ec2::{Instance, NetworkInterface, Subnet, Vpc};
use enishi_state::route53::HostedZone;
use enishi_state::route53resolver::has_autodefined_reverse;

use crate::zone_edit::own_name;
use crate::{address, host_name, query_log_config, resolver_rule, vpc_peering_connection};

/// The resolver's link-local address; its other one is the VPC's base plus two.
pub(crate) const LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

/// The resolver of a VPC, if the VPC has one.
pub(crate) fn compile(world: &World, vpc: &Vpc) -> Option<VpcResolver> {
    if !vpc.dns_support {
        return None;
    }
    let reverse = has_autodefined_reverse(world, &vpc.id);
    let mut hosts = Hosts::new(reverse);
    for interface in world.by::<NetworkInterface>("vpc", vpc.id.as_str()) {
        hosts.add(world, vpc, interface);
    }
    for other in vpc_peering_connection::resolvable(world, vpc) {
        for interface in world.by::<NetworkInterface>("vpc", other.id.as_str()) {
            hosts.add_names(world, other, interface);
        }
    }
    Some(VpcResolver {
        vpc: vpc.id.as_str().into(),
        region: vpc.scope.region.as_str().into(),
        account: vpc.scope.account.as_str().into(),
        listen: base_plus_two(vpc).into_iter().chain([LINK_LOCAL]).collect(),
        rules: resolver_rule::compile(world, &vpc.id),
        private_zones: if vpc.dns_hostnames { private_zones(world, vpc) } else { BTreeMap::new() },
        autodefined: autodefined(vpc, reverse),
        names: hosts.names,
        pointers: hosts.pointers,
        logs: query_log_config::compile(world, &vpc.id),
        clients: hosts.clients,
    })
}

/// Where the resolver is inside the VPC's own block.
pub(crate) fn base_plus_two(vpc: &Vpc) -> Option<Ipv4Addr> {
    vpc.primary_cidr().filter(|_| vpc.dns_support).and_then(|cidr| cidr.nth(2))
}

/// The private zones that the VPC is associated with; of two with one name the older.
fn private_zones(world: &World, vpc: &Vpc) -> BTreeMap<Name, Arc<str>> {
    let zones = world.by::<HostedZone>("vpc", vpc.id.as_str()).filter(|zone| zone.is_private);
    let mut zones: Vec<&HostedZone> = zones.collect();
    zones.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
    zones.into_iter().map(|zone| (zone.name.clone(), zone.id.as_str().into())).collect()
}

/// Names of this very host: RFC 6761, section 6.3, and RFC 6303, sections 4.2 and 4.3.
static LOCAL: LazyLock<BTreeSet<Name>> = LazyLock::new(|| {
    let local = ["localhost", "localdomain", "127.in-addr.arpa"].into_iter().map(own_name);
    local.chain(host_name::localhost_reverse()).collect()
});

/// Those, and reverse names of private and link-local addresses: RFC 6303, section 4.2.
static LOCAL_AND_PRIVATE: LazyLock<BTreeSet<Name>> = LazyLock::new(|| {
    let twelve_bits = (16..32).map(|n| format!("{n}.172.in-addr.arpa"));
    let whole = ["10.in-addr.arpa", "168.192.in-addr.arpa", "254.169.in-addr.arpa"].map(ToOwned::to_owned);
    let private = whole.into_iter().chain(twelve_bits).map(|text| own_name(&text));
    LOCAL.iter().cloned().chain(private).collect()
});

/// Domains that are nobody's outside of the VPC. The reverse ones of private blocks can be switched off.
fn autodefined(vpc: &Vpc, reverse: bool) -> BTreeSet<Name> {
    let mut domains = if reverse { LOCAL_AND_PRIVATE.clone() } else { LOCAL.clone() };
    domains.extend(Name::parse(&host_name::private_domain(&vpc.scope.region)));
    if reverse {
        domains.extend(vpc.cidrs.iter().flat_map(|block| host_name::reverse_domains(block.cidr)));
    }
    domains
}

/// The hosts of a VPC: names, addresses, and who has them.
#[derive(Debug)]
struct Hosts {
    /// Whether reverse names of the VPC's addresses are answered.
    reverse: bool,
    names: BTreeMap<Name, Vec<IpAddr>>,
    pointers: BTreeMap<Name, Name>,
    clients: BTreeMap<Ipv4Addr, (Arc<str>, Option<Arc<str>>)>,
}

impl Hosts {
    fn new(reverse: bool) -> Self {
        let localhost = own_name("localhost");
        let addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let pointers = host_name::localhost_reverse().into_iter().map(|name| (name, localhost.clone()));
        Hosts {
            reverse,
            pointers: pointers.collect(),
            names: [(localhost.clone(), addresses)].into(),
            clients: BTreeMap::new(),
        }
    }

    fn add(&mut self, world: &World, vpc: &Vpc, interface: &NetworkInterface) {
        let instance = interface.instance().map(|id| Arc::from(id.as_str()));
        for address in &interface.addresses {
            self.clients.insert(address.ip, (interface.id.as_str().into(), instance.clone()));
        }
        self.add_names(world, vpc, interface);
    }

    /// The names of an interface of this or of a peered VPC, and of its addresses.
    fn add_names(&mut self, world: &World, vpc: &Vpc, interface: &NetworkInterface) {
        let region = &vpc.scope.region;
        for address in interface.addresses.iter().map(|address| address.ip) {
            let Ok(name) = Name::parse(&host_name::private_name(region, address)) else { continue };
            if self.reverse {
                self.pointers.extend(host_name::reverse(address).map(|back| (back, name.clone())));
            }
            self.names.insert(name, vec![address.into()]);
        }
        if let Some(name) = resource_name(world, vpc, interface) {
            self.names.insert(name, vec![interface.primary_ip().into()]);
        }
        if vpc.dns_hostnames {
            for (private, public) in address::mappings(world, interface) {
                if let Ok(name) = Name::parse(&host_name::public_name(region, public.address)) {
                    self.names.insert(name, vec![private.into()]);
                }
            }
        }
    }
}

/// The name made of an instance's id, which leads to its primary interface where the subnet wants it.
fn resource_name(world: &World, vpc: &Vpc, interface: &NetworkInterface) -> Option<Name> {
    let attachment = interface.attachment.as_ref().filter(|attachment| attachment.device_index == 0)?;
    let instance = world.get::<Instance>(attachment.instance.as_ref()?)?;
    world.get::<Subnet>(&interface.subnet).filter(|subnet| subnet.resource_name_dns_a)?;
    Name::parse(&format!("{}.{}", instance.id, host_name::private_domain(&vpc.scope.region))).ok()
}
