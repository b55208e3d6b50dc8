//! Managed prefix lists: versions, what they count where they are used, and what keeps them.

mod harness;

use enishi_api::ec2::{
    self, AddPrefixListEntry, AuthorizeSecurityGroupIngressRequest, CreateManagedPrefixListRequest,
    CreateRouteRequest, DeleteManagedPrefixListRequest, DescribeManagedPrefixListsRequest,
    DescribeRouteTablesRequest, GetManagedPrefixListAssociationsRequest, GetManagedPrefixListEntriesRequest,
    ManagedPrefixList, ModifyManagedPrefixListRequest, RemovePrefixListEntry,
    RestoreManagedPrefixListVersionRequest, ops,
};
use harness::{Harness, text};

fn add(cidr: &str, description: &str) -> AddPrefixListEntry {
    AddPrefixListEntry {
        cidr: cidr.to_owned(),
        description: text(description).filter(|text| !text.is_empty()),
    }
}

fn creation(name: &str, max_entries: i32, cidrs: &[&str]) -> CreateManagedPrefixListRequest {
    CreateManagedPrefixListRequest {
        prefix_list_name: name.to_owned(),
        address_family: "IPv4".to_owned(),
        max_entries,
        entries: cidrs.iter().map(|cidr| add(cidr, "")).collect(),
        ..Default::default()
    }
}

#[track_caller]
fn create(h: &mut Harness, max_entries: i32, cidrs: &[&str]) -> String {
    let made =
        h.ok::<ops::CreateManagedPrefixList>(creation("list", max_entries, cidrs)).prefix_list.unwrap();
    assert_eq!(made.state.as_deref(), Some("create-in-progress"));
    made.prefix_list_id.unwrap()
}

#[track_caller]
fn seen(h: &mut Harness, id: &str) -> ManagedPrefixList {
    let input =
        DescribeManagedPrefixListsRequest { prefix_list_ids: vec![id.to_owned()], ..Default::default() };
    h.ok::<ops::DescribeManagedPrefixLists>(input).prefix_lists.unwrap().remove(0)
}

#[track_caller]
fn state(h: &mut Harness, id: &str) -> (String, i64) {
    let list = seen(h, id);
    (list.state.unwrap(), list.version.unwrap())
}

fn entries(h: &mut Harness, id: &str, version: Option<i64>) -> Vec<(String, Option<String>)> {
    let input = GetManagedPrefixListEntriesRequest {
        prefix_list_id: id.to_owned(),
        target_version: version,
        ..Default::default()
    };
    let entries = h.ok::<ops::GetManagedPrefixListEntries>(input).entries.unwrap();
    entries.into_iter().map(|entry| (entry.cidr.unwrap(), entry.description)).collect()
}

fn modification(id: &str, version: i64) -> ModifyManagedPrefixListRequest {
    ModifyManagedPrefixListRequest {
        prefix_list_id: id.to_owned(),
        current_version: Some(version),
        ..Default::default()
    }
}

fn removal(cidr: &str) -> Vec<RemovePrefixListEntry> {
    vec![RemovePrefixListEntry { cidr: cidr.to_owned() }]
}

#[test]
fn entries_have_versions() {
    let mut h = Harness::new();
    let id = create(&mut h, 5, &["10.0.0.0/8", "192.168.0.0/16"]);
    let list = seen(&mut h, &id);
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:prefix-list/{id}");
    assert_eq!((list.prefix_list_arn, list.max_entries, list.tags), (Some(arn), Some(5), Some(vec![])));
    assert_eq!(state(&mut h, &id), ("create-complete".to_owned(), 1));
    let changed = h.ok::<ops::ModifyManagedPrefixList>(ModifyManagedPrefixListRequest {
        add_entries: vec![add("10.0.0.0/8", "everything"), add("198.18.0.0/15", "")],
        remove_entries: removal("192.168.0.0/16"),
        ..modification(&id, 1)
    });
    let changed = changed.prefix_list.unwrap();
    assert_eq!(
        (changed.state.as_deref(), changed.version, changed.tags),
        (Some("modify-in-progress"), Some(1), None)
    );
    assert_eq!(state(&mut h, &id), ("modify-complete".to_owned(), 2));
    let second = vec![("10.0.0.0/8".to_owned(), text("everything")), ("198.18.0.0/15".to_owned(), None)];
    assert_eq!(entries(&mut h, &id, None), second);
    assert_eq!(entries(&mut h, &id, Some(1))[1].0, "192.168.0.0/16");
    // Neither a name nor a size makes a version.
    h.ok::<ops::ModifyManagedPrefixList>(ModifyManagedPrefixListRequest {
        prefix_list_name: text("other"),
        max_entries: Some(2),
        current_version: None,
        ..modification(&id, 0)
    });
    assert_eq!((seen(&mut h, &id).prefix_list_name, state(&mut h, &id).1), (text("other"), 2));
    let back = RestoreManagedPrefixListVersionRequest {
        prefix_list_id: id.clone(),
        current_version: 2,
        previous_version: 1,
        ..Default::default()
    };
    h.ok::<ops::RestoreManagedPrefixListVersion>(back.clone());
    assert_eq!(state(&mut h, &id), ("restore-complete".to_owned(), 3));
    assert_eq!(entries(&mut h, &id, None), entries(&mut h, &id, Some(1)));
    h.code::<ops::RestoreManagedPrefixListVersion>(back, "PrefixListVersionMismatch");
}

