//! Route tables and the checks of source and destination ("Configure route tables" in the VPC guide; "Source/destination
//! checking" in the EC2 guide).

use enishi_fabric::{Disposition, Flow, NamespaceName};

use crate::world::{World, converse, flow};

fn routed() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16,10.1.0.0/16
         igw igw-1 vpc-1
         table rtb-1 vpc-1 0.0.0.0/0=igw 10.0.2.0/24=i-fw 203.0.113.0/24=blackhole 10.1.9.0/24=i-a
         table rtb-2 vpc-1
         subnet subnet-a vpc-1 10.0.1.0/24 rtb-1 open
         subnet subnet-b vpc-1 10.0.2.0/24 rtb-2 open
         subnet subnet-c vpc-1 10.1.0.0/24 rtb-2 open
         group sg-1 vpc-1
         in sg-1 sgr-in all 10.0.0.0/15
         out sg-1 sgr-out all 0.0.0.0/0
         host i-a subnet-a 10.0.1.10,10.0.1.110 sg-1
         host i-fw subnet-a 10.0.1.20 sg-1 forwards
         host i-b subnet-b 10.0.2.10 sg-1
         host i-c subnet-c 10.1.0.10 sg-1
         eip eipalloc-a 198.18.0.20 10.0.1.10 vpc-1",
    )
}

#[test]
fn every_block_of_the_vpc_is_local() {
    let mut network = routed().network();
    converse(&mut network, "i-a -> 10.1.0.10 tcp/80");
    converse(&mut network, "i-c -> 10.0.1.110 tcp/80");
}

#[test]
fn the_longest_prefix_wins_also_over_local() {
    routed().check(
        "i-a -> 10.0.2.10 tcp/80",
        "i-a 10.0.1.10 -> 10.0.2.10:80 UNDECIDED
           sg-out sgr-out | route rtb-1 10.0.2.0/24 i-fw | sg-in sgr-in | middlebox i-fw",
    );
}

#[test]
fn the_table_is_that_of_the_senders_subnet() {
    routed().check(
        "i-c -> 10.0.2.10 tcp/80",
        "i-c 10.1.0.10 -> 10.0.2.10:80 ACCEPTED
           sg-out sgr-out | sg-in sgr-in | delivered i-b",
    );
    routed().check(
        "i-c -> 198.18.0.9 tcp/80",
        "i-c 10.1.0.10 -> 198.18.0.9:80 DENIED
           route rtb-2 has none to 198.18.0.9",
    );
}

#[test]
fn blackholes() {
    routed().check(
        "i-a -> 203.0.113.5 tcp/80",
        "i-a 10.0.1.10 -> 203.0.113.5:80 DENIED
           route rtb-1 203.0.113.0/24 blackhole",
    );
}

#[test]
fn an_address_without_interface() {
    routed().check(
        "i-a -> 10.0.1.99 tcp/80",
        "i-a 10.0.1.10 -> 10.0.1.99:80 DENIED
           route rtb-1 10.0.0.0/16 local has no owner of 10.0.1.99",
    );
}

#[test]
fn a_forged_source() {
    routed().check(
        "i-a@10.0.1.99 -> 10.0.1.20 tcp/80",
        "i-a 10.0.1.99 -> 10.0.1.20:80 DENIED
           source check eni-a does not own 10.0.1.99",
    );
    assert!(routed().walk("i-fw@10.0.1.99 -> 10.0.1.10 tcp/80").is_accepted());
    assert_eq!(
        routed().walk("i-fw@10.0.1.1 -> 10.0.1.10 tcp/80").disposition,
        Disposition::SourceCheck,
        "an address of the router is always forged",
    );
}

/// Services do not answer forged sources either.
#[test]
fn a_forged_source_to_a_service() {
    assert_eq!(
        routed().walk("i-a@10.0.1.99 -> 169.254.169.254 tcp/80").disposition,
        Disposition::SourceCheck
    );
}

#[test]
fn a_foreign_destination() {
    routed().check(
        "i-fw -> 10.1.9.9 tcp/80",
        "i-fw 10.0.1.20 -> 10.1.9.9:80 DENIED
           sg-out sgr-out | route rtb-1 10.1.9.0/24 i-a | sg-in sgr-in | destination check eni-a does not own \
         10.1.9.9",
    );
}

#[test]
fn a_host_reaches_itself_without_the_network() {
    routed().check(
        "i-a -> 10.0.1.110 tcp/80",
        "i-a 10.0.1.10 -> 10.0.1.110:80 ACCEPTED
           delivered i-a",
    );
}

#[test]
fn a_second_device_sends_what_has_its_source() {
    let world = routed().with("host i-a subnet-b 10.0.2.11 sg-1");
    world.check(
        "i-a@10.0.2.11 -> 198.18.0.9 tcp/80",
        "i-a 10.0.2.11 -> 198.18.0.9:80 DENIED
           route rtb-2 has none to 198.18.0.9",
    );
    converse(&mut world.network(), "i-c -> 10.0.2.11 tcp/80");
}

/// Where a host has a device in a subnet, that is its way there. Under another device's address the packet is forged.
#[test]
fn a_second_device_is_the_way_to_its_subnet() {
    let world = routed().with("host i-c subnet-b 10.0.2.11 sg-1");
    world.check(
        "i-c -> 10.0.2.10 tcp/80",
        "i-c 10.1.0.10 -> 10.0.2.10:80 DENIED
           source check eni-c.1 does not own 10.1.0.10",
    );
    world.check(
        "i-c@10.0.2.11 -> 10.0.2.10 tcp/80",
        "i-c 10.0.2.11 -> 10.0.2.10:80 ACCEPTED
           sg-out sgr-out | sg-in sgr-in | delivered i-b",
    );
}

#[test]
fn an_unknown_sender() {
    let program = routed().program();
    let known = flow(&program, "i-a -> 10.0.1.20 tcp/80");
    let trace = enishi_fabric::walk(&program, &Flow { from: NamespaceName::new("i-none"), ..known });
    assert_eq!(trace.disposition, Disposition::NoSuchSender);
    assert_eq!(trace.to_string(), "i-none 10.0.1.10 -> 10.0.1.20:80 DENIED\n  no such sender");
}
