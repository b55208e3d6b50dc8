//! What `enishi down` leaves: nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::harness::lab::Lab;
use crate::harness::until;

/// Namespaces that processes live in, by kind and number: `net:[4026531840]`.
fn namespaces_of(pid: u32) -> BTreeSet<String> {
    ["net", "mnt", "pid", "uts", "ipc"]
        .iter()
        .filter_map(|kind| link(Path::new(&format!("/proc/{pid}/ns/{kind}"))))
        .collect()
}

/// Namespaces that a process holds open.
fn held_by(pid: u32) -> BTreeSet<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| link(&file.path())).filter(|target| target.starts_with("net:[")).collect()
}

fn link(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.to_string_lossy().into_owned())
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[test]
fn down_leaves_no_process_no_namespace_and_no_mount() {
    let lab = Lab::new();
    let (web, _) = lab.instance("web");
    lab.instance("app");
    lab.daemon.settle();
    // Processes that nobody waits for, and one that ends with nobody's permission.
    lab.daemon.shell(&web, "setsid sh -c 'while :; do read x; done' < /dev/zero > /dev/null 2>&1 & sleep 1000 > /dev/null 2>&1 &");
    let _hanging = lab.echo_server(&web, 7);
    let data_dir = lab.daemon.data_dir().to_str().expect("a path in UTF-8").to_owned();
    let names_it = |pid: &u32| command_line(*pid).contains(&data_dir);
    let keeper = processes().into_iter().find(|pid| names_it(pid) && command_line(*pid).contains(" keeper "));
    let keeper = keeper.expect("a keeper");

    let ours: BTreeSet<String> = namespaces_of(std::process::id());
    let mut family = BTreeSet::from([keeper]);
    while family.extend_from(&processes()) {}
    assert!(family.len() >= 5, "the keeper, two instances, their programs: {family:?}");
    let mut namespaces: BTreeSet<String> = family.iter().flat_map(|pid| namespaces_of(*pid)).collect();
    namespaces.extend(held_by(keeper));
    namespaces.retain(|namespace| !ours.contains(namespace));
    assert!(
        namespaces.iter().filter(|namespace| namespace.starts_with("net:")).count() >= 4,
        "{namespaces:?}"
    );

    let down = lab.daemon.command(&["down", "--data-dir", &data_dir]).output().expect("the command runs");
    assert!(down.status.success(), "{down:?}");
    until("no process is left", || !processes().iter().any(|pid| family.contains(pid)));
    until("nobody holds a namespace", || {
        let held: BTreeSet<String> = processes()
            .into_iter()
            .flat_map(|pid| namespaces_of(pid).into_iter().chain(held_by(pid)))
            .collect();
        held.is_disjoint(&namespaces)
    });
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains(&data_dir), "{mounts}");
}

trait Family {
    /// Adds the children of those in it; whether there were any.
    fn extend_from(&mut self, processes: &[u32]) -> bool;
}

impl Family for BTreeSet<u32> {
    fn extend_from(&mut self, processes: &[u32]) -> bool {
        let before = self.len();
        let children =
            processes.iter().filter(|pid| parent(**pid).is_some_and(|parent| self.contains(&parent)));
        let children: Vec<u32> = children.copied().collect();
        self.extend(children);
        self.len() > before
    }
}

#[test]
fn down_ends_what_a_killed_daemon_left() {
    let mut lab = Lab::new();
    lab.instance("web");
    lab.daemon.settle();
    lab.daemon.kill();
    assert!(lab.daemon.keeper_listens());
    let down = lab
        .daemon
        .command(&["down", "--data-dir"])
        .arg(lab.daemon.data_dir())
        .output()
        .expect("the command runs");
    assert!(down.status.success(), "{down:?}");
    assert!(!lab.daemon.keeper_listens());
    // What was created is on disk: it starts again.
    lab.daemon.restart();
    assert_eq!(lab.daemon.settle()["instances_running"], 1);
    lab.daemon.shell("web", "true");
}
