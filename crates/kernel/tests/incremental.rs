//! Applying the difference of two programs gives what the second gives in new namespaces, as `nft` and `ip` see it.

mod lab;

use enishi_kernel::render;
use lab::{Lab, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const ALWAYS: &str = "vpc vpc-1 10.0.0.0/16
    igw igw-1 vpc-1
    table rtb-a vpc-1 0.0.0.0/0=igw
    acl acl-1 vpc-1
    subnet s-a vpc-1 10.0.1.0/24 rtb-a open
    subnet s-b vpc-1 10.0.2.0/24 rtb-a acl-1
    group sg-a vpc-1
    group sg-b vpc-1
    group sg-c vpc-1
    host i-a s-a 10.0.1.10,10.0.1.11 sg-a
    nlb nlb-0 s-a 10.0.1.29 sg-c";

/// Any of these can come and go.
const SOMETIMES: [&str; 25] = [
    "in sg-a sgr-1 tcp/80 0.0.0.0/0",
    "in sg-a sgr-2 tcp/22-25 10.0.0.0/11",
    "in sg-a sgr-3 all sg-b",
    "in sg-a sgr-4 icmp 10.0.1.128/25",
    "out sg-a sgr-5 all 0.0.0.0/0",
    "in sg-b sgr-6 udp/53 192.168.1.1/32",
    "out sg-b sgr-7 proto/47 sg-a",
    "out sg-c sgr-8 tcp 0.0.0.0/0",
    "allow in acl-1 100 all 0.0.0.0/0",
    "deny in acl-1 50 tcp/22 0.0.0.0/0",
    "deny in acl-1 60 tcp/22 10.0.0.0/9",
    "allow out acl-1 70 udp/1024-65535 0.0.0.0/0",
    "host i-b s-b 10.0.2.10 sg-b,sg-c",
    "host i-a s-b 10.0.2.11,10.0.2.12 sg-c",
    "host i-c s-a 10.0.1.20 sg-c forwards",
    "nat nat-1 s-a 10.0.1.30",
    "table rtb-x vpc-1 10.9.0.0/16=blackhole",
    "eip eip-1 198.18.0.20 10.0.1.10 vpc-1",
    "eip eip-2 198.18.0.21 10.0.1.11 vpc-1",
    "group sg-unused vpc-1",
    "listener nlb-0 tcp/80 10.0.1.10:80",
    "listener nlb-0 tcp/80 10.0.1.11:8080,10.0.1.10:80,10.0.1.11:80 sticky",
    "listener nlb-0 udp/53 -",
    "nlb nlb-1 s-b 10.0.2.31 sg-b transparent
     listener nlb-1 tcp/443 local
     listener nlb-1 udp/53 10.0.1.10:53 hide",
    "in sg-b sgr-9 tcp/80 sg-c",
];

fn world(picked: u32) -> World {
    let lines = SOMETIMES.iter().enumerate().filter(|(n, _)| picked & 1 << n != 0).map(|(_, line)| *line);
    World::new(ALWAYS).with(&lines.collect::<Vec<_>>().join("\n"))
}

/// Everything that is in the namespaces, without numbers that the kernel picks.
fn dump(lab: &mut Lab) -> String {
    let names: Vec<_> = lab.program.namespaces.keys().map(ToString::to_string).collect();
    let mut text = String::new();
    for name in names {
        text += &format!("== {name}\n");
        for command in [
            "nft -n list ruleset",
            "ip -4 route show table all",
            "ip -4 rule",
            "ip -4 -br addr",
            "ip -br link",
            "ip neigh show nud permanent",
        ] {
            // Chains and sets are listed in the order in which they were made, a blank line between.
            let between = if command.starts_with("ip") { "\n" } else { "\n\n" };
            let output = lab.run(&name, command);
            let output = output.trim_end().trim_end_matches('}').trim_end();
            let mut parts: Vec<_> = output.split(between).map(without_numbers).collect();
            parts.sort();
            text += &parts.join("\n");
            text.push('\n');
        }
    }
    text
}

/// `eth0@if7` to `eth0`.
fn without_numbers(part: &str) -> String {
    let line = |line: &str| {
        line.split_whitespace()
            .map(|word| word.split("@if").next().unwrap_or(word))
            .collect::<Vec<_>>()
            .join(" ")
    };
    part.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn incremental_is_full() {
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let picks = prop::collection::vec(0u32..1 << SOMETIMES.len(), 2..4);
    TestRunner::new_with_rng(
        config,
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    )
    .run(&picks, |picks| {
        let mut changed = Lab::new(&world(picks[0]));
        for pick in &picks[1..] {
            changed.change(&world(*pick));
        }
        let mut fresh = Lab::new(&world(picks[picks.len() - 1]));
        let (changed_dump, fresh_dump) = (dump(&mut changed), dump(&mut fresh));
        let differ = changed_dump.lines().zip(fresh_dump.lines()).find(|(changed, fresh)| changed != fresh);
        prop_assert_eq!(differ, None);
        prop_assert_eq!(changed_dump.len(), fresh_dump.len());
        // What is read back is what was meant: an audit finds nothing to do.
        let report = changed.backend.audit(&changed.program.clone());
        prop_assert!(report.changed.is_empty() && report.failures.is_empty(), "{:?}", report);
        Ok(())
    })
    .unwrap();
}

#[test]
fn an_updated_rendering_is_a_new_one() {
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let picks = (0u32..1 << SOMETIMES.len(), 0u32..1 << SOMETIMES.len());
    let few_lines = (0u32..1 << SOMETIMES.len(), 0u32..1 << 12).prop_map(|(a, lines)| (a, a ^ lines));
    let rng = prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&prop_oneof![picks, few_lines], |(old, new)| {
            let (old, new) = (world(old).program(), world(new).program());
            for (name, new) in &new.namespaces {
                if let Some(old) = old.namespaces.get(name) {
                    prop_assert_eq!(render::update(old, &render::state(old), new), render::state(new));
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn one_line_changes_one_namespace() {
    let world = world((1 << SOMETIMES.len()) - 1);
    let mut lab = Lab::new(&world);
    let report = lab.change(&world.with("in sg-c sgr-9 tcp/8080 10.0.0.0/8"));
    assert_eq!(report.changed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["vpc-1"]);
    assert!(lab.reconcile().changed.is_empty());
}
