//! Kinds of resources that clients ask for beside a VPC's own and that cannot be made here yet: there are none, which is
//! a true answer. One that is named by id does not exist.

use enishi_api::ec2::{self, ClassicLinkDnsSupport, VpcClassicLink, ops};
use enishi_state::Read;
use enishi_state::ec2::Vpc;
use enishi_wire::Fault;

use super::{faults, filter, ids};
use crate::registry::Registry;

/// Declares Describe operations whose answer is empty.
macro_rules! none_of {
    ($($operation:ident: $handler:ident($request:ident, $filters:ident, $ids:ident) -> $result:ident, $items:ident,
        $code:literal, $noun:literal;)*) => {
        pub(super) fn register(on: &mut Registry) {
            $(on.stored_read::<ops::$operation>($handler);)*
            on.stored_read::<ops::DescribeVpcClassicLink>(describe_vpc_classic_link);
            on.stored_read::<ops::DescribeVpcClassicLinkDnsSupport>(describe_vpc_classic_link_dns_support);
        }

        $(fn $handler(_: &Read<'_>, input: ec2::$request) -> Result<ec2::$result, Fault> {
            filter::check_any(&input.$filters)?;
            none_named($code, $noun, &input.$ids)?;
            Ok(answer(|result: &mut ec2::$result| result.$items = Some(vec![])))
        })*
    };
}

none_of! {
    DescribeCarrierGateways: describe_carrier_gateways(DescribeCarrierGatewaysRequest, filters, carrier_gateway_ids)
        -> DescribeCarrierGatewaysResult, carrier_gateways, "InvalidCarrierGatewayID.NotFound", "carrierGateway ID";
    DescribeCustomerGateways: describe_customer_gateways(DescribeCustomerGatewaysRequest, filters, customer_gateway_ids)
        -> DescribeCustomerGatewaysResult, customer_gateways, "InvalidCustomerGatewayID.NotFound", "customerGateway ID";
    DescribeEgressOnlyInternetGateways: describe_egress_only_internet_gateways(DescribeEgressOnlyInternetGatewaysRequest, filters, egress_only_internet_gateway_ids)
        -> DescribeEgressOnlyInternetGatewaysResult, egress_only_internet_gateways, "InvalidGatewayID.NotFound", "eigw ID";
    DescribeFlowLogs: describe_flow_logs(DescribeFlowLogsRequest, filter, flow_log_ids)
        -> DescribeFlowLogsResult, flow_logs, "InvalidFlowLogId.NotFound", "flow log ID";
    DescribeLaunchTemplates: describe_launch_templates(DescribeLaunchTemplatesRequest, filters, launch_template_ids)
        -> DescribeLaunchTemplatesResult, launch_templates, "InvalidLaunchTemplateId.NotFound", "launch template ID";
    DescribePrefixLists: describe_prefix_lists(DescribePrefixListsRequest, filters, prefix_list_ids)
        -> DescribePrefixListsResult, prefix_lists, "InvalidPrefixListId.NotFound", "prefix list ID";
    DescribeTransitGateways: describe_transit_gateways(DescribeTransitGatewaysRequest, filters, transit_gateway_ids)
        -> DescribeTransitGatewaysResult, transit_gateways, "InvalidTransitGatewayID.NotFound", "Transit Gateway";
    DescribeVpcEndpoints: describe_vpc_endpoints(DescribeVpcEndpointsRequest, filters, vpc_endpoint_ids)
        -> DescribeVpcEndpointsResult, vpc_endpoints, "InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id";
    DescribeVpnConnections: describe_vpn_connections(DescribeVpnConnectionsRequest, filters, vpn_connection_ids)
        -> DescribeVpnConnectionsResult, vpn_connections, "InvalidVpnConnectionID.NotFound", "vpnConnection ID";
    DescribeVpnGateways: describe_vpn_gateways(DescribeVpnGatewaysRequest, filters, vpn_gateway_ids)
        -> DescribeVpnGatewaysResult, vpn_gateways, "InvalidVpnGatewayID.NotFound", "vpnGateway ID";
}

/// A result of which only one member is set.
fn answer<R: Default>(set: impl FnOnce(&mut R)) -> R {
    let mut result = R::default();
    set(&mut result);
    result
}

fn none_named(code: &'static str, noun: &str, ids: &[String]) -> Result<(), Fault> {
    match ids.is_empty() {
        true => Ok(()),
        false => Err(faults::does_not_exist(code, noun, &ids.join(", "))),
    }
}

/// ClassicLink is retired: every VPC has it off.
fn describe_vpc_classic_link(
    read: &Read<'_>,
    input: ec2::DescribeVpcClassicLinkRequest,
) -> Result<ec2::DescribeVpcClassicLinkResult, Fault> {
    filter::check_any(&input.filters)?;
    let link = |vpc: &Vpc| VpcClassicLink {
        classic_link_enabled: Some(false),
        tags: super::tag::of(read.world, vpc.id.as_str()),
        vpc_id: Some(vpc.id.to_string()),
    };
    let vpcs = ids::select::<Vpc>(read, &input.vpc_ids)?.into_iter().map(link).collect();
    Ok(ec2::DescribeVpcClassicLinkResult { vpcs: Some(vpcs) })
}

fn describe_vpc_classic_link_dns_support(
    read: &Read<'_>,
    input: ec2::DescribeVpcClassicLinkDnsSupportRequest,
) -> Result<ec2::DescribeVpcClassicLinkDnsSupportResult, Fault> {
    let support = |vpc: &Vpc| ClassicLinkDnsSupport {
        classic_link_dns_supported: Some(false),
        vpc_id: Some(vpc.id.to_string()),
    };
    let vpcs = ids::select::<Vpc>(read, &input.vpc_ids)?.into_iter().map(support).collect();
    Ok(ec2::DescribeVpcClassicLinkDnsSupportResult { next_token: None, vpcs: Some(vpcs) })
}
