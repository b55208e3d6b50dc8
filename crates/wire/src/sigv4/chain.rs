//! Signatures over a body that is signed in chunks: each covers the one before, from the request's own on.
//! [String to sign for a chunk](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html)

use aws_lc_rs::{digest, hmac};

use super::Denied;
use super::verify::{decode_hex, encode_hex, signing_key};

/// A SHA-256 digest of what comes in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl Sha256 {
    /// The digest of nothing yet.
    pub fn new() -> Self {
        Sha256(digest::Context::new(&digest::SHA256))
    }

    /// Adds a piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest in lower-case hexadecimal digits.
    pub fn finish(self) -> String {
        encode_hex(self.0.finish().as_ref())
    }
}

/// The signatures of one body, from the request's on.
#[derive(Clone)]
pub struct Chain {
    key: hmac::Key,
    time: String,
    scope: String,
    previous: String,
}

/// Leaves out the key.
impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Chain {
    /// The chain that begins with a request's signature; `scope` is date, region and service.
    pub(crate) fn new(secret: &str, scope: [&str; 3], time: &str, signature: &str) -> Self {
        Chain {
            key: hmac::Key::new(hmac::HMAC_SHA256, &signing_key(secret, scope)),
            time: time.to_owned(),
            scope: format!("{}/aws4_request", scope.join("/")),
            previous: signature.to_owned(),
        }
    }

    /// Checks the signature of the next chunk, of whose data the digest is given.
    ///
    /// # Errors
    /// [`Denied::Mismatch`]
    pub(crate) fn verify_chunk(&mut self, digest: &str, signature: &str) -> Result<(), Denied> {
        let nothing = Sha256::new().finish();
        let rest = format!("{nothing}\n{digest}");
        self.verify("AWS4-HMAC-SHA256-PAYLOAD", &rest, signature)?;
        self.previous = signature.to_owned();
        Ok(())
    }

    /// Checks the signature of the trailers, which end the body.
    ///
    /// # Errors
    /// [`Denied::Mismatch`]
    pub(crate) fn verify_trailers(&self, canonical: &str, signature: &str) -> Result<(), Denied> {
        let mut digest = Sha256::new();
        digest.update(canonical.as_bytes());
        self.verify("AWS4-HMAC-SHA256-TRAILER", &digest.finish(), signature)
    }

    fn verify(&self, algorithm: &str, rest: &str, signature: &str) -> Result<(), Denied> {
        let to_sign = format!("{algorithm}\n{}\n{}\n{}\n{rest}", self.time, self.scope, self.previous);
        let given = decode_hex(signature).ok_or(Denied::Mismatch)?;
        hmac::verify(&self.key, to_sign.as_bytes(), &given).map_err(|_| Denied::Mismatch)
    }
}
