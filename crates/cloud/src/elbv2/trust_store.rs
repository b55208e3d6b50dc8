//! Trust stores: `CreateTrustStore`, `DescribeTrustStores`, `ModifyTrustStore`, `DeleteTrustStore`,
//! `DescribeTrustStoreAssociations`, and their revocation lists.
//! [Mutual authentication](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/configuring-mtls-with-elb.html)
//!
//! Certificates and revocation lists are objects of S3, which the daemon supplies; what is in them is in the row from then on.
//! A trust store is `ACTIVE` at once. `GetTrustStoreCaCertificatesBundle` and `GetTrustStoreRevocationContent` are refused: they
//! lead into a bucket of AWS's own.

mod revocation;

use enishi_api::elbv2::{
    self as api, CreateTrustStoreInput, CreateTrustStoreOutput, DeleteTrustStoreInput,
    DeleteTrustStoreOutput, DescribeTrustStoreAssociationsInput, DescribeTrustStoreAssociationsOutput,
    DescribeTrustStoresInput, DescribeTrustStoresOutput, ModifyTrustStoreInput, ModifyTrustStoreOutput,
    TrustStoreAssociation, ops,
};
use enishi_state::elbv2::{Listener, TrustStore, TrustStoreArn};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;
use x509_parser::pem::Pem;

use super::page::page;
use super::tag::{self, NewTags};
use super::{arn, check_arn, faults, random_id, text};
use crate::outside::{ObjectName, Supply, Want};
use crate::registry::Registry;
use crate::s3::{Requester, Use, permitted};

/// Certificates of a trust store at most.
const CERTIFICATES: usize = 25;

pub(super) fn register(on: &mut Registry) {
    on.write_with::<ops::CreateTrustStore>(
        |input| bundle(input.ca_certificates_bundle_s3_bucket, input.ca_certificates_bundle_s3_key),
        create_trust_store,
    );
    on.write_with::<ops::ModifyTrustStore>(
        |input| bundle(input.ca_certificates_bundle_s3_bucket, input.ca_certificates_bundle_s3_key),
        modify_trust_store,
    );
    on.read::<ops::DescribeTrustStores>(describe_trust_stores);
    on.write::<ops::DeleteTrustStore>(delete_trust_store);
    on.read::<ops::DescribeTrustStoreAssociations>(describe_trust_store_associations);
    revocation::register(on);
}

fn bundle(bucket: String, key: String) -> Option<Want> {
    Some(Want::Objects(vec![ObjectName { bucket, key }]))
}

/// The caller's trust store of that ARN.
///
/// # Errors
/// `ValidationError`, `TrustStoreNotFound`
pub(super) fn find<'w>(world: &'w World, scope: &Scope, arn: &str) -> Result<&'w TrustStore, Fault> {
    check_arn(arn, "truststore/", "trust store")?;
    let found = world.get::<TrustStore>(&TrustStoreArn::new(arn)).filter(|row| row.scope == *scope);
    found.ok_or_else(|| faults::trust_store_not_found(arn))
}

/// An object that the caller may read, as it was supplied.
fn object<'s>(
    tx: &Tx<'_>,
    supply: &'s Supply,
    at: usize,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Option<&'s [u8]> {
    let caller = tx.caller();
    let requester =
        Requester { account: Some(&caller.scope.account), session: caller.session_arn.as_deref() };
    let reading = Use { action: "s3:GetObject", key: Some(key), context: &[] };
    permitted(tx.world(), bucket, requester, reading).ok()?;
    let is_current = version.is_none_or(|version| version == "null");
    supply.objects.get(at)?.as_deref().filter(|_| is_current)
}

/// The certificates of a bundle, as PEM.
fn parse_bundle(bundle: Option<&[u8]>) -> Result<String, Fault> {
    let bundle = bundle.ok_or_else(faults::ca_certificates_bundle_not_found)?;
    let invalid = || faults::invalid_ca_certificates_bundle("The CA certificates bundle is not valid");
    let blocks = Pem::iter_from_buffer(bundle).collect::<Result<Vec<_>, _>>().map_err(|_| invalid())?;
    let is_authority = |block: &Pem| {
        let parsed = block.parse_x509().ok();
        let authority = parsed.is_some_and(|certificate| certificate.is_ca());
        block.label == "CERTIFICATE" && authority
    };
    if blocks.is_empty() || !blocks.iter().all(is_authority) {
        return Err(invalid());
    }
    if blocks.len() > CERTIFICATES {
        return Err(faults::invalid_ca_certificates_bundle(format!(
            "The CA certificates bundle contains more than the maximum number of certificates: [{CERTIFICATES}]"
        )));
    }
    String::from_utf8(bundle.to_vec()).map_err(|_| invalid())
}

