//! What `DescribeRouteTables` says of a route is what was compiled.
//! [Route](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html): `blackhole` when the gateway is not
//! attached, the instance is not running or was terminated, and so on.

use enishi_fabric::NamespaceName;
use enishi_fabric::program::{self, Role};
use enishi_plan::{RouteState, plan, route_state};
use enishi_state::ec2::{InstanceState, Route, RouteTable, RouteTarget};
use enishi_testkit::world::WorldBuilder;

fn state(w: &WorldBuilder, target: RouteTarget) -> &'static str {
    let table = w.world().all::<RouteTable>().next().expect("a main route table");
    route_state(w.world(), table, &Route { target }).name()
}

#[test]
fn a_route_is_active_as_long_as_its_target_is_there() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let group = w.default_group(&vpc);
    assert_eq!(state(&w, RouteTarget::Local), "active");

    let gateway = w.internet_gateway(&vpc);
    let route = RouteTarget::InternetGateway(gateway.clone());
    assert_eq!(state(&w, route.clone()), "active");
    w.attach_gateway(&gateway, None);
    assert_eq!(state(&w, route), RouteState::Blackhole.name());

    let instance = w.instance(&subnet, &[&group]);
    let interface = w.interface_of(&instance, 0);
    let routes = [
        RouteTarget::Instance(instance.clone(), interface.clone()),
        RouteTarget::NetworkInterface(interface),
    ];
    for (now, expected) in [
        (InstanceState::Pending, "active"),
        (InstanceState::Running, "active"),
        (InstanceState::Stopping, "blackhole"),
        (InstanceState::Stopped, "blackhole"),
        (InstanceState::Running, "active"),
        (InstanceState::Terminated, "blackhole"),
    ] {
        w.set_state(&instance, now);
        for route in &routes {
            assert_eq!(state(&w, route.clone()), expected, "{}", now.name());
        }
    }

    let nat = w.private_nat_gateway(&subnet);
    assert_eq!(state(&w, RouteTarget::NatGateway(nat.clone())), "active");
    w.delete_nat_gateway(&nat);
    assert_eq!(state(&w, RouteTarget::NatGateway(nat)), "blackhole");
}

#[test]
fn a_target_in_another_vpc_is_a_blackhole() {
    let mut w = WorldBuilder::new();
    w.vpc("10.0.0.0/16");
    let other = w.vpc("10.1.0.0/16");
    let subnet = w.subnet(&other, "10.1.1.0/24");
    let group = w.default_group(&other);
    let instance = w.instance(&subnet, &[&group]);
    let gateway = w.internet_gateway(&other);
    let interface = w.interface_of(&instance, 0);
    assert_eq!(state(&w, RouteTarget::NetworkInterface(interface)), "blackhole");
    assert_eq!(state(&w, RouteTarget::InternetGateway(gateway)), "blackhole");
}

/// "If multiple prefix lists ... overlap", one of them leads; here always the one with the lower id.
#[test]
fn of_two_prefix_lists_with_one_block_the_first_leads() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let gateway = w.internet_gateway(&vpc);
    let group = w.default_group(&vpc);
    let middle = w.instance(&subnet, &[&group]);
    let lists = [w.prefix_list(&["198.18.0.0/24"]), w.prefix_list(&["198.18.0.0/24"])];
    let main = w.main_table(&vpc);
    let aside = RouteTarget::Instance(middle.clone(), w.interface_of(&middle, 0));
    let out = RouteTarget::InternetGateway(gateway);
    let block = "198.18.0.0/24".parse().expect("a block");
    let leads = |w: &WorldBuilder| {
        let program = plan(w.world());
        let Role::Router(router) = &program.namespaces[&NamespaceName::new(vpc.as_str())].role else {
            panic!("no router");
        };
        let table = router.tables.values().next().expect("a table");
        table.routes[&block].target == program::RouteTarget::Internet
    };
    for (first, second, is_out) in [(out.clone(), aside.clone(), true), (aside, out, false)] {
        w.prefix_list_route(&main, &lists[0], first);
        w.prefix_list_route(&main, &lists[1], second);
        assert_eq!(leads(&w), is_out);
    }
}
