//! Key pairs: `CreateKeyPair`, `ImportKeyPair`, `DescribeKeyPairs`, `DeleteKeyPair`.
//! [Amazon EC2 key pairs](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-key-pairs.html)
//!
//! What AWS promises: a name is unique in the account and region; the private half is given out once and not kept.
//! Fingerprints differ by kind and origin, see [`material`]. Deleting a pair changes nothing in instances that have it.
//! Random RSA keys come from [outside](crate::outside), as making one takes long; ED25519 keys are made of the
//! transaction's entropy. Tested in `tests/key_pair.rs`.

mod der;
mod material;
mod ssh;

use enishi_api::ec2::{
    self as api, CreateKeyPairRequest, DeleteKeyPairRequest, DeleteKeyPairResult, DescribeKeyPairsRequest,
    DescribeKeyPairsResult, ImportKeyPairRequest, ImportKeyPairResult, KeyPairInfo, ops,
};
use enishi_state::ec2::{KeyPair, KeyPairId, KeyPairKind};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::{Fault, Timestamp};

use self::material::{Created, Format, PublicKey};
use super::filter::{Field, Filters, field};
use super::tag::NewTags;
use super::{faults, ids, tag};
use crate::outside::{KeyKind, Supply, Want};
use crate::registry::Registry;

const NAME_LENGTH: usize = 255;

pub(super) fn register(on: &mut Registry) {
    on.write_with::<ops::CreateKeyPair>(want, create_key_pair);
    on.write::<ops::ImportKeyPair>(import_key_pair);
    on.write::<ops::DeleteKeyPair>(delete_key_pair);
    on.read::<ops::DescribeKeyPairs>(describe_key_pairs);
}

/// The key pair of that name.
///
/// # Errors
/// `InvalidKeyPair.NotFound`
pub(crate) fn by_name<'w>(world: &'w World, scope: &Scope, name: &str) -> Result<&'w KeyPair, Fault> {
    let found = world.by::<KeyPair>("name", &format!("{scope}/{name}")).next();
    found.ok_or_else(|| faults::invalid_key_pair_not_found(name))
}

fn want(input: CreateKeyPairRequest) -> Option<Want> {
    matches!(kind(&input), Ok(KeyPairKind::Rsa)).then_some(Want::PrivateKey(KeyKind::Rsa2048))
}

fn kind(input: &CreateKeyPairRequest) -> Result<KeyPairKind, Fault> {
    match input.key_type.as_deref() {
        None | Some("rsa") => Ok(KeyPairKind::Rsa),
        Some("ed25519") => Ok(KeyPairKind::Ed25519),
        Some(other) => Err(faults::invalid_enum(other, "KeyType")),
    }
}

fn create_key_pair(
    tx: &mut Tx<'_>,
    input: CreateKeyPairRequest,
    supply: &Supply,
) -> Result<api::KeyPair, Fault> {
    let tags = NewTags::parse(input.tag_specifications.clone(), &["key-pair"])?;
    check_name(tx, &input.key_name)?;
    let format = match input.key_format.as_deref() {
        None | Some("pem") => Format::Pem,
        Some("ppk") => Format::Ppk,
        Some(other) => return Err(faults::invalid_enum(other, "KeyFormat")),
    };
    let kind = kind(&input)?;
    let created = match kind {
        KeyPairKind::Rsa => {
            supply.private_key.as_deref().and_then(|key| material::created_rsa(key, &input.key_name, format))
        }
        KeyPairKind::Ed25519 => ed25519(tx, &input.key_name, format),
    };
    let Created { public, fingerprint, private } =
        created.ok_or_else(|| Fault::internal("no key could be made"))?;
    let row = put(tx, &input.key_name, &public, fingerprint, &tags);
    Ok(api::KeyPair {
        key_pair_id: Some(row.id.to_string()),
        tags: tag::of(tx.world(), row.id.as_str()),
        key_name: Some(row.name),
        key_fingerprint: Some(row.fingerprint),
        key_material: Some(private),
    })
}

fn ed25519(tx: &mut Tx<'_>, name: &str, format: Format) -> Option<Created> {
    let mut seed = [0u8; 32];
    tx.entropy().fill(&mut seed);
    let mut check = [0u8; 4];
    tx.entropy().fill(&mut check);
    material::created_ed25519(&seed, u32::from_be_bytes(check), name, format)
}

