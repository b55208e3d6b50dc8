//! Client tokens: repeating a request that was carried out answers the same and changes nothing.
//! [Ensuring idempotency](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html)

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{Row, Scope, Timestamp};

name_id!(ClientTokenKey, "a client token: scope/operation/token");

/// A request with a client token that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientToken {
    /// Account and region.
    pub scope: Scope,
    /// The operation.
    pub operation: String,
    /// The token.
    pub token: String,
    /// A digest of the parameters: another request with the same token is refused.
    pub parameters: String,
    /// The ids of what was made.
    pub resources: Vec<String>,
    /// When.
    pub created: Timestamp,
}

impl ClientToken {
    /// The key of a token.
    pub fn key(scope: &Scope, operation: &str, token: &str) -> ClientTokenKey {
        ClientTokenKey::new(&format!("{scope}/{operation}/{token}"))
    }
}

impl Row for ClientToken {
    type Id = ClientTokenKey;
    const TABLE: &'static str = "client_token";

    fn id(&self) -> ClientTokenKey {
        ClientToken::key(&self.scope, &self.operation, &self.token)
    }
}
