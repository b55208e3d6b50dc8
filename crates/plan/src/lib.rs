//! The compiler: [`plan`] turns the cloud's state into the network that has to exist.
//!
//! `plan` is total and deterministic: every [`World`] has a [`Program`], and the same world has the same one. What cannot
//! be compiled (a route to a gateway that is gone) becomes a blackhole; what must not exist at all (a subnet without a
//! network ACL) is refused when a transaction commits, and is left out here.
//!
//! # What exists in a program
//!
//! | namespace | when | by |
//! |---|---|---|
//! | `internet` | always, so that something can be sent from it in an empty world too | `internet.rs` |
//! | `vpc-…`, a router | the VPC has a live network interface | `vpc.rs` |
//! | `i-…`, a host | the instance is pending or running and has a network interface | `instance.rs` |
//! | `nat-…` | the NAT gateway is pending or available | `nat_gateway.rs` |
//! | `eni-…`, a host or a network balancer | the interface is a node's of a load balancer | `load_balancer.rs`, `network_balancer.rs` |
//! | `rslvr-in-…`, `rslvr-out-…`, a host | the resolver endpoint is not being deleted | `resolver_endpoint.rs` |
//!
//! A network interface is *live* when an instance that is up, a live NAT gateway or a live resolver endpoint uses it
//! (`network_interface.rs`). A router lists what live interfaces need and nothing else: their subnets, those subnets' route
//! tables and network ACLs, the interfaces' security groups, and the groups that those refer to. Everything else could not
//! change a verdict.
//!
//! # Invariants
//!
//! * Nothing is decided twice: what `DescribeRouteTables` calls `blackhole` is [`route_state`], which asks the same
//!   function that compiles the route.
//! * [`Planner`], which recompiles only the VPCs that a transaction touched, always has the program that [`plan`] makes.
//! * Every key that a program refers to is in it: subnets, tables, ACLs, groups, interfaces and both ends of every pair.
//!
//! Tested in `tests/`: golden programs of small worlds, and properties over random ones.

mod address;
mod classic_load_balancer;
pub mod host_name;
mod hosted_zone;
mod instance;
mod internet;
mod internet_gateway;
mod listener;
mod load_balancer;
mod load_balancer_name;
#[cfg(feature = "mutations")]
mod mutation;
pub mod name_server;
mod nat_gateway;
mod network_acl;
mod network_balancer;
mod network_interface;
mod planner;
mod public_name;
mod query_log_config;
mod region_address;
mod registry;
mod resolver;
mod resolver_endpoint;
mod resolver_rule;
mod route_table;
mod security_group;
mod subnet;
mod target_group;
mod vpc;
mod vpc_peering_connection;
mod zone_edit;

use enishi_fabric::Program;
use enishi_state::World;

pub use load_balancer::nodes as load_balancer_nodes;
pub use load_balancer_name::{LOAD_BALANCER_ZONES, LOGIN_KEYS, is_load_balancer_name, login_key_names};
#[cfg(feature = "mutations")]
pub use mutation::{Mutation, plan_with};
pub use planner::Planner;
pub use region_address::{region_address, region_addresses};
pub use registry::{Delegations, ROOT_SERVER};
pub use route_table::{RouteState, route_state};
pub use vpc_peering_connection::{may_refer, of_pair as peering_of_pair};
pub use zone_edit::{NameServer, ZoneEdit, zone_edits, zones};

/// Compiles the whole world.
pub fn plan(world: &World) -> Program {
    Planner::new(world).into_program()
}
