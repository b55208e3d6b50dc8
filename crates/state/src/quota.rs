//! Service quotas. [Amazon VPC quotas](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html)

use serde::{Deserialize, Serialize};

use crate::{Keys, Row, Scope, Timestamp, id::name_id};

name_id!(QuotaKey, "a quota: account/region/service/quota code");
name_id!(QuotaRequestId, "a quota request");

/// An applied quota that differs from AWS's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// Account and region.
    pub scope: Scope,
    /// The service code: `vpc`, `ec2`.
    pub service: String,
    /// The quota code: `L-F678F1CE`.
    pub code: String,
    /// The applied value.
    pub value: f64,
}

impl Quota {
    /// The key of a quota.
    pub fn key(scope: &Scope, service: &str, code: &str) -> QuotaKey {
        QuotaKey::new(&format!("{scope}/{service}/{code}"))
    }
}

impl Row for Quota {
    type Id = QuotaKey;
    const TABLE: &'static str = "quota";

    fn id(&self) -> QuotaKey {
        Quota::key(&self.scope, &self.service, &self.code)
    }
}

/// A request to raise a quota; Enishi grants it at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuotaRequest {
    /// The request's id.
    pub id: QuotaRequestId,
    /// Account and region.
    pub scope: Scope,
    /// The service code.
    pub service: String,
    /// The quota code.
    pub code: String,
    /// The value asked for.
    pub desired: f64,
    /// When it was asked.
    pub created: Timestamp,
}

impl Row for QuotaRequest {
    type Id = QuotaRequestId;
    const TABLE: &'static str = "quota_request";

    fn id(&self) -> QuotaRequestId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}
