//! Tags: at creation, created, deleted, described, limits.

mod harness;

use enishi_api::ec2::{self, ops};
use harness::{Harness, text};

fn tag(key: &str, value: &str) -> ec2::Tag {
    ec2::Tag { key: text(key), value: text(value) }
}

fn specification(kind: &str, tags: Vec<ec2::Tag>) -> Vec<ec2::TagSpecification> {
    vec![ec2::TagSpecification { resource_type: text(kind), tags }]
}

fn request(kind: &str, tags: Vec<ec2::Tag>) -> ec2::CreateVpcRequest {
    ec2::CreateVpcRequest {
        cidr_block: text("10.0.0.0/16"),
        tag_specifications: specification(kind, tags),
        ..Default::default()
    }
}

fn vpc(harness: &mut Harness, tags: Vec<ec2::Tag>) -> String {
    harness.ok::<ops::CreateVpc>(request("vpc", tags)).vpc.unwrap().vpc_id.unwrap()
}

fn create(resource: &str, tags: Vec<ec2::Tag>) -> ec2::CreateTagsRequest {
    ec2::CreateTagsRequest { resources: vec![resource.to_owned()], tags, dry_run: None }
}

fn delete(resource: &str, tags: Vec<ec2::Tag>) -> ec2::DeleteTagsRequest {
    ec2::DeleteTagsRequest { resources: vec![resource.to_owned()], tags, dry_run: None }
}

fn tags_of(harness: &mut Harness, id: &str) -> Vec<String> {
    let filters = vec![ec2::Filter { name: text("resource-id"), values: vec![id.to_owned()] }];
    let input = ec2::DescribeTagsRequest { filters, ..Default::default() };
    let tags = harness.ok::<ops::DescribeTags>(input).tags.unwrap();
    tags.into_iter().map(|tag| format!("{}={}", tag.key.unwrap(), tag.value.unwrap())).collect()
}

#[test]
fn tags_come_with_a_creation_or_later() {
    let mut harness = Harness::new();
    let id = vpc(&mut harness, vec![tag("Name", "one")]);
    assert_eq!(tags_of(&mut harness, &id), ["Name=one"]);
    harness.ok::<ops::CreateTags>(create(&id, vec![tag("Name", "two"), tag("stage", "test")]));
    assert_eq!(tags_of(&mut harness, &id), ["Name=two", "stage=test"]);
    let filters = vec![ec2::Filter { name: text("tag:Name"), values: vec!["t*".to_owned()] }];
    let found = ec2::DescribeVpcsRequest { filters, ..Default::default() };
    assert_eq!(harness.ok::<ops::DescribeVpcs>(found).vpcs.unwrap().len(), 1);
    let filters = vec![ec2::Filter { name: text("tag-key"), values: vec!["stage".to_owned()] }];
    let found = ec2::DescribeVpcsRequest { filters, ..Default::default() };
    assert_eq!(harness.ok::<ops::DescribeVpcs>(found).vpcs.unwrap().len(), 1);
    let filters = vec![ec2::Filter { name: text("tag:stage"), values: vec!["*".to_owned()] }];
    let found = harness.ok::<ops::DescribeTags>(ec2::DescribeTagsRequest { filters, ..Default::default() });
    let found = found.tags.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].resource_type.as_deref(), Some("vpc"));
    harness.ok::<ops::DeleteVpc>(ec2::DeleteVpcRequest { vpc_id: id, dry_run: None });
    assert_eq!(harness.world.tags.len(), 0, "tags go with their resource");
}

#[test]
fn a_tag_goes_by_key_or_by_key_and_value() {
    let mut harness = Harness::new();
    let id = vpc(&mut harness, vec![tag("a", "1"), tag("b", "2"), tag("c", ""), tag("d", "4")]);
    harness.ok::<ops::DeleteTags>(delete(&id, vec![tag("a", "other"), tag("c", "")]));
    assert_eq!(tags_of(&mut harness, &id), ["a=1", "b=2", "d=4"]);
    harness.ok::<ops::DeleteTags>(delete(&id, vec![ec2::Tag { key: text("b"), value: None }]));
    assert_eq!(tags_of(&mut harness, &id), ["a=1", "d=4"]);
    harness.ok::<ops::DeleteTags>(delete(&id, vec![]));
    assert_eq!(tags_of(&mut harness, &id), Vec::<String>::new());
}

#[test]
fn malformed_tags_are_refused() {
    let mut harness = Harness::new();
    for tags in [
        vec![tag("", "x")],
        vec![tag("aws:x", "x")],
        vec![tag("AWS:x", "x")],
        vec![tag(&"k".repeat(129), "x")],
        vec![tag("k", &"v".repeat(257))],
        vec![tag("k", "1"), tag("k", "2")],
        vec![],
    ] {
        harness.code::<ops::CreateVpc>(request("vpc", tags), "InvalidParameterValue");
    }
    harness.message::<ops::CreateVpc>(
        request("subnet", vec![tag("k", "v")]),
        "InvalidParameterValue",
        "'subnet' is not a valid taggable resource type for this operation.",
    );
    let many: Vec<ec2::Tag> = (0..51).map(|n| tag(&format!("k{n}"), "")).collect();
    harness.code::<ops::CreateVpc>(request("vpc", many.clone()), "TagLimitExceeded");
    let id = vpc(&mut harness, many[..50].to_vec());
    harness.code::<ops::CreateTags>(create(&id, vec![tag("more", "")]), "TagLimitExceeded");
    harness.ok::<ops::CreateTags>(create(&id, vec![tag("k0", "changed")]));
}

#[test]
fn only_what_exists_is_tagged() {
    let mut harness = Harness::new();
    for (id, code) in [
        ("vpc-0123456789abcdef0", "InvalidVpcID.NotFound"),
        ("subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
        ("sg-0123456789abcdef0", "InvalidGroup.NotFound"),
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("i-x", "InvalidInstanceID.Malformed"),
        ("eipalloc-0123456789abcdef0", "InvalidAllocationID.NotFound"),
        ("something", "InvalidID"),
        ("foo-0123456789abcdef0", "InvalidID"),
    ] {
        harness.code::<ops::CreateTags>(create(id, vec![tag("k", "v")]), code);
    }
    let id = vpc(&mut harness, vec![tag("k", "v")]);
    harness.act_as("111122223333", "us-east-1");
    harness.code::<ops::CreateTags>(create(&id, vec![tag("k", "w")]), "InvalidVpcID.NotFound");
    assert_eq!(tags_of(&mut harness, &id), Vec::<String>::new());
}
