//! Registered domains. [Registering and managing domains](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/registrar.html)

use std::net::IpAddr;

use enishi_fabric::dns::Name;
use serde::{Deserialize, Serialize};

use super::{Contacts, MailId, OperationId, Privacy};
use crate::id::name_id;
use crate::{AccountId, Keys, Row, Timestamp};

name_id!(DomainId, "a registered domain: its name in lower case, without a final dot");

/// A name server of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameServer {
    /// Its name.
    pub name: Name,
    /// Its addresses, which the registry hands out where the name is inside of the domain.
    pub glue: Vec<IpAddr>,
}

/// Whether the registrant answered a verification mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reachability {
    /// Not yet.
    Pending {
        /// The mail that was sent last.
        mail: MailId,
        /// When the domain is suspended.
        deadline: Timestamp,
    },
    /// The address is confirmed.
    Done,
    /// Not in time; the domain is suspended.
    Expired,
}

/// A transfer to another account that waits for that account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTransfer {
    /// The account that may accept.
    pub to: AccountId,
    /// What it has to know.
    pub password: String,
    /// The operation of the account that gives the domain away.
    pub operation: OperationId,
    /// When the offer ends.
    pub deadline: Timestamp,
}

/// A registered domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The name.
    pub name: Name,
    /// The account that registered it.
    pub account: AccountId,
    /// Who answers for it.
    pub contacts: Contacts,
    /// Whom WHOIS does not show.
    pub privacy: Privacy,
    /// Whether it is renewed before it expires.
    pub auto_renew: bool,
    /// Whether it cannot be transferred to another registrar.
    pub transfer_lock: bool,
    /// Where its names are answered, in the order that was given.
    pub name_servers: Vec<NameServer>,
    /// What a new registrar has to know.
    pub auth_code: String,
    /// Whether the registrant's address is confirmed.
    pub reachability: Reachability,
    /// An offer to another account.
    pub transfer: Option<AccountTransfer>,
    /// When it was registered.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// Whether it has expired without being renewed.
    pub is_expired: bool,
}

impl Domain {
    /// The key of the domain of that name.
    pub fn key(name: &Name) -> DomainId {
        DomainId::new(name.to_string().to_lowercase().trim_end_matches('.'))
    }

    /// Whether the registry does not delegate it (`clientHold`): it expired, or the registrant's address was not confirmed.
    pub fn is_held(&self) -> bool {
        self.is_expired || self.reachability == Reachability::Expired
    }

    /// Where the registry delegates the domain to; empty while it is held.
    pub fn delegation(&self) -> &[NameServer] {
        if self.is_held() { &[] } else { &self.name_servers }
    }
}

impl Row for Domain {
    type Id = DomainId;
    const TABLE: &'static str = "route53domains_domain";

    fn id(&self) -> DomainId {
        Domain::key(&self.name)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
        if let Some(domain) = self.name.top_level() {
            keys.add("top_level", &domain.to_string());
        }
        keys.add("registrant", &self.contacts.registrant.email.to_lowercase());
        if matches!(self.reachability, Reachability::Pending { .. }) {
            keys.add("unconfirmed", "");
        }
        if self.transfer.is_some() {
            keys.add("offered", "");
        }
    }
}
