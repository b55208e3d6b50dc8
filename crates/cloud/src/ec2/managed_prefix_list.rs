//! Managed prefix lists. [Managed prefix lists](https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html)
//!
//! A list has versions: a change of its entries makes a new one, a change of its name or size does not. What refers to it follows the
//! newest. Where it is used it counts as many entries as it may have; so it cannot grow beyond what its users can take, and is not
//! deleted while it has any. AWS's own lists are not there: nothing here has the addresses that they name.

mod entry;
mod render;
mod usage;

use enishi_api::ec2::{
    CreateManagedPrefixListRequest, CreateManagedPrefixListResult, DeleteManagedPrefixListRequest,
    DeleteManagedPrefixListResult, DescribeManagedPrefixListsRequest, DescribeManagedPrefixListsResult,
    GetManagedPrefixListAssociationsRequest, GetManagedPrefixListAssociationsResult,
    GetManagedPrefixListEntriesRequest, GetManagedPrefixListEntriesResult, ModifyManagedPrefixListRequest,
    ModifyManagedPrefixListResult, PrefixListAssociation, RestoreManagedPrefixListVersionRequest,
    RestoreManagedPrefixListVersionResult, ops,
};
use enishi_state::ec2::{
    ManagedPrefixList, PrefixListEntry, PrefixListId, PrefixListState, PrefixListVersion,
    PrefixListVersionKey,
};
use enishi_state::{Read, Row, Tx, World};
use enishi_wire::Fault;

use self::render::{in_progress, render};
pub(super) use self::usage::{weight_of_routes, weight_of_rules};
use super::describe::describe;
use super::filter::{Field, field};
use super::ids::{self, Resource};
use super::page::Page;
use super::tag::{self, NewTags};
use super::{client_token, faults};
use crate::registry::Registry;

/// AWS's own names.
const RESERVED: [&str; 3] = ["com.amazonaws.", "com.amazon.", "com.aws."];
const NAME_LENGTH: usize = 255;
/// Quotas that Service Quotas does not know.
/// [Customer-managed prefix lists](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-prefix-lists)
const PER_REGION: usize = 100;
const VERSIONS: i64 = 1000;

const FILTERS: &[Field<ManagedPrefixList>] = &[
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("prefix-list-id", |_, row, values| values.add(&row.id)),
    field("prefix-list-name", |_, row, values| values.add(&row.name)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateManagedPrefixList>(create_managed_prefix_list);
    on.write::<ops::DeleteManagedPrefixList>(delete_managed_prefix_list);
    on.read::<ops::DescribeManagedPrefixLists>(describe_managed_prefix_lists);
    on.read::<ops::GetManagedPrefixListAssociations>(get_managed_prefix_list_associations);
    on.read::<ops::GetManagedPrefixListEntries>(get_managed_prefix_list_entries);
    on.write::<ops::ModifyManagedPrefixList>(modify_managed_prefix_list);
    on.write::<ops::RestoreManagedPrefixListVersion>(restore_managed_prefix_list_version);
}

fn create_managed_prefix_list(
    tx: &mut Tx<'_>,
    input: CreateManagedPrefixListRequest,
) -> Result<CreateManagedPrefixListResult, Fault> {
    let token = input.client_token.clone();
    let made = client_token::once(tx, "CreateManagedPrefixList", token.as_deref(), &input, |tx| {
        let tags = NewTags::parse(input.tag_specifications.clone(), &[ManagedPrefixList::KIND])?;
        match input.address_family.as_str() {
            "IPv4" => {}
            "IPv6" => return Err(faults::ipv6_not_supported()),
            other => {
                let why = "The address family must be one of [IPv4, IPv6].";
                return Err(faults::invalid_value("addressFamily", other, why));
            }
        }
        check_name(&input.prefix_list_name)?;
        let max_entries = size(input.max_entries)?;
        let entries = entry::apply(Vec::new(), &input.entries, &[])?;
        check_fits(&entries, max_entries)?;
        let scope = tx.caller().scope.clone();
        let existing = ids::in_scope::<ManagedPrefixList>(tx.world(), &scope).count();
        if existing >= PER_REGION {
            return Err(faults::prefix_list_limit_exceeded());
        }
        let id = PrefixListId::generate(tx.entropy());
        tx.put(PrefixListVersion { list: id.clone(), version: 1, entries });
        tx.put(ManagedPrefixList {
            id: id.clone(),
            scope,
            name: input.prefix_list_name.clone(),
            max_entries,
            version: 1,
            state: PrefixListState::Created,
        });
        tags.attach(tx, ManagedPrefixList::KIND, id.as_str());
        Ok(vec![id.to_string()])
    })?;
    let id = made.first().map(String::as_str).unwrap_or_default();
    let row = ids::find::<ManagedPrefixList>(tx.world(), &tx.caller().scope, id)?;
    let shape = in_progress(render(row), "create-in-progress", row.version);
    let tags = tag::of(tx.world(), id);
    Ok(CreateManagedPrefixListResult {
        prefix_list: Some(enishi_api::ec2::ManagedPrefixList { tags, ..shape }),
    })
}

fn check_name(name: &str) -> Result<(), Fault> {
    if RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
        return Err(faults::invalid_parameter_value(
            "The prefix list name cannot begin with (com.amazonaws., com.amazon., com.aws.).",
        ));
    }
    match (1..=NAME_LENGTH).contains(&name.chars().count()) {
        true => Ok(()),
        false => Err(faults::invalid_value("prefixListName", name, "A name has 1 to 255 characters.")),
    }
}

