//! How the kernel schedules workers.
//!
//! `unsafe` because the libraries that are here anyway do not have the call: it reads a structure of ours, and keeps nothing.
#![allow(unsafe_code)]

use std::io;

/// Makes the calling thread one that does not interrupt others when it is woken (`SCHED_BATCH`, sched(7)).
///
/// A worker is woken by whoever sends it something, often on the same core. Would it interrupt the sender each time, it would find one
/// message and sleep again; like this it finds all that was sent meanwhile, for a fifth of the switches. The price: on a core
/// that somebody else keeps busy it may wait until that one's time slice is over.
///
/// # Errors
/// The kernel refuses.
pub(super) fn without_interrupting() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread, and the structure is read before the call returns.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_say_so_of_themselves_only() {
        // SAFETY: it only asks, about the calling thread.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        let before = policy();
        let worker = std::thread::spawn(move || without_interrupting().map(|()| policy()));
        assert_eq!(worker.join().expect("a thread").expect("a policy"), libc::SCHED_BATCH);
        assert_eq!(policy(), before);
    }
}
