//! The layer that all instances of an ordinary user's keeper share, see the module above.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// How deep directories are made ours: enough for `/usr/local/share/x` and `/var/lib/x/y`.
const DEPTH: usize = 4;
/// `/usr` alone is deep and wide; its upper part is what people install into.
const DEPTH_OF_USR: usize = 3;
/// Bounds of the copy of `/etc`, and of the directories made.
const MAX_FILE: u64 = 1024 * 1024;
const MAX_ENTRIES: usize = 20_000;

/// Top directories that an instance has its own of.
const OWN: [&str; 10] = ["dev", "proc", "sys", "run", "tmp", "root", "etc", "lost+found", "boot", "media"];

/// Where the base is, on the keeper's tmpfs.
pub(super) fn directory(volatile: &Path) -> PathBuf {
    volatile.join("base")
}

/// Makes the base; the exit status of the child that does it. What the user may not read is left out.
pub(crate) fn build(volatile: &Path) -> i32 {
    match Builder::default().build(&directory(volatile)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("keeper: make the base layer: {error}");
            1
        }
    }
}

/// The top directories of the host that lie under the base's.
pub(super) fn shared_with_host() -> io::Result<Vec<OsString>> {
    let mut names: Vec<OsString> = directories(Path::new("/"));
    names.retain(|name| !OWN.iter().any(|own| name == own));
    names.sort();
    Ok(names)
}

/// The names of the directories in `path`; none if it cannot be read.
pub(super) fn directories(path: &Path) -> Vec<OsString> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.flatten().filter(is_directory).map(|entry| entry.file_name()).collect()
}

#[derive(Debug, Default)]
struct Builder {
    entries: usize,
}

impl Builder {
    fn build(&mut self, base: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o755).create(base)?;
        for entry in fs::read_dir("/")? {
            let entry = entry?;
            if entry.file_type()?.is_symlink() {
                symlink(fs::read_link(entry.path())?, base.join(entry.file_name()))?;
            }
        }
        for name in OWN {
            make(&base.join(name), 0o755)?;
        }
        for name in shared_with_host()? {
            let depth = if name == "usr" { DEPTH_OF_USR } else { DEPTH };
            // A home directory is somebody's: seen, but not taken apart.
            let depth = if name == "home" { 1 } else { depth };
            self.directories(&Path::new("/").join(&name), &base.join(&name), depth)?;
        }
        fs::set_permissions(base.join("root"), fs::Permissions::from_mode(0o700))?;
        self.copy(Path::new("/etc"), &base.join("etc"))?;
        self.copy(Path::new("/etc/skel"), &base.join("root"))?;
        shadow(&base.join("etc"))
    }

    /// Copies the directories, not the files, of `from`.
    fn directories(&mut self, from: &Path, to: &Path, depth: usize) -> io::Result<()> {
        let mode = fs::metadata(from).map_or(0o755, |meta| meta.permissions().mode());
        make(to, mode & 0o1777)?;
        if depth == 0 {
            return Ok(());
        }
        for name in directories(from) {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Ok(());
            }
            self.directories(&from.join(&name), &to.join(&name), depth - 1)?;
        }
        Ok(())
    }

    /// Copies what is readable of `from` into the directory `to`, which exists.
    fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
        for entry in entries.flatten() {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Ok(());
            }
            let target = to.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let mode = entry.metadata().map_or(0o755, |meta| meta.permissions().mode());
                make(&target, mode & 0o1777)?;
                self.copy(&entry.path(), &target)?;
            } else if kind.is_symlink() {
                symlink(fs::read_link(entry.path())?, target)?;
            } else if kind.is_file() {
                copy_file(&entry.path(), &target)?;
            }
        }
        Ok(())
    }
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(source) = File::open(from) else { return Ok(()) };
    let mode = source.metadata()?.permissions().mode();
    let mut content = Vec::new();
    (&source).take(MAX_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_FILE {
        return Ok(());
    }
    fs::write(to, content)?;
    // Set-uid to a user that is somebody else here would be wrong.
    fs::set_permissions(to, fs::Permissions::from_mode(mode & 0o777))
}

/// `/etc/shadow` is not ours to read, but PAM refuses accounts without an entry: one without a password for each.
fn shadow(etc: &Path) -> io::Result<()> {
    let passwd = fs::read_to_string(etc.join("passwd")).unwrap_or_default();
    let mut file = File::create(etc.join("shadow"))?;
    for name in passwd.lines().filter_map(|line| line.split(':').next()) {
        writeln!(file, "{name}:*:19000:0:99999:7:::")?;
    }
    fs::set_permissions(etc.join("shadow"), fs::Permissions::from_mode(0o640))
}
