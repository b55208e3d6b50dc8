//! Whether each certificate is signed by the next.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry as oid;

/// Whether `issuer` signed `certificate`.
pub(super) fn signed(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    if certificate.issuer().as_raw() != issuer.subject().as_raw() {
        return false;
    }
    let message: &[u8] = certificate.tbs_certificate.as_ref();
    let signature = certificate.signature_value.data.as_ref();
    let key = issuer.public_key().subject_public_key.data.as_ref();
    algorithm(certificate, issuer)
        .is_some_and(|algorithm| UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok())
}

/// How to check a signature, by its algorithm and the signer's curve.
fn algorithm(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let used = &certificate.signature_algorithm.algorithm;
    let others: [(_, &dyn VerificationAlgorithm); 5] = [
        (oid::OID_PKCS1_SHA1WITHRSA, &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        (oid::OID_PKCS1_SHA256WITHRSA, &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        (oid::OID_PKCS1_SHA384WITHRSA, &RSA_PKCS1_2048_8192_SHA384),
        (oid::OID_PKCS1_SHA512WITHRSA, &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        (oid::OID_SIG_ED25519, &ED25519),
    ];
    if let Some((_, algorithm)) = others.into_iter().find(|(known, _)| known == used) {
        return Some(algorithm);
    }
    let curve = issuer.public_key().algorithm.parameters.as_ref()?.as_oid().ok()?;
    let curves: [(_, _, &dyn VerificationAlgorithm); 7] = [
        (oid::OID_SIG_ECDSA_WITH_SHA256, oid::OID_EC_P256, &ECDSA_P256_SHA256_ASN1),
        (oid::OID_SIG_ECDSA_WITH_SHA384, oid::OID_EC_P256, &ECDSA_P256_SHA384_ASN1),
        (oid::OID_SIG_ECDSA_WITH_SHA256, oid::OID_NIST_EC_P384, &ECDSA_P384_SHA256_ASN1),
        (oid::OID_SIG_ECDSA_WITH_SHA384, oid::OID_NIST_EC_P384, &ECDSA_P384_SHA384_ASN1),
        (oid::OID_SIG_ECDSA_WITH_SHA256, oid::OID_NIST_EC_P521, &ECDSA_P521_SHA256_ASN1),
        (oid::OID_SIG_ECDSA_WITH_SHA384, oid::OID_NIST_EC_P521, &ECDSA_P521_SHA384_ASN1),
        (oid::OID_SIG_ECDSA_WITH_SHA512, oid::OID_NIST_EC_P521, &ECDSA_P521_SHA512_ASN1),
    ];
    curves.into_iter().find_map(|(known, on, algorithm)| (known == *used && on == curve).then_some(algorithm))
}
