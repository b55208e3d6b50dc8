//! Who asks, and where: accounts, regions and the caller of a request.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A 12-digit AWS account id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Accepts exactly twelve ASCII digits.
    pub fn new(digits: &str) -> Option<Self> {
        let valid = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| AccountId(digits.into()))
    }

    /// The account of the access key `test` and of unsigned calls: `000000000000`.
    pub fn zero() -> Self {
        AccountId("000000000000".into())
    }

    /// The account of an access key that names none: `123456789012`.
    pub fn fallback() -> Self {
        AccountId("123456789012".into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An AWS region name, such as `us-east-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(Arc<str>);

impl Region {
    /// `us-east-1`: the region of callers that name none.
    pub fn us_east_1() -> Self {
        Region("us-east-1".into())
    }

    /// Accepts what can be part of an ARN: lower-case letters, digits and `-`, at most 32.
    pub fn new(name: &str) -> Option<Self> {
        let valid = (1..=32).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        valid.then(|| Region(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One region of one account: where regional resources live.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// Who sent a request: the account from its access key, the region from its credential scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account and region.
    pub scope: Scope,
    /// The access key id, `None` for an unsigned call.
    pub access_key: Option<Arc<str>>,
    /// The ARN that `GetCallerIdentity` answers, when the key belongs to an STS session.
    pub session_arn: Option<Arc<str>>,
}
