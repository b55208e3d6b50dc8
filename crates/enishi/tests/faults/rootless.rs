//! The whole way as an ordinary user: the daemon in a user namespace, the tour with real packets, a crash, the end.
//!
//! Run as root, this becomes a user that has no name, no files and no subordinate ids.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::until;

/// Nobody else's user id.
const SOMEBODY: u32 = 61_235;

struct User {
    /// Holds the program and is the user's home: a user may be unable to enter the directory that we were built in.
    home: TempDir,
    program: PathBuf,
    id: u32,
    endpoint: Option<String>,
}

impl User {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("enishi").tempdir().expect("a directory");
        let program = home.path().join("enishi");
        fs::copy(env!("CARGO_BIN_EXE_enishi"), &program).expect("the program is copied");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
        let id = if geteuid().is_root() { SOMEBODY } else { geteuid().as_raw() };
        if geteuid().is_root() {
            chown(home.path(), Some(id), Some(id)).expect("a home");
        }
        User { home, program, id, endpoint: None }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        if geteuid().is_root() {
            command.uid(self.id).gid(self.id);
        }
        for name in ["XDG_DATA_HOME", "ENISHI_DATA_DIR", "ENISHI_ENDPOINT"] {
            command.env_remove(name);
        }
        if let Some(endpoint) = &self.endpoint {
            command.env("ENISHI_ENDPOINT", endpoint);
        }
        command.args(arguments).env("HOME", self.home.path()).current_dir("/").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the command runs")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn up(&mut self) {
        let up = self.json(&["up", "--detach", "--json", "--listen", "127.0.0.1:0"]);
        self.endpoint = Some(up["endpoint"].as_str().expect("an endpoint").to_owned());
    }

    fn kill_daemon(&self) {
        let pid = self.json(&["status", "--json"])["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        let pid = Pid::from_raw(pid.expect("a process"));
        kill(pid, Signal::SIGKILL).expect("the daemon is killed");
        until("the daemon is gone", || !self.run(&["status"]).status.success());
    }

    /// Processes of the user that belong to the daemon: those of its program.
    fn processes(&self) -> Vec<String> {
        let ours = self.program.to_str().expect("a path in UTF-8");
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(ours))
            .collect()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.command(&["down"]).output();
    }
}

#[test]
fn an_ordinary_user_gets_the_same_network() {
    let mut user = User::new();
    let doctor = user.run(&["doctor"]);
    assert!(doctor.status.success(), "{doctor:?}");
    user.up();
    let mode = user.json(&["status", "--json"])["mode"].clone();
    assert!(mode.as_str().is_some_and(|mode| mode.starts_with("rootless")), "{mode}");

    let tour = user.json(&["tour", "--json", "--keep"]);
    assert_eq!(tour["as_expected"], true, "{tour:#}");
    let inside = user.run(&["exec", "web", "--", "sh", "-c", "id -u; exit 5"]);
    assert_eq!((inside.status.code(), inside.stdout.as_slice()), (Some(5), b"0\n".as_slice()), "{inside:?}");

    // The next daemon joins the keeper in its user namespace.
    let boot = ["exec", "web", "--", "cut", "-d ", "-f22", "/proc/1/stat"];
    let before = user.run(&boot).stdout;
    user.kill_daemon();
    user.up();
    until("the instance is known", || user.run(&boot).stdout == before);
    let trace = user.run(&["trace", "web", "app", "tcp/8080"]);
    assert_eq!(trace.status.code(), Some(0), "{trace:?}");
    let refused = user.run(&["trace", "web", "app", "tcp/22"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");

    // Healing needs no more rights than the rest.
    let vpc = user.json(&["show", "vpcs", "--json"]);
    let vpcs = vpc.as_array().expect("rows");
    let vpc = vpcs.iter().find(|row| row["is_default"] != true).expect("the tour's")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let flushed = user.run(&["exec", &vpc, "--", "nft", "flush", "ruleset"]);
    assert!(flushed.status.success(), "{flushed:?}");
    until("the rules are back", || {
        String::from_utf8_lossy(&user.run(&["exec", &vpc, "--", "nft", "list", "ruleset"]).stdout)
            .contains("table ip enishi")
    });

    assert!(user.run(&["reset"]).status.success());
    let down = user.json(&["down", "--json"]);
    assert_eq!(down["ended"], true);
    until("no process is left", || user.processes().is_empty());
}
