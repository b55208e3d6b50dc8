//! Health checks: `CreateHealthCheck` and its siblings.
//! [Creating Route 53 health checks](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover.html)
//!
//! A row says what is checked; what the checkers find out is no row but an observation, which the daemon supplies
//! ([`status`]). Checks of routing controls are refused.
//!
//! A caller reference stands for one health check: the same request again answers for it, another one with the same reference is
//! refused, also for a day after the check was deleted ("a number of days", says AWS).

mod address;
mod alarm;
mod config;
mod status;

use enishi_api::route53::{
    self as api, CreateHealthCheckRequest, CreateHealthCheckResponse, DeleteHealthCheckRequest,
    DeleteHealthCheckResponse, GetHealthCheckCountRequest, GetHealthCheckCountResponse,
    GetHealthCheckRequest, GetHealthCheckResponse, ListHealthChecksRequest, ListHealthChecksResponse,
    UpdateHealthCheckRequest, UpdateHealthCheckResponse, ops,
};
use enishi_state::ec2::{ClientToken, ClientTokenKey};
use enishi_state::route53::{HealthCheck, HealthCheckId, HealthCheckKind};
use enishi_state::{AccountId, Read, Region, Scope, Tx, World};
use enishi_wire::Fault;

use super::page::{self, Page};
use super::{faults, fresh_uuid, limit, location, tag};
use crate::registry::Registry;

/// Health checks of one page at most.
const PAGE: usize = 1000;

/// The operation that a deleted check's reference is remembered under.
const DELETED: &str = "route53:DeleteHealthCheck";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateHealthCheck>(create_health_check);
    on.write::<ops::UpdateHealthCheck>(update_health_check);
    on.write::<ops::DeleteHealthCheck>(delete_health_check);
    on.read::<ops::GetHealthCheck>(get_health_check);
    on.read::<ops::GetHealthCheckCount>(get_health_check_count);
    on.read::<ops::ListHealthChecks>(list_health_checks);
    status::register(on);
}

/// A health check of the account.
///
/// # Errors
/// `NoSuchHealthCheck`
pub(super) fn own<'w>(world: &'w World, account: &AccountId, id: &str) -> Result<&'w HealthCheck, Fault> {
    let found = world.get::<HealthCheck>(&HealthCheckId::new(id));
    found.filter(|row| row.account == *account).ok_or_else(|| faults::no_such_health_check(id))
}

fn of<'w>(world: &'w World, account: &AccountId) -> impl Iterator<Item = &'w HealthCheck> + use<'w> {
    world.by::<HealthCheck>("account", account.as_str())
}

fn shape(row: &HealthCheck) -> api::HealthCheck {
    api::HealthCheck {
        id: row.id.to_string(),
        caller_reference: row.caller_reference.clone(),
        health_check_config: config::shape(&row.config),
        health_check_version: row.version,
        ..Default::default()
    }
}

/// Where the reference of a deleted check is remembered; Route 53 is global.
fn deleted_key(account: &AccountId, reference: &str) -> ClientTokenKey {
    ClientToken::key(&everywhere(account), DELETED, reference)
}

fn everywhere(account: &AccountId) -> Scope {
    Scope { account: account.clone(), region: Region::us_east_1() }
}

fn create_health_check(
    tx: &mut Tx<'_>,
    input: CreateHealthCheckRequest,
) -> Result<CreateHealthCheckResponse, Fault> {
    let account = tx.caller().scope.account.clone();
    let config = config::parse(input.health_check_config)?;
    check_children(tx.world(), &account, &config.children)?;
    let reference = format!("{account}/{}", input.caller_reference);
    let known = tx.world().by::<HealthCheck>("caller_reference", &reference).next().cloned();
    let row = match known {
        Some(row) if row.config == config => row,
        Some(_) => return Err(faults::health_check_already_exists()),
        None if tx.world().get::<ClientToken>(&deleted_key(&account, &input.caller_reference)).is_some() => {
            return Err(faults::health_check_already_exists());
        }
        None => {
            limit::check_health_checks(tx.world(), &tx.caller().scope)?;
            let row = HealthCheck {
                id: HealthCheckId::new(&fresh_uuid(tx)),
                account,
                caller_reference: input.caller_reference,
                version: 1,
                config,
            };
            alarm::check(tx.world(), &row)?;
            row
        }
    };
    let response = CreateHealthCheckResponse {
        health_check: shape(&row),
        location: location("healthcheck", row.id.as_str()),
    };
    tx.put(row);
    Ok(response)
}

