//! Route 53 Resolver's query logging, configurations of VPCs, and tags.

mod harness;
mod lab;

use enishi_api::route53resolver::*;
use enishi_api::{ec2, logs};
use harness::text;
use lab::Lab;

const GROUP: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/dns/queries:*";

fn with_group() -> Lab {
    let mut lab = Lab::new();
    let input =
        logs::CreateLogGroupRequest { log_group_name: "/dns/queries".to_owned(), ..Default::default() };
    lab.h.ok::<logs::ops::CreateLogGroup>(input);
    lab
}

fn request(number: u32, destination: &str) -> CreateResolverQueryLogConfigRequest {
    CreateResolverQueryLogConfigRequest {
        name: format!("queries {number}"),
        destination_arn: destination.to_owned(),
        creator_request_id: format!("request-{number}"),
        tags: None,
    }
}

fn associate(config: &str, vpc: &str) -> AssociateResolverQueryLogConfigRequest {
    AssociateResolverQueryLogConfigRequest {
        resolver_query_log_config_id: config.to_owned(),
        resource_id: vpc.to_owned(),
    }
}

fn status(lab: &mut Lab, association: &str) -> (String, String) {
    let input = GetResolverQueryLogConfigAssociationRequest {
        resolver_query_log_config_association_id: association.to_owned(),
    };
    let shown = lab.h.ok::<ops::GetResolverQueryLogConfigAssociation>(input);
    let shown = shown.resolver_query_log_config_association.unwrap();
    (shown.status.unwrap(), shown.error.unwrap())
}

#[test]
fn a_configuration_logs_the_vpcs_that_it_is_associated_with() {
    let mut lab = with_group();
    let made = lab.h.ok::<ops::CreateResolverQueryLogConfig>(request(1, GROUP));
    let made = made.resolver_query_log_config.unwrap();
    let id = made.id.clone().unwrap();
    assert!(id.starts_with("rqlc-"), "{id}");
    assert_eq!((made.status.as_deref(), made.association_count), (Some("CREATED"), Some(0)));
    assert_eq!(
        made.arn,
        Some(format!("arn:aws:route53resolver:us-east-1:123456789012:resolver-query-log-config/{id}"))
    );
    lab.h.code::<ops::CreateResolverQueryLogConfig>(request(1, GROUP), "ResourceExistsException");

    let vpc = lab.vpc.clone();
    let association = lab.h.ok::<ops::AssociateResolverQueryLogConfig>(associate(&id, &vpc));
    let association = association.resolver_query_log_config_association.unwrap();
    assert_eq!(association.status.as_deref(), Some("CREATING"));
    lab.h.code::<ops::AssociateResolverQueryLogConfig>(associate(&id, &vpc), "ResourceExistsException");
    lab.settle();
    let association = association.id.unwrap();
    assert_eq!(status(&mut lab, &association), ("ACTIVE".to_owned(), "NONE".to_owned()));

    let delete = DeleteResolverQueryLogConfigRequest { resolver_query_log_config_id: id.clone() };
    lab.h.message::<ops::DeleteResolverQueryLogConfig>(
        delete.clone(),
        "InvalidRequestException",
        &format!(
            "The query logging configuration \"{id}\" cannot be deleted because VPCs are associated with it."
        ),
    );
    let group = logs::DeleteLogGroupRequest { log_group_name: "/dns/queries".to_owned() };
    lab.h.ok::<logs::ops::DeleteLogGroup>(group);
    assert_eq!(status(&mut lab, &association), ("FAILED".to_owned(), "DESTINATION_NOT_FOUND".to_owned()));

    let input = DisassociateResolverQueryLogConfigRequest {
        resolver_query_log_config_id: id.clone(),
        resource_id: vpc,
    };
    let gone = lab.h.ok::<ops::DisassociateResolverQueryLogConfig>(input.clone());
    let gone = gone.resolver_query_log_config_association.unwrap();
    assert_eq!(gone.status.as_deref(), Some("DELETING"));
    lab.settle();
    lab.h.code::<ops::DisassociateResolverQueryLogConfig>(input, "ResourceNotFoundException");
    lab.h.ok::<ops::DeleteResolverQueryLogConfig>(delete);
    let get = GetResolverQueryLogConfigRequest { resolver_query_log_config_id: id.clone() };
    lab.h.message::<ops::GetResolverQueryLogConfig>(
        get,
        "ResourceNotFoundException",
        &format!("Resolver Query Log Config with ID \"{id}\" does not exist."),
    );
}