fn check_name(tx: &Tx<'_>, name: &str) -> Result<(), Fault> {
    let printable = name.chars().all(|c| (' '..='~').contains(&c));
    if name.is_empty() || name.len() > NAME_LENGTH || !printable || name.trim() != name {
        return Err(faults::invalid_value(
            "keyName",
            name,
            "It must be 1 to 255 ASCII characters, without spaces at its ends.",
        ));
    }
    match by_name(tx.world(), &tx.caller().scope, name) {
        Ok(_) => Err(faults::invalid_key_pair_duplicate()),
        Err(_) => Ok(()),
    }
}

fn put(tx: &mut Tx<'_>, name: &str, public: &PublicKey, fingerprint: String, tags: &NewTags) -> KeyPair {
    let row = KeyPair {
        id: KeyPairId::generate(tx.entropy()),
        scope: tx.caller().scope.clone(),
        name: name.to_owned(),
        kind: public.kind(),
        public_key: public.openssh(name),
        fingerprint,
        created: tx.now(),
    };
    tx.put(row.clone());
    tags.attach(tx, "key-pair", row.id.as_str());
    row
}

fn import_key_pair(tx: &mut Tx<'_>, input: ImportKeyPairRequest) -> Result<ImportKeyPairResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications, &["key-pair"])?;
    check_name(tx, &input.key_name)?;
    let text = String::from_utf8(input.public_key_material.0).map_err(|_| faults::invalid_key_format())?;
    let public = PublicKey::parse(&text).ok_or_else(faults::invalid_key_format)?;
    let row = put(tx, &input.key_name, &public, public.imported_fingerprint(), &tags);
    Ok(ImportKeyPairResult {
        key_fingerprint: Some(row.fingerprint),
        tags: tag::of(tx.world(), row.id.as_str()),
        key_name: Some(row.name),
        key_pair_id: Some(row.id.to_string()),
    })
}

fn delete_key_pair(tx: &mut Tx<'_>, input: DeleteKeyPairRequest) -> Result<DeleteKeyPairResult, Fault> {
    let scope = &tx.caller().scope;
    let found = match (&input.key_pair_id, &input.key_name) {
        (Some(id), _) => ids::find::<KeyPair>(tx.world(), scope, id).ok(),
        (None, Some(name)) => by_name(tx.world(), scope, name).ok(),
        (None, None) => return Err(faults::missing_parameter("KeyName")),
    };
    // Deleting a key pair that does not exist succeeds.
    let id = found.map(|row| row.id.clone());
    if let Some(id) = &id {
        tag::remove_all(tx, id.as_str());
        tx.remove::<KeyPair>(id);
    }
    Ok(DeleteKeyPairResult { r#return: Some(true), key_pair_id: id.map(|id| id.to_string()) })
}

fn kind_name(kind: KeyPairKind) -> &'static str {
    match kind {
        KeyPairKind::Rsa => "rsa",
        KeyPairKind::Ed25519 => "ed25519",
    }
}

const FILTERS: &[Field<KeyPair>] = &[
    field("fingerprint", |_, row, values| values.add(&row.fingerprint)),
    field("key-name", |_, row, values| values.add(&row.name)),
    field("key-pair-id", |_, row, values| values.add(&row.id)),
];

fn describe_key_pairs(
    read: &Read<'_>,
    input: DescribeKeyPairsRequest,
) -> Result<DescribeKeyPairsResult, Fault> {
    let filters = Filters::parse(input.filters, FILTERS)?;
    let scope = &read.caller.scope;
    for name in &input.key_names {
        by_name(read.world, scope, name)?;
    }
    let mut rows = ids::select::<KeyPair>(read, &input.key_pair_ids)?;
    rows.retain(|row| {
        let named = input.key_names.is_empty() || input.key_names.contains(&row.name);
        named && filters.accept(read.world, row.id.as_str(), row)
    });
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let with_key = input.include_public_key.unwrap_or(false);
    let info = |row: &KeyPair| KeyPairInfo {
        key_pair_id: Some(row.id.to_string()),
        key_type: Some(kind_name(row.kind).to_owned()),
        tags: tag::of(read.world, row.id.as_str()),
        public_key: with_key.then(|| row.public_key.clone()),
        create_time: Some(Timestamp::from_millis(row.created.0)),
        key_name: Some(row.name.clone()),
        key_fingerprint: Some(row.fingerprint.clone()),
    };
    Ok(DescribeKeyPairsResult { key_pairs: Some(rows.into_iter().map(info).collect()) })
}
