//! What every Describe operation does: ids, filters, pages.

use enishi_api::ec2;
use enishi_state::{Holds, Read, ResourceId, World};
use enishi_wire::Fault;

use super::filter::{Field, Filters};
use super::ids::{self, Resource};
use super::page::Page;

/// The resources of the caller's scope that a request asks for, in the order of ids, and the token of the next page.
///
/// # Errors
/// Those of [`ids::select`] and [`Filters::parse`].
pub(crate) fn describe<'w, R: Resource>(
    read: &Read<'w>,
    ids: &[String],
    filters: Vec<ec2::Filter>,
    fields: &'static [Field<R>],
    page: &Page,
) -> Result<(Vec<&'w R>, Option<String>), Fault>
where
    World: Holds<R>,
{
    describe_where(read, ids, filters, fields, page, |_| true)
}

/// Like [`describe`], of those that are shown: the others do not exist for the caller.
///
/// # Errors
/// As [`describe`].
pub(crate) fn describe_where<'w, R: Resource>(
    read: &Read<'w>,
    ids: &[String],
    filters: Vec<ec2::Filter>,
    fields: &'static [Field<R>],
    page: &Page,
    is_shown: impl Fn(&R) -> bool,
) -> Result<(Vec<&'w R>, Option<String>), Fault>
where
    World: Holds<R>,
{
    let filters = Filters::parse(filters, fields)?.of_caller(&read.caller.scope);
    let mut rows = ids::select::<R>(read, ids)?;
    if let Some(hidden) = rows.iter().find(|row| !ids.is_empty() && !is_shown(row)) {
        return Err(R::not_found(hidden.id().as_str()));
    }
    rows.retain(|row| is_shown(row) && filters.accept(read.world, row.id().as_str(), row));
    Ok(page.of(rows, |row| row.id().as_str().to_owned()))
}
