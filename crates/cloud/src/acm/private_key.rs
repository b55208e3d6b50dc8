//! Private keys that are imported.
//! [Certificate and key format for importing](https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-format.html)

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
};
use enishi_state::acm::PrivateKey;
use enishi_wire::Fault;

use super::{faults, pem};

const CURVES: [&EcdsaSigningAlgorithm; 3] =
    [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING];

/// A private key and the public key that belongs to it.
#[derive(Debug)]
pub(super) struct Imported {
    /// The key.
    pub(super) key: PrivateKey,
    /// The public key as a certificate has it, inside of the bit string.
    pub(super) public: Vec<u8>,
}

/// Reads a key: PKCS#8, PKCS#1 or SEC 1, in PEM, not encrypted.
///
/// # Errors
/// `ValidationException`
pub(super) fn parse(text: &[u8]) -> Result<Imported, Fault> {
    let unreadable = || faults::validation("The private key is not in a valid PEM format.");
    let blocks = pem::read(text).map_err(|()| unreadable())?;
    // OpenSSL writes the curve's name into a block of its own.
    let mut blocks = blocks.into_iter().filter(|block| block.label != "EC PARAMETERS");
    let (Some(block), None) = (blocks.next(), blocks.next()) else { return Err(unreadable()) };
    let der = block.contents.as_slice();
    let key = match block.label.as_str() {
        "PRIVATE KEY" => {
            rsa::KeyPair::from_pkcs8(der).ok().and_then(|key| imported_rsa(&key)).or_else(|| {
                CURVES.iter().find_map(|curve| imported_ecdsa(&EcdsaKeyPair::from_pkcs8(curve, der).ok()?))
            })
        }
        "RSA PRIVATE KEY" => rsa::KeyPair::from_der(der).ok().and_then(|key| imported_rsa(&key)),
        "EC PRIVATE KEY" => CURVES
            .iter()
            .find_map(|curve| imported_ecdsa(&EcdsaKeyPair::from_private_key_der(curve, der).ok()?)),
        "ENCRYPTED PRIVATE KEY" => {
            return Err(faults::validation(
                "The private key is encrypted. You can import only unencrypted keys.",
            ));
        }
        _ => return Err(unreadable()),
    };
    key.ok_or_else(|| faults::validation("The private key is not supported."))
}

fn imported_rsa(key: &rsa::KeyPair) -> Option<Imported> {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(key).ok()?;
    Some(imported(der.as_ref(), key.public_key().as_ref()))
}

fn imported_ecdsa(key: &EcdsaKeyPair) -> Option<Imported> {
    Some(imported(key.to_pkcs8v1().ok()?.as_ref(), key.public_key().as_ref()))
}

fn imported(pkcs8: &[u8], public: &[u8]) -> Imported {
    Imported { key: PrivateKey::new(pem::write("PRIVATE KEY", pkcs8)), public: public.to_vec() }
}
