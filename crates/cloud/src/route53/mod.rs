//! Route 53. [What is Amazon Route 53?](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/Welcome.html)
//!
//! What AWS promises: hosted zones and their record sets, changed by atomic batches that are `PENDING` until every name
//! server answers by them, then `INSYNC`. How we realise it: rows, which `plan` turns into what the name servers answer
//! from; [`crate::tick`] moves changes on. Route 53 is global: rows belong to an account.
//!
//! Refused with a clear error for now: traffic policies, DNSSEC (`docs/route53.md`). Tested in `tests/route53.rs`.

mod change;
mod cidr_collection;
mod delegation_set;
mod faults;
mod geo_location;
mod health_check;
mod hosted_zone;
pub mod import;
mod limit;
mod name_server;
mod page;
mod query_logging;
mod record_set;
mod service_zone;
mod tag;
mod test_dns_answer;
mod vpc_association;
mod vpc_authorization;

use enishi_state::Tx;
use enishi_state::route53::HostedZoneId;
use enishi_state::{Timestamp, World, route53};
use enishi_wire::Fault;

use crate::registry::Registry;

pub(crate) use change::{next_to_forget, settle, to_forget};
pub(crate) use hosted_zone::create_for_domain;
pub use query_logging::destination as query_log_destination;
pub(crate) use service_zone::load_balancer_zone_id;

pub(crate) fn register(on: &mut Registry) {
    change::register(on);
    cidr_collection::register(on);
    delegation_set::register(on);
    geo_location::register(on);
    health_check::register(on);
    hosted_zone::register(on);
    limit::register(on);
    query_logging::register(on);
    record_set::register(on);
    tag::register(on);
    test_dns_answer::register(on);
    vpc_association::register(on);
    vpc_authorization::register(on);
}

/// Where a resource is found: `https://route53.amazonaws.com/2013-04-01/KIND/ID`, the `Location` header of its creation.
fn location(kind: &str, id: &str) -> String {
    format!("https://route53.amazonaws.com/2013-04-01/{kind}/{id}")
}

/// The id without what some clients put before it: `/hostedzone/`, `/change/`.
fn bare(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, bare)| bare)
}

/// A fresh id: a letter and random capital letters and digits.
fn fresh_id(tx: &mut Tx<'_>, prefix: &str, length: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut random = vec![0u8; length];
    tx.entropy().fill(&mut random);
    let letters = random.iter().map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()]));
    prefix.chars().chain(letters).collect()
}

/// A fresh random UUID (RFC 9562, version 4).
pub(crate) fn fresh_uuid(tx: &mut Tx<'_>) -> String {
    let mut bytes = [0u8; 16];
    tx.entropy().fill(&mut bytes);
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A point in time as responses carry it.
fn shown(time: Timestamp) -> enishi_wire::Timestamp {
    enishi_wire::Timestamp::from_millis(time.0)
}

/// A hosted zone of the account.
///
/// # Errors
/// `NoSuchHostedZone`
fn own_zone<'w>(
    world: &'w World,
    account: &enishi_state::AccountId,
    id: &str,
) -> Result<&'w route53::HostedZone, Fault> {
    let found = world.get::<route53::HostedZone>(&HostedZoneId::new(bare(id)));
    found.filter(|zone| zone.account == *account).ok_or_else(|| faults::no_such_hosted_zone(bare(id)))
}
