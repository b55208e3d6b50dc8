//! Random hosted zones, record sets, collections and registered domains.
//!
//! Few names, so that zones have the same name or lie in each other, and sets share their name and type; every policy that
//! needs no more than rows.

use enishi_fabric::dns::{
    Alias, CidrLocation, Content, Failover, Name, Rdata, RecordSet as Set, RecordType, Routing,
};
use enishi_state::ec2::{Vpc, VpcId};
use enishi_state::route53::{
    CidrCollection, CidrCollectionId, HostedZone, HostedZoneId, RecordSet, RecordSetKey, VpcAssociation,
};
use enishi_state::route53domains::{
    Contact, ContactType, Contacts, Domain, NameServer, Privacy, Reachability,
};
use enishi_state::{Row, Tx};

use super::WorldBuilder;
use crate::Random;

/// Zones' names: the same, in each other, below several top-level domains, and one that is Amazon's.
const ZONES: [&str; 6] =
    ["example.com", "a.example.com", "example.org", "corp.internal", "example.net", "amazonaws.com"];

/// What comes before a zone's name.
const NAMES: [&str; 5] = ["", "www.", "a.b.", "*.x.", "sub."];

const TYPES: [RecordType; 4] = [RecordType::A, RecordType::AAAA, RecordType::TXT, RecordType::NS];
const IDENTIFIERS: [&str; 3] = ["a", "b", "c"];
const COLLECTIONS: [&str; 2] = ["cidr-1", "cidr-2"];
const DOMAINS: [&str; 4] = ["example.com", "example.org", "example.co.uk", "example.dev"];

/// One random valid change of hosted zones, or of what belongs to them, in one transaction.
pub fn random_zone_step(builder: &mut WorldBuilder, random: &mut Random) {
    builder.change(|tx| {
        for _ in 0..random.between(1, 4) {
            Zones { tx, r: random }.step();
        }
    });
}

struct Zones<'a, 't> {
    tx: &'a mut Tx<'t>,
    r: &'a mut Random,
}

impl Zones<'_, '_> {
    fn step(&mut self) {
        match self.r.below(12) {
            0 | 1 => self.create_zone(),
            2 => self.delete_zone(),
            3 => self.change_collection(),
            4 => self.change_domain(),
            5 => self.change_vpcs(),
            6 => self.change_attributes(),
            _ => self.change_sets(),
        }
    }

    fn some_zone(&mut self) -> Option<HostedZone> {
        let zones: Vec<HostedZone> = self.tx.world().all::<HostedZone>().cloned().collect();
        self.r.pick_any(&zones)
    }

    /// A VPC that sees no zone of that name yet.
    fn some_vpc(&mut self, name: &Name) -> Option<VpcAssociation> {
        let world = self.tx.world();
        let sees = |vpc: &VpcId| world.by::<HostedZone>("vpc", vpc.as_str()).any(|zone| zone.name == *name);
        let vpcs: Vec<VpcAssociation> = world
            .all::<Vpc>()
            .filter(|vpc| !sees(&vpc.id))
            .map(|vpc| VpcAssociation { region: vpc.scope.region.clone(), vpc: vpc.id.clone() })
            .collect();
        self.r.pick_any(&vpcs)
    }

    fn create_zone(&mut self) {
        let name = parsed(self.r.pick(&ZONES));
        let vpc = if self.r.chance(40) { self.some_vpc(&name) } else { None };
        let id = format!("Z{:016X}", self.r.bits());
        let name_servers: Vec<String> = ["com", "net", "org", "co.uk"]
            .iter()
            .zip(0..)
            .map(|(domain, quarter)| {
                let number = quarter * 512 + self.r.below(3);
                format!("ns-{number}.awsdns-{:02}.{domain}", number % 64)
            })
            .collect();
        let zone = HostedZone {
            id: HostedZoneId::new(&id),
            account: self.tx.caller().scope.account.clone(),
            name: name.clone(),
            caller_reference: id,
            comment: None,
            is_private: vpc.is_some(),
            vpcs: vpc.into_iter().collect(),
            authorized: Vec::new(),
            delegation_set: None,
            record_sets: 2,
            created: self.tx.now(),
            name_servers: name_servers.clone(),
        };
        let soa = format!("{}. hostmaster.example.com. 1 7200 900 1209600 86400", name_servers[0]);
        for (record_type, values) in [(RecordType::NS, name_servers), (RecordType::SOA, vec![soa])] {
            let set = Set {
                name: name.clone(),
                record_type,
                identifier: None,
                routing: Routing::Simple,
                health_check: None,
                content: records(record_type, &values),
            };
            self.tx.put(RecordSet { zone: zone.id.clone(), set, values });
        }
        self.tx.put(zone);
    }

