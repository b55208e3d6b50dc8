//! Running commands.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use enishi_compute::{Client, ExecSpec, Owner, Stdio, Target};

use crate::lab::{Lab, eventually};

pub fn report_their_exit_status(lab: &mut Lab) {
    lab.instance("a");
    for (script, status) in [("true", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        assert_eq!(lab.sh("a", script).status, status, "{script}");
    }
    let missing = lab.run(Target::Instance("a".into()), &["no-such-program"]);
    assert_eq!(missing.status, 127);
    assert!(missing.stderr.contains("no-such-program"), "{missing:?}");
    assert_eq!(lab.run(Target::Instance("a".into()), &["/etc/passwd"]).status, 126);
    assert_eq!(lab.run(Target::Instance("a".into()), &["/etc"]).status, 126);
}

pub fn get_the_streams_of_the_client(lab: &mut Lab) {
    lab.instance("a");
    let mut spec =
        ExecSpec::new(Target::Instance("a".into()), ["sh", "-c", "cat; echo $WHAT:$HOME:$(pwd) >&2"]);
    spec.env.insert("WHAT".into(), "this".into());
    let output = lab.run_spec(&spec, "through\n");
    assert_eq!((output.status, output.stdout.as_str()), (0, "through\n"));
    assert_eq!(output.stderr, "this:/root:/root\n");
    spec.cwd = Some("/usr".into());
    assert_eq!(lab.run_spec(&spec, "").stderr, "this:/root:/usr\n");
    // More than a pipe holds, both ways at once.
    let (mut from_command, stdout) = std::io::pipe().expect("a pipe");
    let (stdin, mut to_command) = std::io::pipe().expect("a pipe");
    let null = File::options().read(true).write(true).open("/dev/null").expect("/dev/null");
    let cat = ExecSpec::new(Target::Instance("a".into()), ["cat"]);
    let exec = lab
        .client
        .exec(&cat, Stdio { stdin: stdin.as_fd(), stdout: stdout.as_fd(), stderr: null.as_fd() })
        .expect("exec");
    drop((stdin, stdout));
    let sent = vec![b'x'; 1 << 20];
    let received = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            to_command.write_all(&sent).expect("write");
            drop(to_command);
        });
        let mut received = Vec::new();
        from_command.read_to_end(&mut received).expect("read");
        writer.join().expect("the writer");
        received
    });
    assert!(received == sent, "{} bytes came back", received.len());
    assert_eq!(lab.client.wait(exec).expect("wait"), 0);
}

pub fn get_a_terminal(lab: &mut Lab) {
    lab.instance("a");
    let script = "test -t 0 && test -t 2 && tty && ps -o tty= -p $$";
    let spec = ExecSpec::new(Target::Instance("a".into()), ["sh", "-c", script]);
    let (exec, master) = lab.client.exec_terminal(&spec).expect("exec");
    let mut text = Vec::new();
    // The end of a terminal is an error (EIO), not an end of file.
    let _ = File::from(master).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    assert_eq!(lab.client.wait(exec).expect("wait"), 0, "{text}");
    assert_eq!(text, "/dev/pts/0\r\npts/0\r\n", "{text}");
}

pub fn run_in_a_bare_namespace(lab: &mut Lab) {
    lab.client.create_namespace("internet", Owner::Keeper).expect("create");
    let bare = || Target::Namespace("internet".into());
    let links =
        lab.run(bare(), &["sh", "-c", "ls /sys/class/net; cat /proc/net/dev | tail -n +3 | cut -d: -f1"]);
    assert_eq!((links.status, links.stdout.replace(' ', "").as_str()), (0, "lo\nlo\n"), "{links:?}");
    // The host's files, as they are: what the user may write, the command may.
    let file = lab.directory.path().join("written");
    assert_eq!(lab.run(bare(), &["touch", file.to_str().expect("a path")]).status, 0);
    assert!(file.exists());
    let mut spec = ExecSpec::new(bare(), ["cat", "/etc/resolv.conf"]);
    let host = std::fs::read_to_string("/etc/resolv.conf").expect("the host has a resolv.conf");
    assert_eq!(lab.run_spec(&spec, "").stdout, host);
    spec.resolv_conf = Some("nameserver 198.18.0.53\n".into());
    assert_eq!(lab.run_spec(&spec, "").stdout, "nameserver 198.18.0.53\n");
    assert_eq!(std::fs::read_to_string("/etc/resolv.conf").expect("still there"), host);
    // What a command leaves behind lives until its namespace goes.
    let left = lab.run(bare(), &["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo started"]);
    assert_eq!((left.status, left.stdout.as_str()), (0, "started\n"));
    let marker = "sleep\x001000\x00";
    let sleeping = || crate::safety::processes_with(|command| command == marker);
    let before = lab.run(bare(), &["pgrep", "-x", "sleep"]);
    assert_eq!(before.status, 0, "{before:?}");
    let pids = sleeping();
    assert!(!pids.is_empty());
    lab.client.delete_namespace("internet").expect("delete");
    assert!(eventually(|| pids.iter().all(|pid| crate::lab::process_is_gone(*pid)).then_some(())).is_some());
    assert!(lab.client.open_namespace("internet").is_err());
}

pub fn end_with_their_client(lab: &mut Lab) {
    lab.instance("a");
    let file = lab.directory.path().join("out");
    let out = File::create(&file).expect("a file");
    let stdio = Stdio { stdin: out.as_fd(), stdout: out.as_fd(), stderr: out.as_fd() };
    let mut other = Client::connect(&lab.socket).expect("connect");
    // One that a hang-up ends, one that it does not.
    let pliant = ExecSpec::new(Target::Instance("a".into()), ["sh", "-c", "echo up; exec sleep 1001"]);
    let stubborn =
        ExecSpec::new(Target::Instance("a".into()), ["sh", "-c", "trap '' HUP; echo up; exec sleep 1002"]);
    other.exec(&pliant, stdio).expect("exec");
    other.exec(&stubborn, stdio).expect("exec");
    eventually(|| (std::fs::read_to_string(&file).ok()? == "up\nup\n").then_some(())).expect("both are up");
    let count =
        |lab: &mut Lab, seconds: &str| lab.ask("a", &format!("pgrep -c -f 'sleep {seconds}$' || true"));
    eventually(|| (count(lab, "1001") == "1" && count(lab, "1002") == "1").then_some(()))
        .expect("both sleep");
    drop(other);
    eventually(|| (count(lab, "1001") == "0").then_some(())).expect("the first is gone");
    eventually(|| (count(lab, "1002") == "0").then_some(())).expect("the second is gone");
}
