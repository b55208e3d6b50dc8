//! Keys as EC2 takes and gives them: what `CreateKeyPair` hands out, what `ImportKeyPair` accepts, and the fingerprints.
//! [Verify the fingerprint of your key pair](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html)

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use enishi_state::ec2::KeyPairKind;
use md5::{Digest, Md5};

use super::{der, ssh};

/// The sizes of RSA keys that may be imported, in bits.
const IMPORTED_RSA_BITS: [usize; 3] = [1024, 2048, 4096];

/// The form of a private key that is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// PKCS#1 (RSA) or OpenSSH's (ED25519).
    Pem,
    /// PuTTY's.
    Ppk,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// RSA: modulus and exponent, magnitudes in big-endian order.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The public exponent.
        exponent: Vec<u8>,
    },
    /// ED25519: the 32 bytes of the point.
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Parses what `ImportKeyPair` accepts: a line as in `authorized_keys`, RFC 4716's format, or base64 of a DER
    /// SubjectPublicKeyInfo.
    pub(super) fn parse(material: &str) -> Option<Self> {
        let material = material.trim();
        let key = if material.starts_with("---- BEGIN SSH2 PUBLIC KEY ----") {
            Self::from_blob(&rfc4716_blob(material)?)
        } else if material.starts_with("ssh-") {
            let mut fields = material.split_ascii_whitespace();
            let name = fields.next()?;
            let blob = STANDARD.decode(fields.next()?).ok()?;
            Self::from_blob(&blob).filter(|key| key.ssh_name() == name)
        } else {
            let text: String = material.split_ascii_whitespace().collect();
            Self::from_der(&STANDARD.decode(text).ok()?)
        };
        key.filter(PublicKey::is_supported)
    }

    fn from_blob(blob: &[u8]) -> Option<Self> {
        let mut fields = ssh::Reader(blob);
        match fields.string()? {
            name if name == ssh::RSA.as_bytes() => {
                let exponent = fields.unsigned()?.to_vec();
                let modulus = fields.unsigned()?.to_vec();
                fields.0.is_empty().then_some(PublicKey::Rsa { modulus, exponent })
            }
            name if name == ssh::ED25519.as_bytes() => {
                let key = fields.string()?.to_vec();
                (key.len() == 32 && fields.0.is_empty()).then_some(PublicKey::Ed25519(key))
            }
            _ => None,
        }
    }

    fn from_der(info: &[u8]) -> Option<Self> {
        let mut info = der::Reader::new(info).sequence()?;
        let algorithm = info.sequence()?;
        if !der::is_rsa(algorithm) {
            return None;
        }
        let mut key = der::Reader::new(info.bit_string()?).sequence()?;
        Some(PublicKey::Rsa { modulus: key.unsigned()?.to_vec(), exponent: key.unsigned()?.to_vec() })
    }

    fn is_supported(&self) -> bool {
        match self {
            PublicKey::Rsa { modulus, exponent } => {
                IMPORTED_RSA_BITS.contains(&(modulus.len() * 8)) && !exponent.is_empty()
            }
            PublicKey::Ed25519(_) => true,
        }
    }

    /// Its kind.
    pub(super) fn kind(&self) -> KeyPairKind {
        match self {
            PublicKey::Rsa { .. } => KeyPairKind::Rsa,
            PublicKey::Ed25519(_) => KeyPairKind::Ed25519,
        }
    }

    fn ssh_name(&self) -> &'static str {
        match self {
            PublicKey::Rsa { .. } => ssh::RSA,
            PublicKey::Ed25519(_) => ssh::ED25519,
        }
    }

    fn blob(&self) -> Vec<u8> {
        match self {
            PublicKey::Rsa { modulus, exponent } => ssh::rsa_blob(modulus, exponent),
            PublicKey::Ed25519(key) => ssh::ed25519_blob(key),
        }
    }

    /// The line of `authorized_keys`, with the key pair's name as comment, as the metadata service shows it.
    pub(super) fn openssh(&self, name: &str) -> String {
        format!("{} {} {name}", self.ssh_name(), STANDARD.encode(self.blob()))
    }

    /// The fingerprint that EC2 shows for an imported key: MD5 of the DER SubjectPublicKeyInfo for RSA, else
    /// [`PublicKey::sha256`].
    pub(super) fn imported_fingerprint(&self) -> String {
        match self {
            PublicKey::Rsa { modulus, exponent } => {
                colons(&Md5::digest(der::rsa_public_key_info(modulus, exponent)))
            }
            PublicKey::Ed25519(_) => self.sha256(),
        }
    }

    /// SHA-256 of SSH's public key blob, base64 with its padding: how EC2 shows ED25519 keys.
    fn sha256(&self) -> String {
        STANDARD.encode(digest(&SHA256, &self.blob()))
    }
}

