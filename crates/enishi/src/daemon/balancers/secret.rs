//! What load balancers' cookies are encrypted with. It has to be the same after a restart, or clients would lose their targets.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::hmac;
use enishi_state::Entropy;

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
    write(path, &bytes)?;
    Ok(bytes)
}

/// Written beside and renamed, so that half a secret is never read.
pub(super) fn write(path: &Path, secret: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
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
