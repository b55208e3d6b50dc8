//! What was asked of the registrar. [API_domains_OperationSummary](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_OperationSummary.html)

use enishi_fabric::dns::Name;
use serde::{Deserialize, Serialize};

use super::{Contacts, DomainId, NameServer, Privacy};
use crate::id::name_id;
use crate::{AccountId, Keys, Row, Timestamp};

name_id!(OperationId, "an operation on a domain: a UUID");

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OperationKind {
    /// `REGISTER_DOMAIN`
    Register,
    /// `DELETE_DOMAIN`
    Delete,
    /// `UPDATE_DOMAIN_CONTACT`
    UpdateContact,
    /// `CHANGE_DOMAIN_OWNER`
    ChangeOwner,
    /// `UPDATE_NAMESERVER`
    UpdateNameServers,
    /// `CHANGE_PRIVACY_PROTECTION`
    ChangePrivacy,
    /// `DOMAIN_LOCK`: both ways, as at AWS.
    Lock,
    /// `ENABLE_AUTORENEW`
    EnableAutoRenew,
    /// `DISABLE_AUTORENEW`
    DisableAutoRenew,
    /// `EXPIRE_DOMAIN`
    Expire,
    /// `RENEW_DOMAIN`
    Renew,
    /// `INTERNAL_TRANSFER_OUT_DOMAIN`
    TransferOut,
    /// `INTERNAL_TRANSFER_IN_DOMAIN`
    TransferIn,
}

impl OperationKind {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            OperationKind::Register => "REGISTER_DOMAIN",
            OperationKind::Delete => "DELETE_DOMAIN",
            OperationKind::UpdateContact => "UPDATE_DOMAIN_CONTACT",
            OperationKind::ChangeOwner => "CHANGE_DOMAIN_OWNER",
            OperationKind::UpdateNameServers => "UPDATE_NAMESERVER",
            OperationKind::ChangePrivacy => "CHANGE_PRIVACY_PROTECTION",
            OperationKind::Lock => "DOMAIN_LOCK",
            OperationKind::EnableAutoRenew => "ENABLE_AUTORENEW",
            OperationKind::DisableAutoRenew => "DISABLE_AUTORENEW",
            OperationKind::Expire => "EXPIRE_DOMAIN",
            OperationKind::Renew => "RENEW_DOMAIN",
            OperationKind::TransferOut => "INTERNAL_TRANSFER_OUT_DOMAIN",
            OperationKind::TransferIn => "INTERNAL_TRANSFER_IN_DOMAIN",
        }
    }
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationStatus {
    /// Nothing has happened yet.
    Submitted,
    /// It was carried out, and is in force once this generation is realised.
    InProgress {
        /// The generation that carried it out.
        generation: u64,
    },
    /// It waits for the account that the domain is offered to.
    AwaitsAcceptance,
    /// It is in force.
    Successful,
    /// The registrar could not do it.
    Error,
    /// It was cancelled, rejected, or nobody answered in time.
    Failed,
}

/// What a domain is registered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The name.
    pub name: Name,
    /// For how many years.
    pub years: u8,
    /// Whether it is renewed.
    pub auto_renew: bool,
    /// Who answers for it.
    pub contacts: Contacts,
    /// Whom WHOIS does not show.
    pub privacy: Privacy,
}

/// What remains to be done for an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Register the domain and make its hosted zone.
    Register(Box<Registration>),
    /// Delete it.
    Delete,
    /// Other contacts.
    Contacts(Box<Contacts>),
    /// Other name servers.
    NameServers(Vec<NameServer>),
    /// Whom WHOIS does not show.
    Privacy(Privacy),
    /// Lock or unlock it.
    Lock(bool),
    /// Years more.
    Renew(u8),
    /// It belongs to the operation's account from now on.
    TakeOver,
}

/// Something that was asked of the registrar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// Who asked.
    pub account: AccountId,
    /// The domain, which need not exist any more.
    pub domain: DomainId,
    /// What it does.
    pub kind: OperationKind,
    /// How far it is.
    pub status: OperationStatus,
    /// What there is to say about it.
    pub message: Option<String>,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When its status changed last.
    pub updated: Timestamp,
    /// What remains to be done, while it is submitted.
    pub work: Option<Work>,
}

impl Operation {
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.status, OperationStatus::Successful | OperationStatus::Error | OperationStatus::Failed)
    }
}

impl Row for Operation {
    type Id = OperationId;
    const TABLE: &'static str = "route53domains_operation";

    fn id(&self) -> OperationId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
        if !self.is_over() {
            keys.add("running", self.domain.as_str());
            if self.status != OperationStatus::AwaitsAcceptance {
                keys.add("unsettled", "");
            }
        }
    }
}
