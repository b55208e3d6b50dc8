//! Overlay mounts of an instance's private layers.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::error::{Error, Step};
use crate::userns;

/// More file systems than this below `/` are left out.
const MAX_DISKS: usize = 64;
/// File systems that hold no files of a machine's image.
const NOT_DISKS: [&str; 24] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "swap",
    "sysfs",
    "tmpfs",
    "tracefs",
];
/// What an instance has its own of.
const OWN: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// The private layers of one instance.
#[derive(Debug)]
pub(super) struct Layers {
    /// Where they may be, best first.
    places: [PathBuf; 2],
}

impl Layers {
    pub(super) fn new(places: [PathBuf; 2]) -> Self {
        Self { places }
    }

    /// Whether the layer `name` is there from an earlier boot.
    pub(super) fn exists(&self, name: &str) -> bool {
        self.places.iter().any(|place| place.join(name).join("upper").exists())
    }

    /// Mounts an overlay at `target`: the private layer `name` over `lower` (topmost first).
    pub(super) fn mount(&self, name: &str, lower: &[PathBuf], target: &Path) -> Result<(), Error> {
        let mut refusal = None;
        for place in &self.places {
            match mount_layer(&place.join(name), lower, target) {
                Ok(()) => return Ok(()),
                // Its directories would look like a layer at the next boot.
                Err(error) => {
                    let _ = fs::remove_dir(place.join(name).join("upper"));
                    refusal = Some(error);
                }
            }
        }
        let error = refusal.unwrap_or_else(|| io::Error::from(Errno::EINVAL));
        Err(error).step(format!("mount the private layer {name} over {}", shown(lower)))
    }
}

fn mount_layer(layer: &Path, lower: &[PathBuf], target: &Path) -> io::Result<()> {
    let (upper, work) = (layer.join("upper"), layer.join("work"));
    fs::create_dir_all(&upper)?;
    // A work directory is only for the time of one mount; that of a `volatile` one must not be used again.
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir(&work)?;
    // The upper directory is what the root directory looks like.
    if let Some(top) = lower.first() {
        fs::set_permissions(&upper, fs::metadata(top)?.permissions())?;
    }
    let mut options = b"lowerdir=".to_vec();
    for (index, path) in lower.iter().enumerate() {
        if index > 0 {
            options.push(b':');
        }
        escape(path, &mut options);
    }
    options.extend(b",upperdir=");
    escape(&upper, &mut options);
    options.extend(b",workdir=");
    escape(&work, &mut options);
    options.extend(b",volatile");
    if userns::is_inside() {
        options.extend(b",userxattr");
    }
    let options = OsString::from_vec(options);
    mount(Some("overlay"), target, Some("overlay"), MsFlags::MS_NODEV, Some(options.as_os_str()))?;
    Ok(())
}

/// A path as the overlay's option parser takes it: `\`, `,` and `:` have a meaning there.
fn escape(path: &Path, into: &mut Vec<u8>) {
    for byte in path.as_os_str().as_bytes() {
        if matches!(byte, b'\\' | b',' | b':') {
            into.push(b'\\');
        }
        into.push(*byte);
    }
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
}

/// Mount points below `/` of file systems that an instance should see, outer before inner.
pub(super) fn disks_below_root() -> Result<Vec<PathBuf>, Error> {
    let table = fs::read("/proc/self/mountinfo").step("read the mount table")?;
    Ok(disks_in(&table))
}

fn disks_in(table: &[u8]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = table.split(|byte| *byte == b'\n').filter_map(disk_in_line).collect();
    found.sort();
    found.dedup();
    found.retain(|path| path.is_dir());
    found.truncate(MAX_DISKS);
    found
}

/// One line of proc_pid_mountinfo(5): `id parent major:minor root mount-point options [fields] - type source options`.
fn disk_in_line(line: &[u8]) -> Option<PathBuf> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mount_point = unescape(fields.nth(4)?);
    let kind = fields.skip_while(|field| field != b"-").nth(1)?;
    let is_disk = !NOT_DISKS.iter().any(|name| name.as_bytes() == kind);
    let is_shared = mount_point != Path::new("/") && !OWN.iter().any(|own| mount_point.starts_with(own));
    (is_disk && is_shared).then_some(mount_point)
}

/// Spaces and the like are written as `\040`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal =
            after.get(..3).filter(|digits| byte == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match octal {
            Some(digits) => {
                path.push(
                    digits.iter().fold(0u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')),
                );
                rest = &after[3..];
            }
            None => {
                path.push(byte);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_table_is_understood() {
        let line = |text: &str| disk_in_line(text.as_bytes());
        assert_eq!(
            line("36 35 98:0 / /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw"),
            Some("/mnt/a b".into())
        );
        assert_eq!(line("36 35 98:0 / /home rw - xfs /dev/sda2 rw"), Some("/home".into()));
        assert_eq!(line("36 35 98:0 / / rw - ext4 /dev/sda1 rw"), None);
        assert_eq!(line("36 35 0:5 / /proc rw - proc proc rw"), None);
        assert_eq!(line("36 35 0:5 / /run/user rw - ext4 /dev/x rw"), None);
        assert_eq!(line("36 35 0:5 / /mnt/x rw - tmpfs none rw"), None);
        assert_eq!(line("garbage"), None);
    }

    #[test]
    fn paths_with_option_characters_are_escaped() {
        let mut out = Vec::new();
        escape(Path::new("/a:b,c\\d"), &mut out);
        assert_eq!(out, b"/a\\:b\\,c\\\\d");
    }
}
