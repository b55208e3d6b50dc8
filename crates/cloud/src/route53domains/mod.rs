//! Route 53 Domains: the registrar.
//! [Registering and managing domains](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/registrar.html)
//!
//! What AWS promises: names are registered for years, in the name of contacts, one of whom has to prove that mail reaches them;
//! the registry of the top-level domain delegates a domain to its name servers, unless it is on hold. Requests are operations
//! that take their time. How we realise it: rows, of which `plan` makes the registries' zones; [`progress`] carries operations
//! out and lets deadlines pass; the registrar's mail stays in an outbox that [`mail`] and [`confirmation`] serve. The service is
//! global, so rows belong to an account, whatever region a request is signed for.
//!
//! Refused, as there is nothing to do it with: transfers from and to other registrars (here is none), and DNSSEC. Tested in
//! `tests/route53domains.rs`.

mod account_transfer;
mod availability;
mod billing;
pub mod confirmation;
mod contact;
mod date;
mod domain;
mod faults;
pub mod mail;
mod name;
mod operation;
mod page;
mod progress;
mod reachability;
mod registration;
mod tag;
mod tld;
mod update;

use enishi_fabric::dns::Name;
use enishi_state::route53domains::{Domain, NameServer};
use enishi_state::{Caller, World};
use enishi_wire::Fault;

use crate::registry::Registry;
use name::DomainName;

pub(crate) use progress::{Due, due, next_deadline, take};

pub(crate) fn register(on: &mut Registry) {
    account_transfer::register(on);
    availability::register(on);
    billing::register(on);
    domain::register(on);
    operation::register(on);
    reachability::register(on);
    registration::register(on);
    tag::register(on);
    update::register(on);
}

/// A domain of the caller's account.
///
/// # Errors
/// `InvalidInput` when the name is none or the account has no such domain, `UnsupportedTLD`.
fn own<'w>(world: &'w World, caller: &Caller, text: &str) -> Result<(&'w Domain, DomainName), Fault> {
    let name = DomainName::parse(text)?;
    let account = &caller.scope.account;
    let row = world.get::<Domain>(&Domain::key(&name.name)).filter(|row| row.account == *account);
    match row {
        Some(row) => Ok((row, name)),
        None => Err(faults::domain_not_found(&name.text(), account)),
    }
}

/// Name servers without glue, as hosted zones have them.
fn parse_name_servers(servers: &[String]) -> Vec<NameServer> {
    let server = |text: &String| Some(NameServer { name: Name::parse(text).ok()?, glue: Vec::new() });
    servers.iter().filter_map(server).collect()
}
