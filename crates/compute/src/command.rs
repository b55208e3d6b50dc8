//! The last steps of a forked child before it becomes a program.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, execve, setsid};

use crate::syscall::{close_others, default_signals, set_controlling_terminal};

/// Where programs are looked for, in an instance as on a server of Amazon Linux or Debian.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program to become.
#[derive(Debug)]
pub(crate) struct Command<'a> {
    pub(crate) argv: &'a [String],
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: &'a Path,
    pub(crate) streams: Streams<'a>,
}

/// The standard streams of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Streams<'a> {
    /// Input, output, error.
    Three([BorrowedFd<'a>; 3]),
    /// The slave side of a terminal, which becomes the controlling one.
    Terminal(BorrowedFd<'a>),
}

/// The environment that a login of root would have.
pub(crate) fn root_environment() -> BTreeMap<String, String> {
    let defaults =
        [("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("PATH", PATH), ("TERM", "xterm")];
    defaults.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Command<'_> {
    /// Becomes the program, in a session of its own. Returns only on failure: 127 when there is no such program, 126 when
    /// it cannot be run or its surroundings cannot be made, after a line on its standard error.
    pub(crate) fn execute(&self) -> i32 {
        let error = match self.prepare() {
            Ok(()) => self.execve(),
            Err(error) => error,
        };
        let program = self.argv.first().map_or("", String::as_str);
        let _ = writeln!(io::stderr(), "{program}: {}", error.desc());
        if error == Errno::ENOENT { 127 } else { 126 }
    }

    fn prepare(&self) -> Result<(), Errno> {
        setsid()?;
        match self.streams {
            Streams::Three([stdin, stdout, stderr]) => redirect(stdin, stdout, stderr)?,
            Streams::Terminal(slave) => {
                set_controlling_terminal(slave)?;
                redirect(slave, slave, slave)?;
            }
        }
        close_others(&[]);
        default_signals();
        // Last, because a change of credentials clears it. Inside a pid namespace its init's end does the same.
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        nix::unistd::chdir(self.cwd)
    }

    /// Tries the program itself, or each directory of its `PATH`, as execvp(3) does but with the environment given.
    fn execve(&self) -> Errno {
        let Some(program) = self.argv.first() else { return Errno::ENOENT };
        let text = |s: &String| CString::new(s.as_bytes());
        let env = self.env.iter().map(|(name, value)| CString::new(format!("{name}={value}")));
        let (Ok(argv), Ok(env)) =
            (self.argv.iter().map(text).collect::<Result<Vec<_>, _>>(), env.collect::<Result<Vec<_>, _>>())
        else {
            return Errno::EINVAL;
        };
        let candidates: Vec<PathBuf> = if program.contains('/') {
            vec![PathBuf::from(program)]
        } else {
            let path = self.env.get("PATH").map_or(PATH, String::as_str);
            path.split(':').map(|directory| Path::new(directory).join(program)).collect()
        };
        let mut worst = Errno::ENOENT;
        for candidate in candidates {
            let Ok(path) = CString::new(OsString::from(candidate).into_vec()) else { return Errno::EINVAL };
            match execve(&path, &argv, &env) {
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::EACCES) => worst = Errno::EACCES,
                Err(error) => return error,
                Ok(never) => match never {},
            }
        }
        worst
    }
}

fn redirect(stdin: impl AsFd, stdout: impl AsFd, stderr: impl AsFd) -> Result<(), Errno> {
    dup2_stdin(stdin)?;
    dup2_stdout(stdout)?;
    dup2_stderr(stderr)
}