    fn delete_zone(&mut self) {
        let Some(zone) = self.some_zone() else { return };
        for key in self.sets_of(&zone.id).iter().map(Row::id) {
            self.tx.remove::<RecordSet>(&key);
        }
        self.tx.remove::<HostedZone>(&zone.id);
    }

    fn sets_of(&self, zone: &HostedZoneId) -> Vec<RecordSet> {
        let start = RecordSetKey::new(&RecordSetKey::zone_prefix(zone));
        self.tx.world().from::<RecordSet>(&start).take_while(|row| row.zone == *zone).cloned().collect()
    }

    fn change_sets(&mut self) {
        let Some(zone) = self.some_zone() else { return };
        for _ in 0..self.r.between(1, 4) {
            let name = parsed(&format!("{}{}", self.r.pick(&NAMES), zone.name));
            let record_type = self.r.pick(&TYPES);
            if name != zone.name || record_type != RecordType::NS {
                self.change_set(&zone, name, record_type);
            }
        }
        let record_sets = self.sets_of(&zone.id).len() as u64;
        self.tx.put(HostedZone { record_sets, ..zone });
    }

    /// Puts or removes a set. All sets of a name and type have an identifier, or there is one that has none.
    fn change_set(&mut self, zone: &HostedZone, name: Name, record_type: RecordType) {
        let is_same = |row: &RecordSet| row.set.name == name && row.set.record_type == record_type;
        let there: Vec<RecordSet> = self.sets_of(&zone.id).into_iter().filter(is_same).collect();
        if let Some(gone) = self.r.pick_any(&there).filter(|_| self.r.chance(40)) {
            self.tx.remove::<RecordSet>(&gone.id());
            return;
        }
        let is_simple = match there.first() {
            Some(first) => first.set.identifier.is_none(),
            None => record_type == RecordType::NS || self.r.chance(50),
        };
        let routing = if is_simple { Routing::Simple } else { self.policy() };
        let values: Vec<String> = (0..self.r.between(1, 3)).map(|n| self.value(record_type, n)).collect();
        let is_alias = record_type != RecordType::NS && self.r.chance(20);
        let content = match is_alias {
            true => Content::Alias(Alias {
                zone: zone.id.as_str().into(),
                name: parsed(&format!("www.{}", zone.name)),
                evaluate_target_health: self.r.chance(50),
            }),
            false => records(record_type, &values),
        };
        let identifier = (!is_simple).then(|| self.r.pick(&IDENTIFIERS).into());
        let set = Set { name, record_type, identifier, routing, health_check: None, content };
        let values = if is_alias { Vec::new() } else { values };
        self.tx.put(RecordSet { zone: zone.id.clone(), set, values });
    }

    fn policy(&mut self) -> Routing {
        let collections: Vec<CidrCollection> = self.tx.world().all::<CidrCollection>().cloned().collect();
        match (self.r.below(6), self.r.pick_any(&collections)) {
            (0, Some(row)) => {
                let location = if self.r.chance(50) { "*" } else { "office" };
                Routing::Cidr(CidrLocation { collection: row.id.as_str().into(), location: location.into() })
            }
            (1, _) => Routing::Multivalue,
            (2, _) => Routing::Latency("eu-west-1".into()),
            (3, _) => Routing::Failover(Failover::Primary),
            _ => Routing::Weighted(self.r.below(256) as u8),
        }
    }