/// Children exist. They watch something themselves: what counts others cannot be counted, so that there is no circle.
fn check_children(world: &World, account: &AccountId, children: &[HealthCheckId]) -> Result<(), Fault> {
    for child in children {
        let Ok(row) = own(world, account, child.as_str()) else {
            return Err(faults::invalid_parameter(format!("The child health check {child} does not exist.")));
        };
        if row.config.kind == HealthCheckKind::Calculated {
            return Err(faults::invalid_parameter(format!(
                "The child health check {child} is a calculated health check. Enishi does not support calculated health \
                 checks of calculated health checks."
            )));
        }
    }
    Ok(())
}

fn update_health_check(
    tx: &mut Tx<'_>,
    input: UpdateHealthCheckRequest,
) -> Result<UpdateHealthCheckResponse, Fault> {
    let account = tx.caller().scope.account.clone();
    let mut row = own(tx.world(), &account, &input.health_check_id)?.clone();
    if input.health_check_version.is_some_and(|version| version != row.version) {
        return Err(faults::health_check_version_mismatch());
    }
    row.config = config::parse(config::updated(config::shape(&row.config), input)?)?;
    check_children(tx.world(), &account, &row.config.children)?;
    alarm::check(tx.world(), &row)?;
    row.version += 1;
    let health_check = shape(&row);
    tx.put(row);
    Ok(UpdateHealthCheckResponse { health_check })
}

/// "Route 53 does not prevent you from deleting a health check even if the health check is associated with one or more resource
/// record sets"; their health counts as good from then on.
fn delete_health_check(
    tx: &mut Tx<'_>,
    input: DeleteHealthCheckRequest,
) -> Result<DeleteHealthCheckResponse, Fault> {
    let row = own(tx.world(), &tx.caller().scope.account, &input.health_check_id)?.clone();
    if tx.world().by::<HealthCheck>("child", row.id.as_str()).next().is_some() {
        return Err(faults::health_check_in_use());
    }
    tag::remove_all(tx, "healthcheck", row.id.as_str());
    tx.remove::<HealthCheck>(&row.id);
    let created = tx.now();
    tx.put(ClientToken {
        scope: everywhere(&row.account),
        operation: DELETED.to_owned(),
        token: row.caller_reference,
        parameters: String::new(),
        resources: vec![row.id.to_string()],
        created,
    });
    Ok(DeleteHealthCheckResponse {})
}

fn get_health_check(read: &Read<'_>, input: GetHealthCheckRequest) -> Result<GetHealthCheckResponse, Fault> {
    let row = own(read.world, &read.caller.scope.account, &input.health_check_id)?;
    Ok(GetHealthCheckResponse { health_check: shape(row) })
}

fn get_health_check_count(
    read: &Read<'_>,
    _: GetHealthCheckCountRequest,
) -> Result<GetHealthCheckCountResponse, Fault> {
    let count = of(read.world, &read.caller.scope.account).count();
    Ok(GetHealthCheckCountResponse { health_check_count: i64::try_from(count).unwrap_or(i64::MAX) })
}

fn list_health_checks(
    read: &Read<'_>,
    input: ListHealthChecksRequest,
) -> Result<ListHealthChecksResponse, Fault> {
    let size = page::size(input.max_items.as_deref(), PAGE)?;
    let marker = input.marker.unwrap_or_default();
    let rows = of(read.world, &read.caller.scope.account).filter(|row| row.id.as_str() >= marker.as_str());
    let Page { items, next } = page::cut(rows, size);
    Ok(ListHealthChecksResponse {
        health_checks: items.into_iter().map(shape).collect(),
        marker: marker.clone(),
        is_truncated: next.is_some(),
        next_marker: next.map(|row| row.id.to_string()),
        max_items: size.to_string(),
    })
}
