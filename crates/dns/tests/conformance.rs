//! Conformance: scripts that quote the sentence they test, one file per RFC.
//!
//! A script has `zone APEX` with the lines of a zone file up to `end`, then `query NAME TYPE [edns=SIZE] [tcp]` with the expected
//! answer below it, indented. `#` starts a quotation or a remark.

mod support;

use std::fs;
use std::path::Path;

use enishi_dns::Transport;

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut queries = 0;
    for entry in fs::read_dir(folder).expect("the scripts") {
        let path = entry.expect("a script").path();
        queries += run(&path.display().to_string(), &fs::read_to_string(&path).expect("text"));
    }
    assert!(queries >= 30, "only {queries} queries were found");
}

fn run(file: &str, script: &str) -> usize {
    let mut zones: Vec<(String, String)> = Vec::new();
    let mut lines = script.lines().peekable();
    let mut queries = 0;
    while let Some(line) = lines.next() {
        if let Some(apex) = line.strip_prefix("zone ") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "end").collect();
            zones.push((apex.to_owned(), text.join("\n")));
        } else if let Some(query) = line.strip_prefix("query ") {
            let mut expected = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
                expected.push_str(line.trim());
                expected.push('\n');
            }
            check(file, query, &zones, &expected);
            queries += 1;
        }
    }
    queries
}

fn check(file: &str, query: &str, zones: &[(String, String)], expected: &str) {
    let zones: Vec<(&str, &str)> = zones.iter().map(|(apex, text)| (apex.as_str(), text.as_str())).collect();
    let words: Vec<&str> = query.split_whitespace().collect();
    let [name, record_type, options @ ..] = words.as_slice() else { panic!("{file}: query {query}") };
    let edns =
        options.iter().find_map(|option| option.strip_prefix("edns=")).map(|size| size.parse().expect(query));
    let transport = if options.contains(&"tcp") { Transport::Tcp } else { Transport::Udp };
    let bytes = support::query(name, record_type, edns);
    let answer = support::ask(&support::store(&zones), &bytes, transport).expect("an answer");
    assert_eq!(support::show(&answer), expected, "{file}: query {query}");
}
