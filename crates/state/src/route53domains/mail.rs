//! Mail that the registrar sends. It never leaves this machine: `enishi mail` shows it.

use serde::{Deserialize, Serialize};

use super::DomainId;
use crate::id::name_id;
use crate::{AccountId, Keys, Row, Timestamp};

name_id!(MailId, "a mail");

/// What a mail is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailKind {
    /// The registrant has to confirm the address.
    Verify {
        /// What the link holds, unguessable.
        token: String,
        /// When the link stops working.
        expires: Timestamp,
        /// When it was followed.
        confirmed: Option<Timestamp>,
    },
    /// The address was not confirmed in time; the domain is suspended.
    Suspended,
    /// The domain was renewed.
    Renewed,
    /// The domain expired.
    Expired,
    /// The domain was deleted.
    Deleted,
}

/// A mail. Its text is made when it is read, as the link in it depends on where the daemon listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// The account whose domain it is about.
    pub account: AccountId,
    /// The domain.
    pub domain: DomainId,
    /// Whom it is for, as a person would write it.
    pub name: String,
    /// The address.
    pub to: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// What it is about.
    pub kind: MailKind,
}

impl Row for Mail {
    type Id = MailId;
    const TABLE: &'static str = "route53domains_mail";

    fn id(&self) -> MailId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("domain", self.domain.as_str());
        if let MailKind::Verify { token, .. } = &self.kind {
            keys.add("token", token);
        }
    }
}
