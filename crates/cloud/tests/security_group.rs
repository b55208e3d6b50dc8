//! Security groups and rules: authorize, revoke, merging, references, dependencies.

mod harness;

use enishi_api::ec2::{self, ops};
use harness::{Harness, text};

fn vpc(harness: &mut Harness) -> String {
    let input = ec2::CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    harness.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
}

fn request(vpc: &str, name: &str) -> ec2::CreateSecurityGroupRequest {
    ec2::CreateSecurityGroupRequest {
        group_name: name.to_owned(),
        description: "for tests".to_owned(),
        vpc_id: text(vpc),
        ..Default::default()
    }
}

fn group(harness: &mut Harness, vpc: &str, name: &str) -> String {
    harness.ok::<ops::CreateSecurityGroup>(request(vpc, name)).group_id.unwrap()
}

fn tcp(port: i32, cidrs: &[&str]) -> ec2::IpPermission {
    let range = |cidr: &&str| ec2::IpRange { cidr_ip: text(cidr), description: None };
    ec2::IpPermission {
        ip_protocol: text("tcp"),
        from_port: Some(port),
        to_port: Some(port),
        ip_ranges: Some(cidrs.iter().map(range).collect()),
        ..Default::default()
    }
}

fn from_group(port: i32, group: &str) -> ec2::IpPermission {
    let pair = ec2::UserIdGroupPair { group_id: text(group), ..Default::default() };
    ec2::IpPermission { user_id_group_pairs: Some(vec![pair]), ip_ranges: None, ..tcp(port, &[]) }
}

fn ingress(group: &str, permissions: Vec<ec2::IpPermission>) -> ec2::AuthorizeSecurityGroupIngressRequest {
    ec2::AuthorizeSecurityGroupIngressRequest {
        group_id: text(group),
        ip_permissions: permissions,
        ..Default::default()
    }
}

fn revoke(group: &str, permissions: Vec<ec2::IpPermission>) -> ec2::RevokeSecurityGroupIngressRequest {
    ec2::RevokeSecurityGroupIngressRequest {
        group_id: text(group),
        ip_permissions: permissions,
        ..Default::default()
    }
}

fn delete(group: &str) -> ec2::DeleteSecurityGroupRequest {
    ec2::DeleteSecurityGroupRequest { group_id: text(group), ..Default::default() }
}

fn describe(harness: &mut Harness, group: &str) -> ec2::SecurityGroup {
    let input =
        ec2::DescribeSecurityGroupsRequest { group_ids: vec![group.to_owned()], ..Default::default() };
    harness.ok::<ops::DescribeSecurityGroups>(input).security_groups.unwrap().remove(0)
}

#[test]
fn a_new_group_lets_everything_out_and_nothing_in() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let made = harness.ok::<ops::CreateSecurityGroup>(request(&vpc, "web"));
    let id = made.group_id.unwrap();
    assert_eq!(
        made.security_group_arn,
        Some(format!("arn:aws:ec2:us-east-1:123456789012:security-group/{id}"))
    );
    let shown = describe(&mut harness, &id);
    assert_eq!(shown.ip_permissions, Some(vec![]));
    let egress = shown.ip_permissions_egress.unwrap();
    assert_eq!(egress.len(), 1);
    assert_eq!(egress[0].ip_protocol.as_deref(), Some("-1"));
    assert_eq!((egress[0].from_port, egress[0].to_port), (None, None));
    assert_eq!(egress[0].ip_ranges.as_ref().unwrap()[0].cidr_ip.as_deref(), Some("0.0.0.0/0"));
}

#[test]
fn names_are_checked() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    group(&mut harness, &vpc, "web");
    harness.message::<ops::CreateSecurityGroup>(
        request(&vpc, "web"),
        "InvalidGroup.Duplicate",
        &format!("The security group 'web' already exists for VPC '{vpc}'"),
    );
    harness.code::<ops::CreateSecurityGroup>(request(&vpc, "default"), "InvalidParameterValue");
    harness.code::<ops::CreateSecurityGroup>(request(&vpc, "sg-web"), "InvalidParameterValue");
    harness.code::<ops::CreateSecurityGroup>(request(&vpc, "wéb"), "InvalidParameterValue");
    harness.code::<ops::CreateSecurityGroup>(request("vpc-1", "web"), "InvalidVpcID.NotFound");
    let described =
        ec2::CreateSecurityGroupRequest { description: "日本".to_owned(), ..request(&vpc, "x") };
    harness.message::<ops::CreateSecurityGroup>(
        described,
        "InvalidParameterValue",
        "Value (日本) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.",
    );
    // Without a VPC it is the default VPC's, where groups go by name too.
    let nowhere = ec2::CreateSecurityGroupRequest { vpc_id: None, ..request("", "web") };
    let id = harness.ok::<ops::CreateSecurityGroup>(nowhere).group_id;
    let by_name = ec2::DeleteSecurityGroupRequest { group_name: text("web"), ..Default::default() };
    assert_eq!(harness.ok::<ops::DeleteSecurityGroup>(by_name).group_id, id);
}

