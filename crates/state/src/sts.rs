//! Security Token Service: temporary credentials.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Row, Timestamp, id::name_id};

name_id!(SessionKey, "an STS session: its access key id, `ASIA…`");

/// Temporary credentials that STS issued.
/// [Temporary security credentials](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp.html)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The access key id.
    pub access_key: SessionKey,
    /// The secret key.
    pub secret: String,
    /// The session token that must come with the key.
    pub token: String,
    /// The account that calls with it act in.
    pub account: AccountId,
    /// The ARN of the identity: an assumed role, or the caller of `GetSessionToken`.
    pub arn: String,
    /// The user id that `GetCallerIdentity` answers.
    pub user_id: String,
    /// When it expires.
    pub expires: Timestamp,
}

impl Row for Session {
    type Id = SessionKey;
    const TABLE: &'static str = "sts_session";

    fn id(&self) -> SessionKey {
        self.access_key.clone()
    }
}
