//! `TestDNSAnswer`: what the name servers answer, without a packet.

use enishi_cloud::outside::{DnsAnswer, DnsQuestion};
use enishi_dns::Entropy;
use rand::Rng;

use super::NameServers;

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

/// Randomness for one answer.
pub(super) fn entropy() -> Entropy {
    Entropy::seeded(rand::rng().next_u64())
}
