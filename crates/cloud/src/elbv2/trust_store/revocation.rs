//! Revocation lists of trust stores: `AddTrustStoreRevocations`, `DescribeTrustStoreRevocations`,
//! `RemoveTrustStoreRevocations`.
//! [Certificate revocation lists](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html)

use enishi_api::elbv2::{
    AddTrustStoreRevocationsInput, AddTrustStoreRevocationsOutput, DescribeTrustStoreRevocation,
    DescribeTrustStoreRevocationsInput, DescribeTrustStoreRevocationsOutput,
    RemoveTrustStoreRevocationsInput, RemoveTrustStoreRevocationsOutput, RevocationContent,
    TrustStoreRevocation, ops,
};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;
use x509_parser::parse_x509_crl;
use x509_parser::pem::Pem;

use super::super::page::page;
use super::super::{faults, text};
use super::{find, object};
use crate::outside::{ObjectName, Supply, Want};
use crate::registry::Registry;

/// Revocation lists of a trust store at most.
const LISTS: usize = 30;

pub(super) fn register(on: &mut Registry) {
    on.write_with::<ops::AddTrustStoreRevocations>(
        |input| {
            let contents = input.revocation_contents.unwrap_or_default();
            Some(Want::Objects(contents.iter().take(LISTS).map(name).collect()))
        },
        add_trust_store_revocations,
    );
    on.read::<ops::DescribeTrustStoreRevocations>(describe_trust_store_revocations);
    on.write::<ops::RemoveTrustStoreRevocations>(remove_trust_store_revocations);
}

fn name(content: &RevocationContent) -> ObjectName {
    ObjectName {
        bucket: content.s3_bucket.clone().unwrap_or_default(),
        key: content.s3_key.clone().unwrap_or_default(),
    }
}

/// How many certificates a list revokes.
pub(super) fn entries(list: &str) -> i64 {
    let blocks = Pem::iter_from_buffer(list.as_bytes()).flatten();
    let count = |block: Pem| {
        let parsed = parse_x509_crl(&block.contents).ok();
        parsed.map_or(0, |(_, list)| list.iter_revoked_certificates().count())
    };
    i64::try_from(blocks.map(count).sum::<usize>()).unwrap_or(i64::MAX)
}

fn parse(content: Option<&[u8]>) -> Result<String, Fault> {
    let content = content.ok_or_else(faults::revocation_content_not_found)?;
    let blocks = Pem::iter_from_buffer(content).collect::<Result<Vec<_>, _>>();
    let blocks = blocks.map_err(|_| faults::invalid_revocation_content())?;
    let is_list = |block: &Pem| block.label == "X509 CRL" && parse_x509_crl(&block.contents).is_ok();
    match !blocks.is_empty() && blocks.iter().all(is_list) {
        true => String::from_utf8(content.to_vec()).map_err(|_| faults::invalid_revocation_content()),
        false => Err(faults::invalid_revocation_content()),
    }
}

fn add_trust_store_revocations(
    tx: &mut Tx<'_>,
    input: AddTrustStoreRevocationsInput,
    supply: &Supply,
) -> Result<AddTrustStoreRevocationsOutput, Fault> {
    let mut row = find(tx.world(), &tx.caller().scope, &input.trust_store_arn)?.clone();
    let contents = input.revocation_contents.unwrap_or_default();
    if row.revocations.len().saturating_add(contents.len()) > LISTS {
        return Err(faults::too_many_trust_store_revocation_entries(LISTS));
    }
    let mut added = Vec::with_capacity(contents.len());
    for (at, content) in contents.iter().enumerate() {
        let ObjectName { bucket, key } = name(content);
        let version = content.s3_object_version.as_deref();
        let list = parse(object(tx, supply, at, &bucket, &key, version))?;
        let id = row.revocations.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        added.push(TrustStoreRevocation {
            trust_store_arn: text(&row.arn),
            revocation_id: Some(id),
            revocation_type: text("CRL"),
            number_of_revoked_entries: Some(entries(&list)),
        });
        row.revocations.insert(id, list);
    }
    tx.put(row);
    Ok(AddTrustStoreRevocationsOutput { trust_store_revocations: Some(added) })
}

fn describe_trust_store_revocations(
    read: &Read<'_>,
    input: DescribeTrustStoreRevocationsInput,
) -> Result<DescribeTrustStoreRevocationsOutput, Fault> {
    let row = find(read.world, &read.caller.scope, &input.trust_store_arn)?;
    let wanted = input.revocation_ids.unwrap_or_default();
    if let Some(missing) = wanted.iter().find(|id| !row.revocations.contains_key(id)) {
        return Err(faults::revocation_id_not_found(*missing));
    }
    let is_wanted = |id: &i64| wanted.is_empty() || wanted.contains(id);
    let lists: Vec<(&i64, &String)> = row.revocations.iter().filter(|(id, _)| is_wanted(id)).collect();
    let id = |(id, _): &(&i64, &String)| id.to_string();
    let (lists, next_marker) = page(lists, input.page_size, input.marker.as_deref(), id)?;
    let shape = |(id, list): (&i64, &String)| DescribeTrustStoreRevocation {
        trust_store_arn: text(&row.arn),
        revocation_id: Some(*id),
        revocation_type: text("CRL"),
        number_of_revoked_entries: Some(entries(list)),
    };
    Ok(DescribeTrustStoreRevocationsOutput {
        trust_store_revocations: Some(lists.into_iter().map(shape).collect()),
        next_marker,
    })
}

fn remove_trust_store_revocations(
    tx: &mut Tx<'_>,
    input: RemoveTrustStoreRevocationsInput,
) -> Result<RemoveTrustStoreRevocationsOutput, Fault> {
    let mut row = find(tx.world(), &tx.caller().scope, &input.trust_store_arn)?.clone();
    for id in input.revocation_ids {
        if row.revocations.remove(&id).is_none() {
            return Err(faults::revocation_id_not_found(id));
        }
    }
    tx.put(row);
    Ok(RemoveTrustStoreRevocationsOutput {})
}
