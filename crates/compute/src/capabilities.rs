//! What root of an instance may do.
//!
//! On EC2 root owns its kernel; here it shares the host's, so what reaches beyond the instance is taken away and what stays
//! within its own network namespace is kept:
//!
//! | kept | because |
//! |---|---|
//! | `CHOWN` `DAC_OVERRIDE` `FOWNER` `FSETID` `SETFCAP` | package managers, on its own files |
//! | `SETUID` `SETGID` `SETPCAP` `SYS_CHROOT` `KILL` `AUDIT_WRITE` | `su`, `sudo`, `sshd` |
//! | `NET_ADMIN` `NET_RAW` `NET_BIND_SERVICE` | routes, nftables, `ping`: a NAT instance configures its own namespace |
//!
//! Everything else goes, above all `SYS_ADMIN` (mounts, other namespaces), `SYS_MODULE`, `SYS_RAWIO`, `SYS_BOOT`,
//! `SYS_TIME`, `SYS_PTRACE`, `DAC_READ_SEARCH` (opening files by handle), `MKNOD`, `BPF` and `PERFMON`. As a user the same set
//! is applied inside the user namespace.
//!
//! These rights hold in the user namespace of [`crate::guests`], which owns nothing but the instances' networks.
//!
//! `no_new_privs` is **not** set: it would break `su`, `sudo` and `sshd`'s PAM. The bounding set already keeps set-uid
//! programs from more than root of the instance has.

use std::os::fd::BorrowedFd;

use crate::error::{Error, Step};
use crate::guests;
use crate::syscall::{drop_bounding, set_capabilities};

/// Numbers from `linux/capability.h`.
const KEPT: [u32; 14] = [
    0,  // CHOWN
    1,  // DAC_OVERRIDE
    3,  // FOWNER
    4,  // FSETID
    5,  // KILL
    6,  // SETGID
    7,  // SETUID
    8,  // SETPCAP
    10, // NET_BIND_SERVICE
    12, // NET_ADMIN
    13, // NET_RAW
    18, // SYS_CHROOT
    29, // AUDIT_WRITE
    31, // SETFCAP
];

/// Over a network namespace, and over all that the same user namespace owns.
const NET_ADMIN: u32 = 12;

/// Limits this process and all it will ever execute to the capabilities of an instance, in the user namespace of instances.
/// Where there is none, root of an instance may not change its network: it could change the routers' as well.
pub(crate) fn confine(user: Option<BorrowedFd<'_>>) -> Result<(), Error> {
    // First, since it gives back every capability, also those outside of the bounding set.
    guests::enter(user)?;
    let stays = |capability: u32| KEPT.contains(&capability) && (user.is_some() || capability != NET_ADMIN);
    let kept = KEPT.iter().filter(|capability| stays(**capability)).fold(0, |mask, bit| mask | 1 << bit);
    for capability in (0..64).filter(|capability| !stays(*capability)) {
        match drop_bounding(capability) {
            Ok(()) => {}
            // Past the last capability that this kernel knows.
            Err(nix::errno::Errno::EINVAL) => break,
            Err(error) => return Err(error).step("limit the bounding set"),
        }
    }
    set_capabilities(kept & permitted()?).step("drop capabilities")
}

/// What we have ourselves: a container may run us with less than an instance could have.
fn permitted() -> Result<u64, Error> {
    let status = std::fs::read_to_string("/proc/self/status").step("read /proc/self/status")?;
    let value = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    value
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .ok_or_else(|| std::io::Error::other("no CapPrm line"))
        .step("read /proc/self/status")
}
