//! `enishi show`: resources for people, and the same as data.

use std::fmt::Write;

use enishi_state::ec2::{
    Address, DhcpOptions, Image, Instance, InternetGateway, KeyPair, ManagedPrefixList, NatGateway,
    NetworkAcl, NetworkInterface, RouteTable, SecurityGroup, SecurityGroupRule, Subnet, Vpc,
    VpcPeeringConnection,
};
use enishi_state::{Holds, ResourceId, Row, World};
use http::StatusCode;
use serde_json::{Value, json};

use super::admin::Refusal;
use super::names::{interfaces, name_of, public_ip};

/// A kind of resource: its name, and how to list it or find one.
struct Kind {
    name: &'static str,
    list: fn(&World) -> Vec<Value>,
    find: fn(&World, &str) -> Option<Value>,
}

const fn kind<R: Row>(name: &'static str) -> Kind
where
    World: Holds<R>,
{
    Kind { name, list: list::<R>, find: find::<R> }
}

const KINDS: [Kind; 16] = [
    kind::<Vpc>("vpcs"),
    kind::<Subnet>("subnets"),
    kind::<RouteTable>("route-tables"),
    kind::<InternetGateway>("internet-gateways"),
    kind::<NatGateway>("nat-gateways"),
    kind::<VpcPeeringConnection>("vpc-peering-connections"),
    kind::<SecurityGroup>("security-groups"),
    kind::<SecurityGroupRule>("security-group-rules"),
    kind::<NetworkAcl>("network-acls"),
    kind::<ManagedPrefixList>("prefix-lists"),
    kind::<Address>("addresses"),
    kind::<NetworkInterface>("network-interfaces"),
    kind::<Instance>("instances"),
    kind::<KeyPair>("key-pairs"),
    kind::<Image>("images"),
    kind::<DhcpOptions>("dhcp-options"),
];

/// Everything as a tree, one kind of resource, one resource, or the `program` that the network is made of.
pub fn show(world: &World, resource: Option<&str>) -> Result<Value, Refusal> {
    let Some(resource) = resource else {
        let vpcs: Vec<Value> = world.all::<Vpc>().map(|row| described(world, row)).collect();
        return Ok(json!({ "text": overview(world), "data": vpcs }));
    };
    if resource == "program" {
        let program = enishi_plan::plan(world);
        let namespaces: Vec<&str> = program.namespaces.keys().map(|name| name.as_str()).collect();
        return Ok(json!({ "text": format!("{program:#?}"), "data": namespaces }));
    }
    let plural = |kind: &&Kind| kind.name == resource || kind.name.strip_suffix('s') == Some(resource);
    if let Some(kind) = KINDS.iter().find(plural) {
        let rows = (kind.list)(world);
        let text: Vec<String> = rows.iter().map(line).collect();
        return Ok(json!({ "text": text.join("\n"), "data": rows }));
    }
    if let Some(row) = KINDS.iter().find_map(|kind| (kind.find)(world, resource)) {
        return Ok(json!({ "text": serde_json::to_string_pretty(&row).unwrap_or_default(), "data": row }));
    }
    if let Ok(instance) = super::names::instance(world, resource) {
        let row = described(world, instance);
        return Ok(json!({ "text": serde_json::to_string_pretty(&row).unwrap_or_default(), "data": row }));
    }
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let text = format!("there is no resource {resource:?}; kinds are {}, program", kinds.join(", "));
    Err((StatusCode::NOT_FOUND, text))
}

fn list<R: Row>(world: &World) -> Vec<Value>
where
    World: Holds<R>,
{
    world.all::<R>().map(|row| described(world, row)).collect()
}

fn find<R: Row>(world: &World, id: &str) -> Option<Value>
where
    World: Holds<R>,
{
    let id = R::Id::parse(id).ok()?;
    world.get::<R>(&id).map(|row| described(world, row))
}

/// The row with its tags.
fn described<R: Row>(world: &World, row: &R) -> Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    if let Value::Object(members) = &mut value {
        let tags =
            world.tags_of(row.id().as_str()).map(|tag| (tag.key.clone(), Value::from(tag.value.clone())));
        let tags: serde_json::Map<String, Value> = tags.collect();
        if !tags.is_empty() {
            members.insert("tags".to_owned(), Value::Object(tags));
        }
        // Public, but long and of no use on a screen.
        members.remove("user_data");
    }
    value
}

/// `id key=value …` of the members that fit on a line.
fn line(row: &Value) -> String {
    let Value::Object(members) = row else { return row.to_string() };
    let mut text = String::new();
    for (key, value) in members {
        let value = match value {
            Value::String(value) => value.clone(),
            Value::Number(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => continue,
        };
        let _ = if text.is_empty() { write!(text, "{value}") } else { write!(text, " {key}={value}") };
    }
    text
}

fn overview(world: &World) -> String {
    let mut text = String::new();
    for vpc in world.all::<Vpc>() {
        let _ = vpc_tree(world, vpc, &mut text);
    }
    if text.is_empty() {
        text.push_str("nothing yet; `enishi tour` builds an example\n");
    }
    text.pop();
    text
}

fn vpc_tree(world: &World, vpc: &Vpc, text: &mut String) -> std::fmt::Result {
    let cidrs: Vec<String> = vpc.cidrs.iter().map(|block| block.cidr.to_string()).collect();
    let default = if vpc.is_default { " default" } else { "" };
    writeln!(text, "{} {} {}{default}{}", vpc.id, cidrs.join(" "), vpc.scope, named(world, vpc.id.as_str()))?;
    for gateway in world.by::<InternetGateway>("vpc", vpc.id.as_str()) {
        writeln!(text, "  {}{}", gateway.id, named(world, gateway.id.as_str()))?;
    }
    for peering in world.by::<VpcPeeringConnection>("active", vpc.id.as_str()) {
        let other = peering.sides(&vpc.id).map_or("", |(_, other)| other.vpc.as_str());
        writeln!(text, "  {} to {other}{}", peering.id, named(world, peering.id.as_str()))?;
    }
    for subnet in world.by::<Subnet>("vpc", vpc.id.as_str()) {
        let table = subnet.route_table.as_ref().map_or(&vpc.main_route_table.1, |(_, table)| table);
        let name = named(world, subnet.id.as_str());
        writeln!(
            text,
            "  {} {} {} {table} {}{name}",
            subnet.id, subnet.cidr, subnet.zone, subnet.network_acl.1
        )?;
        for nat in world.by::<NatGateway>("subnet", subnet.id.as_str()).filter(|nat| nat.is_live()) {
            let addresses = nat.addresses.iter().filter_map(|address| address.public_ip);
            let addresses: Vec<String> = addresses.map(|address| address.to_string()).collect();
            writeln!(text, "    {} {}{}", nat.id, addresses.join(" "), named(world, nat.id.as_str()))?;
        }
        for instance in world.by::<Instance>("subnet", subnet.id.as_str()) {
            instance_line(world, instance, text)?;
        }
    }
    Ok(())
}

fn instance_line(world: &World, instance: &Instance, text: &mut String) -> std::fmt::Result {
    write!(text, "    {} {}", instance.id, instance.state.name())?;
    for interface in interfaces(world, instance) {
        write!(text, " {}", interface.primary_ip())?;
        if let Some(public) = public_ip(world, interface) {
            write!(text, " ({public})")?;
        }
    }
    writeln!(text, "{}", named(world, instance.id.as_str()))
}

fn named(world: &World, resource: &str) -> String {
    name_of(world, resource).map(|name| format!(" {name:?}")).unwrap_or_default()
}
