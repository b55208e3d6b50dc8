//! `TestDNSAnswer`: what the name servers answer, without a packet.

use enishi_cloud::outside::{DnsAnswer, DnsQuestion};
use enishi_dns::Entropy;
use enishi_fabric::dns::{Name, Rdata, RecordType};
use enishi_plan::NameServer;
use rand::Rng;

use super::{NameServers, view};

impl NameServers {
    /// What the name servers of a hosted zone answer; nothing when there is no such zone or the name is not in it.
    pub fn answer(&self, question: &DnsQuestion) -> Option<DnsAnswer> {
        let authority = self.store().load();
        let asker = authority.locate(question.address, question.prefix);
        let explained = authority.explain(
            &question.zone,
            &question.name,
            question.record_type,
            &asker,
            &mut entropy(),
        )?;
        let data = explained.records.iter().map(|record| record.data.text(record.record_type));
        Some(DnsAnswer { rcode: explained.rcode.to_string(), data: data.collect() })
    }
}

impl NameServers {
    /// The data that anybody gets for a name and type from the public hosted zone that is closest to it, whether or not it is
    /// delegated.
    pub fn records(&self, name: &Name, record_type: RecordType) -> Vec<Rdata> {
        let authority = self.store().load();
        let Some(zone) = authority.closest(view(NameServer::Every), name, record_type) else {
            return Vec::new();
        };
        let asker = authority.locate(enishi_plan::region_address("us-east-1").into(), 32);
        let explained = authority.explain(&zone, name, record_type, &asker, &mut entropy());
        let records = explained.into_iter().flat_map(|explained| explained.records);
        records.filter(|record| record.record_type == record_type).map(|record| record.data).collect()
    }
}

/// Randomness for one answer.
pub(super) fn entropy() -> Entropy {
    Entropy::seeded(rand::rng().next_u64())
}
