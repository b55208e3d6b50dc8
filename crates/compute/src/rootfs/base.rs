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
const OWN: [&str; 11] =
    ["dev", "proc", "sys", "run", "tmp", "root", "etc", "lost+found", "boot", "media", "mnt"];
/// Top directories in which programs expect to write anywhere.
const LAYERED: [&str; 2] = ["usr", "var"];
/// Host directories shown below any one of the other top directories.
const MAX_SHOWN: usize = 64;

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

/// The top directories of the host over which the base's are laid.
pub(super) fn layered() -> impl Iterator<Item = &'static str> {
    LAYERED
        .into_iter()
        .filter(|name| fs::symlink_metadata(Path::new("/").join(name)).is_ok_and(|meta| meta.is_dir()))
}

/// Directories of the host that are shown as they are, below a top directory of the instance's own: the programs in `/opt/x`,
/// the files of `/home/x`.
pub(super) fn shown() -> Vec<PathBuf> {
    let is_shown = |name: &OsString| !OWN.iter().chain(&LAYERED).any(|other| name == other);
    let below = |top: PathBuf| directories(&top).into_iter().take(MAX_SHOWN).map(move |name| top.join(name));
    directories(Path::new("/"))
        .into_iter()
        .filter(is_shown)
        .map(|name| Path::new("/").join(name))
        .flat_map(below)
        .collect()
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
        for name in layered() {
            let depth = if name == "usr" { DEPTH_OF_USR } else { DEPTH };
            self.directories(&Path::new("/").join(name), &base.join(name), depth)?;
        }
        for path in shown() {
            let Ok(below_root) = path.strip_prefix("/") else { continue };
            fs::create_dir_all(base.join(below_root))?;
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
