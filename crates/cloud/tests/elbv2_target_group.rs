//! Target groups: what they are checked for, their health checks, their attributes.

mod balancing;
mod harness;
mod lab;

use balancing::{Balancing, forward, listener};
use enishi_api::elbv2::{
    CreateTargetGroupInput, DeleteTargetGroupInput, DescribeTargetGroupAttributesInput,
    DescribeTargetGroupsInput, Matcher, ModifyTargetGroupAttributesInput, ModifyTargetGroupInput,
    TargetGroup, TargetGroupAttribute, ops,
};
use harness::text;

fn http(codes: &str) -> Option<Matcher> {
    Some(Matcher { http_code: text(codes), grpc_code: None })
}

fn delete(arn: &str) -> DeleteTargetGroupInput {
    DeleteTargetGroupInput { target_group_arn: arn.to_owned() }
}

fn set(arn: &str, key: &str, value: &str) -> ModifyTargetGroupAttributesInput {
    ModifyTargetGroupAttributesInput {
        target_group_arn: arn.to_owned(),
        attributes: vec![TargetGroupAttribute { key: text(key), value: text(value) }],
    }
}

/// Protocol, path, interval, timeout, thresholds, HTTP codes.
type Checks = (String, Option<String>, i32, i32, i32, i32, Option<String>);

fn checks(group: &TargetGroup) -> Checks {
    (
        group.health_check_protocol.clone().unwrap(),
        group.health_check_path.clone(),
        group.health_check_interval_seconds.unwrap(),
        group.health_check_timeout_seconds.unwrap(),
        group.healthy_threshold_count.unwrap(),
        group.unhealthy_threshold_count.unwrap(),
        group.matcher.clone().and_then(|matcher| matcher.http_code),
    )
}

#[test]
fn health_checks_have_the_defaults_of_their_protocol() {
    let mut b = Balancing::new();
    let input = b.group("web", "HTTP");
    let web = b.create_group(input);
    let arn = web.target_group_arn.clone().unwrap();
    let id = arn.strip_prefix("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/");
    assert!(id.is_some_and(|id| id.len() == 16), "{arn}");
    assert_eq!(checks(&web), ("HTTP".into(), text("/"), 30, 5, 5, 2, text("200")));
    assert_eq!(web.health_check_port.as_deref(), Some("traffic-port"));
    assert_eq!(
        (web.target_type.as_deref(), web.protocol_version.as_deref()),
        (Some("instance"), Some("HTTP1"))
    );
    assert_eq!(
        (web.load_balancer_arns.as_ref(), web.ip_address_type.as_deref()),
        (Some(&vec![]), Some("ipv4"))
    );
    // Terraform's provider sends an empty version.
    let input = CreateTargetGroupInput { protocol_version: text(""), ..b.group("tcp", "TCP") };
    let tcp = b.create_group(input);
    assert_eq!(checks(&tcp), ("TCP".into(), None, 30, 10, 5, 2, None));
    assert_eq!(tcp.protocol_version, None);
    let input = CreateTargetGroupInput { health_check_protocol: text("HTTP"), ..b.group("mix", "TCP") };
    assert_eq!(checks(&b.create_group(input)), ("HTTP".into(), text("/"), 30, 6, 5, 2, text("200-399")));
    let input = CreateTargetGroupInput { target_type: text("alb"), ..b.group("alb", "TCP") };
    assert_eq!(checks(&b.create_group(input)).0, "HTTP");
    let input = CreateTargetGroupInput { protocol_version: text("GRPC"), ..b.group("grpc", "HTTP") };
    let grpc = b.create_group(input);
    assert_eq!(grpc.health_check_path.as_deref(), Some("/AWS.ALB/healthcheck"));
    assert_eq!(grpc.matcher.unwrap().grpc_code.as_deref(), Some("12"));
}

