//! Target groups: `CreateTargetGroup`, `DescribeTargetGroups`, `ModifyTargetGroup`, `DeleteTargetGroup`, and their attributes.
//! [Target groups](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html)
//!
//! A target group exists by itself; one load balancer at most uses it. Creating one that is there already, with the same
//! settings, answers the one that is there. It can be deleted while no listener and no rule names it.

mod attribute;
mod health_check;

use enishi_api::elbv2::{
    self as api, CreateTargetGroupInput, CreateTargetGroupOutput, DeleteTargetGroupInput,
    DeleteTargetGroupOutput, DescribeTargetGroupsInput, DescribeTargetGroupsOutput, ModifyTargetGroupInput,
    ModifyTargetGroupOutput, ops,
};
use enishi_state::ec2::{Vpc, VpcId};
use enishi_state::elbv2::{TargetGroup, TargetGroupArn, TargetGroupProtocol, TargetType, TargetVersion};
use enishi_state::{Read, ResourceId, Scope, Tx, World};
use enishi_wire::Fault;

use self::health_check::Asked;
use super::page::page;
use super::tag::{self, NewTags};
use super::{
    arn, balancers_using, faults, find_load_balancer, find_target_group, listeners_using, name, random_id,
    target, text,
};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateTargetGroup>(create_target_group);
    on.read::<ops::DescribeTargetGroups>(describe_target_groups);
    on.write::<ops::ModifyTargetGroup>(modify_target_group);
    on.write::<ops::DeleteTargetGroup>(delete_target_group);
    attribute::register(on);
}

fn create_target_group(
    tx: &mut Tx<'_>,
    input: CreateTargetGroupInput,
) -> Result<CreateTargetGroupOutput, Fault> {
    let tags = NewTags::parse(input.tags.clone())?;
    let scope = tx.caller().scope.clone();
    let id = random_id(tx.entropy());
    let arn = TargetGroupArn::new(&arn(&scope, &format!("targetgroup/{}/{id}", input.name)));
    let row = check(tx, arn, input)?;
    if let Some(existing) = by_name(tx.world(), &scope, &row.name) {
        return match is_same(existing, &row) {
            true => Ok(CreateTargetGroupOutput { target_groups: Some(vec![shape(tx.world(), existing)]) }),
            false => Err(faults::duplicate_target_group_name(&row.name)),
        };
    }
    if quota::TARGET_GROUPS.reached(tx.world(), &scope, in_scope(tx.world(), &scope).count()) {
        let limit = quota::TARGET_GROUPS.applied(tx.world(), &scope);
        return Err(faults::too_many_target_groups(format!(
            "You have reached the maximum number of target groups: [{limit}]"
        )));
    }
    tags.attach(tx, row.arn.as_str());
    let shape = shape(tx.world(), &row);
    tx.put(row);
    Ok(CreateTargetGroupOutput { target_groups: Some(vec![shape]) })
}

/// The target group that a request asks for.
fn check(tx: &Tx<'_>, arn: TargetGroupArn, input: CreateTargetGroupInput) -> Result<TargetGroup, Fault> {
    name::check("Target group", &input.name)?;
    let target_type = match input.target_type.as_deref() {
        None | Some("instance") => TargetType::Instance,
        Some("ip") => TargetType::Ip,
        Some("alb") => TargetType::Alb,
        Some(_) => return Err(faults::not_supported("Target groups with the target type 'lambda' are")),
    };
    if input.ip_address_type.as_deref() == Some("ipv6") {
        return Err(faults::not_supported("The IP address type 'ipv6' of target groups is"));
    }
    if input.target_control_port.is_some() {
        return Err(faults::not_supported("Target optimizer is"));
    }
    let protocol = input.protocol.as_deref();
    let protocol = protocol.ok_or_else(|| faults::validation_error("A protocol must be specified"))?;
    let protocol = parse_protocol(protocol)?;
    let port = input.port.ok_or_else(|| faults::validation_error("A port must be specified"))?;
    let port = u16::try_from(port).map_err(|_| faults::validation_error("The port is not valid"))?;
    if target_type == TargetType::Alb && protocol != TargetGroupProtocol::Tcp {
        return Err(faults::invalid_configuration_request(
            "Target groups with the target type 'alb' must use the TCP protocol",
        ));
    }
    let version = parse_version(protocol, input.protocol_version.as_deref())?;
    let vpc = parse_vpc(tx.world(), &tx.caller().scope, input.vpc_id.as_deref())?;
    let asked = Asked {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval_seconds: input.health_check_interval_seconds,
        timeout_seconds: input.health_check_timeout_seconds,
        healthy_threshold: input.healthy_threshold_count,
        unhealthy_threshold: input.unhealthy_threshold_count,
        matcher: input.matcher,
    };
    Ok(TargetGroup {
        arn,
        scope: tx.caller().scope.clone(),
        name: input.name,
        protocol,
        version,
        port,
        vpc,
        target_type,
        health_check: health_check::new(protocol, version, target_type, asked)?,
        attributes: Default::default(),
        created: tx.now(),
    })
}