    fn value(&mut self, record_type: RecordType, n: usize) -> String {
        let low = self.r.below(60) * 4 + n;
        match record_type {
            RecordType::A => format!("192.0.2.{low}"),
            RecordType::AAAA => format!("2001:db8::{low:x}"),
            RecordType::TXT => format!("\"{low}\""),
            _ => format!("ns{low}.example.net"),
        }
    }

    fn change_collection(&mut self) {
        let id = CidrCollectionId::new(self.r.pick(&COLLECTIONS));
        let is_used = self.tx.world().by::<RecordSet>("cidr_collection", id.as_str()).next().is_some();
        if !is_used && self.r.chance(30) {
            self.tx.remove::<CidrCollection>(&id);
            return;
        }
        let block = format!("10.{}.0.0/16", self.r.below(250)).parse().expect("a block");
        self.tx.put(CidrCollection {
            account: self.tx.caller().scope.account.clone(),
            name: id.to_string(),
            caller_reference: id.to_string(),
            version: 1,
            locations: [("office".to_owned(), [block].into())].into(),
            id,
        });
    }

    /// Registers a domain, moves it to other name servers, takes it off the registry, or gives it up.
    fn change_domain(&mut self) {
        let name = parsed(self.r.pick(&DOMAINS));
        if self.r.chance(25) {
            self.tx.remove::<Domain>(&Domain::key(&name));
            return;
        }
        let server = |name: &str, glue: &[&str]| NameServer {
            name: parsed(name),
            glue: glue.iter().map(|ip| ip.parse().expect("an address")).collect(),
        };
        let own = format!("ns.{name}");
        let name_servers = match self.r.below(3) {
            0 => vec![server(&own, &["198.18.0.9"])],
            1 => vec![server("ns-0.awsdns-00.com", &[]), server("ns-512.awsdns-00.net", &[])],
            _ => vec![server("ns1.example.dev", &[])],
        };
        let contact = contact();
        let now = self.tx.now();
        self.tx.put(Domain {
            name,
            account: self.tx.caller().scope.account.clone(),
            contacts: Contacts {
                registrant: contact.clone(),
                admin: contact.clone(),
                tech: contact,
                billing: None,
            },
            privacy: Privacy { registrant: true, admin: true, tech: true, billing: true },
            auto_renew: true,
            transfer_lock: false,
            name_servers,
            auth_code: String::new(),
            reachability: Reachability::Done,
            transfer: None,
            created: now,
            updated: now,
            expires: now,
            is_expired: self.r.chance(20),
        });
    }

    fn change_vpcs(&mut self) {
        let Some(mut zone) = self.some_zone().filter(|zone| zone.is_private) else { return };
        match self.some_vpc(&zone.name).filter(|_| self.r.chance(60)) {
            Some(vpc) => zone.vpcs.push(vpc),
            None if zone.vpcs.len() > 1 => {
                let at = self.r.below(zone.vpcs.len());
                zone.vpcs.remove(at);
            }
            None => {}
        }
        self.tx.put(zone);
    }

    /// Turns a VPC's name resolution on or off.
    fn change_attributes(&mut self) {
        let vpcs: Vec<VpcId> = self.tx.world().all::<Vpc>().map(|vpc| vpc.id.clone()).collect();
        let Some(id) = self.r.pick_any(&vpcs) else { return };
        let (support, hostnames) = (self.r.chance(80), self.r.chance(60));
        self.tx.modify::<Vpc>(&id, |vpc| (vpc.dns_support, vpc.dns_hostnames) = (support, hostnames));
    }
}

fn parsed(name: &str) -> Name {
    Name::parse(name).expect("a name")
}

fn records(record_type: RecordType, values: &[String]) -> Content {
    let data = values.iter().map(|value| Rdata::parse(record_type, value).expect("a value")).collect();
    Content::Records { ttl: 60, data }
}

fn contact() -> Contact {
    Contact {
        first_name: "A".to_owned(),
        last_name: "B".to_owned(),
        kind: ContactType::Person,
        organization: None,
        address_line_1: "1".to_owned(),
        address_line_2: None,
        city: "C".to_owned(),
        state: None,
        country: "JP".to_owned(),
        zip_code: None,
        phone: "+81.1".to_owned(),
        email: "a@example.com".to_owned(),
        fax: None,
        extra: Vec::new(),
    }
}
