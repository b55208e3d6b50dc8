//! Amazon EC2: VPCs and what lives in them. One file per resource.

mod account_attributes;
mod address;
mod cidr;
mod client_token;
mod counter;
mod describe;
mod dhcp_options;
mod faults;
mod filter;
mod ids;
mod image;
mod instance;
mod instance_type;
mod internet_gateway;
mod inventory;
mod key_pair;
mod managed_prefix_list;
mod nat_gateway;
mod network_acl;
mod network_insights;
mod network_interface;
mod page;
mod protocol;
mod region;
mod route_table;
mod security_group;
mod subnet;
mod tag;
mod volume;
mod vpc;
mod vpc_peering_connection;

use crate::registry::Registry;

pub(crate) use instance::lifecycle::{begin_end, finish_stop, finish_terminate, forget as forget_instance};
pub(crate) use nat_gateway::{dismantle as dismantle_nat_gateway, forget as forget_nat_gateway};
pub(crate) use network_interface::managed;
pub(crate) use vpc::create_default_network;
pub(crate) use vpc_peering_connection::settle as peering;

/// Registers every operation.
pub(crate) fn register(on: &mut Registry) {
    account_attributes::register(on);
    address::register(on);
    dhcp_options::register(on);
    image::register(on);
    instance::register(on);
    instance_type::register(on);
    internet_gateway::register(on);
    inventory::register(on);
    key_pair::register(on);
    managed_prefix_list::register(on);
    nat_gateway::register(on);
    network_acl::register(on);
    network_insights::register(on);
    network_interface::register(on);
    region::register(on);
    route_table::register(on);
    security_group::register(on);
    subnet::register(on);
    tag::register(on);
    volume::register(on);
    vpc::register(on);
    vpc_peering_connection::register(on);
}
