//! Changes of a prefix list's entries.
//! [ModifyManagedPrefixList](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html)

use std::collections::BTreeMap;

use enishi_api::ec2::{AddPrefixListEntry, RemovePrefixListEntry};
use enishi_fabric::Cidr;
use enishi_state::ec2::PrefixListEntry;
use enishi_wire::Fault;

use crate::ec2::faults;

/// Entries of one request at most.
pub(super) const PER_REQUEST: usize = 100;
const DESCRIPTION_LENGTH: usize = 255;

/// What becomes of entries; in ascending order. An entry that is added again may get another description.
///
/// # Errors
/// `InvalidParameterValue`; `InvalidPrefixListModification` for an entry that is there already, or is not there.
pub(super) fn apply(
    before: Vec<PrefixListEntry>,
    added: &[AddPrefixListEntry],
    removed: &[RemovePrefixListEntry],
) -> Result<Vec<PrefixListEntry>, Fault> {
    if added.len().max(removed.len()) > PER_REQUEST {
        return Err(faults::invalid_parameter_value(
            "The number of entries per request cannot exceeds limit (100).",
        ));
    }
    let mut entries: BTreeMap<Cidr, Option<String>> =
        before.into_iter().map(|entry| (entry.cidr, entry.description)).collect();
    let added = added.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let removed = removed.iter().map(|entry| block(&entry.cidr)).collect::<Result<Vec<_>, _>>()?;
    for (n, (cidr, _)) in added.iter().enumerate() {
        if removed.contains(cidr) {
            return Err(faults::invalid_parameter_value(format!(
                "Request cannot contain Cidr {cidr} in both AddPrefixListEntries and RemovePrefixListEntries"
            )));
        }
        if added.iter().skip(n + 1).any(|(other, _)| other == cidr) {
            return Err(faults::invalid_parameter_value(format!(
                "Request cannot contain Cidr {cidr} more than once"
            )));
        }
    }
    for cidr in removed {
        if entries.remove(&cidr).is_none() {
            return Err(faults::invalid_prefix_list_modification(format!(
                "An entry with the CIDR ({cidr}) does not exist."
            )));
        }
    }
    for (cidr, description) in added {
        if entries.get(&cidr) == Some(&description) {
            let description = description.unwrap_or_default();
            return Err(faults::invalid_prefix_list_modification(format!(
                "An entry with the CIDR ({cidr}) and description ({description}) already exists."
            )));
        }
        entries.insert(cidr, description);
    }
    Ok(entries.into_iter().map(|(cidr, description)| PrefixListEntry { cidr, description }).collect())
}

fn parse(entry: &AddPrefixListEntry) -> Result<(Cidr, Option<String>), Fault> {
    let description = entry.description.clone().filter(|text| !text.is_empty());
    if description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_LENGTH) {
        return Err(faults::invalid_parameter_value("A description has at most 255 characters."));
    }
    Ok((block(&entry.cidr)?, description))
}

/// Other than elsewhere, host bits are not cleared but refused.
fn block(text: &str) -> Result<Cidr, Fault> {
    text.parse().map_err(|_| {
        faults::invalid_parameter_value(format!(
            "The specified CIDR ({text}) is not valid. For example, specify a CIDR in the following form: 10.0.0.0/16."
        ))
    })
}
