//! What was charged: `ViewBilling`. Nobody pays.
//! [API_domains_ViewBilling](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_ViewBilling.html)

use enishi_api::route53domains::{BillingRecord, ViewBillingRequest, ViewBillingResponse, ops};
use enishi_state::route53domains::{Bill, BillId, DomainId, OperationId, OperationKind};
use enishi_state::{AccountId, Read, Timestamp, Tx};
use enishi_wire::Fault;

use super::date::shown;
use super::{faults, page};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::ViewBilling>(view_billing);
}

/// Records a charge; what is free is not listed.
pub(super) fn charge(
    tx: &mut Tx<'_>,
    account: &AccountId,
    domain: &DomainId,
    operation: (&OperationId, OperationKind),
    cents: i64,
) {
    if cents > 0 {
        tx.put(Bill {
            id: BillId::new(operation.0.as_str()),
            account: account.clone(),
            domain: domain.clone(),
            operation: operation.1,
            cents,
            date: tx.now(),
        });
    }
}

fn view_billing(read: &Read<'_>, input: ViewBillingRequest) -> Result<ViewBillingResponse, Fault> {
    let time = |time: Option<enishi_wire::Timestamp>| time.map(|time| Timestamp(time.as_millis()));
    let (start, end) = (time(input.start), time(input.end));
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(faults::invalid_input("The start of the period is after its end."));
    }
    let rows = read.world.by::<Bill>("account", read.caller.scope.account.as_str());
    let mut rows: Vec<&Bill> = rows
        .filter(|row| start.is_none_or(|start| row.date >= start) && end.is_none_or(|end| row.date <= end))
        .collect();
    rows.sort_by(|a, b| (a.date, &a.id).cmp(&(b.date, &b.id)));
    let (rows, next_page_marker) =
        page::cut(rows, input.max_items, input.marker.as_deref(), |row| row.id.to_string())?;
    let record = |row: &Bill| BillingRecord {
        domain_name: Some(row.domain.to_string()),
        operation: Some(row.operation.name().to_owned()),
        invoice_id: None,
        bill_date: Some(shown(row.date)),
        price: Some(row.cents as f64 / 100.0),
    };
    Ok(ViewBillingResponse {
        billing_records: Some(rows.into_iter().map(record).collect()),
        next_page_marker,
    })
}
