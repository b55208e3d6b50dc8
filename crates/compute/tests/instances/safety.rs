//! What an instance cannot reach, what a stranger cannot ask, and what is left when the keeper has gone.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use enishi_compute::{Client, Error, ErrorKind, Owner};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket};
use nix::unistd::Pid;

use crate::lab::{Lab, eventually, process_is_gone};

pub fn instances_are_apart(lab: &mut Lab) {
    lab.instance("a");
    lab.instance("b");
    assert_eq!((lab.ask("a", "hostname"), lab.ask("b", "hostname")), ("host-a".into(), "host-b".into()));
    for namespace in ["mnt", "pid", "net", "uts", "ipc"] {
        let of = |lab: &mut Lab, id: &str| lab.ask(id, &format!("readlink /proc/self/ns/{namespace}"));
        let ours =
            fs::read_link(format!("/proc/self/ns/{namespace}")).expect("a namespace").display().to_string();
        let (a, b) = (of(lab, "a"), of(lab, "b"));
        assert!(a != b && a != ours && b != ours, "{namespace}: {a} {b} {ours}");
    }
    let home = lab.ask("a", "echo ~/x");
    for path in [&home, "/etc/x", "/usr/local/x", "/var/x", "/tmp/x", "/run/x", "/dev/shm/x"] {
        lab.ask("a", &format!("echo private > {path}"));
        assert_eq!(lab.sh("b", &format!("test -e {path}")).status, 1, "{path}");
        assert!(!fs::exists(path).unwrap_or(false), "{path} is on the host");
    }
    // Processes of the other, or of the host, are not there: init, the shell and what it runs.
    lab.ask("b", "sleep 1007 >/dev/null 2>&1 &");
    assert_eq!(lab.ask("a", "pgrep -c . || true").parse::<u32>().ok().filter(|count| *count > 4), None);
    assert_eq!(lab.ask("a", "cat /proc/1/comm"), "init");
}

pub fn the_kernel_is_out_of_reach(lab: &mut Lab) {
    lab.instance("a");
    for script in [
        "mount -t tmpfs x /mnt",
        "umount /proc/sys",
        "mknod /tmp/disk b 254 0",
        "echo 1 > /proc/sys/kernel/panic",
        "echo h > /proc/sysrq-trigger",
        "test -s /proc/kcore",
        "test -r /proc/1/mem && head -c 1 /proc/1/mem",
        "readlink /proc/1/fd/3",
        "cd /proc/1/root",
        "cat /proc/1/environ",
        "unshare -m true",
        "nsenter -t 1 -m true",
        "echo x > /sys/class/net/lo/mtu",
        "date -s 2000-01-01",
    ] {
        let output = lab.sh("a", script);
        assert_ne!(output.status, 0, "{script}: {output:?}");
    }
    // SYS_ADMIN (21), SYS_MODULE (16), SYS_PTRACE (19), MKNOD (27), DAC_READ_SEARCH (2) are gone for good.
    let mask = lab.ask("a", "sed -n 's/^CapBnd:\t//p' /proc/self/status");
    let mask = u64::from_str_radix(&mask, 16).expect("a mask");
    assert_eq!(mask & (1 << 21 | 1 << 16 | 1 << 19 | 1 << 27 | 1 << 2), 0, "{mask:x}");
    // The keeper's directory is not there to be read, nor its socket to be asked.
    let data_dir = lab.data_dir.display().to_string();
    assert_eq!(lab.ask("a", &format!("ls -A {data_dir} | wc -l")), "0");
    assert_ne!(lab.sh("a", &format!("touch {data_dir}/x")).status, 0);
}

pub fn an_instance_owns_its_network(lab: &mut Lab) {
    lab.instance("a");
    lab.ask("a", "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward");
    lab.ask(
        "a",
        "ip link set lo mtu 1400 && ip link add v0 type veth peer name v1 && ip addr add 10.9.9.1/24 dev v0",
    );
    let rules = "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c masquerade";
    lab.ask("a", &format!("echo '{rules}' | nft -f - && nft list ruleset | grep -q masquerade"));
    assert!(!fs::read_to_string("/proc/net/dev").expect("the host's links").contains("v0:"));
}

