//! Trust stores: who vouches for clients that show certificates.
//! [Trust stores](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/configuring-mtls-with-elb.html)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{Keys, Row, Scope};

name_id!(TrustStoreArn, "a trust store: `arn:…:truststore/NAME/ID`");

/// A trust store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustStore {
    /// Its ARN.
    pub arn: TrustStoreArn,
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in the scope.
    pub name: String,
    /// The certificates of authorities, PEM.
    pub certificates: String,
    /// Revocation lists, PEM, by their number.
    pub revocations: BTreeMap<i64, String>,
}

impl Row for TrustStore {
    type Id = TrustStoreArn;
    const TABLE: &'static str = "trust_store";

    fn id(&self) -> TrustStoreArn {
        self.arn.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("name", &format!("{}/{}", self.scope, self.name));
    }
}
