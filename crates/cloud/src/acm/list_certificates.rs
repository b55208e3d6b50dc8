//! `ListCertificates`. [API_ListCertificates](https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html)
//!
//! What AWS promises: without `keyTypes` only certificates with RSA keys of 1024 and 2048 bits are listed. A filter with
//! several values takes certificates that have one of them. Without a sort order the oldest come first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enishi_api::acm::{CertificateSummary, Filters, ListCertificatesRequest, ListCertificatesResponse, ops};
use enishi_state::Read;
use enishi_state::acm::{Certificate, KeyAlgorithm};
use enishi_wire::Fault;

use super::describe_certificate::{details, issued_and_imported, key_algorithm, renewal_eligibility};
use super::{faults, kind, shown, status, text, usage};
use crate::registry::Registry;

/// Items of a page that asks for no number, and of any at most.
const MOST: usize = 1000;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::ListCertificates>(list_certificates);
}

fn list_certificates(
    read: &Read<'_>,
    input: ListCertificatesRequest,
) -> Result<ListCertificatesResponse, Fault> {
    let descends = match (input.sort_by.as_deref(), input.sort_order.as_deref()) {
        (None, None) => false,
        (Some(_), Some(order)) => order == "DESCENDING",
        _ => return Err(faults::validation("SortBy and SortOrder must be specified together.")),
    };
    let filters = input.includes.unwrap_or_default();
    let statuses = input.certificate_statuses.unwrap_or_default();
    let rows = read.world.by::<Certificate>("scope", &read.caller.scope.to_string());
    let mut rows: Vec<&Certificate> = rows
        .filter(|row| statuses.is_empty() || statuses.iter().any(|wanted| wanted == status(row, read.now)))
        .filter(|row| has_key_type(row, &filters))
        .collect();
    rows.sort_by(|a, b| (a.created, &a.arn).cmp(&(b.created, &b.arn)));
    if descends {
        rows.reverse();
    }
    let items: Vec<CertificateSummary> = rows.into_iter().map(|row| summary(read, row)).collect();
    let items = items.into_iter().filter(|item| passes(item, &filters)).collect();
    page(items, input.max_items, input.next_token.as_deref())
}

fn has_key_type(row: &Certificate, filters: &Filters) -> bool {
    match &filters.key_types {
        Some(wanted) if !wanted.is_empty() => wanted.iter().any(|name| name == row.key_algorithm.name()),
        _ => row.key_algorithm == KeyAlgorithm::Rsa2048,
    }
}

fn passes(item: &CertificateSummary, filters: &Filters) -> bool {
    let has_one = |wanted: &Option<Vec<String>>, has: &Option<Vec<String>>| match wanted {
        Some(wanted) if !wanted.is_empty() => has.iter().flatten().any(|usage| wanted.contains(usage)),
        _ => true,
    };
    has_one(&filters.key_usage, &item.key_usages)
        && has_one(&filters.extended_key_usage, &item.extended_key_usages)
        && filters.export_option.as_ref().is_none_or(|wanted| Some(wanted) == item.export_option.as_ref())
        // No certificate is managed by another service.
        && filters.managed_by.is_none()
}

fn summary(read: &Read<'_>, row: &Certificate) -> CertificateSummary {
    let details = row.material.as_ref().and_then(details);
    let (issued, imported) = issued_and_imported(row);
    let usages = details.as_ref().map(|details| details.key_usages.iter().map(ToString::to_string).collect());
    let extended = details
        .as_ref()
        .map(|details| details.extended_key_usages.iter().map(|(name, _)| (*name).to_owned()).collect());
    CertificateSummary {
        certificate_arn: text(&row.arn),
        domain_name: row.names.first().cloned(),
        subject_alternative_name_summaries: Some(row.names.iter().take(100).cloned().collect()),
        has_additional_subject_alternative_names: Some(row.names.len() > 100),
        status: text(status(row, read.now)),
        r#type: text(kind(row)),
        key_algorithm: key_algorithm(row),
        key_usages: usages,
        extended_key_usages: extended,
        export_option: text("DISABLED"),
        in_use: Some(usage::is_used(read.world, row)),
        renewal_eligibility: text(renewal_eligibility(read, row)),
        not_before: row.material.as_ref().and_then(|material| shown(material.not_before)),
        not_after: row.material.as_ref().and_then(|material| shown(material.not_after)),
        created_at: shown(row.created),
        issued_at: issued.and_then(shown),
        imported_at: imported.and_then(shown),
        ..Default::default()
    }
}

/// A token says how many items came before, and which was the last, should others be gone by then.
fn page(
    items: Vec<CertificateSummary>,
    max_items: Option<i32>,
    token: Option<&str>,
) -> Result<ListCertificatesResponse, Fault> {
    let limit = max_items.and_then(|max| usize::try_from(max).ok()).unwrap_or(MOST).clamp(1, MOST);
    let arn = |item: &CertificateSummary| item.certificate_arn.clone().unwrap_or_default();
    let start = match token {
        None => 0,
        Some(token) => {
            let (offset, last) =
                decode(token).ok_or_else(|| faults::invalid_args("The specified NextToken is not valid."))?;
            items.iter().position(|item| arn(item) == last).map_or(offset, |found| found + 1)
        }
    };
    let total = items.len();
    let items: Vec<CertificateSummary> = items.into_iter().skip(start).take(limit).collect();
    let end = start.saturating_add(items.len());
    let next_token = items
        .last()
        .filter(|_| end < total)
        .map(|last| URL_SAFE_NO_PAD.encode(format!("{end}:{}", arn(last))));
    Ok(ListCertificatesResponse { certificate_summary_list: Some(items), next_token })
}

fn decode(token: &str) -> Option<(usize, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (offset, arn) = text.split_once(':')?;
    Some((offset.parse().ok()?, arn.to_owned()))
}
