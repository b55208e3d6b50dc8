//! The file systems that the kernel makes: `/proc`, `/sys`, `/dev`, and the tmpfs ones.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::mount::{MsFlags, mount};

use super::make_directory_in;
use crate::error::{Error, Step};

const NONE: Option<&Path> = None;
/// Nothing in these is to be executed, opened as a device or trusted with a set-uid bit.
const INERT: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Devices that a program may rely on and that reach nothing.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Links that every `/dev` has.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];
/// Parts of `/proc` that act on the host's kernel: readable, not writable.
const READ_ONLY: [&str; 5] = ["sys", "sysrq-trigger", "irq", "bus", "fs"];
/// Parts of `/proc` and `/sys` that tell about the host's kernel, or its memory.
const MASKED: [&str; 12] = [
    "proc/kcore",
    "proc/keys",
    "proc/key-users",
    "proc/latency_stats",
    "proc/timer_list",
    "proc/sched_debug",
    "proc/kallsyms",
    "proc/kmsg",
    "proc/acpi",
    "proc/scsi",
    "sys/firmware",
    "sys/dev/block",
];

/// Mounts all of them into the tree at `root`.
pub(super) fn mount_all(root: &Path) -> Result<(), Error> {
    let place = |name: &str| make_directory_in(root, Path::new(name)).step(format!("make /{name}"));
    let proc = place("proc")?;
    mount(Some("proc"), &proc, Some("proc"), INERT, NONE)
        .step("mount /proc (masked by a container around us?)")?;
    // Refused in a user namespace of some containers: a program that reads /sys then finds it empty.
    let _ = mount(Some("sysfs"), &place("sys")?, Some("sysfs"), INERT | MsFlags::MS_RDONLY, NONE);
    protect(&proc)?;
    mask(root)?;
    tmpfs(&place("run")?, "mode=0755,size=64m")?;
    tmpfs(&place("tmp")?, "mode=1777,size=512m")?;
    devices(&place("dev")?)
}

fn tmpfs(target: &Path, options: &str) -> Result<(), Error> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))
        .step(format!("mount {}", target.display()))
}

/// Binds `source` to `target`, read-only.
pub(super) fn bind_read_only(source: &Path, target: &Path) -> nix::Result<()> {
    mount(Some(source), target, NONE, MsFlags::MS_BIND, NONE)?;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    match mount(NONE, target, NONE, flags | INERT, NONE) {
        // Some flag of the source is locked the other way round.
        Err(nix::errno::Errno::EPERM) => mount(NONE, target, NONE, flags, NONE),
        other => other,
    }
}

fn protect(proc: &Path) -> Result<(), Error> {
    for name in READ_ONLY {
        let path = proc.join(name);
        if path.exists() {
            bind_read_only(&path, &path).step(format!("make /proc/{name} read-only"))?;
        }
    }
    // Its own network namespace is the instance's to tune, as a NAT instance's `ip_forward`.
    let net = proc.join("sys/net");
    mount(Some(&net), &net, NONE, MsFlags::MS_BIND, NONE).step("mount /proc/sys/net")?;
    mount(NONE, &net, NONE, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | INERT, NONE)
        .step("make /proc/sys/net writable")
}

fn mask(root: &Path) -> Result<(), Error> {
    for name in MASKED {
        let path = root.join(name);
        let Ok(meta) = fs::metadata(&path) else { continue };
        let outcome = if meta.is_dir() {
            mount(Some("tmpfs"), &path, Some("tmpfs"), INERT | MsFlags::MS_RDONLY, Some("size=4k,mode=0555"))
        } else {
            mount(Some("/dev/null"), &path, NONE, MsFlags::MS_BIND, NONE)
        };
        outcome.step(format!("mask /{name}"))?;
    }
    Ok(())
}

fn devices(dev: &Path) -> Result<(), Error> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), dev, Some("tmpfs"), flags, Some("mode=0755,size=64k")).step("mount /dev")?;
    for name in DEVICES {
        bind_device(&Path::new("/dev").join(name), &dev.join(name)).step(format!("make /dev/{name}"))?;
    }
    // For VPN software. Not every host has it, and not every user may open it.
    let tun = Path::new("/dev/net/tun");
    if tun.exists() {
        fs::create_dir(dev.join("net")).step("make /dev/net")?;
        bind_device(tun, &dev.join("net/tun")).step("make /dev/net/tun")?;
    }
    for (target, name) in DEVICE_LINKS {
        symlink(target, dev.join(name)).step(format!("make /dev/{name}"))?;
    }
    for name in ["pts", "shm"] {
        fs::create_dir(dev.join(name)).step(format!("make /dev/{name}"))?;
    }
    tmpfs(&dev.join("shm"), "mode=1777,size=64m")?;
    let pts = dev.join("pts");
    let terminals = |options: &str| {
        mount(Some("devpts"), &pts, Some("devpts"), MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, Some(options))
    };
    // Group 5 is `tty`; where a single id is mapped it does not exist.
    terminals("newinstance,ptmxmode=0666,mode=0620,gid=5")
        .or_else(|_| terminals("newinstance,ptmxmode=0666,mode=0620"))
        .step("mount /dev/pts")?;
    fs::set_permissions(dev, fs::Permissions::from_mode(0o755)).step("make /dev")
}

fn bind_device(source: &Path, target: &Path) -> std::io::Result<()> {
    File::create(target)?;
    mount(Some(source), target, NONE, MsFlags::MS_BIND, NONE)?;
    Ok(())
}
