//! `docs/parity.md` says what every operation does; `UPDATE=1` (or `cargo xtask parity`) rewrites it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use enishi_cloud::{Cloud, Parity};

fn document() -> String {
    let mut services: BTreeMap<&str, BTreeMap<Parity, Vec<&str>>> = BTreeMap::new();
    for (service, operation, parity) in Cloud::new().parity() {
        services.entry(service).or_default().entry(parity).or_default().push(operation);
    }
    let mut text = String::from(
        "# Parity\n\nGenerated from the registry of operations by `cargo xtask parity`; do not edit.\n\n\
         - **real**: does what AWS does, packets and processes included.\n\
         - **stored**: a record that no packet depends on in AWS either, or a list of things that cannot exist here yet.\n\
         - **refused**: answers a clear AWS error that says it is not supported.\n\n\
         | service | real | stored | refused |\n|---|---|---|---|\n",
    );
    for (service, kinds) in &services {
        let count = |parity| kinds.get(&parity).map_or(0, Vec::len);
        let (real, stored, refused) = (count(Parity::Real), count(Parity::Stored), count(Parity::Refused));
        let _ = writeln!(text, "| {service} | {real} | {stored} | {refused} |");
    }
    for (service, kinds) in &mut services {
        let _ = writeln!(text, "\n## {service}");
        for (parity, operations) in kinds {
            operations.sort_unstable();
            let list: Vec<String> = operations.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(text, "\n**{parity}**: {}", list.join(" "));
        }
    }
    text
}

#[test]
fn the_document_says_what_the_registry_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/parity.md");
    let generated = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, generated).expect("a writable docs/parity.md");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == generated, "docs/parity.md is stale: run `cargo xtask parity`");
}