/// The blob inside RFC 4716's format: headers end at the first line without a colon, a backslash continues a header.
fn rfc4716_blob(material: &str) -> Option<Vec<u8>> {
    let mut encoded = String::new();
    let mut in_header = false;
    let mut lines = material.lines().map(str::trim_end).skip(1);
    for line in lines.by_ref() {
        if line.starts_with("---- END SSH2 PUBLIC KEY ----") {
            return STANDARD.decode(encoded).ok();
        }
        if in_header || line.contains(':') {
            in_header = line.ends_with('\\');
        } else {
            encoded.push_str(line.trim());
        }
    }
    None
}

/// A key pair that was just made.
#[derive(Debug)]
pub(super) struct Created {
    /// Its public half.
    pub(super) public: PublicKey,
    /// EC2's fingerprint of it.
    pub(super) fingerprint: String,
    /// The private half, to be handed out once.
    pub(super) private: String,
}

/// Encodes a fresh RSA key, given as PKCS#8 DER. `None` when the bytes are none.
pub(super) fn created_rsa(pkcs8: &[u8], name: &str, format: Format) -> Option<Created> {
    let mut info = der::Reader::new(pkcs8).sequence()?;
    info.unsigned()?;
    if !der::is_rsa(info.sequence()?) {
        return None;
    }
    let pkcs1 = info.octet_string()?;
    // RFC 8017, A.1.2: version, n, e, d, p, q, d mod (p-1), d mod (q-1), the inverse of q mod p.
    let mut key = der::Reader::new(pkcs1).sequence()?;
    key.unsigned()?;
    let (modulus, exponent) = (key.unsigned()?.to_vec(), key.unsigned()?.to_vec());
    let (d, p, q) = (key.unsigned()?, key.unsigned()?, key.unsigned()?);
    key.unsigned()?;
    key.unsigned()?;
    let inverse = key.unsigned()?;

    let public = PublicKey::Rsa { modulus, exponent };
    let private = match format {
        // EC2's RSA files end without a line feed.
        Format::Pem => ssh::pem("RSA PRIVATE KEY", pkcs1, 64).trim_end().to_owned(),
        Format::Ppk => {
            let private = ssh::Writer::default().mpint(d).mpint(p).mpint(q).mpint(inverse).finish();
            ssh::ppk(ssh::RSA, name, &public.blob(), &private)
        }
    };
    let fingerprint = colons(digest(&SHA1_FOR_LEGACY_USE_ONLY, pkcs8).as_ref());
    Some(Created { public, fingerprint, private })
}

/// Makes the ED25519 key of a random seed. `check` is any number.
pub(super) fn created_ed25519(seed: &[u8; 32], check: u32, name: &str, format: Format) -> Option<Created> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    let point = pair.public_key().as_ref().to_vec();
    let public = PublicKey::Ed25519(point.clone());
    let private = match format {
        Format::Pem => ssh::ed25519_private_key(seed, &point, check, name),
        Format::Ppk => {
            let private = ssh::Writer::default().string(seed).finish();
            ssh::ppk(ssh::ED25519, name, &public.blob(), &private)
        }
    };
    Some(Created { fingerprint: public.sha256(), public, private })
}

/// Two hexadecimal digits for each byte, with colons between them.
fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
