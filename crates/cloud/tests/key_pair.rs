//! Key pairs: what is handed out, what is accepted, and the fingerprints.

mod harness;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use enishi_api::ec2::{
    CreateKeyPairRequest, DeleteKeyPairRequest, DescribeKeyPairsRequest, Filter, ImportKeyPairRequest,
    KeyPair, ops,
};
use enishi_cloud::outside::{KeyKind, Supply, Want};
use enishi_state::{Read, Tx};
use enishi_wire::{Blob, Fault, Operation, Shape};
use harness::{Harness, text};

/// Made with `ssh-keygen -t rsa -b 2048`.
const RSA: &str = "AAAAB3NzaC1yc2EAAAADAQABAAABAQCnoWgiAzNu7lvRHnba+a9Gb6tnubqlyWzL5LB2trwxRONUpzhqdNo60HoBGzKJOyjuZu0jVLTn\
ONEjJBdHZE5rxQCqXVXMdaTe4fy/uMKmYDV1MTS9MKjoHkASMinh95jh6kqxhRYsU6+7BMJQlBlRH98ZuRRnShvkWdAawRLetJk3aY5ewewecutpSwaoc+DR9I\
cEPvBAJLkG3OM8OUlHyeM3rUlh9aJWqj10kMifitwoo7OiMiH+7GKF0k8F5b5YknGhwqBQvfryL3lpj5oIKLdeZ1FmZbRnpxIwbQ7okL30XehpNArQcl49E8LO\
JXrAQSrxFyqVwtc9uL5BoB2L";

/// The same key's SubjectPublicKeyInfo: `openssl rsa -pubout -outform DER`.
const RSA_DER: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAp6FoIgMzbu5b0R522vmvRm+rZ7m6pclsy+Swdra8MUTjVKc4anTaOtB6\
ARsyiTso7mbtI1S05zjRIyQXR2ROa8UAql1VzHWk3uH8v7jCpmA1dTE0vTCo6B5AEjIp4feY4epKsYUWLFOvuwTCUJQZUR/fGbkUZ0ob5FnQGsES3rSZN2mOXs\
HsHnLraUsGqHPg0fSHBD7wQCS5BtzjPDlJR8njN61JYfWiVqo9dJDIn4rcKKOzojIh/uxihdJPBeW+WJJxocKgUL368i95aY+aCCi3XmdRZmW0Z6cSMG0O6JC9\
9F3oaTQK0HJePRPCziV6wEEq8RcqlcLXPbi+QaAdiwIDAQAB";

/// `openssl rsa -pubout -outform DER | openssl md5 -c`, as AWS's guide says.
const RSA_MD5: &str = "84:49:a0:e7:f5:ee:72:a8:00:75:62:e8:5a:eb:b4:84";

/// Made with `ssh-keygen -t ed25519`.
const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAMrCes77BU2cK0J8XHzzvhpitz6pnh4TFaH4BrYozoI";

/// `ssh-keygen -l`, with the padding that AWS adds.
const ED25519_SHA256: &str = "b522bj+HBK6SWsjyqCDvikrrgYdNait+GbR1cm7bUjE=";

fn import(name: &str, material: &str) -> ImportKeyPairRequest {
    ImportKeyPairRequest {
        key_name: name.to_owned(),
        public_key_material: Blob(material.as_bytes().to_vec()),
        ..Default::default()
    }
}

/// Creates with what the daemon supplies.
fn create(h: &mut Harness, input: CreateKeyPairRequest, supply: &Supply) -> Result<KeyPair, Fault> {
    let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
    let output = h.cloud.dispatch_write_with(&mut tx, "ec2", "CreateKeyPair", input.into_value(), supply)?;
    h.world = tx.commit().unwrap().world;
    Ok(KeyPair::from_value(output).unwrap())
}

fn request(name: &str, kind: &str, format: &str) -> CreateKeyPairRequest {
    CreateKeyPairRequest {
        key_name: name.to_owned(),
        key_type: text(kind),
        key_format: text(format),
        ..Default::default()
    }
}

fn rsa_key() -> Vec<u8> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    der.as_ref().to_vec()
}

fn body(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(lines).unwrap()
}

fn public_key(h: &mut Harness, name: &str) -> String {
    let input = DescribeKeyPairsRequest {
        key_names: vec![name.to_owned()],
        include_public_key: Some(true),
        ..Default::default()
    };
    h.ok::<ops::DescribeKeyPairs>(input).key_pairs.unwrap().remove(0).public_key.unwrap()
}

#[test]
fn rsa_keys_come_from_outside_as_pkcs1() {
    let mut h = Harness::new();
    let input = request("web", "rsa", "pem");
    let read = Read { world: &h.world, caller: &h.caller, now: h.now };
    let wanted = h.cloud.wants(&read, "ec2", ops::CreateKeyPair::NAME, &input.clone().into_value());
    assert_eq!(wanted, Ok(Some(Want::PrivateKey(KeyKind::Rsa2048))));
    let pkcs8 = rsa_key();
    let supply = Supply { private_key: Some(pkcs8.clone()), ..Default::default() };
    let made = create(&mut h, input, &supply).unwrap();
    let material = made.key_material.unwrap();
    assert!(material.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    assert!(material.ends_with("-----END RSA PRIVATE KEY-----"));
    // The PKCS#1 structure is the end of the PKCS#8 one.
    assert!(pkcs8.ends_with(&body(&material)));
    RsaKeyPair::from_der(&body(&material)).unwrap();

    // "openssl pkcs8 -in path_to_private_key -inform PEM -outform DER -topk8 -nocrypt | openssl sha1 -c"
    let sha1: Vec<String> =
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &pkcs8).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(made.key_fingerprint, Some(sha1.join(":")));
    let public = public_key(&mut h, "web");
    assert!(public.starts_with("ssh-rsa AAAAB3NzaC1yc2E") && public.ends_with(" web"), "{public}");
    // Its public half can be imported, which gives the other kind of fingerprint.
    let imported = h.ok::<ops::ImportKeyPair>(import("again", &public));
    assert_eq!(imported.key_fingerprint.unwrap().len(), 16 * 3 - 1);
}

