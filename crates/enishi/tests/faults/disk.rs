//! A full disk: changes are refused, everything acknowledged is there, readers do not notice, and it ends when there is
//! room again.
//!
//! The disk is a small tmpfs in a mount namespace of its own, so that nobody else sees it and nothing has to be unmounted.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::lab::Running;
use crate::harness::{Daemon, until};

/// A process that keeps the mount namespace of the disk.
struct Disk {
    holder: Running,
    directory: TempDir,
}

impl Disk {
    fn new(size: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("enishi").tempdir().expect("a directory");
        let mount = format!(
            "mount -t tmpfs -o size={size},mode=700 none \"$0\" && mkdir \"$0/data\" && echo ready && exec cat"
        );
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        let mut holder: Child = command
            .args(["sh", "-c", &mount])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare(1) starts");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("the holder says something");
        assert_eq!(line, "ready\n");
        Disk { holder: Running(holder), directory }
    }

    /// What a command has to be started through to see the disk.
    fn launcher(&self) -> Vec<String> {
        let pid = self.holder.0.id().to_string();
        let mut launcher = vec!["nsenter", "--target", &pid, "--mount"];
        if !nix::unistd::geteuid().is_root() {
            launcher.extend(["--user", "--preserve-credentials"]);
        }
        launcher.push("--");
        launcher.into_iter().map(str::to_owned).collect()
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A file that takes all the room there is, as everybody else sees it.
    fn ballast(&self) -> PathBuf {
        let inside = self.directory.path().join("ballast");
        PathBuf::from(format!("/proc/{}/root{}", self.holder.0.id(), inside.display()))
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.ballast()).expect("a file");
        for size in [64 * 1024, 512, 1] {
            while file.write(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("the ballast is removed");
    }
}

/// Makes a security group; whether that was acknowledged.
fn add(daemon: &Daemon, name: &str) -> bool {
    let form = format!(
        "Action=CreateSecurityGroup&Version=2016-11-15&GroupName={name}&GroupDescription={}",
        "d".repeat(200)
    );
    let answer = daemon.ec2(&form);
    assert!(answer.status == 200 || answer.status == 503, "{name}: {} {}", answer.status, answer.text());
    if answer.status == 503 {
        assert!(answer.text().contains("<Code>"), "AWS's error: {}", answer.text());
    }
    answer.status == 200
}

fn groups(daemon: &Daemon) -> BTreeSet<String> {
    crate::harness::all(&daemon.call("Action=DescribeSecurityGroups"), "groupName")
}

#[test]
fn a_full_disk_loses_nothing_and_readers_go_on() {
    let disk = Disk::new("8m");
    let mut daemon = Daemon::start_at(disk.path(), disk.launcher());
    let mut acknowledged: BTreeSet<String> =
        (0..5).map(|n| format!("before-{n}")).filter(|name| add(&daemon, name)).collect();
    assert_eq!(acknowledged.len(), 5);

    disk.fill();
    // The store has some room of its own left.
    let mut n = 0;
    until("a change is refused", || {
        n += 1;
        let name = format!("full-{n}");
        let done = add(&daemon, &name);
        if done {
            acknowledged.insert(name);
        }
        !done
    });
    for _ in 0..10 {
        let there = groups(&daemon);
        assert!(acknowledged.is_subset(&there), "readers go on: {there:?}");
        assert!(!there.contains(&format!("full-{n}")), "what was refused is not there");
        assert!(!add(&daemon, "still-full"));
    }
    let status = daemon.get("/_enishi/status").json();
    assert!(status["failure"].is_string(), "`enishi status` says why: {status:#}");
    assert_eq!(daemon.get("/_enishi/health").json()["durable"], false);

    disk.make_room();
    until("changes are accepted again", || add(&daemon, "after") && acknowledged.insert("after".to_owned()));
    assert!(daemon.get("/_enishi/status").json()["failure"].is_null());

    disk.fill();
    until("the disk is full again", || !add(&daemon, &format!("again-{}", groups(&daemon).len())));
    let there = groups(&daemon);
    assert!(acknowledged.is_subset(&there));
    // A daemon that dies with its disk full.
    daemon.kill();
    disk.make_room();
    daemon.restart();
    assert_eq!(groups(&daemon), there);
}
