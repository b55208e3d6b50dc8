//! What an account was charged. [API_domains_BillingRecord](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_BillingRecord.html)

use serde::{Deserialize, Serialize};

use super::{DomainId, OperationKind};
use crate::id::name_id;
use crate::{AccountId, Keys, Row, Timestamp};

name_id!(BillId, "a billing record: the operation that was charged for");

/// One charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Its id: that of the operation.
    pub id: BillId,
    /// Who pays.
    pub account: AccountId,
    /// The domain.
    pub domain: DomainId,
    /// What was charged for.
    pub operation: OperationKind,
    /// The price, in cents of a US dollar.
    pub cents: i64,
    /// When.
    pub date: Timestamp,
}

impl Row for Bill {
    type Id = BillId;
    const TABLE: &'static str = "route53domains_bill";

    fn id(&self) -> BillId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
    }
}
