//! What load balancers sign with what they tell targets of users who logged in.
//! [User claims encoding and signature verification](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html#user-claims-encoding)
//!
//! A data directory has one key, which stays: targets keep the public key that they fetched.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use enishi_proxy::balancer::login::Signer;

use crate::daemon::later::Later;
use crate::daemon::whole_file;

/// Characters of a line of PEM.
const LINE: usize = 64;

/// A P-256 key, and what it is known by.
#[derive(Clone)]
pub struct LoginKey {
    pkcs8: Vec<u8>,
    public: PublicKey,
}

/// The half that everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `kid`: a UUID made of the key.
    pub id: String,
    /// The key, in PEM.
    pub pem: String,
}

impl LoginKey {
    /// Reads the key; where there is none, begins to make one.
    ///
    /// # Errors
    /// The file cannot be read, or holds no key, or a thread cannot be started.
    pub fn open(path: &Path) -> io::Result<Later<Self>> {
        match fs::read(path) {
            Ok(pkcs8) => Ok(Later::now(Self::new(pkcs8)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = path.to_owned();
                Later::begin("login key", move || Ok(Self::make(&path)?))
            }
            Err(error) => Err(error),
        }
    }

    fn make(path: &Path) -> io::Result<Self> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let made = made.map_err(|_| io::Error::other("a key cannot be made"))?;
        whole_file::write(path, made.as_ref(), 0o600)?;
        Self::new(made.as_ref().to_vec())
    }

    fn new(pkcs8: Vec<u8>) -> io::Result<Self> {
        let public = public(&pkcs8).ok_or(io::ErrorKind::InvalidData)?;
        Ok(LoginKey { pkcs8, public })
    }

    /// The half that everybody may know.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What signs for a load balancer.
    pub(super) fn signer(&self, arn: &str) -> Option<Signer> {
        Signer::new(&self.public.id, arn, &self.pkcs8)
    }
}

fn public(pkcs8: &[u8]) -> Option<PublicKey> {
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?;
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().ok()?;
    let hash = digest(&SHA256, der.as_ref());
    let digits: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    let parts: Vec<&str> = parts.iter().filter_map(|(from, to)| digits.get(*from..*to)).collect();
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        (0..text.len()).step_by(LINE).filter_map(|at| text.get(at..text.len().min(at + LINE))).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    Some(PublicKey { id: parts.join("-"), pem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_and_what_is_none_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("logins.key");
        let later = LoginKey::open(&path).expect("a thread");
        let first = later.get().expect("a key");
        let again = LoginKey::open(&path).expect("the key");
        assert_eq!(first.public(), again.get().expect("the key").public());
        assert_eq!(first.public().id.len(), 36);
        assert!(first.signer("arn").is_some());
        fs::write(&path, b"no key").expect("written");
        assert!(LoginKey::open(&path).is_err());
    }
}
