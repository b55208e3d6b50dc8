//! Small files that are there as a whole or not at all, whatever happens: keys, secrets, certificates.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file beside and renames it; it is durable when this returns. `mode`: who may do what with it.
///
/// # Errors
/// The disk does not take it; then the file is as it was.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let begun = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(mode).open(&begun)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&begun, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
