//! A load balancer as responses show it.
//! [API_LoadBalancerDescription](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_LoadBalancerDescription.html)

use enishi_api::elb::{
    AppCookieStickinessPolicy, BackendServerDescription, LBCookieStickinessPolicy, LoadBalancerDescription,
    Policies, SourceSecurityGroup,
};
use enishi_state::World;
use enishi_state::ec2::SecurityGroup;
use enishi_state::elb::{LoadBalancer, PolicyKind, Scheme};
use enishi_wire::Timestamp;

use super::{health_check, instance, listener, text};
use crate::route53::load_balancer_zone_id;

/// All of it.
pub(super) fn description(world: &World, row: &LoadBalancer) -> LoadBalancerDescription {
    let faces_internet = row.scheme == Scheme::InternetFacing;
    LoadBalancerDescription {
        load_balancer_name: text(&row.name),
        dns_name: text(row.dns_name()),
        canonical_hosted_zone_name: faces_internet.then(|| row.dns_name()),
        canonical_hosted_zone_name_id: load_balancer_zone_id(&row.scope.region, false).map(str::to_owned),
        listener_descriptions: Some(
            row.listeners.iter().map(|(port, one)| listener::shape(*port, one)).collect(),
        ),
        policies: Some(policies(row)),
        backend_server_descriptions: Some(backends(row)),
        availability_zones: Some(row.zones.iter().map(|zone| zone.zone.clone()).collect()),
        subnets: Some(row.zones.iter().map(|zone| zone.subnet.to_string()).collect()),
        vpc_id: text(&row.vpc),
        instances: Some(instance::registered(world, row)),
        health_check: Some(health_check::shape(&row.health_check)),
        source_security_group: source_group(world, row),
        security_groups: Some(row.groups.iter().map(ToString::to_string).collect()),
        created_time: Some(Timestamp::from_millis(row.created.0)),
        scheme: text(if faces_internet { "internet-facing" } else { "internal" }),
    }
}

fn policies(row: &LoadBalancer) -> Policies {
    let (mut app, mut lb, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for (name, policy) in &row.policies {
        match &policy.kind {
            PolicyKind::AppCookieStickiness { cookie } => {
                app.push(AppCookieStickinessPolicy { policy_name: text(name), cookie_name: text(cookie) });
            }
            PolicyKind::LbCookieStickiness { seconds } => lb.push(LBCookieStickinessPolicy {
                policy_name: text(name),
                cookie_expiration_period: seconds.map(i64::from),
            }),
            PolicyKind::SslNegotiation { .. } | PolicyKind::ProxyProtocol { .. } => other.push(name.clone()),
        }
    }
    Policies {
        app_cookie_stickiness_policies: Some(app),
        lb_cookie_stickiness_policies: Some(lb),
        other_policies: Some(other),
    }
}

fn backends(row: &LoadBalancer) -> Vec<BackendServerDescription> {
    let describe = |(port, names): (&u16, &Vec<String>)| BackendServerDescription {
        instance_port: Some((*port).into()),
        policy_names: Some(names.clone()),
    };
    row.backends.iter().map(describe).collect()
}

/// What a group's rule names to admit what the load balancer sends.
fn source_group(world: &World, row: &LoadBalancer) -> Option<SourceSecurityGroup> {
    let group = row.groups.first().and_then(|id| world.get::<SecurityGroup>(id))?;
    Some(SourceSecurityGroup { owner_alias: text(&group.scope.account), group_name: text(&group.name) })
}