#[test]
fn what_cannot_be_changes_nothing() {
    let mut h = Harness::new();
    let refused = |h: &mut Harness, input, code, message| {
        h.message::<ops::CreateManagedPrefixList>(input, code, message);
    };
    refused(
        &mut h,
        creation("com.amazonaws.mine", 1, &[]),
        "InvalidParameterValue",
        "The prefix list name cannot begin with (com.amazonaws., com.amazon., com.aws.).",
    );
    refused(
        &mut h,
        creation("a", 1001, &[]),
        "InvalidParameterValue",
        "Must specify a max size between 1 and 1000",
    );
    refused(
        &mut h,
        creation("a", 1, &["10.0.0.0/8", "11.0.0.0/8"]),
        "PrefixListMaxEntriesExceeded",
        "You've reached the maximum number of entries for the prefix list.",
    );
    let malformed = "The specified CIDR (10.0.0.1/8) is not valid. For example, specify a CIDR in the following form: 10.0.0.0/16.";
    refused(&mut h, creation("a", 1, &["10.0.0.1/8"]), "InvalidParameterValue", malformed);
    let many: Vec<String> = (0..101).map(|n| format!("10.{n}.0.0/16")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    refused(
        &mut h,
        creation("a", 200, &many),
        "InvalidParameterValue",
        "The number of entries per request cannot exceeds limit (100).",
    );
    let family =
        CreateManagedPrefixListRequest { address_family: "IPv6".to_owned(), ..creation("a", 1, &[]) };
    h.code::<ops::CreateManagedPrefixList>(family, "UnsupportedOperation");

    let id = create(&mut h, 2, &["10.0.0.0/8"]);
    let mut refused = |input, code, message| h.message::<ops::ModifyManagedPrefixList>(input, code, message);
    let adding =
        |cidr| ModifyManagedPrefixListRequest { add_entries: vec![add(cidr, "")], ..modification(&id, 1) };
    refused(
        adding("10.0.0.0/8"),
        "InvalidPrefixListModification",
        "An entry with the CIDR (10.0.0.0/8) and description () already exists.",
    );
    let removing =
        ModifyManagedPrefixListRequest { remove_entries: removal("11.0.0.0/8"), ..modification(&id, 1) };
    refused(removing, "InvalidPrefixListModification", "An entry with the CIDR (11.0.0.0/8) does not exist.");
    let both =
        ModifyManagedPrefixListRequest { remove_entries: removal("10.0.0.0/8"), ..adding("10.0.0.0/8") };
    refused(
        both,
        "InvalidParameterValue",
        "Request cannot contain Cidr 10.0.0.0/8 in both AddPrefixListEntries and RemovePrefixListEntries",
    );
    refused(
        ModifyManagedPrefixListRequest { max_entries: Some(9), ..adding("11.0.0.0/8") },
        "InvalidParameterCombination",
        "You cannot modify the entries and the maximum entries for the prefix list in the same request.",
    );
    let old = ModifyManagedPrefixListRequest { current_version: Some(7), ..adding("11.0.0.0/8") };
    refused(old, "PrefixListVersionMismatch", "The prefix list has the incorrect version number.");
    let none = ModifyManagedPrefixListRequest { current_version: None, ..adding("11.0.0.0/8") };
    h.code::<ops::ModifyManagedPrefixList>(none, "MissingParameter");
    h.act_as("210987654321", "us-east-1");
    h.code::<ops::ModifyManagedPrefixList>(adding("11.0.0.0/8"), "InvalidPrefixListID.NotFound");
    h.code::<ops::ModifyManagedPrefixList>(modification("pl-1", 1), "InvalidPrefixListId.Malformed");
}

fn main_table(h: &mut Harness) -> ec2::RouteTable {
    let filter = ec2::Filter { name: text("association.main"), values: vec!["true".to_owned()] };
    let input = DescribeRouteTablesRequest { filters: vec![filter], ..Default::default() };
    h.ok::<ops::DescribeRouteTables>(input).route_tables.unwrap().remove(0)
}

fn default_group(h: &mut Harness) -> String {
    let groups = h.ok::<ops::DescribeSecurityGroups>(Default::default()).security_groups.unwrap();
    groups.into_iter().find(|group| group.group_name.as_deref() == Some("default")).unwrap().group_id.unwrap()
}

fn authorization(group: &str, list: &str, port: i32) -> AuthorizeSecurityGroupIngressRequest {
    let list = ec2::PrefixListId { prefix_list_id: text(list), description: text("offices") };
    AuthorizeSecurityGroupIngressRequest {
        group_id: text(group),
        ip_permissions: vec![ec2::IpPermission {
            ip_protocol: text("tcp"),
            from_port: Some(port),
            to_port: Some(port),
            prefix_list_ids: Some(vec![list]),
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn it_counts_its_size_where_it_is_used_and_stays() {
    let mut h = Harness::new();
    let id = create(&mut h, 50, &["198.18.0.0/24"]);
    let group = default_group(&mut h);
    let rule = h.ok::<ops::AuthorizeSecurityGroupIngress>(authorization(&group, &id, 443));
    let rule = rule.security_group_rules.unwrap().remove(0);
    assert_eq!((rule.prefix_list_id, rule.description), (text(&id), text("offices")));
    h.code::<ops::AuthorizeSecurityGroupIngress>(
        authorization(&group, &id, 443),
        "InvalidPermission.Duplicate",
    );
    // 50 of 60, and the group's own rule.
    h.code::<ops::AuthorizeSecurityGroupIngress>(
        authorization(&group, &id, 80),
        "RulesPerSecurityGroupLimitExceeded",
    );
    h.message::<ops::AuthorizeSecurityGroupIngress>(
        authorization(&group, "pl-0123456789abcdef0", 80),
        "InvalidPrefixListID.NotFound",
        "The prefix list ID 'pl-0123456789abcdef0' does not exist",
    );
    let table = main_table(&mut h).route_table_id.unwrap();
    let gateways = h.ok::<ops::DescribeInternetGateways>(Default::default()).internet_gateways.unwrap();
    let route = CreateRouteRequest {
        route_table_id: table.clone(),
        destination_prefix_list_id: text(&id),
        gateway_id: gateways[0].internet_gateway_id.clone(),
        ..Default::default()
    };
    h.ok::<ops::CreateRoute>(route.clone());
    h.code::<ops::CreateRoute>(route, "RouteAlreadyExists");
    let routes = main_table(&mut h).routes.unwrap();
    let shown = routes.iter().find(|route| route.destination_prefix_list_id.is_some()).unwrap();
    assert_eq!((&shown.destination_cidr_block, shown.state.as_deref()), (&None, Some("active")));

    let associations =
        GetManagedPrefixListAssociationsRequest { prefix_list_id: id.clone(), ..Default::default() };
    let users = h.ok::<ops::GetManagedPrefixListAssociations>(associations).prefix_list_associations.unwrap();
    let users: Vec<_> = users.into_iter().map(|user| user.resource_id.unwrap()).collect();
    assert_eq!(users, [table.clone(), group.clone()]);
    // It cannot grow beyond what the group takes.
    let grown = ModifyManagedPrefixListRequest {
        max_entries: Some(60),
        current_version: None,
        ..modification(&id, 1)
    };
    h.ok::<ops::ModifyManagedPrefixList>(grown);
    let list = seen(&mut h, &id);
    assert_eq!((list.state.as_deref(), list.max_entries), (Some("modify-failed"), Some(50)));
    assert!(list.state_message.unwrap().contains(&group));
    let deletion = DeleteManagedPrefixListRequest { prefix_list_id: id.clone(), ..Default::default() };
    let answer = h.ok::<ops::DeleteManagedPrefixList>(deletion.clone()).prefix_list.unwrap();
    assert_eq!(answer.state.as_deref(), Some("delete-in-progress"));
    assert_eq!(state(&mut h, &id).0, "delete-failed");
    h.ok::<ops::DeleteRoute>(ec2::DeleteRouteRequest {
        route_table_id: table,
        destination_prefix_list_id: text(&id),
        ..Default::default()
    });
    h.ok::<ops::RevokeSecurityGroupIngress>(ec2::RevokeSecurityGroupIngressRequest {
        group_id: text(&group),
        ip_permissions: authorization(&group, &id, 443).ip_permissions,
        ..Default::default()
    });
    h.ok::<ops::DeleteManagedPrefixList>(deletion);
    let input = DescribeManagedPrefixListsRequest { prefix_list_ids: vec![id], ..Default::default() };
    h.code::<ops::DescribeManagedPrefixLists>(input, "InvalidPrefixListID.NotFound");
    assert_eq!(h.world.prefix_list_versions.iter().count(), 0);
}