#[test]
fn permissions_of_the_same_ports_are_shown_as_one() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let (web, app) = (group(&mut harness, &vpc, "web"), group(&mut harness, &vpc, "app"));
    let made = harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(
        &app,
        vec![tcp(80, &["10.0.0.0/8", "1.2.3.4/32"])],
    ));
    let rules = made.security_group_rules.unwrap();
    assert_eq!(rules.len(), 2);
    assert!(rules.iter().all(|rule| rule.security_group_rule_id.as_deref().unwrap().starts_with("sgr-")));
    assert_eq!(rules[0].is_egress, Some(false));
    assert_eq!(rules[0].group_owner_id.as_deref(), Some("123456789012"));
    harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(
        &app,
        vec![from_group(80, &web), tcp(443, &["0.0.0.0/0"])],
    ));
    let shown = describe(&mut harness, &app).ip_permissions.unwrap();
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0].from_port, Some(80));
    assert_eq!(shown[0].ip_ranges.as_ref().unwrap().len(), 2);
    let pair = &shown[0].user_id_group_pairs.as_ref().unwrap()[0];
    assert_eq!(
        (pair.group_id.as_deref(), pair.user_id.as_deref()),
        (Some(web.as_str()), Some("123456789012"))
    );
    assert_eq!(shown[0].ipv6_ranges, Some(vec![]));
    assert_eq!(shown[0].prefix_list_ids, Some(vec![]));
    assert_eq!(shown[1].from_port, Some(443));
}

#[test]
fn duplicates_are_refused_in_the_words_of_aws() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let (web, app) = (group(&mut harness, &vpc, "web"), group(&mut harness, &vpc, "app"));
    let everything = ec2::IpPermission {
        ip_protocol: text("-1"),
        from_port: None,
        to_port: None,
        ..tcp(0, &["0.0.0.0/0"])
    };
    let esp = ec2::IpPermission { ip_protocol: text("50"), ..everything.clone() };
    for (permission, words) in [
        (tcp(80, &["0.0.0.0/0"]), "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW".to_owned()),
        (from_group(22, &web), format!("peer: {web}, TCP, from port: 22, to port: 22, ALLOW")),
        (everything, "peer: 0.0.0.0/0, ALL, ALLOW".to_owned()),
        (esp, "peer: 0.0.0.0/0, protocol: 50, ALLOW".to_owned()),
    ] {
        let input = ingress(&app, vec![permission]);
        harness.ok::<ops::AuthorizeSecurityGroupIngress>(input.clone());
        harness.message::<ops::AuthorizeSecurityGroupIngress>(
            input,
            "InvalidPermission.Duplicate",
            &format!("the specified rule \"{words}\" already exists"),
        );
    }
    let twice = ingress(&app, vec![tcp(81, &["0.0.0.0/0"]), tcp(81, &["0.0.0.0/0"])]);
    harness.message::<ops::AuthorizeSecurityGroupIngress>(
        twice,
        "InvalidParameterValue",
        "The same permission must not appear multiple times",
    );
    // Egress is another direction: the rule that every group has is the duplicate there.
    let egress = ec2::AuthorizeSecurityGroupEgressRequest {
        group_id: app,
        ip_permissions: vec![ec2::IpPermission { ip_protocol: text("-1"), ..tcp(0, &["0.0.0.0/0"]) }],
        ..Default::default()
    };
    harness.code::<ops::AuthorizeSecurityGroupEgress>(egress, "InvalidPermission.Duplicate");
}