#[test]
fn creations_are_checked() {
    let mut b = Balancing::new();
    let web = b.group("web", "HTTP");
    let tcp = b.group("tcp", "TCP");
    let message = |b: &mut Balancing, input: CreateTargetGroupInput, code: &str, message: &str| {
        b.lab.h.message::<ops::CreateTargetGroup>(input, code, message);
    };
    let input = CreateTargetGroupInput { protocol: None, ..web.clone() };
    message(&mut b, input, "ValidationError", "A protocol must be specified");
    let input = CreateTargetGroupInput { port: None, ..web.clone() };
    message(&mut b, input, "ValidationError", "A port must be specified");
    let input = CreateTargetGroupInput { vpc_id: None, ..web.clone() };
    message(&mut b, input, "ValidationError", "A VPC ID must be specified");
    let input = CreateTargetGroupInput { vpc_id: text("vpc-00000000000000000"), ..web.clone() };
    message(&mut b, input, "ValidationError", "The VPC ID 'vpc-00000000000000000' is not found");
    let input = CreateTargetGroupInput { health_check_path: text("/"), ..tcp.clone() };
    let why = "Health check paths are not supported for TCP health checks";
    message(&mut b, input, "InvalidConfigurationRequest", why);
    let input = CreateTargetGroupInput { matcher: http("200"), ..tcp.clone() };
    let why = "Health check matchers are not supported for TCP health checks";
    message(&mut b, input, "InvalidConfigurationRequest", why);
    let input = CreateTargetGroupInput {
        health_check_interval_seconds: Some(5),
        health_check_timeout_seconds: Some(6),
        ..web.clone()
    };
    let why = "Health check timeout '6' must be smaller than or equal to the interval '5'";
    message(&mut b, input, "ValidationError", why);
    for (input, code) in [
        (CreateTargetGroupInput { matcher: http("500"), ..web.clone() }, "ValidationError"),
        (CreateTargetGroupInput { matcher: http("200-"), ..web.clone() }, "ValidationError"),
        (CreateTargetGroupInput { health_check_protocol: text("TCP"), ..web.clone() }, "ValidationError"),
        (CreateTargetGroupInput { health_check_port: text("0"), ..web.clone() }, "ValidationError"),
        (CreateTargetGroupInput { health_check_path: text("x"), ..web.clone() }, "ValidationError"),
        (CreateTargetGroupInput { protocol_version: text("HTTP3"), ..web.clone() }, "ValidationError"),
        (
            CreateTargetGroupInput { protocol_version: text("HTTP2"), ..tcp.clone() },
            "InvalidConfigurationRequest",
        ),
        (CreateTargetGroupInput { target_type: text("alb"), ..web.clone() }, "InvalidConfigurationRequest"),
        (
            CreateTargetGroupInput { target_type: text("lambda"), ..web.clone() },
            "InvalidConfigurationRequest",
        ),
        (
            CreateTargetGroupInput { health_check_enabled: Some(false), ..web.clone() },
            "InvalidConfigurationRequest",
        ),
        (
            CreateTargetGroupInput { ip_address_type: text("ipv6"), ..web.clone() },
            "InvalidConfigurationRequest",
        ),
        (CreateTargetGroupInput { protocol: text("GENEVE"), ..web.clone() }, "InvalidConfigurationRequest"),
        (CreateTargetGroupInput { name: "a_b".to_owned(), ..web.clone() }, "ValidationError"),
    ] {
        b.lab.h.code::<ops::CreateTargetGroup>(input, code);
    }
    let first = b.create_group(web.clone());
    assert_eq!(b.create_group(web.clone()).target_group_arn, first.target_group_arn);
    let other = CreateTargetGroupInput { port: Some(81), ..web };
    let why = "A target group with the same name 'web' exists, but with different settings";
    message(&mut b, other, "DuplicateTargetGroupName", why);
}

#[test]
fn health_checks_are_modified() {
    let mut b = Balancing::new();
    let arn = b.target_group("tcp", "TCP");
    let modify = |b: &mut Balancing, change: ModifyTargetGroupInput| {
        let input = ModifyTargetGroupInput { target_group_arn: arn.clone(), ..change };
        b.lab.h.ok::<ops::ModifyTargetGroup>(input).target_groups.unwrap().remove(0)
    };
    let to_http = ModifyTargetGroupInput {
        health_check_protocol: text("HTTP"),
        health_check_path: text("/up"),
        healthy_threshold_count: Some(2),
        ..Default::default()
    };
    assert_eq!(checks(&modify(&mut b, to_http)), ("HTTP".into(), text("/up"), 30, 10, 2, 2, text("200-399")));
    let port = ModifyTargetGroupInput {
        health_check_port: text("8080"),
        matcher: http("200,503"),
        ..Default::default()
    };
    let group = modify(&mut b, port);
    assert_eq!(group.health_check_port.as_deref(), Some("8080"));
    assert_eq!(checks(&group), ("HTTP".into(), text("/up"), 30, 10, 2, 2, text("200,503")));
    let back = ModifyTargetGroupInput { health_check_protocol: text("TCP"), ..Default::default() };
    assert_eq!(checks(&modify(&mut b, back)), ("TCP".into(), None, 30, 10, 2, 2, None));
}

