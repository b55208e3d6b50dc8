//! The user's terminal: raw mode and its size.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::pty::Winsize;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, Winsize);
nix::ioctl_write_ptr_bad!(set_window_size, nix::libc::TIOCSWINSZ, Winsize);

/// Passes every key on while it lives; dropping it restores what was.
#[derive(Debug)]
pub struct RawTerminal(Termios);

impl RawTerminal {
    /// Changes the terminal on standard input, if it is one.
    pub fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(RawTerminal(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
    }
}

/// Gives `terminal` the size of the user's.
pub fn copy_window_size(terminal: &File) {
    let mut size = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: both descriptors are open for as long as the calls take, and `size` is what these requests read and write.
    unsafe {
        if window_size(io::stdin().as_raw_fd(), &raw mut size).is_ok() {
            let _ = set_window_size(terminal.as_raw_fd(), &raw const size);
        }
    }
}
