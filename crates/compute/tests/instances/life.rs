//! Launch, stop, start, reboot, terminate, and what is refused.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use enishi_compute::{Client, ErrorKind, Event, ExitCause, InstanceState, LaunchSpec, Owner, RootFs, Target};

use crate::lab::Lab;

const GRACE: Duration = Duration::from_secs(30);

pub fn files_survive_stop_and_end_with_terminate(lab: &mut Lab) {
    lab.client.subscribe().expect("subscribe");
    let spec = lab.instance("a");
    lab.ask("a", "echo kept > ~/file; mkdir -p /usr/local/x; echo kept > /usr/local/x/y; echo kept >> /etc/hosts; rm /etc/hostname");
    lab.client.stop("a", GRACE).expect("stop");
    let (status, cause) = lab.event(exited);
    assert_eq!((status, cause), (0, ExitCause::Requested));
    assert_eq!(lab.client.inventory().expect("list").instances[0].state, InstanceState::Stopped);
    assert_eq!(refusal(lab.client.stop("a", GRACE)), ErrorKind::InUse);
    lab.client.launch(&LaunchSpec { first_boot: false, ..spec.clone() }).expect("start");
    assert_eq!(lab.ask("a", "cat ~/file /usr/local/x/y; tail -n 1 /etc/hosts"), "kept\nkept\nkept");
    assert_eq!(lab.sh("a", "test -e /etc/hostname").status, 1);
    lab.client.terminate("a").expect("terminate");
    lab.terminated("a");
    assert_eq!(lab.client.inventory().expect("list").instances, []);
    assert!(!lab.data_dir.join("instances/a").exists());
    // Its console is not its own, and the same id begins anew.
    assert!(lab.console("a").contains("the instance has stopped") || lab.console("a").contains("stops"));
    lab.client.launch(&spec).expect("launch");
    assert_eq!(lab.sh("a", "test -e ~/file -o -e /usr/local/x").status, 1);
}

pub fn goes_on_without_clients(lab: &mut Lab) {
    let spec = lab.instance("a");
    lab.ask("a", "sleep 1003 >/dev/null 2>&1 & echo $! > /tmp/pid");
    let fd = lab.client.open_namespace("ns-a").expect("open");
    let inode = |fd| std::fs::File::from(fd).metadata().expect("a namespace").ino();
    let (before, namespace) = (lab.client.inventory().expect("list"), inode(fd));
    assert_eq!(before.instances[0].digest, LaunchSpec { first_boot: false, ..spec }.digest());
    let keeper = lab.client.keeper_pid();
    lab.client = Client::connect(&lab.socket).expect("connect again");
    assert_eq!(lab.client.keeper_pid(), keeper);
    assert_eq!(lab.client.inventory().expect("list"), before);
    assert_eq!(inode(lab.client.open_namespace("ns-a").expect("open")), namespace);
    assert_eq!(lab.sh("a", "kill -0 $(cat /tmp/pid)").status, 0);
}

pub fn reboots(lab: &mut Lab) {
    lab.client.subscribe().expect("subscribe");
    lab.instance("a");
    let digest = lab.client.inventory().expect("list").instances[0].digest;
    lab.event(started);
    lab.ask("a", "echo kept > ~/file; echo gone > /tmp/file");
    lab.client.reboot("a", GRACE).expect("reboot");
    assert_eq!(lab.event(exited).1, ExitCause::Requested);
    let pid = lab.event(started);
    let report = lab.client.inventory().expect("list").instances.remove(0);
    assert_eq!((report.state, report.pid, report.digest), (InstanceState::Running, Some(pid), digest));
    assert_eq!(lab.ask("a", "cat ~/file; test -e /tmp/file || echo fresh"), "kept\nfresh");
}

pub fn can_be_ended_from_inside(lab: &mut Lab) {
    lab.client.subscribe().expect("subscribe");
    lab.instance("a");
    lab.sh("a", "kill -TERM 1");
    assert_eq!(lab.event(exited), (0, ExitCause::Guest));
}

pub fn a_stop_is_enforced(lab: &mut Lab) {
    lab.client.subscribe().expect("subscribe");
    lab.client.create_namespace("ns", Owner::Instances).expect("create");
    let stubborn = "#!/bin/sh\ntrap '' TERM\necho ignoring\nwhile :; do sleep 1004; done\n";
    let spec = LaunchSpec { user_data: stubborn.into(), ..lab.spec("a", "ns") };
    lab.client.launch(&spec).expect("launch");
    lab.console_says("a", "ignoring");
    lab.client.stop("a", Duration::from_millis(300)).expect("stop");
    assert_eq!(lab.event(exited), (137, ExitCause::Requested));
}