#[test]
fn malformed_permissions_are_refused() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = group(&mut harness, &vpc, "web");
    let range = |from, to| ec2::IpPermission { from_port: from, to_port: to, ..tcp(0, &["0.0.0.0/0"]) };
    let protocol = |name: &str| ec2::IpPermission { ip_protocol: text(name), ..tcp(80, &["0.0.0.0/0"]) };
    for (permission, code) in [
        (tcp(80, &["10.0.0.0/33"]), "InvalidParameterValue"),
        (tcp(80, &[]), "MissingParameter"),
        (range(Some(80), Some(22)), "InvalidParameterValue"),
        (range(Some(-1), Some(65536)), "InvalidParameterValue"),
        (range(None, None), "InvalidParameterValue"),
        (protocol("300"), "InvalidParameterValue"),
        (protocol("smtp"), "InvalidParameterValue"),
        (from_group(80, "sg-0123456789abcdef0"), "InvalidGroup.NotFound"),
        (from_group(80, "web"), "InvalidGroupId.Malformed"),
    ] {
        harness.code::<ops::AuthorizeSecurityGroupIngress>(ingress(&id, vec![permission]), code);
    }
    harness.code::<ops::AuthorizeSecurityGroupIngress>(ingress(&id, vec![]), "MissingParameter");
    harness.message::<ops::AuthorizeSecurityGroupIngress>(
        ingress("web", vec![tcp(80, &["0.0.0.0/0"])]),
        "InvalidGroupId.Malformed",
        "Invalid id: \"web\" (expecting \"sg-...\")",
    );
    let flat = ec2::AuthorizeSecurityGroupIngressRequest {
        ip_protocol: text("tcp"),
        from_port: Some(22),
        to_port: Some(22),
        cidr_ip: text("10.1.2.3/8"),
        ..ingress(&id, vec![])
    };
    let rule = harness.ok::<ops::AuthorizeSecurityGroupIngress>(flat).security_group_rules.unwrap().remove(0);
    assert_eq!(rule.cidr_ipv4.as_deref(), Some("10.0.0.0/8"), "AWS canonicalizes CIDRs");
}

#[test]
fn rules_go_by_id_and_by_content() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = group(&mut harness, &vpc, "web");
    let made = harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(
        &id,
        vec![tcp(80, &["0.0.0.0/0"]), tcp(443, &["0.0.0.0/0"])],
    ));
    let rule = made.security_group_rules.unwrap()[0].security_group_rule_id.clone().unwrap();
    let by_id = ec2::RevokeSecurityGroupIngressRequest {
        security_group_rule_ids: vec![rule.clone()],
        ..revoke(&id, vec![])
    };
    let revoked = harness.ok::<ops::RevokeSecurityGroupIngress>(by_id.clone());
    assert_eq!(revoked.r#return, Some(true));
    assert_eq!(revoked.revoked_security_group_rules.unwrap()[0].security_group_rule_id, Some(rule));
    harness.code::<ops::RevokeSecurityGroupIngress>(by_id, "InvalidSecurityGroupRuleId.NotFound");
    harness.ok::<ops::RevokeSecurityGroupIngress>(revoke(&id, vec![tcp(443, &["0.0.0.0/0"])]));
    harness.message::<ops::RevokeSecurityGroupIngress>(
        revoke(&id, vec![tcp(443, &["0.0.0.0/0"])]),
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
    );
    // "[Default VPC] If the values you specify do not match the existing rule's values, no error is returned, and the
    // output describes the security group rules that were not revoked", API reference, RevokeSecurityGroupIngress.
    let in_default = ec2::CreateSecurityGroupRequest { vpc_id: None, ..request("", "web") };
    let in_default = harness.ok::<ops::CreateSecurityGroup>(in_default).group_id.unwrap();
    let unknown =
        harness.ok::<ops::RevokeSecurityGroupIngress>(revoke(&in_default, vec![tcp(443, &["0.0.0.0/0"])]));
    assert_eq!(unknown.unknown_ip_permissions.unwrap().len(), 1);
}

#[test]
fn ipv6_rules_do_not_exist() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = group(&mut harness, &vpc, "web");
    let range = ec2::Ipv6Range { cidr_ipv6: text("::/0"), description: None };
    let everything =
        ec2::IpPermission { ip_protocol: text("-1"), ipv6_ranges: Some(vec![range]), ..Default::default() };
    harness.code::<ops::AuthorizeSecurityGroupIngress>(
        ingress(&id, vec![everything.clone()]),
        "UnsupportedOperation",
    );
    harness
        .code::<ops::RevokeSecurityGroupIngress>(revoke(&id, vec![everything]), "InvalidPermission.NotFound");
}

