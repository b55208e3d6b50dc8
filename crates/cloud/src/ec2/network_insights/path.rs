//! Paths: what to analyse.
//! [CreateNetworkInsightsPath](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInsightsPath.html)

use std::net::Ipv4Addr;

use enishi_api::ec2::{
    self, CreateNetworkInsightsPathRequest, CreateNetworkInsightsPathResult,
    DeleteNetworkInsightsPathRequest, DeleteNetworkInsightsPathResult, DescribeNetworkInsightsPathsRequest,
    DescribeNetworkInsightsPathsResult, ops,
};
use enishi_state::ec2::{
    Instance, InterfaceKind, InternetGateway, NetworkInsightsAnalysis, NetworkInsightsPath,
    NetworkInsightsPathId, NetworkInterface,
};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use super::render;
use crate::ec2::describe::describe;
use crate::ec2::filter::{Field, field};
use crate::ec2::ids::{self, Resource};
use crate::ec2::page::Page;
use crate::ec2::tag::{self, NewTags};
use crate::ec2::{client_token, faults};
use crate::registry::Registry;

/// [Quotas](https://docs.aws.amazon.com/vpc/latest/reachability/reachability-analyzer-limits.html)
const PATHS: usize = 1000;

const FILTERS: &[Field<NetworkInsightsPath>] = &[
    field("destination", |_, row, values| values.add(&row.destination)),
    field("protocol", |_, row, values| values.add(render::protocol(row))),
    field("source", |_, row, values| values.add(&row.source)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateNetworkInsightsPath>(create_network_insights_path);
    on.write::<ops::DeleteNetworkInsightsPath>(delete_network_insights_path);
    on.read::<ops::DescribeNetworkInsightsPaths>(describe_network_insights_paths);
}

fn create_network_insights_path(
    tx: &mut Tx<'_>,
    input: CreateNetworkInsightsPathRequest,
) -> Result<CreateNetworkInsightsPathResult, Fault> {
    let token = input.client_token.clone();
    let made = client_token::once(tx, "CreateNetworkInsightsPath", Some(&token), &input, |tx| {
        let tags = NewTags::parse(input.tag_specifications.clone(), &[NetworkInsightsPath::KIND])?;
        if input.filter_at_source.is_some() || input.filter_at_destination.is_some() {
            return Err(faults::not_supported("A filter of a path's packets"));
        }
        let scope = tx.caller().scope.clone();
        if ids::in_scope::<NetworkInsightsPath>(tx.world(), &scope).count() >= PATHS {
            return Err(faults::network_insights_path_limit_exceeded());
        }
        let destination = input.destination.as_deref().ok_or_else(faults::missing_insights_destination)?;
        let row = NetworkInsightsPath {
            id: NetworkInsightsPathId::generate(tx.entropy()),
            source: end(tx.world(), &scope, &input.source)
                .map_err(|why| why.fault("NetworkInsightsSource.NotFound", "source"))?,
            destination: end(tx.world(), &scope, destination)
                .map_err(|why| why.fault("NetworkInsightsDestination.NotFound", "destination"))?,
            source_ip: address("sourceIp", input.source_ip.as_deref())?,
            destination_ip: address("destinationIp", input.destination_ip.as_deref())?,
            is_tcp: is_tcp(&input.protocol)?,
            destination_port: port(input.destination_port)?,
            created: tx.now(),
            scope,
        };
        if row.source == row.destination {
            return Err(faults::invalid_parameter_value(
                "The source and the destination cannot be the same.",
            ));
        }
        let id = row.id.to_string();
        tx.put(row);
        tags.attach(tx, NetworkInsightsPath::KIND, &id);
        Ok(vec![id])
    })?;
    let id = made.first().map(String::as_str).unwrap_or_default();
    let row = ids::find::<NetworkInsightsPath>(tx.world(), &tx.caller().scope, id)?;
    Ok(CreateNetworkInsightsPathResult { network_insights_path: Some(render::path(tx.world(), row)) })
}

/// Why a resource cannot be an end of a path.
enum NoEnd {
    Missing(String),
    Unsupported,
}

impl NoEnd {
    fn fault(self, code: &'static str, what: &str) -> Fault {
        match self {
            NoEnd::Missing(id) => Fault::new(code, format!("The {what} '{id}' does not exist")),
            NoEnd::Unsupported => faults::not_supported(
                "Another end of a path than an instance, an interface of one or an internet gateway",
            ),
        }
    }
}

/// The id of an end, which is given by id or by ARN, and exists.
fn end(world: &World, scope: &Scope, given: &str) -> Result<String, NoEnd> {
    let id = given.rsplit_once('/').map_or(given, |(_, id)| id);
    let own = format!("arn:aws:ec2:{}:{}:", scope.region, scope.account);
    if given.starts_with("arn:") && !given.starts_with(&own) {
        return Err(NoEnd::Missing(given.to_owned()));
    }
    let exists = match id.rsplit_once('-').map_or("", |(prefix, _)| prefix) {
        "i" => ids::find::<Instance>(world, scope, id).is_ok(),
        "eni" => match ids::find::<NetworkInterface>(world, scope, id) {
            Ok(row) if row.kind != InterfaceKind::Interface => return Err(NoEnd::Unsupported),
            found => found.is_ok(),
        },
        "igw" => ids::find::<InternetGateway>(world, scope, id).is_ok(),
        _ => return Err(NoEnd::Unsupported),
    };
    match exists {
        true => Ok(id.to_owned()),
        false => Err(NoEnd::Missing(id.to_owned())),
    }
}

fn address(parameter: &str, text: Option<&str>) -> Result<Option<Ipv4Addr>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let malformed = |_| faults::invalid_value(parameter, text, "This is not a valid IPv4 address.");
    text.parse().map(Some).map_err(malformed)
}