pub fn an_instance_owns_no_other_network(lab: &mut Lab) {
    lab.instance("a");
    lab.instance("b");
    let of = |lab: &mut Lab, id: &str| lab.ask(id, "readlink /proc/self/ns/user; cat /proc/self/uid_map");
    let (a, b) = (of(lab, "a"), of(lab, "b"));
    assert_eq!(a, b, "they share one user namespace");
    let ours = fs::read_link("/proc/self/ns/user").expect("a namespace").display().to_string();
    assert!(!a.contains(&ours), "it is not the keeper's: {a} {ours}");
    // Someone of the keeper joins the instance's network to a router's, as the daemon does.
    lab.client.create_namespace("router", Owner::Keeper).expect("create");
    lab.client.launch(&lab.spec("r", "router")).expect("launch");
    let router = enishi_compute::Target::Namespace("router".into());
    let made = lab.run(router.clone(), &["ip", "link", "add", "e0", "type", "veth", "peer", "name", "e1"]);
    assert_eq!(made.status, 0, "{made:?}");
    // Even inside the router's network, root of an instance may look and no more.
    for script in
        ["ip link set e0 up", "ip link del e0", "ip addr add 10.0.0.1/24 dev e0", "nft add table ip x"]
    {
        let output = lab.sh("r", script);
        assert_ne!(output.status, 0, "{script}: {output:?}");
    }
    assert_eq!(lab.run(router, &["ip", "link", "set", "e0", "up"]).status, 0);
}

pub fn strangers_are_turned_away(lab: &mut Lab) {
    lab.instance("a");
    // From inside: root of the instance is the same user. Its way to the socket is closed; were it open, its pid betrays it.
    let copy = lab.directory.path().join("program");
    fs::create_dir(&copy).expect("a directory");
    let program = crate::lab::copy_program(&copy);
    let socket = lab.socket.display().to_string();
    let inside = lab.run(
        enishi_compute::Target::Instance("a".into()),
        &[&program.display().to_string(), "connect", &socket],
    );
    assert!(inside.stdout.starts_with("refused"), "{inside:?}");
    lab.client.create_namespace("bare", Owner::Keeper).expect("create");
    let bare = lab.run(
        enishi_compute::Target::Namespace("bare".into()),
        &[&program.display().to_string(), "connect", &socket],
    );
    assert!(bare.stdout.starts_with("refused: the keeper has closed"), "{bare:?}");
    // Another user, with the doors wide open. As an ordinary user we cannot become another one.
    if lab.mode.is_root() {
        for path in [&lab.data_dir, &lab.socket] {
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            fs::set_permissions(path, open).expect("open the doors");
        }
        let output = Command::new(&program)
            .args(["connect", &socket])
            .uid(crate::SOMEBODY)
            .gid(crate::SOMEBODY)
            .output();
        let said = String::from_utf8_lossy(&output.expect("run").stdout).into_owned();
        assert!(said.starts_with("refused: the keeper has closed"), "{said}");
    }
}

pub fn nonsense_ends_the_connection(lab: &mut Lab) {
    lab.instance("a");
    let huge = vec![b'['; 140 * 1024];
    let messages: [&[u8]; 6] =
        [b"{", b"[1,{\"op\":\"none\"}]", b"\xff\xfe", &huge[..100_000], &huge, b"[-1,{\"op\":\"shutdown\"}]"];
    for message in messages {
        let fd =
            socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
        nix::sys::socket::setsockopt(&fd, nix::sys::socket::sockopt::SndBuf, &(1 << 20)).expect("a buffer");
        connect(fd.as_raw_fd(), &UnixAddr::new(&lab.socket).expect("an address")).expect("connect");
        send(fd.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL).expect("send");
        assert_eq!(recv(fd.as_raw_fd(), &mut [0; 16], MsgFlags::empty()), Ok(0), "{} bytes", message.len());
    }
    assert_eq!(lab.ask("a", "echo fine"), "fine");
}

pub fn shutdown_leaves_nothing(lab: &mut Lab) {
    lab.instance("a");
    lab.instance("b");
    lab.ask("a", "sleep 1005 >/dev/null 2>&1 &");
    lab.client.create_namespace("bare", Owner::Keeper).expect("create");
    let left = lab
        .run(enishi_compute::Target::Namespace("bare".into()), &["sh", "-c", "sleep 1005 >/dev/null 2>&1 &"]);
    assert_eq!(left.status, 0);
    let pids = everything_of(lab);
    assert!(pids.len() >= 6, "keeper, two inits, a pod, two sleeps: {pids:?}");
    Client::connect(&lab.socket).expect("connect").shutdown().expect("shut down");
    assert_gone(lab, &pids);
    assert!(matches!(lab.client.inventory(), Err(Error::Disconnected)));
    assert!(!lab.socket.exists());
    // Another keeper can begin at once, and clean up after the first.
    lab.client = crate::lab::start_keeper(&lab.socket, &lab.data_dir);
    lab.client.subscribe().expect("subscribe");
    lab.client.terminate("a").expect("the files of a are still there");
    lab.terminated("a");
    assert_eq!(lab.client.terminate("a").map_err(|error| error.kind()), Err(ErrorKind::NotFound));
}