#[test]
fn target_groups_are_described_and_kept_by_their_listeners() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let balancer = b.active(input);
    let used = b.target_group("used", "HTTP");
    let unused = b.target_group("unused", "HTTP");
    let input = listener(&balancer, "HTTP", 80, forward(&used));
    b.create_listener(input);
    let of = DescribeTargetGroupsInput { load_balancer_arn: text(&balancer), ..Default::default() };
    let found = b.lab.h.ok::<ops::DescribeTargetGroups>(of).target_groups.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].load_balancer_arns, Some(vec![balancer]));
    let named =
        |name: &str| DescribeTargetGroupsInput { names: Some(vec![name.to_owned()]), ..Default::default() };
    assert_eq!(b.lab.h.ok::<ops::DescribeTargetGroups>(named("unused")).target_groups.unwrap().len(), 1);
    b.lab.h.message::<ops::DescribeTargetGroups>(
        named("none"),
        "TargetGroupNotFound",
        "One or more target groups not found",
    );
    b.lab.h.message::<ops::DeleteTargetGroup>(
        delete(&used),
        "ResourceInUse",
        &format!("Target group '{used}' is currently in use by a listener or a rule"),
    );
    b.lab.h.ok::<ops::DeleteTargetGroup>(delete(&unused));
    b.lab.h.ok::<ops::DeleteTargetGroup>(delete(&unused));
    let all = b.lab.h.ok::<ops::DescribeTargetGroups>(Default::default());
    assert_eq!(all.target_groups.unwrap().len(), 1);
}

#[test]
fn attributes_depend_on_the_protocol() {
    let mut b = Balancing::new();
    let web = b.target_group("web", "HTTP");
    let tcp = b.target_group("tcp", "TCP");
    let udp = b.target_group("udp", "UDP");
    let value = |b: &mut Balancing, arn: &str, key: &str| {
        let input = DescribeTargetGroupAttributesInput { target_group_arn: arn.to_owned() };
        let all = b.lab.h.ok::<ops::DescribeTargetGroupAttributes>(input).attributes.unwrap();
        all.into_iter().find(|one| one.key.as_deref() == Some(key)).and_then(|one| one.value)
    };
    assert_eq!(value(&mut b, &web, "stickiness.type").as_deref(), Some("lb_cookie"));
    assert_eq!(value(&mut b, &web, "preserve_client_ip.enabled"), None);
    assert_eq!(value(&mut b, &tcp, "stickiness.type").as_deref(), Some("source_ip"));
    assert_eq!(value(&mut b, &tcp, "preserve_client_ip.enabled").as_deref(), Some("true"));
    b.lab.h.message::<ops::ModifyTargetGroupAttributes>(
        set(&tcp, "stickiness.type", "lb_cookie"),
        "InvalidConfigurationRequest",
        "Stickiness type 'lb_cookie' is not supported for target groups with the TCP protocol",
    );
    b.lab.h.message::<ops::ModifyTargetGroupAttributes>(
        set(&tcp, "slow_start.duration_seconds", "30"),
        "InvalidConfigurationRequest",
        "The provided target group attribute is not supported",
    );
    b.lab.h.message::<ops::ModifyTargetGroupAttributes>(
        set(&web, "slow_start", "30"),
        "ValidationError",
        "Target group attribute key 'slow_start' is not recognized",
    );
    for (arn, key, value) in [
        (&web, "slow_start.duration_seconds", "29"),
        (&web, "deregistration_delay.timeout_seconds", "3601"),
        (&web, "load_balancing.algorithm.type", "random"),
        (&web, "stickiness.enabled", "on"),
    ] {
        b.lab.h.code::<ops::ModifyTargetGroupAttributes>(set(arn, key, value), "ValidationError");
    }
    for (arn, key, value) in [
        (&udp, "preserve_client_ip.enabled", "false"),
        (&web, "stickiness.type", "app_cookie"),
        (&web, "load_balancing.algorithm.anomaly_mitigation", "on"),
    ] {
        b.lab.h.code::<ops::ModifyTargetGroupAttributes>(set(arn, key, value), "InvalidConfigurationRequest");
    }
    let sticky = ModifyTargetGroupAttributesInput {
        target_group_arn: web.clone(),
        attributes: vec![
            TargetGroupAttribute { key: text("stickiness.enabled"), value: text("true") },
            TargetGroupAttribute { key: text("stickiness.type"), value: text("app_cookie") },
            TargetGroupAttribute { key: text("stickiness.app_cookie.cookie_name"), value: text("session") },
        ],
    };
    b.lab.h.ok::<ops::ModifyTargetGroupAttributes>(sticky);
    assert_eq!(value(&mut b, &web, "stickiness.app_cookie.cookie_name").as_deref(), Some("session"));
    let reserved = set(&web, "stickiness.app_cookie.cookie_name", "AWSALBx");
    b.lab.h.code::<ops::ModifyTargetGroupAttributes>(reserved, "InvalidConfigurationRequest");
    b.lab.h.ok::<ops::ModifyTargetGroupAttributes>(set(&tcp, "preserve_client_ip.enabled", "false"));
    assert_eq!(value(&mut b, &tcp, "preserve_client_ip.enabled").as_deref(), Some("false"));
}
