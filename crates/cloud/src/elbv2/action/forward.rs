//! Forward actions: which target groups get requests.
//! [Forward actions](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#forward-actions)

use std::collections::BTreeSet;

use enishi_api::elbv2::{self as api, ForwardActionConfig, TargetGroupStickinessConfig, TargetGroupTuple};
use enishi_state::elbv2::{
    Forward, Listener, ListenerProtocol, LoadBalancerKind, Rule, TargetGroup, TargetGroupArn,
    TargetGroupProtocol, TargetGroupWeight, TargetType, TargetVersion,
};
use enishi_wire::Fault;

use super::super::{
    balancers_using, faults, find_target_group, groups_of, kind_name, listener, target_group, text,
};
use super::Place;

/// Target groups of an action at most.
pub(in super::super) const GROUPS_PER_ACTION: usize = 5;
/// Target groups of an Application Load Balancer at most.
pub(in super::super) const GROUPS_PER_BALANCER: usize = 100;
/// The highest weight.
const WEIGHT: i32 = 999;
/// Seconds that a client stays with its target group at most.
const STICKINESS_SECONDS: i32 = 604_800;

/// A forward action, checked.
///
/// # Errors
/// See [`super::parse`].
pub(super) fn parse(place: Place<'_>, action: api::Action) -> Result<Forward, Fault> {
    let config = action.forward_config.unwrap_or_default();
    let mut tuples = config.target_groups.unwrap_or_default();
    match (action.target_group_arn, tuples.as_slice()) {
        (Some(arn), []) => tuples.push(TargetGroupTuple { target_group_arn: Some(arn), weight: None }),
        (Some(arn), [only]) if only.target_group_arn.as_ref() == Some(&arn) => {}
        (Some(_), _) => {
            return Err(faults::invalid_load_balancer_action(
                "The target group ARN must be the only target group of the forward config",
            ));
        }
        (None, []) => {
            return Err(faults::validation_error(
                "A target group ARN must be specified for actions of type 'forward'",
            ));
        }
        (None, _) => {}
    }
    check_count(place, tuples.len())?;
    let groups = tuples.into_iter().map(|tuple| parse_group(place, tuple)).collect::<Result<Vec<_>, _>>()?;
    let distinct: BTreeSet<&TargetGroupArn> = groups.iter().map(|group| &group.target_group).collect();
    if distinct.len() != groups.len() {
        return Err(faults::validation_error("Each target group can be specified once in a forward action"));
    }
    check_unique_groups(place, &groups)?;
    Ok(Forward { stickiness_seconds: parse_stickiness(config.target_group_stickiness_config)?, groups })
}

fn check_count(place: Place<'_>, count: usize) -> Result<(), Fault> {
    if place.balancer.kind == LoadBalancerKind::Network && count > 1 {
        return Err(faults::not_supported(
            "Several target groups of an action of a Network Load Balancer are",
        ));
    }
    match count > GROUPS_PER_ACTION {
        true => Err(faults::too_many_target_groups(format!(
            "You have reached the maximum number of target groups per action: [{GROUPS_PER_ACTION}]"
        ))),
        false => Ok(()),
    }
}

fn parse_group(place: Place<'_>, tuple: TargetGroupTuple) -> Result<TargetGroupWeight, Fault> {
    let arn = tuple.target_group_arn.unwrap_or_default();
    let group = find_target_group(place.world, place.scope, &arn)?;
    check_protocols(place, group)?;
    if group.vpc != place.balancer.vpc {
        return Err(faults::invalid_configuration_request(format!(
            "The target group '{arn}' and the load balancer '{}' are not in the same VPC",
            place.balancer.arn
        )));
    }
    if balancers_using(place.world, &group.arn).iter().any(|user| *user != place.balancer.arn) {
        return Err(faults::target_group_association_limit(arn));
    }
    let weight = tuple.weight.map(|weight| match (0..=WEIGHT).contains(&weight) {
        true => Ok(u16::try_from(weight).unwrap_or_default()),
        false => Err(faults::validation_error(format!(
            "Target group weight '{weight}' must be between '0' and '{WEIGHT}' inclusive"
        ))),
    });
    Ok(TargetGroupWeight { target_group: group.arn.clone(), weight: weight.transpose()? })
}