fn parse_protocol(name: &str) -> Result<TargetGroupProtocol, Fault> {
    Ok(match name {
        "HTTP" => TargetGroupProtocol::Http,
        "HTTPS" => TargetGroupProtocol::Https,
        "TCP" => TargetGroupProtocol::Tcp,
        "TLS" => TargetGroupProtocol::Tls,
        "UDP" => TargetGroupProtocol::Udp,
        "TCP_UDP" => TargetGroupProtocol::TcpUdp,
        other => return Err(faults::not_supported(&format!("The protocol '{other}' is"))),
    })
}

/// AWS's name of the protocol.
pub(super) fn protocol_name(protocol: TargetGroupProtocol) -> &'static str {
    match protocol {
        TargetGroupProtocol::Http => "HTTP",
        TargetGroupProtocol::Https => "HTTPS",
        TargetGroupProtocol::Tcp => "TCP",
        TargetGroupProtocol::Tls => "TLS",
        TargetGroupProtocol::Udp => "UDP",
        TargetGroupProtocol::TcpUdp => "TCP_UDP",
    }
}

fn parse_version(
    protocol: TargetGroupProtocol,
    version: Option<&str>,
) -> Result<Option<TargetVersion>, Fault> {
    // Terraform's provider sends an empty one.
    let version = version.filter(|version| !version.is_empty());
    if !protocol.is_application() {
        return match version {
            None => Ok(None),
            Some(_) => Err(faults::invalid_configuration_request(format!(
                "Protocol version is not supported for target groups with the {} protocol",
                protocol_name(protocol)
            ))),
        };
    }
    match version {
        None | Some("HTTP1") => Ok(Some(TargetVersion::Http1)),
        Some("HTTP2") => Ok(Some(TargetVersion::Http2)),
        Some("GRPC") => Ok(Some(TargetVersion::Grpc)),
        Some(other) => Err(faults::validation_error(format!(
            "Protocol version '{other}' must be one of 'HTTP1, HTTP2, GRPC'"
        ))),
    }
}

/// AWS's name of the protocol version.
pub(super) fn version_name(version: TargetVersion) -> &'static str {
    match version {
        TargetVersion::Http1 => "HTTP1",
        TargetVersion::Http2 => "HTTP2",
        TargetVersion::Grpc => "GRPC",
    }
}

fn parse_vpc(world: &World, scope: &Scope, id: Option<&str>) -> Result<VpcId, Fault> {
    let id = id.ok_or_else(|| faults::validation_error("A VPC ID must be specified"))?;
    let found = VpcId::parse(id).ok().and_then(|id| world.get::<Vpc>(&id)).filter(|vpc| vpc.scope == *scope);
    let found = found.ok_or_else(|| faults::validation_error(format!("The VPC ID '{id}' is not found")))?;
    Ok(found.id.clone())
}

fn in_scope<'w>(world: &'w World, scope: &Scope) -> impl Iterator<Item = &'w TargetGroup> + use<'w> {
    world.by::<TargetGroup>("scope", &scope.to_string())
}

fn by_name<'w>(world: &'w World, scope: &Scope, name: &str) -> Option<&'w TargetGroup> {
    world.by::<TargetGroup>("name", &format!("{scope}/{name}")).next()
}

fn is_same(row: &TargetGroup, new: &TargetGroup) -> bool {
    row.protocol == new.protocol
        && row.version == new.version
        && row.port == new.port
        && row.vpc == new.vpc
        && row.target_type == new.target_type
        && row.health_check == new.health_check
}

