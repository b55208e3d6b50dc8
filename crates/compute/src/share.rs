//! The share of the processors that everything in instances has together.
//!
//! Linux divides a processor between sessions (`sched_autogroup_enabled`, as distributions have it), not between programs. Every
//! command in an instance is a session, so thirty busy instances are thirty sessions beside the one of the daemon, which then
//! waits a tenth of a second for its turn, and so does the disk that it waits for. In one control group instances are one party
//! of the weight of any other, however many there are. Alone on the machine they have all of it.
//!
//! The group is at the root of the `cpu` hierarchy (version 1 or 2), is named after the keeper's process, and goes with it; what a
//! killed keeper left is removed by the next one. Making it takes root: rootless instances stay sessions.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Step};

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// The hierarchy of the `cpu` controller in version 1; the controllers of one hierarchy are often named together.
const VERSION_1: [&str; 2] = ["cpu", "cpu,cpuacct"];

/// The files of which a group with a share has one: version 2, version 1.
const WEIGHTS: [&str; 2] = ["cpu.weight", "cpu.shares"];

const PREFIX: &str = "enishi-";

/// A control group for instances; dropping it removes it, if nothing runs in it any more.
#[derive(Debug)]
pub(crate) struct Share {
    directory: PathBuf,
    members: File,
}

impl Share {
    /// Makes the group of this process's instances.
    ///
    /// # Errors
    /// There is no `cpu` controller, or we may not use it.
    pub(crate) fn new() -> Result<Self, Error> {
        let root = root().step("find the cpu controller")?;
        remove_abandoned(&root);
        let directory = root.join(format!("{PREFIX}{}", std::process::id()));
        match fs::create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).step(format!("create {}", directory.display()));
            }
            _ => {}
        }
        let opened = if WEIGHTS.iter().any(|weight| directory.join(weight).exists()) {
            OpenOptions::new().write(true).open(directory.join("cgroup.procs"))
        } else {
            Err(io::Error::other("the cpu controller is not enabled for it"))
        };
        match opened {
            Ok(members) => Ok(Share { directory, members }),
            Err(error) => {
                // Nothing is in it.
                let _ = fs::remove_dir(&directory);
                Err(error).step(format!("use {}", directory.display()))
            }
        }
    }

    /// Puts the calling process in, and with it what it forks from now on.
    pub(crate) fn join(&self) {
        // Whoever removed the group by hand takes nothing but the share away.
        let _ = (&self.members).write_all(b"0");
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
    }
}

/// The root of the hierarchy that has the controller.
fn root() -> io::Result<PathBuf> {
    let mount = Path::new(MOUNT);
    if let Some(version_1) = VERSION_1.iter().map(|name| mount.join(name)).find(|path| path.is_dir()) {
        return Ok(version_1);
    }
    let enabled = fs::read_to_string(mount.join("cgroup.subtree_control"))?;
    if enabled.split_whitespace().any(|controller| controller == "cpu") {
        return Ok(mount.to_owned());
    }
    Err(io::Error::other("it is not enabled for groups"))
}

/// Removes the groups of keepers that are no more.
fn remove_abandoned(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let keeper = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).map(str::parse::<u32>);
        if let Some(Ok(keeper)) = keeper
            && !Path::new(&format!("/proc/{keeper}")).exists()
        {
            // Refused while something is still ending in it.
            let _ = fs::remove_dir(entry.path());
        }
    }
}