/// [Listener and target group protocols](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html)
fn check_protocols(place: Place<'_>, group: &TargetGroup) -> Result<(), Fault> {
    use TargetGroupProtocol as To;
    let fits = match place.protocol {
        ListenerProtocol::Http | ListenerProtocol::Https => group.protocol.is_application(),
        ListenerProtocol::Tcp => matches!(group.protocol, To::Tcp | To::TcpUdp),
        ListenerProtocol::Tls => matches!(group.protocol, To::Tcp | To::Tls),
        ListenerProtocol::Udp => matches!(group.protocol, To::Udp | To::TcpUdp),
        ListenerProtocol::TcpUdp => group.protocol == To::TcpUdp,
    };
    let listener = listener::protocol_name(place.protocol);
    let is_alb = group.target_type == TargetType::Alb;
    if !fits || (is_alb && place.protocol != ListenerProtocol::Tcp) {
        let target = target_group::protocol_name(group.protocol);
        return Err(faults::incompatible_protocols(&group.arn, listener, target));
    }
    match (place.protocol, group.version) {
        (ListenerProtocol::Http, Some(version @ (TargetVersion::Http2 | TargetVersion::Grpc))) => {
            Err(faults::invalid_load_balancer_action(format!(
                "Listener protocol 'HTTP' is not supported with a target group with the protocol-version '{}'",
                target_group::version_name(version)
            )))
        }
        _ => Ok(()),
    }
}

/// Counts what the load balancer has and what is added; what is replaced counts until then.
fn check_unique_groups(place: Place<'_>, added: &[TargetGroupWeight]) -> Result<(), Fault> {
    let mut groups: BTreeSet<&TargetGroupArn> = added.iter().map(|group| &group.target_group).collect();
    let listeners = place.world.by::<Listener>("load_balancer", place.balancer.arn.as_str());
    for listener in listeners {
        groups.extend(groups_of(&listener.default_actions));
        let rules = place.world.by::<Rule>("listener", listener.arn.as_str());
        groups.extend(rules.flat_map(|rule| groups_of(&rule.actions)));
    }
    match groups.len() > GROUPS_PER_BALANCER {
        true => {
            Err(faults::too_many_unique_target_groups(kind_name(place.balancer.kind), GROUPS_PER_BALANCER))
        }
        false => Ok(()),
    }
}

fn parse_stickiness(config: Option<TargetGroupStickinessConfig>) -> Result<Option<u32>, Fault> {
    let Some(config) = config.filter(|config| config.enabled == Some(true)) else { return Ok(None) };
    let seconds = config.duration_seconds.ok_or_else(|| {
        faults::validation_error("A duration must be specified when target group stickiness is enabled")
    })?;
    match (1..=STICKINESS_SECONDS).contains(&seconds) {
        true => Ok(u32::try_from(seconds).ok()),
        false => Err(faults::validation_error(format!(
            "Target group stickiness duration '{seconds}' must be between '1' and '{STICKINESS_SECONDS}' inclusive"
        ))),
    }
}

/// As responses show it: an Application Load Balancer's target groups always have weights.
pub(super) fn shape(kind: LoadBalancerKind, forward: &Forward) -> api::Action {
    let is_network = kind == LoadBalancerKind::Network;
    let usual = (!is_network).then_some(1);
    let tuple = |group: &TargetGroupWeight| TargetGroupTuple {
        target_group_arn: text(&group.target_group),
        weight: group.weight.map(i32::from).or(usual),
    };
    let stickiness = TargetGroupStickinessConfig {
        enabled: Some(forward.stickiness_seconds.is_some()),
        duration_seconds: forward.stickiness_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
    };
    let only = match forward.groups.as_slice() {
        [only] => text(&only.target_group),
        _ => None,
    };
    api::Action {
        r#type: "forward".to_owned(),
        target_group_arn: only,
        forward_config: Some(ForwardActionConfig {
            target_groups: Some(forward.groups.iter().map(tuple).collect()),
            target_group_stickiness_config: (!is_network).then_some(stickiness),
        }),
        ..Default::default()
    }
}
