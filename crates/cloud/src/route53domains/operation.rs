//! Operations: what was asked of the registrar, and how far it is.
//! [API_domains_GetOperationDetail](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_GetOperationDetail.html)
//!
//! A request is checked and submitted; [`super::progress`] carries it out, and says that it succeeded once it is in force.

use enishi_api::route53domains::{
    GetOperationDetailRequest, GetOperationDetailResponse, ListOperationsRequest, ListOperationsResponse,
    OperationSummary, ops,
};
use enishi_state::route53domains::{DomainId, Operation, OperationId, OperationKind, OperationStatus, Work};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::date::shown;
use super::{faults, page};
use crate::registry::Registry;
use crate::route53::fresh_uuid;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::GetOperationDetail>(get_operation_detail);
    on.read::<ops::ListOperations>(list_operations);
}

/// Submits work on a domain in the caller's name; answers the operation's id.
///
/// # Errors
/// `DuplicateRequest` when the same is under way.
pub(super) fn submit(
    tx: &mut Tx<'_>,
    domain: DomainId,
    kind: OperationKind,
    work: Work,
) -> Result<String, Fault> {
    if let Some(operation) = running(tx.world(), &domain, kind) {
        return Err(faults::duplicate_request(&domain, &operation.id));
    }
    let id = put(tx, domain, kind, OperationStatus::Submitted, Some(work));
    Ok(id.to_string())
}

/// The operation of that kind on a domain that is not over.
pub(super) fn running<'w>(world: &'w World, domain: &DomainId, kind: OperationKind) -> Option<&'w Operation> {
    world.by::<Operation>("running", domain.as_str()).find(|row| row.kind == kind)
}

/// Records an operation of the caller's account.
pub(super) fn put(
    tx: &mut Tx<'_>,
    domain: DomainId,
    kind: OperationKind,
    status: OperationStatus,
    work: Option<Work>,
) -> OperationId {
    let row = Operation {
        id: OperationId::new(&fresh_uuid(tx)),
        account: tx.caller().scope.account.clone(),
        domain,
        kind,
        status,
        message: None,
        submitted: tx.now(),
        updated: tx.now(),
        work,
    };
    let id = row.id.clone();
    tx.put(row);
    id
}

/// Ends an operation, or moves it on.
pub(super) fn advance(tx: &mut Tx<'_>, id: &OperationId, status: OperationStatus, message: Option<String>) {
    let now = tx.now();
    tx.modify::<Operation>(id, |row| {
        row.status = status;
        row.message = message;
        row.updated = now;
        row.work = None;
    });
}

fn status(row: &Operation) -> &'static str {
    match row.status {
        OperationStatus::Submitted => "SUBMITTED",
        OperationStatus::InProgress { .. } | OperationStatus::AwaitsAcceptance => "IN_PROGRESS",
        OperationStatus::Successful => "SUCCESSFUL",
        OperationStatus::Error => "ERROR",
        OperationStatus::Failed => "FAILED",
    }
}

fn flag(row: &Operation) -> Option<String> {
    (row.status == OperationStatus::AwaitsAcceptance).then(|| "PENDING_ACCEPTANCE".to_owned())
}

fn get_operation_detail(
    read: &Read<'_>,
    input: GetOperationDetailRequest,
) -> Result<GetOperationDetailResponse, Fault> {
    let row = read.world.get::<Operation>(&OperationId::new(&input.operation_id));
    let row = row.filter(|row| row.account == read.caller.scope.account);
    let row = row.ok_or_else(|| faults::operation_not_found(&input.operation_id))?;
    Ok(GetOperationDetailResponse {
        operation_id: Some(row.id.to_string()),
        status: Some(status(row).to_owned()),
        message: row.message.clone(),
        domain_name: Some(row.domain.to_string()),
        r#type: Some(row.kind.name().to_owned()),
        submitted_date: Some(shown(row.submitted)),
        last_updated_date: Some(shown(row.updated)),
        status_flag: flag(row),
    })
}

fn list_operations(read: &Read<'_>, input: ListOperationsRequest) -> Result<ListOperationsResponse, Fault> {
    let one_of = |list: &Option<Vec<String>>, value: &str| {
        list.as_ref().is_none_or(|list| list.iter().any(|x| x == value))
    };
    let since = input.submitted_since.map(|since| since.as_millis());
    let rows = read.world.by::<Operation>("account", read.caller.scope.account.as_str());
    let mut rows: Vec<&Operation> = rows
        .filter(|row| since.is_none_or(|since| row.submitted.0 >= since))
        .filter(|row| one_of(&input.status, status(row)))
        .filter(|row| one_of(&input.r#type, row.kind.name()))
        .collect();
    rows.sort_by(|a, b| (a.submitted, &a.id).cmp(&(b.submitted, &b.id)));
    // The newest first, unless the caller wants it otherwise.
    if input.sort_order.as_deref() != Some("ASC") {
        rows.reverse();
    }
    let (rows, next_page_marker) =
        page::cut(rows, input.max_items, input.marker.as_deref(), |row| row.id.to_string())?;
    Ok(ListOperationsResponse { operations: Some(rows.into_iter().map(summary).collect()), next_page_marker })
}

fn summary(row: &Operation) -> OperationSummary {
    OperationSummary {
        operation_id: Some(row.id.to_string()),
        status: Some(status(row).to_owned()),
        r#type: Some(row.kind.name().to_owned()),
        submitted_date: Some(shown(row.submitted)),
        domain_name: Some(row.domain.to_string()),
        message: row.message.clone(),
        status_flag: flag(row),
        last_updated_date: Some(shown(row.updated)),
    }
}
