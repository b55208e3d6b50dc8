//! Prefix lists as responses show them.
//! [ManagedPrefixList](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ManagedPrefixList.html)

use enishi_api::ec2;
use enishi_state::ec2::{ManagedPrefixList, PrefixListEntry, PrefixListState};

use crate::arn;
use crate::ec2::ids::Resource;

/// A list without its tags, which not every operation answers.
pub(super) fn render(row: &ManagedPrefixList) -> ec2::ManagedPrefixList {
    let (state, message) = match &row.state {
        PrefixListState::Created => ("create-complete", None),
        PrefixListState::Modified => ("modify-complete", None),
        PrefixListState::Restored => ("restore-complete", None),
        PrefixListState::ModifyFailed(why) => ("modify-failed", Some(why.clone())),
        PrefixListState::DeleteFailed(why) => ("delete-failed", Some(why.clone())),
    };
    ec2::ManagedPrefixList {
        prefix_list_id: Some(row.id.to_string()),
        address_family: Some("IPv4".to_owned()),
        state: Some(state.to_owned()),
        state_message: message,
        prefix_list_arn: Some(arn::ec2(&row.scope, ManagedPrefixList::KIND, row.id.as_str())),
        prefix_list_name: Some(row.name.clone()),
        max_entries: i32::try_from(row.max_entries).ok(),
        version: Some(row.version),
        owner_id: Some(row.scope.account.to_string()),
        ..Default::default()
    }
}

/// As the operation answers it that changes the list: the change is not through yet.
pub(super) fn in_progress(
    shape: ec2::ManagedPrefixList,
    state: &str,
    version: i64,
) -> ec2::ManagedPrefixList {
    ec2::ManagedPrefixList {
        state: Some(state.to_owned()),
        state_message: None,
        version: Some(version),
        ..shape
    }
}

pub(super) fn entry(entry: &PrefixListEntry) -> ec2::PrefixListEntry {
    ec2::PrefixListEntry { cidr: Some(entry.cidr.to_string()), description: entry.description.clone() }
}
