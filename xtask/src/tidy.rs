//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md that a program can check, read from the sources as text.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Crates without I/O, clock, randomness or environment.
const PURE: &[&str] = &["fabric", "state", "plan", "wire", "api", "cloud"];
/// What pure crates must not name.
const IMPURE: &[&str] = &[
    "tokio",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::unix::net",
    "std::fs",
    "std::env::",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "SystemTime::now",
    "Instant::now",
    "rand::",
    "getrandom",
    "SystemRandom",
];
/// What a crate's manifest and sources must not name: (crate, forbidden crates).
const LAYERS: &[(&str, &[&str])] = &[
    ("fabric", &["state", "plan", "wire", "api", "cloud", "kernel", "proxy", "compute", "dns"]),
    ("state", &["plan", "wire", "api", "cloud", "kernel", "proxy", "compute", "dns"]),
    ("plan", &["wire", "api", "cloud", "kernel", "proxy", "compute", "dns"]),
    ("wire", &["fabric", "state", "plan", "api", "cloud", "kernel", "proxy", "compute", "dns"]),
    ("api", &["fabric", "state", "plan", "cloud", "kernel", "proxy", "compute", "dns"]),
    ("cloud", &["kernel", "proxy", "compute", "dns"]),
    ("kernel", &["state", "plan", "wire", "api", "cloud", "proxy", "compute", "dns"]),
    ("proxy", &["state", "plan", "wire", "api", "cloud", "kernel", "compute", "dns"]),
    ("compute", &["state", "plan", "wire", "api", "cloud", "kernel", "proxy", "dns"]),
    ("dns", &["state", "plan", "wire", "api", "cloud", "kernel", "proxy", "compute"]),
];
/// A source file longer than this wants to be two, in lines.
const LONGEST_FILE: usize = 700;
/// The architecture's description stays readable, in lines.
const LONGEST_ARCHITECTURE: usize = 200;
const GRAB_BAGS: &[&str] = &["utils.rs", "util.rs", "common.rs", "manager.rs", "helpers.rs", "misc.rs"];

/// Runs the command.
pub fn run(_: &[String]) -> Result<()> {
    let complaints = check(&crate::root())?;
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("the tree is not tidy:\n  {}", complaints.join("\n  "))
}

/// Every complaint about the tree below `root`.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for (name, forbidden) in LAYERS {
        let sources = read_crate(root, name)?;
        layers(&mut complaints, root, name, forbidden, &sources)?;
        if PURE.contains(name) {
            purity(&mut complaints, name, &sources);
        }
    }
    shape(&mut complaints, root)?;
    Ok(complaints)
}

fn layers(
    complaints: &mut Vec<String>,
    root: &Path,
    name: &str,
    forbidden: &[&str],
    sources: &[(PathBuf, String)],
) -> Result<()> {
    let manifest = read(&root.join("crates").join(name).join("Cargo.toml"))?;
    let normal = manifest.split("[dev-dependencies]").next().unwrap_or(&manifest);
    for other in forbidden {
        if normal.contains(&format!("enishi-{other}")) {
            complaints.push(format!("{name} depends on {other}"));
        }
        for (path, text) in sources {
            if text.contains(&format!("enishi_{other}::")) {
                complaints.push(format!("{} names {other}", path.display()));
            }
        }
    }
    Ok(())
}

fn purity(complaints: &mut Vec<String>, name: &str, sources: &[(PathBuf, String)]) {
    for (path, text) in sources {
        for word in IMPURE {
            if names(text, word) {
                complaints.push(format!("{}: {name} is pure, yet names {word}", path.display()));
            }
        }
    }
}

/// Whether a text has a word, which nothing precedes that belongs to a longer one: `rand::`, but not `Operand::`.
fn names(text: &str, word: &str) -> bool {
    let continues = |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    text.match_indices(word).any(|(at, _)| !continues(text.get(..at).unwrap_or_default()))
}

fn shape(complaints: &mut Vec<String>, root: &Path) -> Result<()> {
    let architecture = read(&root.join("ARCHITECTURE.md"))?;
    if architecture.lines().count() > LONGEST_ARCHITECTURE {
        complaints.push(format!("ARCHITECTURE.md is longer than {LONGEST_ARCHITECTURE} lines"));
    }
    let mut files = Vec::new();
    rust_files(&root.join("crates"), &mut files)?;
    rust_files(&root.join("xtask/src"), &mut files)?;
    for path in files {
        let text = read(&path)?;
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if text.lines().count() > LONGEST_FILE {
            complaints.push(format!("{shown} is longer than {LONGEST_FILE} lines"));
        }
        if path.file_name().is_some_and(|name| GRAB_BAGS.iter().any(|bag| name == *bag)) {
            complaints.push(format!("{shown}: a file is named after what it holds"));
        }
        if text.contains("allow(unsafe_code)") && !text.contains("//! ") {
            complaints.push(format!("{shown} is unsafe without saying why"));
        }
    }
    Ok(())
}

/// The sources of a crate without their tests and comments.
fn read_crate(root: &Path, name: &str) -> Result<Vec<(PathBuf, String)>> {
    let base = root.join("crates").join(name).join("src");
    let mut files = Vec::new();
    rust_files(&base, &mut files)?;
    let is_test = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "tests");
    files
        .into_iter()
        .filter(|path| !is_test(path))
        .map(|path| {
            let text = read(&path)?;
            let code = text.split("#[cfg(test)]").next().unwrap_or(&text);
            let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            Ok((path.strip_prefix(root).unwrap_or(&path).to_path_buf(), code.join("\n")))
        })
        .collect()
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let complaints = super::check(&crate::root()).expect("a readable tree");
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}