#[test]
fn rules_are_modified_in_place() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = group(&mut harness, &vpc, "web");
    let made = harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(&id, vec![tcp(80, &["0.0.0.0/0"])]));
    let rule = made.security_group_rules.unwrap()[0].security_group_rule_id.clone().unwrap();
    let modify = |port| ec2::ModifySecurityGroupRulesRequest {
        group_id: id.clone(),
        security_group_rules: vec![ec2::SecurityGroupRuleUpdate {
            security_group_rule_id: rule.clone(),
            security_group_rule: Some(ec2::SecurityGroupRuleRequest {
                ip_protocol: text("tcp"),
                from_port: Some(port),
                to_port: Some(port),
                cidr_ipv4: text("10.0.0.0/8"),
                description: text("inside"),
                ..Default::default()
            }),
        }],
        dry_run: None,
    };
    harness.ok::<ops::ModifySecurityGroupRules>(modify(8080));
    let input =
        ec2::DescribeSecurityGroupRulesRequest { security_group_rule_ids: vec![rule], ..Default::default() };
    let shown = harness.ok::<ops::DescribeSecurityGroupRules>(input).security_group_rules.unwrap().remove(0);
    assert_eq!(shown.from_port, Some(8080));
    assert_eq!(shown.description.as_deref(), Some("inside"));

    let update = ec2::UpdateSecurityGroupRuleDescriptionsIngressRequest {
        group_id: text(&id),
        ip_permissions: vec![ec2::IpPermission {
            ip_ranges: Some(vec![ec2::IpRange { cidr_ip: text("10.0.0.0/8"), description: text("changed") }]),
            ..tcp(8080, &[])
        }],
        ..Default::default()
    };
    harness.ok::<ops::UpdateSecurityGroupRuleDescriptionsIngress>(update);
    let range = describe(&mut harness, &id).ip_permissions.unwrap()[0].ip_ranges.clone().unwrap().remove(0);
    assert_eq!(range.description.as_deref(), Some("changed"));
}

#[test]
fn a_group_that_is_referred_to_stays() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let (web, app) = (group(&mut harness, &vpc, "web"), group(&mut harness, &vpc, "app"));
    harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(&app, vec![from_group(80, &web)]));
    harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(&app, vec![from_group(80, &app)]));
    harness.message::<ops::DeleteSecurityGroup>(
        delete(&web),
        "DependencyViolation",
        &format!("resource {web} has a dependent object"),
    );
    harness.ok::<ops::DeleteSecurityGroup>(delete(&app));
    harness.ok::<ops::DeleteSecurityGroup>(delete(&web));
    harness.message::<ops::DeleteSecurityGroup>(
        delete(&web),
        "InvalidGroup.NotFound",
        &format!("The security group '{web}' does not exist"),
    );
    let filters = vec![ec2::Filter { name: text("vpc-id"), values: vec![vpc] }];
    let left = ec2::DescribeSecurityGroupsRequest { filters, ..Default::default() };
    let default =
        harness.ok::<ops::DescribeSecurityGroups>(left).security_groups.unwrap().remove(0).group_id.unwrap();
    harness.message::<ops::DeleteSecurityGroup>(
        delete(&default),
        "CannotDelete",
        &format!("the specified group: \"{default}\" name: \"default\" cannot be deleted by a user"),
    );
}

#[test]
fn sixty_rules_a_direction_are_the_quota() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = group(&mut harness, &vpc, "web");
    harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(
        &id,
        (1..=60).map(|port| tcp(port, &["0.0.0.0/0"])).collect(),
    ));
    harness.code::<ops::AuthorizeSecurityGroupIngress>(
        ingress(&id, vec![tcp(61, &["0.0.0.0/0"])]),
        "RulesPerSecurityGroupLimitExceeded",
    );
}

#[test]
fn filters_look_into_permissions() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let id = group(&mut harness, &vpc, "web");
    harness.ok::<ops::AuthorizeSecurityGroupIngress>(ingress(&id, vec![tcp(8443, &["192.0.2.0/24"])]));
    for (name, value) in [
        ("ip-permission.from-port", "8443"),
        ("ip-permission.cidr", "192.0.2.0/24"),
        ("ip-permission.protocol", "tcp"),
        ("group-name", "w?b"),
    ] {
        let filters = vec![ec2::Filter { name: text(name), values: vec![value.to_owned()] }];
        let input = ec2::DescribeSecurityGroupsRequest { filters, ..Default::default() };
        let found = harness.ok::<ops::DescribeSecurityGroups>(input).security_groups.unwrap();
        assert_eq!(found.len(), 1, "{name}={value}");
        assert_eq!(found[0].group_id.as_deref(), Some(id.as_str()));
    }
}
