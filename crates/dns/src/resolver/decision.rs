//! What a VPC's resolver does with a name, told and not done: for `enishi dns`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use enishi_fabric::dns::{Name, RuleAction, VpcResolver};

use super::vpc::{Route, Vpc};
use crate::folded::Folded;

/// Who answers for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A private hosted zone.
    PrivateZone {
        /// The zone.
        zone: Arc<str>,
        /// Its domain.
        domain: Name,
    },
    /// The VPC itself: the name stands for addresses in it, or is the reverse of one.
    Own {
        /// The autodefined domain that it is in; none for public names.
        domain: Option<Name>,
        /// Its addresses.
        addresses: Vec<IpAddr>,
        /// The name that it is the reverse of.
        pointer: Option<Name>,
    },
    /// The VPC itself, and it has no such name.
    Nothing {
        /// The autodefined domain that it would be in.
        domain: Name,
        /// Whether there are names below it.
        exists: bool,
    },
    /// Name servers elsewhere.
    Forward {
        /// The rule that says so.
        rule: Arc<str>,
        /// The rule's domain.
        domain: Name,
        /// The outbound endpoint that queries leave by.
        endpoint: Arc<str>,
        /// One of them is asked.
        targets: Vec<SocketAddr>,
    },
    /// The internet's name servers.
    Public,
}

/// What the resolver does with a name: the same look-up as for a query.
pub fn decide(resolver: &VpcResolver, name: &Name) -> Decision {
    let vpc = Vpc::compile(resolver, 0);
    let Some(folded) = Folded::new(name.as_wire()) else { return Decision::Public };
    match vpc.route(&folded) {
        Route::Zone(zone) => {
            Decision::PrivateZone { zone: Arc::clone(zone), domain: apex(resolver, zone, name) }
        }
        Route::Local(_, domain) => Decision::Own {
            domain: domain.cloned(),
            addresses: resolver.names.get(name).cloned().unwrap_or_default(),
            pointer: resolver.pointers.get(name).cloned(),
        },
        Route::Nothing { domain, exists } => Decision::Nothing { domain: domain.clone(), exists },
        Route::Ask(_) => rule(resolver, name).unwrap_or(Decision::Public),
    }
}

/// The name and what is above it, to the root.
fn upwards(name: &Name) -> impl Iterator<Item = Name> {
    std::iter::successors(Some(name.clone()), Name::parent)
}

fn apex(resolver: &VpcResolver, zone: &Arc<str>, name: &Name) -> Name {
    let found = upwards(name).find(|domain| resolver.private_zones.get(domain) == Some(zone));
    found.unwrap_or_else(|| name.clone())
}

/// The most specific rule, if that forwards.
fn rule(resolver: &VpcResolver, name: &Name) -> Option<Decision> {
    let (domain, rule) =
        upwards(name).find_map(|domain| Some((domain.clone(), resolver.rules.get(&domain)?)))?;
    match &rule.action {
        RuleAction::System => None,
        RuleAction::Forward { endpoint, targets } => Some(Decision::Forward {
            rule: Arc::clone(&rule.id),
            domain,
            endpoint: Arc::clone(endpoint),
            targets: targets.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use enishi_fabric::dns::ResolverRule;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    #[test]
    fn the_most_specific_domain_decides() {
        let forward = |id: &str| ResolverRule {
            id: Arc::from(id),
            action: RuleAction::Forward {
                endpoint: Arc::from("rslvr-out-1"),
                targets: vec!["10.9.0.2:53".parse().expect("an address")],
            },
        };
        let system = ResolverRule { id: Arc::from("rslvr-rr-2"), action: RuleAction::System };
        let resolver = VpcResolver {
            vpc: Arc::from("vpc-1"),
            region: Arc::from("us-east-1"),
            account: Arc::from("000000000000"),
            listen: BTreeSet::new(),
            rules: BTreeMap::from([
                (name("corp.test"), forward("rslvr-rr-1")),
                (name("cloud.corp.test"), system),
            ]),
            private_zones: BTreeMap::from([(name("app.corp.test"), Arc::from("Z1"))]),
            autodefined: BTreeSet::from([name("ec2.internal")]),
            names: BTreeMap::from([(name("ip-10-0-0-5.ec2.internal"), vec![IpAddr::from([10, 0, 0, 5])])]),
            pointers: BTreeMap::new(),
            logs: BTreeSet::new(),
            clients: BTreeMap::new(),
        };
        let decide = |text: &str| decide(&resolver, &name(text));
        assert!(matches!(decide("db.corp.test"), Decision::Forward { rule, .. } if &*rule == "rslvr-rr-1"));
        assert!(
            matches!(decide("x.app.corp.test"), Decision::PrivateZone { domain, .. } if domain == name("app.corp.test"))
        );
        assert_eq!(decide("x.cloud.corp.test"), Decision::Public);
        assert_eq!(decide("example.com"), Decision::Public);
        let Decision::Own { addresses, domain, .. } = decide("ip-10-0-0-5.ec2.internal") else {
            panic!("not its own")
        };
        assert_eq!((addresses, domain), (vec![IpAddr::from([10, 0, 0, 5])], Some(name("ec2.internal"))));
        assert!(matches!(decide("nobody.ec2.internal"), Decision::Nothing { exists: false, .. }));
    }
}