/// As responses show it.
fn shape(world: &World, row: &TargetGroup) -> api::TargetGroup {
    let check = &row.health_check;
    api::TargetGroup {
        target_group_arn: text(&row.arn),
        target_group_name: text(&row.name),
        protocol: text(protocol_name(row.protocol)),
        port: Some(row.port.into()),
        vpc_id: text(&row.vpc),
        health_check_protocol: text(protocol_name(check.protocol)),
        health_check_port: Some(check.port.map_or("traffic-port".to_owned(), |port| port.to_string())),
        health_check_enabled: Some(true),
        health_check_interval_seconds: Some(check.interval_seconds.into()),
        health_check_timeout_seconds: Some(check.timeout_seconds.into()),
        healthy_threshold_count: Some(check.healthy_threshold.into()),
        unhealthy_threshold_count: Some(check.unhealthy_threshold.into()),
        health_check_path: check.path.clone(),
        matcher: health_check::matcher(row),
        load_balancer_arns: Some(balancers_using(world, &row.arn).iter().map(ToString::to_string).collect()),
        target_type: text(match row.target_type {
            TargetType::Instance => "instance",
            TargetType::Ip => "ip",
            TargetType::Alb => "alb",
        }),
        protocol_version: row.version.map(|version| version_name(version).to_owned()),
        ip_address_type: text("ipv4"),
        ..Default::default()
    }
}

fn describe_target_groups(
    read: &Read<'_>,
    input: DescribeTargetGroupsInput,
) -> Result<DescribeTargetGroupsOutput, Fault> {
    let (world, scope) = (read.world, &read.caller.scope);
    let arns = input.target_group_arns.unwrap_or_default();
    let names = input.names.unwrap_or_default();
    let rows: Vec<&TargetGroup> = match (arns.is_empty(), names.is_empty(), &input.load_balancer_arn) {
        (true, true, None) => in_scope(world, scope).collect(),
        (true, true, Some(arn)) => {
            let balancer = find_load_balancer(world, scope, arn)?;
            let uses = |row: &&TargetGroup| balancers_using(world, &row.arn).contains(&balancer.arn);
            in_scope(world, scope).filter(uses).collect()
        }
        (false, true, None) => by_arns(world, scope, &arns)?,
        (true, false, None) => {
            let find =
                |name: &String| by_name(world, scope, name).ok_or_else(faults::target_groups_not_found);
            names.iter().map(find).collect::<Result<_, _>>()?
        }
        _ => {
            return Err(faults::validation_error(
                "Target group names, target group ARNs and a load balancer ARN cannot be specified at the same time",
            ));
        }
    };
    let id = |row: &&TargetGroup| row.arn.to_string();
    let (rows, next_marker) = page(rows, input.page_size, input.marker.as_deref(), id)?;
    let target_groups = rows.into_iter().map(|row| shape(world, row)).collect();
    Ok(DescribeTargetGroupsOutput { target_groups: Some(target_groups), next_marker })
}

fn by_arns<'w>(world: &'w World, scope: &Scope, arns: &[String]) -> Result<Vec<&'w TargetGroup>, Fault> {
    let find = |arn: &String| match find_target_group(world, scope, arn) {
        Err(fault) if fault.code() == "TargetGroupNotFound" => Err(faults::target_groups_not_found()),
        other => other,
    };
    arns.iter().map(find).collect()
}

fn modify_target_group(
    tx: &mut Tx<'_>,
    input: ModifyTargetGroupInput,
) -> Result<ModifyTargetGroupOutput, Fault> {
    let mut row = find_target_group(tx.world(), &tx.caller().scope, &input.target_group_arn)?.clone();
    let asked = Asked {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval_seconds: input.health_check_interval_seconds,
        timeout_seconds: input.health_check_timeout_seconds,
        healthy_threshold: input.healthy_threshold_count,
        unhealthy_threshold: input.unhealthy_threshold_count,
        matcher: input.matcher,
    };
    row.health_check = health_check::changed(&row, asked)?;
    tx.put(row.clone());
    Ok(ModifyTargetGroupOutput { target_groups: Some(vec![shape(tx.world(), &row)]) })
}

fn delete_target_group(
    tx: &mut Tx<'_>,
    input: DeleteTargetGroupInput,
) -> Result<DeleteTargetGroupOutput, Fault> {
    let row = match find_target_group(tx.world(), &tx.caller().scope, &input.target_group_arn) {
        Ok(row) => row.clone(),
        // One that does not exist is deleted already.
        Err(fault) if fault.code() == "TargetGroupNotFound" => return Ok(DeleteTargetGroupOutput {}),
        Err(fault) => return Err(fault),
    };
    if listeners_using(tx.world(), &row.arn).next().is_some() {
        return Err(faults::resource_in_use(format!(
            "Target group '{}' is currently in use by a listener or a rule",
            row.arn
        )));
    }
    target::remove_all(tx, &row.arn);
    tag::remove_all(tx, row.arn.as_str());
    tx.remove::<TargetGroup>(&row.arn);
    Ok(DeleteTargetGroupOutput {})
}
