//! The local certificate authority: made once for a data directory, it signs what ACM issues.
//!
//! Its key is the file `ca.key`, which nobody but the owner may read, its certificate `ca.pem`; `enishi ca` prints that. Who
//! wants to can trust it; nothing does by itself. A reset leaves it alone. Its name has the first digits of its key's hash, so
//! that the authorities of two data directories are told apart, and so that the name follows from the key.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use enishi_cloud::acm::validity;
use enishi_state::Timestamp;
use enishi_state::acm::{Certificate, Material};
use rand::Rng;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, date_time_ymd,
};

use crate::daemon::later::Later;
use crate::daemon::whole_file;

const KEY_FILE: &str = "ca.key";
const CERTIFICATE_FILE: &str = "ca.pem";

/// How long the authority's own certificate is valid.
const VALID_SECONDS: i64 = 20 * 365 * 24 * 3600;

/// Octets of a common name at most. RFC 5280, appendix A.1.
const COMMON_NAME: usize = 64;

/// The local certificate authority.
///
/// The first key of a data directory is made on a thread of its own: gathering its randomness takes longer than everything else
/// that a daemon does before it is ready, and nobody needs a certificate that early.
pub struct Authority(Later<Made>);

/// What an authority consists of.
struct Made {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// The authority of a data directory; one is begun if there is none.
    ///
    /// # Errors
    /// When its files cannot be read, or are no key and certificate, or a thread cannot be started.
    pub fn open(data_dir: &Path, now: Timestamp) -> anyhow::Result<Self> {
        if data_dir.join(KEY_FILE).exists() {
            return Ok(Authority(Later::now(Made::open(data_dir, now)?)));
        }
        let data_dir = data_dir.to_owned();
        let made = Later::begin("authority", move || Made::open(&data_dir, now));
        Ok(Authority(made.context("cannot start a thread")?))
    }

    /// Its certificate, in PEM.
    ///
    /// # Errors
    /// When it could not be made: the disk is full, say.
    pub fn certificate(&self) -> anyhow::Result<&str> {
        Ok(&self.0.get()?.certificate)
    }

    /// Signs a certificate for the names and the key of a row.
    ///
    /// # Errors
    /// When the row's key or one of its names cannot be in a certificate, or the authority could not be made.
    pub fn sign(&self, row: &Certificate, now: Timestamp) -> anyhow::Result<Material> {
        let key = KeyPair::from_pem(row.private_key.pem()).context("the private key cannot be read")?;
        let mut usages = vec![KeyUsagePurpose::DigitalSignature];
        if row.key_algorithm.is_rsa() {
            usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        let made = self.0.get()?;
        let certificate = made.sign(row.names.clone(), &key, usages, now)?;
        let (not_before, not_after) = validity(now);
        Ok(Material { certificate, chain: made.certificate.clone(), not_before, not_after })
    }

    /// A certificate for a server of the daemon's own, with a new key.
    ///
    /// # Errors
    /// When a name cannot be in a certificate, or the authority could not be made.
    pub fn server(&self, names: Vec<String>, now: Timestamp) -> anyhow::Result<Signed> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key")?;
        let made = self.0.get()?;
        let certificate = made.sign(names, &key, vec![KeyUsagePurpose::DigitalSignature], now)?;
        let chain = format!("{certificate}{}", made.certificate);
        Ok(Signed { chain, key: key.serialize_pem(), not_after: validity(now).1 })
    }
}

/// A certificate with its key.
pub struct Signed {
    /// The certificate and the authority's, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
    /// When it is not valid any more.
    pub not_after: Timestamp,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Made {
    /// Signs for a server of these names; its own is the first. The certificate in PEM.
    fn sign(
        &self,
        names: Vec<String>,
        key: &KeyPair,
        usages: Vec<KeyUsagePurpose>,
        now: Timestamp,
    ) -> anyhow::Result<String> {
        let (not_before, not_after) = validity(now);
        let epoch = date_time_ymd(1970, 1, 1);
        let own = names.first().filter(|name| name.len() <= COMMON_NAME).cloned();
        let mut parameters = CertificateParams::new(names).context("a name has no form")?;
        parameters.not_before = epoch + seconds(not_before);
        parameters.not_after = epoch + seconds(not_after);
        parameters.serial_number = Some(serial_number());
        parameters.distinguished_name = DistinguishedName::new();
        if let Some(own) = own {
            parameters.distinguished_name.push(DnType::CommonName, own);
        }
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = usages;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let signed = parameters.signed_by(key, &self.issuer).context("the authority cannot sign")?;
        Ok(signed.pem())
    }

    fn open(data_dir: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let key_file = data_dir.join(KEY_FILE);
        let key = match read(&key_file)? {
            Some(pem) => {
                KeyPair::from_pem(&pem).with_context(|| format!("{} is no key", key_file.display()))?
            }
            None => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key")?;
                write(&key_file, &key.serialize_pem(), 0o600)?;
                key
            }
        };
        let parameters = parameters(&key, now);
        let certificate_file = data_dir.join(CERTIFICATE_FILE);
        let certificate = match read(&certificate_file)? {
            Some(pem) => pem,
            None => {
                let made = parameters.self_signed(&key).context("cannot make a certificate authority")?;
                write(&certificate_file, &made.pem(), 0o644)?;
                made.pem()
            }
        };
        Ok(Made { issuer: Issuer::new(parameters, key), certificate })
    }
}

/// What the authority's own certificate says.
fn parameters(key: &KeyPair, now: Timestamp) -> CertificateParams {
    let hash = digest(&SHA256, &key.subject_public_key_info());
    let digits: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "Enishi");
    parameters.distinguished_name.push(DnType::CommonName, format!("Enishi local CA {digits}"));
    let (not_before, _) = validity(now);
    let epoch = date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + seconds(not_before);
    parameters.not_after = epoch + seconds(not_before.plus_seconds(VALID_SECONDS));
    parameters.serial_number = Some(serial_number());
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

/// 16 random bytes of which the first is neither zero nor makes the number negative. RFC 5280, section 4.1.2.2.
fn serial_number() -> SerialNumber {
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    SerialNumber::from_slice(&bytes)
}

/// Seconds since the epoch as certificates have them; times before it do not happen.
fn seconds(at: Timestamp) -> Duration {
    Duration::from_secs(at.seconds().try_into().unwrap_or(0))
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    whole_file::write(path, text.as_bytes(), mode).with_context(|| format!("cannot write {}", path.display()))
}
