//! DHCP option sets. [DHCP option sets](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html)
//!
//! Every region has AWS's own set (`domain-name` of the region, `AmazonProvidedDNS`), which new VPCs get.

use enishi_api::ec2::{self, AttributeValue, DescribeDhcpOptionsRequest, DescribeDhcpOptionsResult, ops};
use enishi_state::ec2::{DhcpConfiguration, DhcpOptions, DhcpOptionsId};
use enishi_state::{Read, Region, Tx, World};
use enishi_wire::Fault;

use super::describe::describe;
use super::filter::{Field, field};
use super::ids;
use super::page::{self, Page};
use super::tag;
use crate::region;
use crate::registry::Registry;

const FILTERS: &[Field<DhcpOptions>] = &[
    field("dhcp-options-id", |_, row, values| values.add(&row.id)),
    field("key", |_, row, values| row.configurations.iter().for_each(|c| values.add(&c.key))),
    field("value", |_, row, values| {
        row.configurations.iter().flat_map(|c| &c.values).for_each(|value| values.add(value));
    }),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
];

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::DescribeDhcpOptions>(describe_dhcp_options);
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
        one("domain-name-servers", "AmazonProvidedDNS".to_owned()),
    ]
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