/// However many sessions there are in instances, they are one party for the scheduler.
pub fn instances_share_the_processors(lab: &mut Lab) {
    let said = lab.outside(&["doctor", &lab.data_dir.display().to_string()]);
    let is_possible = said.contains("ok processor share: ");
    assert!(is_possible || said.contains("MISSING processor share: "), "{said}");
    let group = format!("/enishi-{}", lab.client.keeper_pid());
    for id in ["a", "b"] {
        lab.instance(id);
        for script in ["cat /proc/self/cgroup", "setsid -w cat /proc/self/cgroup", "cat /proc/1/cgroup"] {
            let groups = lab.ask(id, script);
            assert_eq!(groups.lines().any(|line| line.ends_with(&group)), is_possible, "{script}: {groups}");
        }
    }
    Client::connect(&lab.socket).expect("connect").shutdown().expect("shut down");
    for hierarchy in ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"] {
        let left = format!("{hierarchy}{group}");
        let is_gone = || (!fs::exists(&left).unwrap_or(false)).then_some(());
        assert!(eventually(is_gone).is_some(), "{left} is left");
    }
    lab.client = crate::lab::start_keeper(&lab.socket, &lab.data_dir);
}

pub fn nothing_survives_the_keeper(lab: &mut Lab) {
    lab.instance("a");
    lab.ask("a", "sleep 1006 >/dev/null 2>&1 &");
    lab.client.create_namespace("bare", Owner::Keeper).expect("create");
    lab.run(enishi_compute::Target::Namespace("bare".into()), &["sh", "-c", "sleep 1006 >/dev/null 2>&1 &"]);
    let pids = everything_of(lab);
    kill(Pid::from_raw(lab.client.keeper_pid()), Signal::SIGKILL).expect("kill the keeper");
    assert_gone(lab, &pids);
    lab.client = crate::lab::start_keeper(&lab.socket, &lab.data_dir);
    assert_eq!(lab.client.inventory().expect("list"), enishi_compute::Inventory::default());
    lab.instance("a");
    assert_eq!(lab.ask("a", "echo again"), "again");
}

pub fn a_later_daemon_joins_the_keeper(lab: &mut Lab) {
    lab.instance("a");
    // A process outside of our user namespace, as a daemon that is started again would be: our parent's world.
    let program = std::env::current_exe().expect("our own path");
    if lab.mode.is_root() {
        let output = Command::new(&program).arg("join").arg(&lab.socket).output().expect("run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains(&format!(" root {}", lab.client.keeper_pid())),
            "{said} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let ours = fs::read_link("/proc/self/ns/user").expect("our user namespace");
    let said = lab.outside(&["join", &lab.socket.display().to_string()]);
    assert_eq!(said, format!("{} {} {}\n", ours.display(), lab.mode, lab.client.keeper_pid()));
}

/// The keeper and all that descends from it.
fn everything_of(lab: &mut Lab) -> Vec<i32> {
    let keeper = lab.client.keeper_pid();
    let mut all = vec![keeper];
    let parents = parents();
    let mut index = 0;
    while let Some(parent) = all.get(index).copied() {
        all.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        index += 1;
    }
    all
}

fn assert_gone(lab: &Lab, pids: &[i32]) {
    for pid in pids {
        assert!(eventually(|| process_is_gone(*pid).then_some(())).is_some(), "process {pid} is still there");
    }
    let mounts = fs::read_to_string("/proc/self/mounts").expect("our mounts");
    assert!(!mounts.contains(&lab.data_dir.display().to_string()), "{mounts}");
}

/// Every process and its parent.
fn parents() -> Vec<(i32, i32)> {
    let number =
        |status: &str, name: &str| status.lines().find_map(|l| l.strip_prefix(name))?.trim().parse().ok();
    let status = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("status")).ok();
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(status)
        .filter_map(|text| Some((number(&text, "Pid:\t")?, number(&text, "PPid:\t")?)))
        .collect()
}

/// Processes whose command line, with its zero bytes, is wanted.
pub fn processes_with(wanted: impl Fn(&str) -> bool) -> Vec<i32> {
    let pid = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let named = entries
        .filter_map(|entry| Some((pid(&entry)?, fs::read_to_string(entry.path().join("cmdline")).ok()?)));
    named.filter(|(_, command)| wanted(command)).map(|(pid, _)| pid).collect()
}
