//! Listeners: protocols and ports, default actions, attributes, security policies.

mod balancing;
mod harness;
mod lab;

use std::collections::BTreeMap;

use balancing::{Balancing, forward, listener};
use enishi_api::elbv2::{
    Action, AuthenticateOidcActionConfig, CreateListenerInput, CreateTargetGroupInput, DeleteListenerInput,
    DescribeListenerAttributesInput, DescribeListenersInput, DescribeSSLPoliciesInput,
    FixedResponseActionConfig, ForwardActionConfig, ListenerAttribute, ModifyListenerAttributesInput,
    ModifyListenerInput, RedirectActionConfig, TargetGroupStickinessConfig, TargetGroupTuple, ops,
};
use harness::text;

fn redirect(config: RedirectActionConfig) -> Vec<Action> {
    let config = RedirectActionConfig { status_code: "HTTP_301".to_owned(), ..config };
    vec![Action { r#type: "redirect".to_owned(), redirect_config: Some(config), ..Default::default() }]
}

fn fixed(status: &str, content_type: Option<&str>) -> Vec<Action> {
    let config = FixedResponseActionConfig {
        status_code: status.to_owned(),
        content_type: content_type.map(str::to_owned),
        message_body: text("hello"),
    };
    vec![Action {
        r#type: "fixed-response".to_owned(),
        fixed_response_config: Some(config),
        ..Default::default()
    }]
}

fn weighted(groups: &[(&str, i32)]) -> Vec<Action> {
    let tuple =
        |(arn, weight): &(&str, i32)| TargetGroupTuple { target_group_arn: text(arn), weight: Some(*weight) };
    let config = ForwardActionConfig {
        target_groups: Some(groups.iter().map(tuple).collect()),
        target_group_stickiness_config: Some(TargetGroupStickinessConfig {
            enabled: Some(true),
            duration_seconds: Some(60),
        }),
    };
    vec![Action { r#type: "forward".to_owned(), forward_config: Some(config), ..Default::default() }]
}

/// A world with an Application and a Network Load Balancer: their ARNs.
fn balancers() -> (Balancing, String, String) {
    let mut b = Balancing::new();
    let input = b.application("web");
    let web = b.active(input);
    let input = b.network("net");
    let net = b.active(input);
    (b, web, net)
}

#[test]
fn a_listener_forwards() {
    let (mut b, web, net) = balancers();
    let group = b.target_group("web", "HTTP");
    let made = b.create_listener(listener(&web, "HTTP", 80, forward(&group)));
    let arn = made.listener_arn.clone().unwrap();
    assert!(arn.starts_with(&web.replace(":loadbalancer/", ":listener/")), "{arn}");
    assert_eq!((made.port, made.protocol.as_deref()), (Some(80), Some("HTTP")));
    assert_eq!((made.certificates, made.mutual_authentication), (None, None));
    let action = made.default_actions.unwrap().remove(0);
    assert_eq!(action.target_group_arn.as_ref(), Some(&group));
    let config = action.forward_config.unwrap();
    let tuple = TargetGroupTuple { target_group_arn: text(&group), weight: Some(1) };
    assert_eq!(config.target_groups, Some(vec![tuple]));
    assert_eq!(config.target_group_stickiness_config.unwrap().enabled, Some(false));

    let tcp = b.target_group("tcp", "TCP");
    let made = b.create_listener(listener(&net, "TCP", 80, forward(&tcp)));
    let config = made.default_actions.unwrap().remove(0).forward_config.unwrap();
    assert_eq!(config.target_group_stickiness_config, None);

    // The same again answers what is there; another one at the port does not.
    assert_eq!(
        b.create_listener(listener(&web, "HTTP", 80, forward(&group))).listener_arn,
        Some(arn.clone())
    );
    b.lab.h.message::<ops::CreateListener>(
        listener(&web, "HTTP", 80, fixed("200", None)),
        "DuplicateListener",
        &format!("A listener already exists on this port for this load balancer '{web}'"),
    );
    let of = DescribeListenersInput { load_balancer_arn: text(&web), ..Default::default() };
    assert_eq!(b.lab.h.ok::<ops::DescribeListeners>(of).listeners.unwrap().len(), 1);
    b.lab.h.code::<ops::DescribeListeners>(Default::default(), "ValidationError");
    b.lab.h.ok::<ops::DeleteListener>(DeleteListenerInput { listener_arn: arn.clone() });
    b.lab.h.code::<ops::DeleteListener>(DeleteListenerInput { listener_arn: arn }, "ListenerNotFound");
}

#[test]
fn protocols_have_to_fit() {
    let (mut b, web, net) = balancers();
    let http = b.target_group("http", "HTTP");
    let tcp = b.target_group("tcp", "TCP");
    let udp = b.target_group("udp", "UDP");
    b.lab.h.message::<ops::CreateListener>(
        listener(&web, "TCP", 80, forward(&tcp)),
        "ValidationError",
        "Listener protocol 'TCP' must be one of 'HTTPS, HTTP'",
    );
    b.lab.h.message::<ops::CreateListener>(
        listener(&net, "TCP", 80, forward(&http)),
        "IncompatibleProtocols",
        &format!(
            "The listener and its associated target group '{http}' have incompatible protocols: 'TCP' and 'HTTP'"
        ),
    );
    for (balancer, protocol, group) in
        [(&web, "HTTP", &tcp), (&net, "UDP", &tcp), (&net, "TCP_UDP", &tcp), (&net, "TCP", &udp)]
    {
        let input = listener(balancer, protocol, 80, forward(group));
        b.lab.h.code::<ops::CreateListener>(input, "IncompatibleProtocols");
    }
    let input = CreateTargetGroupInput { protocol_version: text("GRPC"), ..b.group("grpc", "HTTP") };
    let grpc = b.create_group(input).target_group_arn.unwrap();
    b.lab.h.message::<ops::CreateListener>(
        listener(&web, "HTTP", 80, forward(&grpc)),
        "InvalidLoadBalancerAction",
        "Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'",
    );
    b.lab.h.message::<ops::CreateListener>(
        listener(&web, "HTTPS", 443, forward(&http)),
        "ValidationError",
        "A certificate must be specified for HTTPS listeners",
    );
    let redirected = listener(&net, "TCP", 80, redirect(Default::default()));
    b.lab.h.code::<ops::CreateListener>(redirected, "InvalidLoadBalancerAction");
    let none = CreateListenerInput { port: None, ..listener(&web, "HTTP", 80, forward(&http)) };
    b.lab.h.message::<ops::CreateListener>(none, "ValidationError", "A listener port must be specified");
    b.listen(&net, "TCP", 80, &tcp);
    b.listen(&net, "UDP", 53, &udp);
}

#[test]
fn a_target_group_has_one_load_balancer() {
    let (mut b, web, _) = balancers();
    let input = b.application("other");
    let other = b.active(input);
    let group = b.target_group("web", "HTTP");
    b.listen(&web, "HTTP", 80, &group);
    b.listen(&web, "HTTP", 81, &group);
    b.lab.h.message::<ops::CreateListener>(
        listener(&other, "HTTP", 80, forward(&group)),
        "TargetGroupAssociationLimit",
        &format!(
            "The following target groups cannot be associated with more than one load balancer: {group}"
        ),
    );
    let missing = format!("{group}0");
    b.lab.h.message::<ops::CreateListener>(
        listener(&other, "HTTP", 80, forward(&missing)),
        "TargetGroupNotFound",
        &format!("Target groups '{missing}' not found"),
    );
}

#[test]
fn actions_are_shown_with_their_defaults() {
    let (mut b, web, _) = balancers();
    let config = RedirectActionConfig { protocol: text("HTTPS"), port: text("443"), ..Default::default() };
    let made = b.create_listener(listener(&web, "HTTP", 80, redirect(config)));
    let shown = made.default_actions.unwrap().remove(0).redirect_config.unwrap();
    assert_eq!((shown.host.as_deref(), shown.path.as_deref()), (Some("#{host}"), Some("/#{path}")));
    assert_eq!((shown.query.as_deref(), shown.status_code.as_str()), (Some("#{query}"), "HTTP_301"));
    b.lab.h.message::<ops::CreateListener>(
        listener(&web, "HTTP", 81, redirect(Default::default())),
        "InvalidLoadBalancerAction",
        "The redirect configuration is not valid because it creates a loop.",
    );
    let bad = RedirectActionConfig { path: text("a"), ..Default::default() };
    b.lab.h.code::<ops::CreateListener>(listener(&web, "HTTP", 81, redirect(bad)), "ValidationError");
    let made = b.create_listener(listener(&web, "HTTP", 81, fixed("404", Some("text/plain"))));
    let shown = made.default_actions.unwrap().remove(0).fixed_response_config.unwrap();
    assert_eq!((shown.status_code.as_str(), shown.message_body.as_deref()), ("404", Some("hello")));
    let bad = listener(&web, "HTTP", 82, fixed("200", Some("image/png")));
    b.lab.h.code::<ops::CreateListener>(bad, "ValidationError");

    let one = b.target_group("one", "HTTP");
    let two = b.target_group("two", "HTTP");
    let made = b.create_listener(listener(&web, "HTTP", 83, weighted(&[(&one, 3), (&two, 0)])));
    let action = made.default_actions.unwrap().remove(0);
    assert_eq!(action.target_group_arn, None);
    let config = action.forward_config.unwrap();
    let weights: Vec<_> = config.target_groups.unwrap().into_iter().map(|tuple| tuple.weight).collect();
    assert_eq!(weights, [Some(3), Some(0)]);
    assert_eq!(config.target_group_stickiness_config.unwrap().duration_seconds, Some(60));
    for actions in [weighted(&[(&one, 1000)]), weighted(&[(&one, 1), (&one, 2)])] {
        b.lab.h.code::<ops::CreateListener>(listener(&web, "HTTP", 84, actions), "ValidationError");
    }
    let cognito = vec![Action { r#type: "authenticate-cognito".to_owned(), ..Default::default() }];
    b.lab.h.code::<ops::CreateListener>(listener(&web, "HTTP", 84, cognito), "InvalidConfigurationRequest");
    let login = Action {
        r#type: "authenticate-oidc".to_owned(),
        order: Some(1),
        authenticate_oidc_config: Some(AuthenticateOidcActionConfig::default()),
        ..Default::default()
    };
    let then = Action { order: Some(2), ..forward(&one).remove(0) };
    let input = listener(&web, "HTTP", 84, vec![login, then]);
    b.lab.h.code::<ops::CreateListener>(input, "InvalidLoadBalancerAction");
}

#[test]
fn a_listener_is_modified() {
    let (mut b, web, _) = balancers();
    let one = b.target_group("one", "HTTP");
    let two = b.target_group("two", "HTTP");
    let arn = b.listen(&web, "HTTP", 80, &one);
    b.listen(&web, "HTTP", 81, &one);
    let modify = |change: ModifyListenerInput| ModifyListenerInput { listener_arn: arn.clone(), ..change };
    let port = modify(ModifyListenerInput { port: Some(81), ..Default::default() });
    b.lab.h.message::<ops::ModifyListener>(port, "ValidationError", "Listener port '81' is already in use");
    let input = modify(ModifyListenerInput {
        port: Some(8080),
        default_actions: Some(forward(&two)),
        ..Default::default()
    });
    let changed = b.lab.h.ok::<ops::ModifyListener>(input).listeners.unwrap().remove(0);
    assert_eq!((changed.port, changed.listener_arn), (Some(8080), Some(arn.clone())));
    assert_eq!(changed.default_actions.unwrap()[0].target_group_arn, Some(two));
    let secure = modify(ModifyListenerInput { protocol: text("HTTPS"), ..Default::default() });
    b.lab.h.code::<ops::ModifyListener>(secure, "ValidationError");
}

#[test]
fn attributes_depend_on_the_protocol() {
    let (mut b, web, net) = balancers();
    let http = b.target_group("http", "HTTP");
    let tcp = b.target_group("tcp", "TCP");
    let udp = b.target_group("udp", "UDP");
    let web = b.listen(&web, "HTTP", 80, &http);
    let stream = b.listen(&net, "TCP", 80, &tcp);
    let datagrams = b.listen(&net, "UDP", 53, &udp);
    let all = |b: &mut Balancing, arn: &str| -> BTreeMap<String, String> {
        let input = DescribeListenerAttributesInput { listener_arn: arn.to_owned() };
        let all = b.lab.h.ok::<ops::DescribeListenerAttributes>(input).attributes.unwrap();
        all.into_iter().map(|one| (one.key.unwrap(), one.value.unwrap())).collect()
    };
    let set = |arn: &str, key: &str, value: &str| ModifyListenerAttributesInput {
        listener_arn: arn.to_owned(),
        attributes: vec![ListenerAttribute { key: text(key), value: text(value) }],
    };
    assert_eq!(all(&mut b, &web)["routing.http.response.server.enabled"], "true");
    assert_eq!(all(&mut b, &stream)["tcp.idle_timeout.seconds"], "350");
    assert!(all(&mut b, &datagrams).is_empty());
    b.lab.h.ok::<ops::ModifyListenerAttributes>(set(&stream, "tcp.idle_timeout.seconds", "60"));
    assert_eq!(all(&mut b, &stream)["tcp.idle_timeout.seconds"], "60");
    let low = set(&stream, "tcp.idle_timeout.seconds", "59");
    b.lab.h.code::<ops::ModifyListenerAttributes>(low, "ValidationError");
    let foreign = set(&web, "tcp.idle_timeout.seconds", "60");
    b.lab.h.code::<ops::ModifyListenerAttributes>(foreign, "ValidationError");
    let split = set(&web, "routing.http.response.content_security_policy.header_value", "a\r\nb: c");
    b.lab.h.code::<ops::ModifyListenerAttributes>(split, "ValidationError");
    let none = set(&datagrams, "tcp.idle_timeout.seconds", "60");
    b.lab.h.code::<ops::ModifyListenerAttributes>(none, "InvalidConfigurationRequest");
}

/// [Security policies](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)
#[test]
fn security_policies_are_aws_s() {
    let mut b = Balancing::new();
    let input = DescribeSSLPoliciesInput {
        names: Some(vec!["ELBSecurityPolicy-TLS13-1-2-Res-2021-06".to_owned()]),
        ..Default::default()
    };
    let policy = b.lab.h.ok::<ops::DescribeSSLPolicies>(input).ssl_policies.unwrap().remove(0);
    assert_eq!(policy.ssl_protocols.unwrap(), ["TLSv1.2", "TLSv1.3"]);
    let ciphers: Vec<_> = policy.ciphers.unwrap().into_iter().map(|cipher| cipher.name.unwrap()).collect();
    assert_eq!(
        ciphers,
        [
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384",
            "TLS_CHACHA20_POLY1305_SHA256",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES256-GCM-SHA384",
        ]
    );
    let all = b.lab.h.ok::<ops::DescribeSSLPolicies>(Default::default()).ssl_policies.unwrap();
    let default =
        all.iter().find(|policy| policy.name.as_deref() == Some("ELBSecurityPolicy-2016-08")).unwrap();
    assert_eq!(default.ciphers.as_ref().unwrap().len(), 18);
    let input = DescribeSSLPoliciesInput { names: Some(vec!["none".to_owned()]), ..Default::default() };
    b.lab.h.code::<ops::DescribeSSLPolicies>(input, "SSLPolicyNotFound");
}
