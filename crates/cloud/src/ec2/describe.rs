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
    let filters = Filters::parse(filters, fields)?;
    let mut rows = ids::select::<R>(read, ids)?;
    rows.retain(|row| filters.accept(read.world, row.id().as_str(), row));
    Ok(page.of(rows, |row| row.id().as_str().to_owned()))
}