#[test]
fn ed25519_keys_are_made_of_entropy_in_openssh_s_format() {
    let mut h = Harness::new();
    let input = request("web", "ed25519", "pem");
    let read = Read { world: &h.world, caller: &h.caller, now: h.now };
    assert_eq!(h.cloud.wants(&read, "ec2", "CreateKeyPair", &input.clone().into_value()), Ok(None));
    let made = h.ok::<ops::CreateKeyPair>(input);
    let material = made.key_material.unwrap();
    assert!(material.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    assert!(body(&material).starts_with(b"openssh-key-v1\0"));
    let fingerprint = made.key_fingerprint.unwrap();
    assert_eq!((fingerprint.len(), fingerprint.ends_with('=')), (44, true));
    let public = public_key(&mut h, "web");
    let imported = h.ok::<ops::ImportKeyPair>(import("again", &public));
    assert_eq!(imported.key_fingerprint, Some(fingerprint));
}

#[test]
fn putty_s_format_is_made_too() {
    let mut h = Harness::new();
    let made = h.ok::<ops::CreateKeyPair>(request("web", "ed25519", "ppk"));
    let material = made.key_material.unwrap();
    let lines: Vec<&str> = material.lines().collect();
    assert_eq!(lines[..3], ["PuTTY-User-Key-File-3: ssh-ed25519", "Encryption: none", "Comment: web"]);
    assert_eq!(lines[3], "Public-Lines: 2");
    assert!(lines.last().unwrap().starts_with("Private-MAC: "));
    let supply = Supply { private_key: Some(rsa_key()), ..Default::default() };
    let made = create(&mut h, request("rsa", "rsa", "ppk"), &supply).unwrap();
    assert!(made.key_material.unwrap().starts_with("PuTTY-User-Key-File-3: ssh-rsa\n"));
}

#[test]
fn public_keys_are_imported_in_every_format() {
    let mut h = Harness::new();
    let mut folded = String::new();
    for chunk in RSA.as_bytes().chunks(70) {
        folded.push_str(std::str::from_utf8(chunk).unwrap());
        folded.push('\n');
    }
    let rfc4716 = format!(
        "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"2048-bit RSA, conv\\\nerted\"\nSubject: me\n{folded}---- END SSH2 PUBLIC KEY ----\n"
    );
    let cases = [
        ("openssh", format!("ssh-rsa {RSA} me@example"), RSA_MD5),
        ("bare", format!("ssh-rsa {RSA}\n"), RSA_MD5),
        ("der", RSA_DER.to_owned(), RSA_MD5),
        ("rfc4716", rfc4716, RSA_MD5),
        ("ed25519", format!("ssh-ed25519 {ED25519} me@example"), ED25519_SHA256),
    ];
    for (name, material, fingerprint) in cases {
        let imported = h.ok::<ops::ImportKeyPair>(import(name, &material));
        assert_eq!(imported.key_fingerprint.as_deref(), Some(fingerprint), "{name}");
    }
    assert_eq!(public_key(&mut h, "der"), format!("ssh-rsa {RSA} der"));
}

#[test]
fn what_is_no_key_is_refused() {
    let mut h = Harness::new();
    for material in [
        "",
        "ssh-rsa",
        "ssh-rsa !!!",
        "ssh-dss AAAAB3NzaC1kc3MAAAA=",
        &format!("ssh-ed25519 {RSA}"),
        &format!("ssh-rsa {ED25519}"),
        &format!("ssh-rsa {}", &RSA[..200]),
        &RSA_DER[..100],
        "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA",
    ] {
        h.message::<ops::ImportKeyPair>(
            import("bad", material),
            "InvalidKey.Format",
            "Key is not in valid OpenSSH public key format",
        );
    }
}

#[test]
fn names_are_unique_and_deletion_is_idempotent() {
    let mut h = Harness::new();
    let imported = h.ok::<ops::ImportKeyPair>(import("web", &format!("ssh-ed25519 {ED25519}")));
    let again = import("web", &format!("ssh-rsa {RSA}"));
    h.message::<ops::ImportKeyPair>(again, "InvalidKeyPair.Duplicate", "The keypair already exists");
    let filters = vec![Filter { name: text("fingerprint"), values: vec![ED25519_SHA256.to_owned()] }];
    let found = h.ok::<ops::DescribeKeyPairs>(DescribeKeyPairsRequest { filters, ..Default::default() });
    assert_eq!(found.key_pairs.unwrap()[0].key_type.as_deref(), Some("ed25519"));

    let by_name = DeleteKeyPairRequest { key_name: text("web"), ..Default::default() };
    let deleted = h.ok::<ops::DeleteKeyPair>(by_name.clone());
    assert_eq!((deleted.r#return, deleted.key_pair_id), (Some(true), imported.key_pair_id));
    assert_eq!(h.ok::<ops::DeleteKeyPair>(by_name).key_pair_id, None);
    let input = DescribeKeyPairsRequest { key_names: vec!["web".to_owned()], ..Default::default() };
    h.message::<ops::DescribeKeyPairs>(input, "InvalidKeyPair.NotFound", "The key pair 'web' does not exist");
    h.code::<ops::CreateKeyPair>(request(" web", "ed25519", "pem"), "InvalidParameterValue");
    h.code::<ops::CreateKeyPair>(request("web", "dsa", "pem"), "InvalidParameterValue");
}
