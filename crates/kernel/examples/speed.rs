//! How fast the backend is, on this machine: `cargo run --release -p enishi-kernel --example speed`, as root.

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::fmt::Write;
use std::time::{Duration, Instant};

use lab::{Lab, World, plugged};

/// A VPC with this many hosts in one subnet, whose group has this many rules.
fn vpc(n: u32, hosts: u32, rules: u32) -> String {
    let mut text = format!(
        "vpc vpc-{n} 10.0.0.0/16
         table rtb-{n} vpc-{n}
         subnet s-{n} vpc-{n} 10.0.0.0/18 rtb-{n} open
         group sg-{n} vpc-{n}
         out sg-{n} sgr-out all 0.0.0.0/0\n"
    );
    for rule in 0..rules {
        let (a, b) = (rule / 250, rule % 250);
        writeln!(text, "in sg-{n} sgr-{rule} tcp/{} 192.{a}.{b}.0/24", 1000 + rule).expect("memory");
    }
    for host in 0..hosts {
        let address = 256 + host;
        writeln!(text, "host i-{n}x{host} s-{n} 10.0.{}.{} sg-{n}", address / 256, address % 256)
            .expect("memory");
    }
    text
}

/// Applies the worlds in turn and returns the median time of `reconcile`.
fn changes(lab: &mut Lab, worlds: [&World; 2], times: usize) -> Duration {
    let mut took: Vec<_> = (0..times)
        .map(|n| {
            lab.program = plugged(worlds[n % 2].program(), &lab.program);
            let start = Instant::now();
            lab.reconcile();
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[times / 2]
}

fn main() {
    let mut lab = Lab::new(&World::new(""));
    let many = World::new(&vpc(1, 200, 10));
    let start = Instant::now();
    lab.change(&many);
    println!("200 hosts in one VPC: {:?}", start.elapsed());
    let one_more = many.with("in sg-1 sgr-x tcp/22 10.9.0.0/16");
    println!("  one rule more or less: {:?}", changes(&mut lab, [&one_more, &many], 41));
    let one_host = many.with("host i-new s-1 10.0.60.1 sg-1");
    let start = Instant::now();
    lab.change(&one_host);
    println!("  one host more: {:?}", start.elapsed());
    let start = Instant::now();
    lab.change(&many);
    println!("  one host less: {:?}", start.elapsed());
    let start = Instant::now();
    lab.reconcile();
    println!("  nothing to do: {:?}", start.elapsed());
    let start = Instant::now();
    lab.backend.audit(&lab.program.clone());
    println!("  audit: {:?}", start.elapsed());
    let start = Instant::now();
    lab.change(&World::new(""));
    println!("  removed: {:?}", start.elapsed());

    let big = World::new(&vpc(2, 2, 2000));
    let start = Instant::now();
    lab.change(&big);
    println!("a group of 2,000 rules: {:?}", start.elapsed());
    let one_more = big.with("in sg-2 sgr-x tcp/22 10.9.0.0/16");
    println!("  one rule more or less: {:?}", changes(&mut lab, [&one_more, &big], 41));

    let text: String = (1..=200).map(|n| vpc(n, 4, 3)).collect();
    let wide = World::new(&text);
    let start = Instant::now();
    lab.change(&wide);
    println!("200 VPCs with 4 hosts each: {:?}", start.elapsed());
    let one_more = wide.with("in sg-77 sgr-x tcp/22 10.9.0.0/16");
    println!("  one rule more or less: {:?}", changes(&mut lab, [&one_more, &wide], 21));
    let start = Instant::now();
    lab.change(&World::new(""));
    println!("  removed: {:?}", start.elapsed());
}
