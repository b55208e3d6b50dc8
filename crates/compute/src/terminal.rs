//! The user's terminal, connected to that of a command: what `enishi exec i-1 -- bash` is at a prompt.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::client::Client;
use crate::error::{Error, Step};
use crate::protocol::ExecSpec;
use crate::syscall::{set_window_size, window_size};

/// How often the size of the user's terminal is looked at, milliseconds. (Its SIGWINCH may go to another thread.)
const SIZE_CHECK: u16 = 200;

/// Whether standard input and output are a terminal, so that [`run`] makes sense.
pub fn is_available() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Runs a command on a terminal of its own and connects ours to it until it ends: our keys go to it as they are typed
/// (also Ctrl-C), its output comes to us, its window has our size. Returns its exit status.
///
/// # Errors
/// As [`Client::exec_terminal`]; or when standard input is no terminal.
pub fn run(client: &mut Client, spec: &ExecSpec) -> Result<i32, Error> {
    let mut spec = spec.clone();
    if let Ok(kind) = std::env::var("TERM") {
        spec.env.entry("TERM".into()).or_insert(kind);
    }
    let (exec, master) = client.exec_terminal(&spec)?;
    let raw = RawTerminal::enter()?;
    relay(master);
    drop(raw);
    client.wait(exec)
}

/// The terminal of standard input without any treatment of its own, until dropped.
#[derive(Debug)]
struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    fn enter() -> Result<Self, Error> {
        let before = tcgetattr(io::stdin()).step("read the terminal's settings")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw).step("change the terminal's settings")?;
        Ok(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// Copies both ways until the command's side is closed, which is when its last process has let go of it.
fn relay(master: OwnedFd) {
    let mut master = File::from(master);
    let mut buffer = [0; 8192];
    let mut typing = true;
    loop {
        // Setting an unchanged size tells nobody anything.
        if let Ok(size) = window_size(io::stdin()) {
            let _ = set_window_size(&master, size);
        }
        let stdin = io::stdin();
        let keys = if typing { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut fds = [PollFd::new(master.as_fd(), PollFlags::POLLIN), PollFd::new(stdin.as_fd(), keys)];
        if poll(&mut fds, PollTimeout::from(SIZE_CHECK)).is_err() {
            continue;
        }
        let [from_command, from_user] = fds.map(|fd| fd.any().unwrap_or(false));
        if from_command {
            // The end of a terminal is an error (EIO), not an end of file.
            match master.read(&mut buffer) {
                Ok(length @ 1..) if print(buffer.get(..length).unwrap_or_default()) => {}
                _ => return,
            }
        }
        if from_user && typing {
            typing = match nix::unistd::read(stdin.as_fd(), &mut buffer) {
                Ok(length @ 1..) => master.write_all(buffer.get(..length).unwrap_or_default()).is_ok(),
                _ => false,
            };
        }
    }
}

fn print(bytes: &[u8]) -> bool {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok()
}
