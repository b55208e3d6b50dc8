//! The system calls that have no safe wrapper. The only module of this crate with `unsafe`.
//!
//! Three kinds live here, each with its invariant:
//! * **fork** in the forms of `clone3`. A forked child of a process with several threads may only call async-signal-safe
//!   functions; a child of a process with one thread may do anything. [`SingleThread`] proves the latter.
//! * **descriptors** that the kernel has just handed to us and that nobody else knows, turned into an [`OwnedFd`].
//! * **plain calls** whose arguments are integers or point to a local of the right type (`capset`, `prctl`, `ioctl`).
#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::signal::{SigHandler, SigSet, Signal};
use nix::unistd::Pid;

/// Proof that this process has exactly one thread, and therefore that a forked child may run any code.
///
/// Neither `Send` nor `Sync`. The keeper, the instances' inits and all they fork never start a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SingleThread(PhantomData<*const ()>);

impl SingleThread {
    /// Looks at `/proc/self/task`.
    ///
    /// # Errors
    /// When there is more than one thread, or when `/proc` cannot be read.
    pub(crate) fn prove() -> io::Result<Self> {
        match fs::read_dir("/proc/self/task")?.count() {
            1 => Ok(Self(PhantomData)),
            n => Err(io::Error::other(format!("the process has {n} threads where it must have one"))),
        }
    }
}

/// A child process, held by a pidfd so that a signal never hits a successor of the same number.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its number in our pid namespace.
    pub(crate) pid: Pid,
    /// A descriptor of the process itself.
    pub(crate) pidfd: OwnedFd,
}

impl Process {
    /// Sends a signal; a process that has already ended is not an error.
    pub(crate) fn signal(&self, signal: Signal) {
        let fd = self.pidfd.as_raw_fd();
        // SAFETY: integers and a null pointer, which the call documents as "fill in as kill(2) would".
        let _ = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, fd, signal as libc::c_int, std::ptr::null::<()>(), 0)
        };
    }
}

/// Forks a child in new namespaces `flags` (plus, if wanted, `CLONE_PARENT`) that runs `body` and exits with its result.
///
/// The child never returns from this function: a panic in `body` ends it with status 101.
pub(crate) fn spawn(_: SingleThread, flags: CloneFlags, body: impl FnOnce() -> i32) -> nix::Result<Process> {
    let mut pidfd: RawFd = -1;
    let as_sibling = flags.contains(CloneFlags::CLONE_PARENT);
    // SAFETY: all-zero is a valid `clone_args` (every field is an integer, zero meaning "not used").
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags.bits() as u32 as u64 | libc::CLONE_PIDFD as u64;
    args.pidfd = (&raw mut pidfd) as u64;
    // With CLONE_PARENT the kernel insists on zero and takes the caller's own exit signal.
    args.exit_signal = if as_sibling { 0 } else { libc::SIGCHLD as u64 };
    // SAFETY: without CLONE_VM and with no stack this is fork(2). The process has one thread (`SingleThread`), so no lock
    // can be held by a thread that does not exist in the child. `args` and `pidfd` live across the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match Errno::result(pid)? {
        0 => {
            let status = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
            // SAFETY: ends the process; nothing of the parent's (buffers, destructors) is run twice.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(Process {
            pid: Pid::from_raw(pid as libc::pid_t),
            // SAFETY: CLONE_PIDFD made the kernel store a new descriptor there.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
    }
}

/// Takes ownership of descriptors that `recvmsg` or `accept4` has just returned.
pub(crate) fn adopt(fresh: RawFd) -> OwnedFd {
    // SAFETY: callers pass a descriptor that the kernel returned a moment ago and that is stored nowhere else.
    unsafe { OwnedFd::from_raw_fd(fresh) }
}

/// Closes every descriptor above 2 but `keep`. For a forked child that inherits what is none of its business.
///
/// Owned descriptors of the parent's structures dangle afterwards; the child must not use or drop them, which holds because
/// it leaves by `execve` or `_exit`.
pub(crate) fn close_others(keep: &[BorrowedFd<'_>]) {
    let mut keep: Vec<u32> =
        keep.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).filter(|fd| *fd > 2).collect();
    keep.sort_unstable();
    let mut next = 3;
    for fd in keep {
        close_range(next, fd.saturating_sub(1));
        next = fd + 1;
    }
    close_range(next, u32::MAX);
}

fn close_range(first: u32, last: u32) {
    if first <= last {
        // SAFETY: integers only; see `close_others` for why nobody uses the closed descriptors.
        let _ = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Sets every signal to its default action and unblocks all, as a program expects at its start.
pub(crate) fn default_signals() {
    for signal in Signal::iterator() {
        // SAFETY: installs SIG_DFL, no handler code is involved. SIGKILL and SIGSTOP refuse, which changes nothing.
        let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    }
    let _ = SigSet::empty().thread_set_mask();
}

/// Removes a capability from the bounding set.
pub(crate) fn drop_bounding(capability: u32) -> nix::Result<()> {
    // SAFETY: integers only.
    Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) })
        .map(drop)
}

/// Sets the permitted and effective capabilities to `mask` and clears the inheritable ones.
pub(crate) fn set_capabilities(mask: u64) -> nix::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    #[repr(C)]
    struct Half {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    /// `_LINUX_CAPABILITY_VERSION_3`: two halves of 32 bits.
    const VERSION: u32 = 0x2008_0522;
    let header = Header { version: VERSION, pid: 0 };
    let half = |bits: u32| Half { effective: bits, permitted: bits, inheritable: 0 };
    let data = [half(mask as u32), half((mask >> 32) as u32)];
    // SAFETY: both pointers are to locals of the layout that version 3 asks for.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) }).map(drop)
}

/// Makes the terminal `fd` the controlling one of this session leader.
pub(crate) fn set_controlling_terminal(fd: impl AsFd) -> nix::Result<()> {
    // SAFETY: the request takes an integer argument.
    Errno::result(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}

/// The size of the terminal `fd`.
pub(crate) fn window_size(fd: impl AsFd) -> nix::Result<libc::winsize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request fills in a `winsize`, which `size` is.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    Errno::result(result).map(|_| size)
}

/// Sets the size of the terminal `fd`; its foreground processes get SIGWINCH if that is a change.
pub(crate) fn set_window_size(fd: impl AsFd, size: libc::winsize) -> nix::Result<()> {
    // SAFETY: the request reads a `winsize`, which `size` is.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    Errno::result(result).map(drop)
}
