//! What load balancers' cookies are encrypted with. It has to be the same after a restart, or clients would lose their targets.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::hmac;
use enishi_state::Entropy;

use crate::daemon::whole_file;
use crate::daemon::writer::SystemEntropy;

/// A secret of this data directory.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// Reads the secret; where there is none, makes one.
    ///
    /// # Errors
    /// The file cannot be read or made.
    pub fn read_or_make(path: &Path) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Ok(bytes) if bytes.len() == 32 => bytes,
            Ok(_) => make(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(error),
        };
        Ok(Secret(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The secret of one load balancer.
    pub fn of(&self, balancer: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, balancer.as_bytes());
        let mut secret = [0; 32];
        secret.copy_from_slice(tag.as_ref());
        secret
    }
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 32];
    SystemEntropy.fill(&mut bytes);
    whole_file::write(path, &bytes, 0o600)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stays_and_differs_between_load_balancers() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("balancers.key");
        let first = Secret::read_or_make(&path).expect("a secret");
        let again = Secret::read_or_make(&path).expect("the secret");
        assert_eq!(first.of("a"), again.of("a"));
        assert_ne!(first.of("a"), first.of("b"));
    }
}
