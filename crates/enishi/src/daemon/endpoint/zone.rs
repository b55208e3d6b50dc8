//! `enishi zone`: hosted zones as BIND's zone files, out and in.
//!
//! What comes in goes through `ChangeResourceRecordSets` as one batch, so that it is checked and limited as any other change,
//! and all of it is made or nothing.

use std::sync::Arc;

use enishi_cloud::zone_import::{Import, has_form, record_sets};
use enishi_dns::zonefile;
use enishi_fabric::dns::{self, Name};
use enishi_state::route53::{HostedZone, HostedZoneId};
use enishi_state::{Caller, Region, Scope, World};
use enishi_wire::Shape;
use http::StatusCode;
use serde_json::{Value, json};

use super::admin::Refusal;
use super::aws;
use crate::daemon::App;

/// A zone as a zone file.
///
/// # Errors
/// When there is no such zone, or several.
pub fn export(world: &World, zone: &str) -> Result<Value, Refusal> {
    let row = find(world, zone)?;
    let sets: Vec<dns::RecordSet> = record_sets(world, row).map(|row| row.set.clone()).collect();
    let comments = sets.iter().filter(|set| !has_form(set)).count();
    let record_sets = sets.len();
    let zone = dns::Zone { id: row.id.as_str().into(), name: row.name.clone(), record_sets: sets };
    Ok(json!({
        "zone": row.id.as_str(),
        "name": row.name.to_string(),
        "record_sets": record_sets,
        "comments": comments,
        "file": zonefile::write(&zone),
    }))
}

/// Makes a zone's record sets those of a zone file; see [`Import`].
///
/// # Errors
/// When there is no such zone, the file is wrong, or the batch is refused.
pub async fn import(app: &Arc<App>, zone: &str, file: &[u8], replace: bool) -> Result<Value, Refusal> {
    let world = app.writer.newest().load_full();
    let row = find(&world, zone)?;
    let text = std::str::from_utf8(file).map_err(|_| bad("the file is not UTF-8"))?;
    let sets = zonefile::read(text, &row.name).map_err(bad)?;
    let import = Import::new(&world, row, sets, replace);
    let summary = json!({
        "zone": row.id.as_str(),
        "name": row.name.to_string(),
        "created": import.created,
        "changed": import.changed,
        "deleted": import.deleted,
        "unchanged": import.unchanged,
        "own": import.own,
    });
    if let Some(request) = import.request(row) {
        let scope = Scope { account: row.account.clone(), region: Region::us_east_1() };
        let caller = Caller { scope, access_key: None, session_arn: None };
        let batch = request.into_value();
        aws::carry_out(app, caller, "route53", "ChangeResourceRecordSets", batch).await.map_err(bad)?;
    }
    Ok(summary)
}

fn bad(reason: impl ToString) -> Refusal {
    (StatusCode::BAD_REQUEST, reason.to_string())
}

/// The zone of that id or, if there is only one, of that domain.
fn find<'w>(world: &'w World, zone: &str) -> Result<&'w HostedZone, Refusal> {
    let id = HostedZoneId::new(zone.trim_start_matches("/hostedzone/"));
    if let Some(row) = world.get::<HostedZone>(&id) {
        return Ok(row);
    }
    let nobody = || (StatusCode::NOT_FOUND, format!("there is no hosted zone {zone:?}"));
    let name = Name::parse(zone).map_err(|_| nobody())?;
    let found: Vec<&HostedZone> = world.by::<HostedZone>("name", &name.to_string()).collect();
    match found.as_slice() {
        [row] => Ok(row),
        [] => Err(nobody()),
        several => {
            let ids: Vec<String> = several.iter().map(|row| row.id.to_string()).collect();
            let text = format!("{} hosted zones are called {name}: {}", ids.len(), ids.join(", "));
            Err((StatusCode::CONFLICT, text))
        }
    }
}
