//! Network ACLs: entries, associations, dependencies.

mod harness;

use enishi_api::ec2::{self, ops};
use harness::{Harness, text};

fn vpc(harness: &mut Harness) -> String {
    let input = ec2::CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    harness.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
}

fn acl(harness: &mut Harness, vpc: &str) -> String {
    let input = ec2::CreateNetworkAclRequest { vpc_id: vpc.to_owned(), ..Default::default() };
    harness.ok::<ops::CreateNetworkAcl>(input).network_acl.unwrap().network_acl_id.unwrap()
}

fn describe(harness: &mut Harness, acl: &str) -> ec2::NetworkAcl {
    let input =
        ec2::DescribeNetworkAclsRequest { network_acl_ids: vec![acl.to_owned()], ..Default::default() };
    harness.ok::<ops::DescribeNetworkAcls>(input).network_acls.unwrap().remove(0)
}

fn entry(acl: &str, number: i32) -> ec2::CreateNetworkAclEntryRequest {
    ec2::CreateNetworkAclEntryRequest {
        network_acl_id: acl.to_owned(),
        rule_number: number,
        protocol: "6".to_owned(),
        rule_action: "allow".to_owned(),
        egress: false,
        cidr_block: text("0.0.0.0/0"),
        port_range: Some(ec2::PortRange { from: Some(80), to: Some(81) }),
        ..Default::default()
    }
}

#[test]
fn a_new_acl_denies_everything() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = acl(&mut harness, &vpc);
    let shown = describe(&mut harness, &id);
    assert_eq!(shown.is_default, Some(false));
    assert_eq!(shown.associations, Some(vec![]));
    let entries = shown.entries.unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|e| e.rule_number == Some(32767) && e.rule_action.as_deref() == Some("deny")));
    assert!(entries.iter().all(|e| e.protocol.as_deref() == Some("-1")));
}

#[test]
fn entries_are_made_replaced_and_deleted() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = acl(&mut harness, &vpc);
    harness.ok::<ops::CreateNetworkAclEntry>(entry(&id, 100));
    harness.message::<ops::CreateNetworkAclEntry>(
        entry(&id, 100),
        "NetworkAclEntryAlreadyExists",
        "The network acl entry identified by 100 already exists.",
    );
    let ping = ec2::CreateNetworkAclEntryRequest {
        protocol: "1".to_owned(),
        port_range: None,
        icmp_type_code: Some(ec2::IcmpTypeCode { code: Some(-1), r#type: Some(8) }),
        ..entry(&id, 90)
    };
    harness.ok::<ops::CreateNetworkAclEntry>(ping);
    let shown = describe(&mut harness, &id).entries.unwrap();
    let inbound: Vec<_> = shown.iter().filter(|e| e.egress == Some(false)).collect();
    assert_eq!(inbound.iter().map(|e| e.rule_number.unwrap()).collect::<Vec<_>>(), [90, 100, 32767]);
    assert_eq!(inbound[0].icmp_type_code, Some(ec2::IcmpTypeCode { code: Some(-1), r#type: Some(8) }));
    assert_eq!(inbound[1].protocol.as_deref(), Some("6"));
    assert_eq!(inbound[1].port_range, Some(ec2::PortRange { from: Some(80), to: Some(81) }));

    let replace = |number| ec2::ReplaceNetworkAclEntryRequest {
        network_acl_id: id.clone(),
        rule_number: number,
        protocol: "-1".to_owned(),
        rule_action: "deny".to_owned(),
        egress: false,
        cidr_block: text("10.0.0.0/8"),
        ..Default::default()
    };
    harness.ok::<ops::ReplaceNetworkAclEntry>(replace(100));
    harness.code::<ops::ReplaceNetworkAclEntry>(replace(101), "InvalidNetworkAclEntry.NotFound");
    let delete = |number, egress| ec2::DeleteNetworkAclEntryRequest {
        network_acl_id: id.clone(),
        rule_number: number,
        egress,
        dry_run: None,
    };
    harness.code::<ops::DeleteNetworkAclEntry>(delete(100, true), "InvalidNetworkAclEntry.NotFound");
    harness.ok::<ops::DeleteNetworkAclEntry>(delete(100, false));
}

#[test]
fn malformed_entries_are_refused() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = acl(&mut harness, &vpc);
    for number in [0, -1, 32767, 70000] {
        harness.code::<ops::CreateNetworkAclEntry>(entry(&id, number), "InvalidParameterValue");
    }
    let portless = ec2::CreateNetworkAclEntryRequest { port_range: None, ..entry(&id, 1) };
    harness.code::<ops::CreateNetworkAclEntry>(portless, "MissingParameter");
    let blockless = ec2::CreateNetworkAclEntryRequest { cidr_block: None, ..entry(&id, 1) };
    harness.code::<ops::CreateNetworkAclEntry>(blockless, "MissingParameter");
    let action = ec2::CreateNetworkAclEntryRequest { rule_action: "maybe".to_owned(), ..entry(&id, 1) };
    harness.code::<ops::CreateNetworkAclEntry>(action, "InvalidParameterValue");
    harness.code::<ops::CreateNetworkAclEntry>(entry("acl-1", 1), "InvalidNetworkAclID.NotFound");
    for number in 1..=19 {
        harness.ok::<ops::CreateNetworkAclEntry>(entry(&id, number));
    }
    harness.code::<ops::CreateNetworkAclEntry>(entry(&id, 20), "NetworkAclEntryLimitExceeded");
}

#[test]
fn associations_move_and_keep_an_acl_alive() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = acl(&mut harness, &vpc);
    let subnet = ec2::CreateSubnetRequest {
        vpc_id: vpc.clone(),
        cidr_block: text("10.0.0.0/24"),
        ..Default::default()
    };
    let subnet = harness.ok::<ops::CreateSubnet>(subnet).subnet.unwrap().subnet_id.unwrap();
    let filters = vec![ec2::Filter { name: text("association.subnet-id"), values: vec![subnet.clone()] }];
    let of_subnet = ec2::DescribeNetworkAclsRequest { filters, ..Default::default() };
    let old = harness.ok::<ops::DescribeNetworkAcls>(of_subnet.clone()).network_acls.unwrap().remove(0);
    assert_eq!(old.is_default, Some(true));
    let default = old.network_acl_id.unwrap();
    let association = old.associations.unwrap().remove(0).network_acl_association_id.unwrap();
    let replace = ec2::ReplaceNetworkAclAssociationRequest {
        association_id: association,
        network_acl_id: id.clone(),
        dry_run: None,
    };
    let new = harness.ok::<ops::ReplaceNetworkAclAssociation>(replace.clone()).new_association_id.unwrap();
    assert!(new.starts_with("aclassoc-"));
    harness.code::<ops::ReplaceNetworkAclAssociation>(replace, "InvalidAssociationID.NotFound");
    let delete = |acl: &str| ec2::DeleteNetworkAclRequest { network_acl_id: acl.to_owned(), dry_run: None };
    harness.message::<ops::DeleteNetworkAcl>(
        delete(&id),
        "DependencyViolation",
        &format!("The networkAcl '{id}' has dependencies and cannot be deleted."),
    );
    harness.message::<ops::DeleteNetworkAcl>(
        delete(&default),
        "InvalidParameterValue",
        &format!("cannot delete default network ACL {default}"),
    );
    harness.ok::<ops::DeleteSubnet>(ec2::DeleteSubnetRequest { subnet_id: subnet, dry_run: None });
    harness.ok::<ops::DeleteNetworkAcl>(delete(&id));
}