fn create_trust_store(
    tx: &mut Tx<'_>,
    input: CreateTrustStoreInput,
    supply: &Supply,
) -> Result<CreateTrustStoreOutput, Fault> {
    let tags = NewTags::parse(input.tags)?;
    let scope = tx.caller().scope.clone();
    if tx.world().by::<TrustStore>("name", &format!("{scope}/{}", input.name)).next().is_some() {
        return Err(faults::duplicate_trust_store_name(&input.name));
    }
    let (bucket, key) = (&input.ca_certificates_bundle_s3_bucket, &input.ca_certificates_bundle_s3_key);
    let version = input.ca_certificates_bundle_s3_object_version.as_deref();
    let certificates = parse_bundle(object(tx, supply, 0, bucket, key, version))?;
    let id = random_id(tx.entropy());
    let row = TrustStore {
        arn: TrustStoreArn::new(&arn(&scope, &format!("truststore/{}/{id}", input.name))),
        scope,
        name: input.name,
        certificates,
        revocations: Default::default(),
    };
    tags.attach(tx, row.arn.as_str());
    let shape = shape(&row);
    tx.put(row);
    Ok(CreateTrustStoreOutput { trust_stores: Some(vec![shape]) })
}

/// As responses show it.
fn shape(row: &TrustStore) -> api::TrustStore {
    let certificates = Pem::iter_from_buffer(row.certificates.as_bytes()).flatten().count();
    let revoked: i64 = row.revocations.values().map(|list| revocation::entries(list)).sum();
    api::TrustStore {
        name: text(&row.name),
        trust_store_arn: text(&row.arn),
        status: text("ACTIVE"),
        number_of_ca_certificates: i32::try_from(certificates).ok(),
        total_revoked_entries: Some(revoked),
    }
}

fn modify_trust_store(
    tx: &mut Tx<'_>,
    input: ModifyTrustStoreInput,
    supply: &Supply,
) -> Result<ModifyTrustStoreOutput, Fault> {
    let mut row = find(tx.world(), &tx.caller().scope, &input.trust_store_arn)?.clone();
    let (bucket, key) = (&input.ca_certificates_bundle_s3_bucket, &input.ca_certificates_bundle_s3_key);
    let version = input.ca_certificates_bundle_s3_object_version.as_deref();
    row.certificates = parse_bundle(object(tx, supply, 0, bucket, key, version))?;
    let shape = shape(&row);
    tx.put(row);
    Ok(ModifyTrustStoreOutput { trust_stores: Some(vec![shape]) })
}

fn describe_trust_stores(
    read: &Read<'_>,
    input: DescribeTrustStoresInput,
) -> Result<DescribeTrustStoresOutput, Fault> {
    let (world, scope) = (read.world, &read.caller.scope);
    let arns = input.trust_store_arns.unwrap_or_default();
    let names = input.names.unwrap_or_default();
    let by_name = |name: &String| {
        let found = world.by::<TrustStore>("name", &format!("{scope}/{name}")).next();
        found.ok_or_else(|| faults::trust_store_not_found(name))
    };
    let rows: Vec<&TrustStore> = match (arns.is_empty(), names.is_empty()) {
        (true, true) => world.by::<TrustStore>("scope", &scope.to_string()).collect(),
        (false, true) => arns.iter().map(|arn| find(world, scope, arn)).collect::<Result<_, _>>()?,
        (true, false) => names.iter().map(by_name).collect::<Result<_, _>>()?,
        (false, false) => {
            return Err(faults::validation_error(
                "Trust store names and trust store ARNs cannot be specified at the same time",
            ));
        }
    };
    let id = |row: &&TrustStore| row.arn.to_string();
    let (rows, next_marker) = page(rows, input.page_size, input.marker.as_deref(), id)?;
    let trust_stores = rows.into_iter().map(shape).collect();
    Ok(DescribeTrustStoresOutput { trust_stores: Some(trust_stores), next_marker })
}

fn delete_trust_store(
    tx: &mut Tx<'_>,
    input: DeleteTrustStoreInput,
) -> Result<DeleteTrustStoreOutput, Fault> {
    let id = find(tx.world(), &tx.caller().scope, &input.trust_store_arn)?.arn.clone();
    if tx.world().by::<Listener>("trust_store", id.as_str()).next().is_some() {
        return Err(faults::trust_store_in_use(&id));
    }
    tag::remove_all(tx, id.as_str());
    tx.remove::<TrustStore>(&id);
    Ok(DeleteTrustStoreOutput {})
}

fn describe_trust_store_associations(
    read: &Read<'_>,
    input: DescribeTrustStoreAssociationsInput,
) -> Result<DescribeTrustStoreAssociationsOutput, Fault> {
    let row = find(read.world, &read.caller.scope, &input.trust_store_arn)?;
    let listeners = read.world.by::<Listener>("trust_store", row.arn.as_str());
    let arns: Vec<String> = listeners.map(|listener| listener.arn.to_string()).collect();
    let (arns, next_marker) = page(arns, input.page_size, input.marker.as_deref(), Clone::clone)?;
    let association = |arn: String| TrustStoreAssociation { resource_arn: Some(arn) };
    Ok(DescribeTrustStoreAssociationsOutput {
        trust_store_associations: Some(arns.into_iter().map(association).collect()),
        next_marker,
    })
}