#[test]
fn logs_go_to_a_log_group_that_is_there() {
    let mut lab = with_group();
    let cases = [
        (
            "arn:aws:s3:::bucket",
            "InvalidParameterException",
            "Query logs in S3 buckets are not supported by Enishi.",
        ),
        (
            "arn:aws:firehose:us-east-1:123456789012:deliverystream/stream",
            "InvalidParameterException",
            "Query logs in Firehose streams are not supported by Enishi.",
        ),
        ("queries", "InvalidParameterException", "'queries' is not the ARN of a log destination."),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/dns/other",
            "InvalidRequestException",
            "The log destination 'arn:aws:logs:us-east-1:123456789012:log-group:/dns/other' does not exist.",
        ),
        (
            "arn:aws:logs:eu-west-1:123456789012:log-group:/dns/queries",
            "InvalidParameterException",
            "The log destination 'arn:aws:logs:eu-west-1:123456789012:log-group:/dns/queries' is not in region us-east-1.",
        ),
    ];
    for (number, (destination, code, message)) in (0..).zip(cases) {
        lab.h.message::<ops::CreateResolverQueryLogConfig>(request(number, destination), code, message);
    }
}

#[test]
fn configurations_are_counted_filtered_and_sorted() {
    let mut lab = with_group();
    for number in 1..=3 {
        lab.h.ok::<ops::CreateResolverQueryLogConfig>(request(number, GROUP));
    }
    let input = ListResolverQueryLogConfigsRequest {
        max_results: Some(2),
        sort_by: text("Name"),
        sort_order: text("DESCENDING"),
        filters: Some(vec![Filter {
            name: text("Destination"),
            values: Some(vec!["CloudWatchLogs".to_owned()]),
        }]),
        ..Default::default()
    };
    let page = lab.h.ok::<ops::ListResolverQueryLogConfigs>(input.clone());
    assert_eq!((page.total_count, page.total_filtered_count), (Some(3), Some(3)));
    let names = |page: &[ResolverQueryLogConfig]| -> Vec<String> {
        page.iter().filter_map(|config| config.name.clone()).collect()
    };
    assert_eq!(names(&page.resolver_query_log_configs.unwrap()), ["queries 3", "queries 2"]);
    let rest = ListResolverQueryLogConfigsRequest { next_token: page.next_token, ..input };
    let rest = lab.h.ok::<ops::ListResolverQueryLogConfigs>(rest);
    assert_eq!(
        (names(&rest.resolver_query_log_configs.unwrap()), rest.next_token),
        (vec!["queries 1".to_owned()], None)
    );
}

#[test]
fn reverse_names_can_be_switched_off() {
    let mut lab = Lab::new();
    let vpc = lab.vpc.clone();
    let get = GetResolverConfigRequest { resource_id: vpc.clone() };
    let before = lab.h.ok::<ops::GetResolverConfig>(get.clone()).resolver_config.unwrap();
    assert_eq!(before.autodefined_reverse.as_deref(), Some("ENABLED"));
    let set = |flag: &str| UpdateResolverConfigRequest {
        resource_id: vpc.clone(),
        autodefined_reverse_flag: flag.to_owned(),
    };
    let changed = lab.h.ok::<ops::UpdateResolverConfig>(set("DISABLE")).resolver_config.unwrap();
    assert_eq!((&changed.id, changed.autodefined_reverse.as_deref()), (&before.id, Some("DISABLING")));
    lab.settle();
    let list = lab.h.ok::<ops::ListResolverConfigs>(ListResolverConfigsRequest::default());
    let listed = list.resolver_configs.unwrap();
    assert_eq!((&listed[0].id, listed[0].autodefined_reverse.as_deref()), (&before.id, Some("DISABLED")));
    lab.h.code::<ops::UpdateResolverConfig>(set("USE_LOCAL_RESOURCE_SETTING"), "InvalidParameterException");
    lab.h.ok::<ops::UpdateResolverConfig>(set("ENABLE"));
    lab.settle();
    let after = lab.h.ok::<ops::GetResolverConfig>(get).resolver_config.unwrap();
    assert_eq!(after, before);
    let get = GetResolverConfigRequest { resource_id: "vpc-0123456789abcdef0".to_owned() };
    lab.h.message::<ops::GetResolverConfig>(
        get,
        "ResourceNotFoundException",
        "VPC with ID \"vpc-0123456789abcdef0\" does not exist.",
    );
}

