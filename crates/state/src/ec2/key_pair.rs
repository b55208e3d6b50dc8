//! Key pairs. [Amazon EC2 key pairs](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-key-pairs.html)

use serde::{Deserialize, Serialize};

use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(KeyPairId, "key", "a key pair");

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPairKind {
    /// RSA, 2048 bits when AWS makes it.
    Rsa,
    /// ED25519.
    Ed25519,
}

/// A key pair; the private half was given out and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// Its id.
    pub id: KeyPairId,
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in the region.
    pub name: String,
    /// Its kind.
    pub kind: KeyPairKind,
    /// The public key in OpenSSH form, with the name as comment.
    pub public_key: String,
    /// The fingerprint in the form AWS uses for this kind and origin.
    pub fingerprint: String,
    /// When it was created.
    pub created: Timestamp,
}

impl Row for KeyPair {
    type Id = KeyPairId;
    const TABLE: &'static str = "key_pair";

    fn id(&self) -> KeyPairId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("name", &format!("{}/{}", self.scope, self.name));
    }
}
