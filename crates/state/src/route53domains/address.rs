//! Mail addresses whose owner followed the link in a verification mail.

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{Row, Timestamp};

name_id!(ConfirmedAddressKey, "a confirmed mail address, in lower case");

/// A mail address that is known to reach somebody; no domain that is registered with it needs another mail.
/// [Verifying a contact's address](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/domain-click-email-link.html)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedAddress {
    /// The address.
    pub address: ConfirmedAddressKey,
    /// When its owner followed the link.
    pub confirmed: Timestamp,
}

impl ConfirmedAddress {
    /// The key of an address; case does not matter.
    pub fn key(address: &str) -> ConfirmedAddressKey {
        ConfirmedAddressKey::new(&address.to_lowercase())
    }
}

impl Row for ConfirmedAddress {
    type Id = ConfirmedAddressKey;
    const TABLE: &'static str = "route53domains_confirmed_address";

    fn id(&self) -> ConfirmedAddressKey {
        self.address.clone()
    }
}