#[test]
fn dnssec_is_not_validated() {
    let mut lab = Lab::new();
    let vpc = lab.vpc.clone();
    let set = |validation: &str| UpdateResolverDnssecConfigRequest {
        resource_id: vpc.clone(),
        validation: validation.to_owned(),
    };
    lab.h.message::<ops::UpdateResolverDnssecConfig>(
        set("ENABLE"),
        "InvalidParameterException",
        "DNSSEC validation is not supported by Enishi.",
    );
    let config = lab.h.ok::<ops::UpdateResolverDnssecConfig>(set("DISABLE")).resolver_dnssec_config.unwrap();
    assert_eq!(config.validation_status.as_deref(), Some("DISABLED"));
}

#[test]
fn what_was_set_for_a_vpc_goes_with_it() {
    let mut lab = with_group();
    let made = lab.h.ok::<ops::CreateResolverQueryLogConfig>(request(1, GROUP));
    let config = made.resolver_query_log_config.unwrap().id.unwrap();
    let system = CreateResolverRuleRequest {
        creator_request_id: "rule".to_owned(),
        rule_type: "SYSTEM".to_owned(),
        domain_name: text("example.com"),
        ..Default::default()
    };
    let rule = lab.h.ok::<ops::CreateResolverRule>(system).resolver_rule.unwrap().id.unwrap();
    let vpc = lab.vpc.clone();
    lab.h.ok::<ops::AssociateResolverQueryLogConfig>(associate(&config, &vpc));
    lab.h.ok::<ops::AssociateResolverRule>(AssociateResolverRuleRequest {
        resolver_rule_id: rule.clone(),
        name: text("of the VPC"),
        vpc_id: vpc.clone(),
    });
    lab.h.ok::<ops::UpdateResolverConfig>(UpdateResolverConfigRequest {
        resource_id: vpc.clone(),
        autodefined_reverse_flag: "DISABLE".to_owned(),
    });
    let subnet = ec2::DeleteSubnetRequest { subnet_id: lab.subnet.clone(), ..Default::default() };
    lab.h.ok::<ec2::ops::DeleteSubnet>(subnet);
    lab.h.ok::<ec2::ops::DeleteVpc>(ec2::DeleteVpcRequest { vpc_id: vpc, ..Default::default() });
    lab.settle();
    lab.h.ok::<ops::DeleteResolverRule>(DeleteResolverRuleRequest { resolver_rule_id: rule });
    let delete = DeleteResolverQueryLogConfigRequest { resolver_query_log_config_id: config };
    lab.h.ok::<ops::DeleteResolverQueryLogConfig>(delete);
    let list = lab.h.ok::<ops::ListResolverConfigs>(ListResolverConfigsRequest::default());
    assert_eq!(list.resolver_configs, Some(vec![]));
}

#[test]
fn tags_hang_on_arns() {
    let mut lab = with_group();
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
    let mut input = request(1, GROUP);
    input.tags = Some(vec![tag("team", "dns")]);
    let made = lab.h.ok::<ops::CreateResolverQueryLogConfig>(input).resolver_query_log_config.unwrap();
    let arn = made.arn.unwrap();
    lab.h.ok::<ops::TagResource>(TagResourceRequest {
        resource_arn: arn.clone(),
        tags: vec![tag("stage", "test")],
    });
    lab.h.ok::<ops::UntagResource>(UntagResourceRequest {
        resource_arn: arn.clone(),
        tag_keys: vec!["team".to_owned()],
    });
    let list = |arn: &str| ListTagsForResourceRequest { resource_arn: arn.to_owned(), ..Default::default() };
    let tags = lab.h.ok::<ops::ListTagsForResource>(list(&arn)).tags;
    assert_eq!(tags, Some(vec![tag("stage", "test")]));
    // EC2 does not know them.
    let tags = lab.h.ok::<ec2::ops::DescribeTags>(ec2::DescribeTagsRequest::default()).tags;
    assert_eq!(tags, Some(vec![]));
    let reserved = TagResourceRequest { resource_arn: arn.clone(), tags: vec![tag("aws:x", "")] };
    lab.h.code::<ops::TagResource>(reserved, "InvalidTagException");
    lab.h.code::<ops::ListTagsForResource>(list("queries"), "InvalidParameterException");
    let other = arn.replace("123456789012", "210987654321");
    lab.h.code::<ops::ListTagsForResource>(list(&other), "ResourceNotFoundException");
}
