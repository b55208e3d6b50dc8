//! Values under `/proc/sys/net`. They are those of the namespace of the thread that opens the file, so all of this runs
//! on a [`crate::Visitor`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

const ROOT: &str = "/proc/sys/net";

/// Writes values by path. All are tried; the first error is returned, with its path.
pub(crate) fn write(values: &[(String, String)]) -> io::Result<()> {
    let mut first = Ok(());
    for (path, value) in values {
        let written = match place(path).and_then(|place| fs::write(place, value)) {
            // A kernel without IPv6 needs no telling to leave it off.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.starts_with("ipv6/") => Ok(()),
            written => written,
        };
        if let (Err(error), true) = (written, first.is_ok()) {
            first = Err(io::Error::new(error.kind(), format!("sysctl {path}: {error}")));
        }
    }
    first
}

/// Reads values by path; those that cannot be read are left out.
pub(crate) fn read<'a>(paths: impl IntoIterator<Item = &'a String>) -> BTreeMap<String, String> {
    let value = |path: &String| {
        let text = fs::read_to_string(place(path).ok()?).ok()?;
        Some((path.clone(), text.trim_end().replace('\t', " ")))
    };
    paths.into_iter().filter_map(value).collect()
}

fn place(path: &str) -> io::Result<PathBuf> {
    let relative = Path::new(path);
    if relative.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(Path::new(ROOT).join(relative))
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}
