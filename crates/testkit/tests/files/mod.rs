//! The scenario files.

use std::fs;
use std::path::{Path, PathBuf};

use enishi_testkit::scenario::Scenario;

/// Every scenario with its path, in the order of paths.
pub fn scenarios() -> Vec<(PathBuf, Scenario)> {
    let mut paths = Vec::new();
    texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios"), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}:{error}", path.display()));
        (path, scenario)
    };
    paths.into_iter().map(read).collect()
}

fn texts(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory of scenarios") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            texts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
}