fn size(max_entries: i32) -> Result<u32, Fault> {
    let size = u32::try_from(max_entries).ok().filter(|size| (1..=1000).contains(size));
    size.ok_or_else(|| faults::invalid_parameter_value("Must specify a max size between 1 and 1000"))
}

fn check_fits(entries: &[PrefixListEntry], max_entries: u32) -> Result<(), Fault> {
    match entries.len() > max_entries as usize {
        true => Err(faults::prefix_list_max_entries_exceeded()),
        false => Ok(()),
    }
}

/// The list, if its newest version is the one that the request knows.
fn find_at(tx: &Tx<'_>, id: &str, current: Option<i64>) -> Result<ManagedPrefixList, Fault> {
    let row = ids::find::<ManagedPrefixList>(tx.world(), &tx.caller().scope, id)?.clone();
    match current {
        Some(version) if version < 1 => Err(faults::invalid_parameter_value(
            "The specified value for version is not valid. The value must be greater than (1).",
        )),
        Some(version) if version != row.version => Err(faults::prefix_list_version_mismatch()),
        _ => Ok(row),
    }
}

fn modify_managed_prefix_list(
    tx: &mut Tx<'_>,
    input: ModifyManagedPrefixListRequest,
) -> Result<ModifyManagedPrefixListResult, Fault> {
    if input.ipam_prefix_list_resolver_sync_enabled.is_some() {
        return Err(faults::not_supported("IPAM"));
    }
    let mut row = find_at(tx, &input.prefix_list_id, input.current_version)?;
    let before = row.version;
    let changes_entries = !input.add_entries.is_empty() || !input.remove_entries.is_empty();
    if changes_entries && input.max_entries.is_some() {
        return Err(faults::invalid_parameter_combination(
            "You cannot modify the entries and the maximum entries for the prefix list in the same request.",
        ));
    }
    if input.add_entries.len().max(input.remove_entries.len()) > entry::PER_REQUEST {
        return Err(faults::invalid_parameter_value(
            "Request cannot contain more than 100 entry additions or removals",
        ));
    }
    if changes_entries && input.current_version.is_none() {
        return Err(faults::missing_parameter("currentVersion"));
    }
    if let Some(name) = input.prefix_list_name {
        check_name(&name)?;
        row.name = name;
    }
    row.state = PrefixListState::Modified;
    let entries = newest(tx.world(), &row.id);
    if let Some(max_entries) = input.max_entries {
        let max_entries = size(max_entries)?;
        check_fits(&entries, max_entries)?;
        match usage::too_large_for(tx.world(), &row, max_entries) {
            users if users.is_empty() => row.max_entries = max_entries,
            users => row.state = PrefixListState::ModifyFailed(usage::message(&users)),
        }
    }
    if changes_entries {
        let entries = entry::apply(entries, &input.add_entries, &input.remove_entries)?;
        check_fits(&entries, row.max_entries)?;
        put_version(tx, &mut row, entries);
    }
    tx.put(row.clone());
    let shape = in_progress(render(&row), "modify-in-progress", before);
    Ok(ModifyManagedPrefixListResult { prefix_list: Some(shape) })
}

fn newest(world: &World, id: &PrefixListId) -> Vec<PrefixListEntry> {
    PrefixListVersion::newest(world, id).map(|version| version.entries.clone()).unwrap_or_default()
}

/// Makes a new version. "If you exceed the number of versions, the oldest is removed."
fn put_version(tx: &mut Tx<'_>, row: &mut ManagedPrefixList, entries: Vec<PrefixListEntry>) {
    row.version += 1;
    tx.put(PrefixListVersion { list: row.id.clone(), version: row.version, entries });
    let oldest = row.version.saturating_sub(VERSIONS);
    tx.remove::<PrefixListVersion>(&PrefixListVersion::key(&row.id, oldest));
}

