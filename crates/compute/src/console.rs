//! The console of an instance: a file that holds the last output of its boot.
//!
//! AWS keeps the most recent 64 KB (*Amazon EC2 API Reference: GetConsoleOutput*). The file may hold twice that; then its older
//! half is cut off, so that it stays bounded without being rewritten at each line.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What [`read`] returns at most, bytes.
pub const KEPT: u64 = 64 * 1024;
/// The size at which the older part of the file is cut off, bytes.
const FULL: u64 = 2 * KEPT;

/// The last 64 KiB of the console in `path`; nothing if the instance has not written any.
///
/// # Errors
/// When the file is there but cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    match File::open(path) {
        Ok(mut file) => tail(&mut file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes the console in `path`, as when its instance is forgotten.
///
/// # Errors
/// When the file is there but cannot be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The writing side, in the instance's init: the file was opened for reading and appending.
#[derive(Debug)]
pub(crate) struct Console {
    file: File,
}

impl Console {
    pub(crate) fn new(file: File) -> Self {
        Self { file }
    }

    /// Adds output. A full disk loses output, not the instance.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.append(bytes);
    }

    /// Adds a line of the init itself.
    pub(crate) fn line(&mut self, text: &str) {
        self.write(format!("[enishi] {text}\n").as_bytes());
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        if self.file.metadata()?.len() > FULL {
            let kept = tail(&mut self.file)?;
            self.file.set_len(0)?;
            self.file.write_all(&kept)?;
        }
        Ok(())
    }
}

fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(KEPT)))?;
    let mut kept = Vec::new();
    file.take(KEPT).read_to_end(&mut kept)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_stays_bounded_and_keeps_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console");
        assert_eq!(read(&path).unwrap(), b"");
        let file = File::options().create(true).read(true).append(true).open(&path).unwrap();
        let mut console = Console::new(file);
        for number in 0..40_000 {
            console.line(&format!("line {number}"));
        }
        let length = fs::metadata(&path).unwrap().len();
        assert!(length <= FULL, "{length}");
        let text = String::from_utf8(read(&path).unwrap()).unwrap();
        assert_eq!(text.len() as u64, KEPT);
        assert!(text.ends_with("[enishi] line 39999\n"));
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