fn is_tcp(protocol: &str) -> Result<bool, Fault> {
    match protocol.to_ascii_lowercase().as_str() {
        "tcp" => Ok(true),
        "udp" => Ok(false),
        _ => Err(faults::invalid_value("protocol", protocol, "Valid values are tcp and udp.")),
    }
}

/// 0 is any, as where none is said.
fn port(port: Option<i32>) -> Result<Option<u16>, Fault> {
    let Some(port) = port.filter(|port| *port != 0) else { return Ok(None) };
    let malformed = |_| faults::invalid_value("destinationPort", port, "A port is 0 to 65535.");
    u16::try_from(port).map(Some).map_err(malformed)
}

fn delete_network_insights_path(
    tx: &mut Tx<'_>,
    input: DeleteNetworkInsightsPathRequest,
) -> Result<DeleteNetworkInsightsPathResult, Fault> {
    let row =
        ids::find::<NetworkInsightsPath>(tx.world(), &tx.caller().scope, &input.network_insights_path_id)?;
    let id = row.id.clone();
    if tx.world().by::<NetworkInsightsAnalysis>("path", id.as_str()).next().is_some() {
        return Err(faults::analysis_exists_for_network_insights_path(&id));
    }
    tag::remove_all(tx, id.as_str());
    tx.remove::<NetworkInsightsPath>(&id);
    Ok(DeleteNetworkInsightsPathResult { network_insights_path_id: Some(id.to_string()) })
}

fn describe_network_insights_paths(
    read: &Read<'_>,
    input: DescribeNetworkInsightsPathsRequest,
) -> Result<DescribeNetworkInsightsPathsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 1..=100)?;
    let (rows, next_token) = describe(read, &input.network_insights_path_ids, input.filters, FILTERS, &page)?;
    let paths: Vec<ec2::NetworkInsightsPath> =
        rows.into_iter().map(|row| render::path(read.world, row)).collect();
    Ok(DescribeNetworkInsightsPathsResult { network_insights_paths: Some(paths), next_token })
}
