//! DHCP option sets. [DHCP option sets](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html)
//!
//! Every region has AWS's own set (`domain-name` of the region, `AmazonProvidedDNS`), which new VPCs get. An instance
//! reads the domain and the servers of its VPC's set when it boots. A set cannot be changed, only another associated.
//! Tested in `tests/dhcp_options.rs`.

use std::net::IpAddr;

use enishi_api::ec2::{
    self, AssociateDhcpOptionsRequest, AttributeValue, CreateDhcpOptionsRequest, CreateDhcpOptionsResult,
    DeleteDhcpOptionsRequest, DescribeDhcpOptionsRequest, DescribeDhcpOptionsResult, NewDhcpConfiguration,
    ops,
};
use enishi_state::ec2::{DhcpConfiguration, DhcpOptions, DhcpOptionsId, Vpc};
use enishi_state::{Read, Region, Tx, World};
use enishi_wire::Fault;

use super::describe::describe;
use super::filter::{Field, field};
use super::page::{self, Page};
use super::tag::{self, NewTags};
use super::{faults, ids};
use crate::region;
use crate::registry::Registry;

/// The VPC's own resolver, as option sets name it.
const AMAZON_DNS: &str = "AmazonProvidedDNS";

const FILTERS: &[Field<DhcpOptions>] = &[
    field("dhcp-options-id", |_, row, values| values.add(&row.id)),
    field("key", |_, row, values| row.configurations.iter().for_each(|c| values.add(&c.key))),
    field("value", |_, row, values| {
        row.configurations.iter().flat_map(|c| &c.values).for_each(|value| values.add(value));
    }),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateDhcpOptions>(associate_dhcp_options);
    on.write::<ops::CreateDhcpOptions>(create_dhcp_options);
    on.write::<ops::DeleteDhcpOptions>(delete_dhcp_options);
    on.read::<ops::DescribeDhcpOptions>(describe_dhcp_options);
}

/// The region's own set; made when it is not there.
pub(crate) fn ensure_default(tx: &mut Tx<'_>) -> DhcpOptionsId {
    let scope = tx.caller().scope.clone();
    let configurations = default_configurations(&scope.region);
    let found = ids::in_scope::<DhcpOptions>(tx.world(), &scope)
        .find(|options| options.configurations == configurations)
        .map(|options| options.id.clone());
    if let Some(id) = found {
        return id;
    }
    let id = DhcpOptionsId::generate(tx.entropy());
    tx.put(DhcpOptions { id: id.clone(), scope, configurations });
    id
}

fn default_configurations(region: &Region) -> Vec<DhcpConfiguration> {
    let one = |key: &str, value: String| DhcpConfiguration { key: key.to_owned(), values: vec![value] };
    vec![
        one("domain-name", region::private_domain(region)),
        one("domain-name-servers", AMAZON_DNS.to_owned()),
    ]
}

fn create_dhcp_options(
    tx: &mut Tx<'_>,
    input: CreateDhcpOptionsRequest,
) -> Result<CreateDhcpOptionsResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications, &["dhcp-options"])?;
    let configurations =
        input.dhcp_configurations.into_iter().map(configuration).collect::<Result<Vec<_>, _>>()?;
    if configurations.is_empty() {
        return Err(faults::missing_parameter("dhcpConfigurationSet"));
    }
    let id = DhcpOptionsId::generate(tx.entropy());
    tx.put(DhcpOptions { id: id.clone(), scope: tx.caller().scope.clone(), configurations });
    tags.attach(tx, "dhcp-options", id.as_str());
    let made = tx.world().get::<DhcpOptions>(&id).map(|row| render(tx.world(), row));
    Ok(CreateDhcpOptionsResult { dhcp_options: made })
}

/// One option, checked. Values may come joined by commas.
fn configuration(given: NewDhcpConfiguration) -> Result<DhcpConfiguration, Fault> {
    let key = given.key.ok_or_else(|| faults::missing_parameter("key"))?;
    let values: Vec<String> = given
        .values
        .iter()
        .flat_map(|value| value.split(','))
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect();
    let most = match key.as_str() {
        "domain-name" | "netbios-node-type" | "ipv6-address-preferred-lease-time" => 1,
        "domain-name-servers" | "netbios-name-servers" => 4,
        "ntp-servers" => 8,
        _ => return Err(invalid_option(&key, &values)),
    };
    let right = |value: &String| match key.as_str() {
        "domain-name" => true,
        "netbios-node-type" => matches!(value.as_str(), "1" | "2" | "4" | "8"),
        "ipv6-address-preferred-lease-time" => value.parse::<u32>().is_ok(),
        "domain-name-servers" => value == AMAZON_DNS || value.parse::<IpAddr>().is_ok(),
        _ => value.parse::<IpAddr>().is_ok(),
    };
    match (1..=most).contains(&values.len()) && values.iter().all(right) {
        true => Ok(DhcpConfiguration { key, values }),
        false => Err(invalid_option(&key, &values)),
    }
}

fn invalid_option(key: &str, values: &[String]) -> Fault {
    faults::invalid_value("value", values.join(","), &format!("Invalid DHCP option value for {key}"))
}

fn delete_dhcp_options(tx: &mut Tx<'_>, input: DeleteDhcpOptionsRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let id = ids::find::<DhcpOptions>(tx.world(), scope, &input.dhcp_options_id)?.id.clone();
    if ids::in_scope::<Vpc>(tx.world(), scope).any(|vpc| vpc.dhcp_options.as_ref() == Some(&id)) {
        return Err(faults::has_dependencies("dhcpOptions", &id));
    }
    tag::remove_all(tx, id.as_str());
    tx.remove::<DhcpOptions>(&id);
    Ok(())
}

fn associate_dhcp_options(tx: &mut Tx<'_>, input: AssociateDhcpOptionsRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let vpc = ids::find::<Vpc>(tx.world(), scope, &input.vpc_id)?.id.clone();
    let options = match input.dhcp_options_id.as_str() {
        // The VPC has no options at all then.
        "default" => None,
        id => Some(ids::find::<DhcpOptions>(tx.world(), scope, id)?.id.clone()),
    };
    tx.modify::<Vpc>(&vpc, |row| row.dhcp_options = options);
    Ok(())
}

fn describe_dhcp_options(
    read: &Read<'_>,
    input: DescribeDhcpOptionsRequest,
) -> Result<DescribeDhcpOptionsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.dhcp_options_ids, input.filters, FILTERS, &page)?;
    let dhcp_options = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeDhcpOptionsResult { next_token, dhcp_options: Some(dhcp_options) })
}

fn render(world: &World, row: &DhcpOptions) -> ec2::DhcpOptions {
    let configuration = |c: &DhcpConfiguration| ec2::DhcpConfiguration {
        key: Some(c.key.clone()),
        values: Some(c.values.iter().map(|value| AttributeValue { value: Some(value.clone()) }).collect()),
    };
    ec2::DhcpOptions {
        owner_id: Some(row.scope.account.to_string()),
        tags: tag::of(world, row.id.as_str()),
        dhcp_options_id: Some(row.id.to_string()),
        dhcp_configurations: Some(row.configurations.iter().map(configuration).collect()),
    }
}