fn restore_managed_prefix_list_version(
    tx: &mut Tx<'_>,
    input: RestoreManagedPrefixListVersionRequest,
) -> Result<RestoreManagedPrefixListVersionResult, Fault> {
    let mut row = find_at(tx, &input.prefix_list_id, Some(input.current_version))?;
    let before = row.version;
    let entries = at(tx.world(), &row, input.previous_version)?.entries.clone();
    check_fits(&entries, row.max_entries)?;
    put_version(tx, &mut row, entries);
    row.state = PrefixListState::Restored;
    tx.put(row.clone());
    let shape = in_progress(render(&row), "restore-in-progress", before);
    Ok(RestoreManagedPrefixListVersionResult { prefix_list: Some(shape) })
}

/// A version that is still there.
fn at<'w>(world: &'w World, row: &ManagedPrefixList, version: i64) -> Result<&'w PrefixListVersion, Fault> {
    let found = world.get::<PrefixListVersion>(&PrefixListVersion::key(&row.id, version));
    found.ok_or_else(|| {
        faults::invalid_parameter_value(format!(
            "The prefix list ({}) does not have version ({version}).",
            row.id
        ))
    })
}

/// What is in use stays, and says why.
fn delete_managed_prefix_list(
    tx: &mut Tx<'_>,
    input: DeleteManagedPrefixListRequest,
) -> Result<DeleteManagedPrefixListResult, Fault> {
    let mut row = find_at(tx, &input.prefix_list_id, None)?;
    let shape = in_progress(render(&row), "delete-in-progress", row.version);
    let users = usage::users(tx.world(), &row.id);
    if users.is_empty() {
        let versions = tx.world().by::<PrefixListVersion>("list", row.id.as_str());
        let versions: Vec<PrefixListVersionKey> = versions.map(Row::id).collect();
        for version in versions {
            tx.remove::<PrefixListVersion>(&version);
        }
        tag::remove_all(tx, row.id.as_str());
        tx.remove::<ManagedPrefixList>(&row.id);
    } else {
        row.state = PrefixListState::DeleteFailed(usage::message(&users));
        tx.put(row);
    }
    Ok(DeleteManagedPrefixListResult { prefix_list: Some(shape) })
}

fn describe_managed_prefix_lists(
    read: &Read<'_>,
    input: DescribeManagedPrefixListsRequest,
) -> Result<DescribeManagedPrefixListsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 1..=100)?;
    let (rows, next_token) = describe(read, &input.prefix_list_ids, input.filters, FILTERS, &page)?;
    let shape = |row: &ManagedPrefixList| enishi_api::ec2::ManagedPrefixList {
        tags: tag::of(read.world, row.id.as_str()),
        ..render(row)
    };
    let prefix_lists = rows.into_iter().map(shape).collect();
    Ok(DescribeManagedPrefixListsResult { next_token, prefix_lists: Some(prefix_lists) })
}

fn get_managed_prefix_list_entries(
    read: &Read<'_>,
    input: GetManagedPrefixListEntriesRequest,
) -> Result<GetManagedPrefixListEntriesResult, Fault> {
    let found = ids::find::<ManagedPrefixList>(read.world, &read.caller.scope, &input.prefix_list_id);
    // This operation has words of its own for it.
    let row = found.map_err(|fault| match fault.code() {
        "InvalidPrefixListID.NotFound" => Fault::new(
            "InvalidPrefixListID.NotFound",
            format!("The prefix list ({}) does not exist.", input.prefix_list_id),
        ),
        _ => fault,
    })?;
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 1..=100)?;
    let version = at(read.world, row, input.target_version.unwrap_or(row.version))?;
    let key = |entry: &&PrefixListEntry| {
        format!("{:08x}/{:02}", u32::from(entry.cidr.network()), entry.cidr.prefix())
    };
    let (entries, next_token) = page.of(version.entries.iter().collect(), key);
    let entries = entries.into_iter().map(render::entry).collect();
    Ok(GetManagedPrefixListEntriesResult { entries: Some(entries), next_token })
}

fn get_managed_prefix_list_associations(
    read: &Read<'_>,
    input: GetManagedPrefixListAssociationsRequest,
) -> Result<GetManagedPrefixListAssociationsResult, Fault> {
    let row = ids::find::<ManagedPrefixList>(read.world, &read.caller.scope, &input.prefix_list_id)?;
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 5..=255)?;
    let (users, next_token) = page.of(usage::users(read.world, &row.id), Clone::clone);
    let association = |user: String| PrefixListAssociation {
        resource_id: Some(user),
        resource_owner: Some(row.scope.account.to_string()),
    };
    let prefix_list_associations = users.into_iter().map(association).collect();
    Ok(GetManagedPrefixListAssociationsResult {
        prefix_list_associations: Some(prefix_list_associations),
        next_token,
    })
}
