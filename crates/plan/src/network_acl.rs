//! Network ACLs: numbered rules, the lowest number that matches decides.
//!
//! The last rule, `*`, denies everything; it is not listed, since a program's ACL denies what no rule matches.
//! [Network ACL rules](https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html)

use std::collections::BTreeMap;
use std::sync::Arc;

use enishi_fabric::Origin;
use enishi_fabric::program::{self, AclRule};
use enishi_state::World;
use enishi_state::ec2::{AclEntry, NetworkAcl};

use crate::network_interface::Live;

/// The network ACLs of the subnets of live interfaces, by AWS id.
pub(crate) fn compile(world: &World, live: &[Live<'_>]) -> BTreeMap<Arc<str>, program::NetworkAcl> {
    let mut acls = BTreeMap::new();
    for interface in live {
        let id = &interface.subnet.network_acl.1;
        if acls.contains_key(id.as_str()) {
            continue;
        }
        let Some(row) = world.get::<NetworkAcl>(id) else { continue };
        acls.insert(Arc::from(id.as_str()), acl(row));
    }
    acls
}

fn acl(row: &NetworkAcl) -> program::NetworkAcl {
    program::NetworkAcl {
        origin: Origin::resource(row.id.as_str()),
        inbound: rules(row, &row.inbound),
        outbound: rules(row, &row.outbound),
    }
}

fn rules(row: &NetworkAcl, entries: &BTreeMap<u16, AclEntry>) -> Vec<AclRule> {
    entries
        .iter()
        .map(|(number, entry)| AclRule {
            origin: Origin::rule(row.id.as_str(), &number.to_string()),
            allow: entry.allow,
            traffic: entry.traffic,
            cidr: entry.cidr,
        })
        .collect()
}
