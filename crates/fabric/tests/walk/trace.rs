//! The printers and the JSON of traces.

use enishi_fabric::{Stage, Verdict};

use crate::world::World;

fn private() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-priv vpc-1 0.0.0.0/0=nat-1
         subnet subnet-pub vpc-1 10.0.0.0/24 rtb-pub open
         subnet subnet-priv vpc-1 10.0.1.0/24 rtb-priv open
         group sg-app vpc-1
         out sg-app sgr-1 tcp/443 198.18.0.0/15
         host i-private subnet-priv 10.0.1.10 sg-app
         nat nat-1 subnet-pub 10.0.0.5
         eip eipalloc-nat 198.18.0.20 10.0.0.5 vpc-1",
    )
}

#[test]
fn in_two_lines() {
    assert_eq!(
        private().walk("i-private -> 198.18.0.9 tcp/443").to_string(),
        "i-private 10.0.1.10 -> 198.18.0.9:443 ACCEPTED\n  \
         sg-out sgr-1 | route rtb-priv 0.0.0.0/0 nat-1 | snat | route rtb-pub 0.0.0.0/0 igw-1 | exits"
    );
    assert_eq!(
        private().walk("internet -> 198.18.0.20 tcp/22").to_string(),
        "198.18.0.9 -> 198.18.0.20:22 DENIED\n  igw-1 | nat-1 has no such flow"
    );
}

#[test]
fn hop_by_hop() {
    let expected = "
i-private 10.0.1.10 -> 198.18.0.9:443 ACCEPTED
  1  vpc-1     source check       eni-private
  2  vpc-1     route              rtb-priv 0.0.0.0/0 nat-1
  3  vpc-1     acl-out            open 100 allows
  4  vpc-1     acl-in             open 100 allows
  5  vpc-1     sg-out             sgr-1
  6  nat-1     snat               nat-1, now 10.0.0.5:40000 -> 198.18.0.9:443
  7  vpc-1     route              rtb-pub 0.0.0.0/0 igw-1
  8  vpc-1     acl-out            open 100 allows
  9  vpc-1     igw-out            igw-1 eipalloc-nat, now 198.18.0.20:40000 -> 198.18.0.9:443
 10  internet  exits";
    let printed = private().walk("i-private -> 198.18.0.9 tcp/443").hop_by_hop().to_string();
    assert_eq!(printed, expected.trim());
}

#[test]
fn the_denying_hop_is_the_last() {
    let trace = private().walk("i-private -> 198.18.0.9 tcp/80");
    assert_eq!(trace.verdict(), Verdict::Denied);
    let hop = trace.denied_by().expect("a stage denied");
    assert_eq!((hop.stage, hop.eni.as_deref()), (Stage::GroupEgress, Some("eni-private")));
    assert_eq!(private().walk("i-private -> 198.18.0.9 tcp/443").denied_by(), None);
}

#[test]
fn as_json() {
    let trace = private().walk("internet -> 198.18.0.20 tcp/22");
    let packet = |destination: &str| {
        serde_json::json!({
            "source": "198.18.0.9", "destination": destination, "protocol": 6,
            "source_port": 40000, "destination_port": 22,
        })
    };
    let rule = |resource: &str, rule: Option<&str>| serde_json::json!({ "resource": resource, "rule": rule });
    assert_eq!(
        serde_json::to_value(&trace).expect("traces serialise"),
        serde_json::json!({
            "flow": { "from": "internet", "packet": packet("198.18.0.20") },
            "hops": [
                {
                    "stage": "internet-gateway-in", "namespace": "vpc-1", "origin": rule("igw-1", None),
                    "target": "eipalloc-nat", "passed": true, "packet": packet("10.0.0.5"),
                },
                {
                    "stage": "acl-in", "namespace": "vpc-1", "origin": rule("open", Some("100")),
                    "passed": true, "packet": packet("10.0.0.5"),
                },
                {
                    "stage": "nat-gateway-in", "namespace": "nat-1", "origin": rule("nat-1", None),
                    "passed": false, "packet": packet("10.0.0.5"),
                },
            ],
            "disposition": { "kind": "no-such-flow" },
        })
    );
}
