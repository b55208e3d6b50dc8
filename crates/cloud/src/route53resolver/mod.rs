//! Route 53 Resolver: where queries enter and leave VPCs, which names go elsewhere, and who logs it.
//! [Route 53 VPC Resolver](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver.html)
//!
//! What AWS promises: an endpoint has a network interface for each of its addresses, behind security groups; a rule sends a
//! domain's queries out of an outbound endpoint, in the VPCs that it is associated with; a query logging configuration logs
//! the queries of the VPCs that it is associated with. Each of them says how far it is, and is in force when it says so.
//! How we realise it: rows, which `plan` turns into namespaces and into what a VPC's resolver knows; [`settle`] moves them
//! on when the data plane has followed.
//!
//! Refused with a clear error: DNS firewall, Outposts, rules and configurations shared with other accounts, DNSSEC validation,
//! delegation (endpoints and rules), protocols besides `Do53`, IPv6. Tested in `tests/route53resolver.rs`.

mod faults;
mod list;
mod query_log_config;
mod resolver_config;
mod resolver_endpoint;
mod resolver_rule;
pub(crate) mod settle;
mod tag;

use enishi_state::ec2::{Vpc, VpcId};
use enishi_state::route53resolver::{QueryLogAssociation, ResolverConfig, ResolverRuleAssociation};
use enishi_state::{ResourceId, Row, Scope, Timestamp, Tx, World};
use enishi_wire::Fault;

use self::faults::Kind;
use crate::registry::Registry;

pub(crate) fn register(on: &mut Registry) {
    query_log_config::register(on);
    resolver_config::register(on);
    resolver_endpoint::register(on);
    resolver_rule::register(on);
    tag::register(on);
}

/// Forgets what was set for a VPC that is being deleted: its rules' associations, its query logs', its configuration.
pub(crate) fn forget_vpc(tx: &mut Tx<'_>, vpc: &VpcId) {
    let world = tx.world();
    let rules: Vec<_> =
        world.by::<ResolverRuleAssociation>("vpc", vpc.as_str()).map(|row| row.id.clone()).collect();
    let logs: Vec<_> =
        world.by::<QueryLogAssociation>("vpc", vpc.as_str()).map(|row| row.id.clone()).collect();
    let is_configured = world.get::<ResolverConfig>(vpc).is_some();
    for id in rules {
        tx.remove::<ResolverRuleAssociation>(&id);
    }
    for id in logs {
        tx.remove::<QueryLogAssociation>(&id);
    }
    if is_configured {
        tx.remove::<ResolverConfig>(vpc);
    }
}

/// `arn:aws:route53resolver:REGION:ACCOUNT:KIND/ID`
fn arn(scope: &Scope, kind: &str, id: &str) -> String {
    format!("arn:aws:route53resolver:{}:{}:{kind}/{id}", scope.region, scope.account)
}

/// A point in time as responses carry it.
fn shown(time: Timestamp) -> Option<String> {
    Some(enishi_wire::Timestamp::from_millis(time.0).date_time_millis())
}

/// A status message: most of AWS's begin with the trace id of the request.
fn traced(tx: &mut Tx<'_>, text: &str) -> String {
    let mut bytes = [0u8; 16];
    tx.entropy().fill(&mut bytes);
    let random = u128::from_be_bytes(bytes) & (u128::MAX >> 32);
    format!("[Trace id: 1-{:08x}-{random:024x}] {text}", tx.now().seconds() & 0xffff_ffff)
}

/// Checks a name: up to 64 letters, digits, hyphens, underscores and spaces, not digits only.
///
/// # Errors
/// `InvalidParameterException`
fn check_name(name: Option<&str>) -> Result<(), Fault> {
    let Some(name) = name else { return Ok(()) };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_ '".contains(&byte);
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    match !is_number && name.bytes().all(is_allowed) {
        true => Ok(()),
        false => Err(faults::invalid_parameter(
            "Name",
            format!(
                "The name '{name}' is not valid. A name can contain letters (a-z, A-Z), numbers (0-9), hyphens (-), \
                 underscores (_), and spaces, and cannot consist of only numbers."
            ),
        )),
    }
}

/// The caller's VPC.
///
/// # Errors
/// `ResourceNotFoundException`
fn own_vpc<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w Vpc, Fault> {
    let found = VpcId::parse(id).ok().and_then(|id| world.get::<Vpc>(&id));
    found.filter(|vpc| vpc.scope == *scope).ok_or_else(|| faults::resource_not_found(Kind::Vpc, id))
}

/// Whether a request of the caller's with this name made a row of the kind that is still there.
fn was_requested<R: Row>(tx: &Tx<'_>, creator_request_id: &str) -> bool
where
    World: enishi_state::Holds<R>,
{
    let key = format!("{}/{creator_request_id}", tx.caller().scope);
    tx.world().by::<R>("creator_request", &key).next().is_some()
}

/// `Some` text.
fn text(value: impl std::fmt::Display) -> Option<String> {
    Some(value.to_string())
}

/// How many, as responses carry it.
fn count(number: usize) -> Option<i32> {
    Some(i32::try_from(number).unwrap_or(i32::MAX))
}