pub fn requests_that_make_no_sense_are_refused(lab: &mut Lab) {
    let spec = lab.instance("a");
    assert_eq!(refusal(lab.client.create_namespace("ns-a", Owner::Instances)), ErrorKind::AlreadyExists);
    assert_eq!(refusal(lab.client.create_namespace("../x", Owner::Instances)), ErrorKind::Invalid);
    assert_eq!(refusal(lab.client.open_namespace("none")), ErrorKind::NotFound);
    assert_eq!(refusal(lab.client.delete_namespace("none")), ErrorKind::NotFound);
    assert_eq!(refusal(lab.client.delete_namespace("ns-a")), ErrorKind::InUse);
    assert_eq!(refusal(lab.client.launch(&spec)), ErrorKind::InUse);
    assert_eq!(refusal(lab.client.launch(&lab_spec(&spec, "b", "none"))), ErrorKind::NotFound);
    assert_eq!(refusal(lab.client.launch(&lab_spec(&spec, "b/c", "ns-a"))), ErrorKind::Invalid);
    assert_eq!(refusal(lab.client.stop("none", GRACE)), ErrorKind::NotFound);
    assert_eq!(refusal(lab.client.reboot("none", GRACE)), ErrorKind::NotFound);
    assert_eq!(refusal(lab.client.terminate("none")), ErrorKind::NotFound);
    assert_eq!(refusal(lab.client.terminate("..")), ErrorKind::Invalid);
    let exec = |lab: &mut Lab, target, argv: &[&str]| {
        let spec = enishi_compute::ExecSpec::new(target, argv.iter().copied());
        refusal(lab.client.exec_terminal(&spec))
    };
    assert_eq!(exec(lab, Target::Instance("none".into()), &["true"]), ErrorKind::NotFound);
    assert_eq!(exec(lab, Target::Namespace("none".into()), &["true"]), ErrorKind::NotFound);
    assert_eq!(exec(lab, Target::Instance("a".into()), &[]), ErrorKind::Invalid);
    assert_eq!(lab.client.inventory().expect("list").namespaces, ["ns-a"]);
}

pub fn a_failed_launch_leaves_nothing(lab: &mut Lab) {
    lab.client.subscribe().expect("subscribe");
    lab.client.create_namespace("ns", Owner::Instances).expect("create");
    let spec = LaunchSpec { root: RootFs::Directory("/no/such/directory".into()), ..lab.spec("a", "ns") };
    let error = lab.client.launch(&spec).expect_err("must fail");
    assert!(error.to_string().contains("/no/such/directory"), "{error}");
    lab.terminated("a");
    assert_eq!(lab.client.inventory().expect("list").instances, []);
    assert!(!lab.data_dir.join("instances/a").exists());
    lab.client.launch(&lab.spec("a", "ns")).expect("the id is free again");
}

pub fn two_hundred_at_once(lab: &mut Lab) {
    let began = Instant::now();
    let names: Vec<String> = (0..200).map(|number| format!("i-{number:03}")).collect();
    for name in &names {
        lab.client.create_namespace(name, Owner::Instances).expect("create");
    }
    let namespaces = began.elapsed();
    let specs: Vec<LaunchSpec> = names.iter().map(|name| lab.spec(name, name)).collect();
    let pids: BTreeSet<i32> =
        lab.client.launch_all(&specs).into_iter().map(|pid| pid.expect("launch")).collect();
    println!("    200 namespaces in {namespaces:?}, 200 instances in {:?}", began.elapsed() - namespaces);
    assert_eq!(pids.len(), 200);
    let inventory = lab.client.inventory().expect("list");
    assert_eq!(inventory.namespaces, names);
    assert!(inventory.instances.iter().all(|instance| instance.state == InstanceState::Running));
    assert_eq!(lab.ask("i-199", "hostname"), "host-i-199");
    let began = Instant::now();
    lab.client.subscribe().expect("subscribe");
    for name in &names {
        lab.client.terminate(name).expect("terminate");
    }
    let mut left: BTreeSet<String> = names.into_iter().collect();
    while !left.is_empty() {
        let id =
            lab.event(
                |event| if let Event::InstanceTerminated { id } = event { Some(id.clone()) } else { None },
            );
        assert!(left.remove(&id), "{id}");
    }
    println!("    200 terminated in {:?}", began.elapsed());
}

fn lab_spec(like: &LaunchSpec, id: &str, namespace: &str) -> LaunchSpec {
    LaunchSpec { id: id.into(), namespace: namespace.into(), ..like.clone() }
}

fn refusal<T>(outcome: Result<T, enishi_compute::Error>) -> ErrorKind {
    match outcome {
        Ok(_) => panic!("must be refused"),
        Err(error) => error.kind(),
    }
}

fn exited(event: &Event) -> Option<(i32, ExitCause)> {
    match event {
        Event::InstanceExited { status, cause, .. } => Some((*status, *cause)),
        _ => None,
    }
}

fn started(event: &Event) -> Option<i32> {
    match event {
        Event::InstanceStarted { pid, .. } => Some(*pid),
        _ => None,
    }
}
