//! The thin path: what is created over the AWS protocol is a network, and packets obey it.

mod harness;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use harness::lab::{Lab, Running};
use harness::{first, until};

#[test]
fn two_instances_reach_each_other_as_their_group_says() {
    let lab = Lab::new();
    let (web, web_ip) = lab.instance("web");
    let (app, _) = lab.instance("app");
    lab.daemon.settle();

    let output = lab.daemon.run(&["exec", "app", "--", "sh", "-c", "ip -4 -o addr show eth0; exit 7"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("10.0.1."), "{output:?}");
    let output = lab.daemon.run(&["exec", &app, "--", "no-such-program"]);
    assert_eq!(output.status.code(), Some(127));

    let _server = lab.echo_server(&web, 8080);
    assert!(!lab.connects("app", &web_ip, 8080), "no rule admits it");
    assert_eq!(lab.daemon.run(&["trace", "app", "web", "tcp/8080"]).status.code(), Some(3));

    lab.permit("AuthorizeSecurityGroupIngress", 8080);
    assert!(lab.connects("app", &web_ip, 8080), "the rule is in force when the API has answered");
    let trace = lab.daemon.run(&["trace", "app", "web", "tcp/8080"]);
    assert_eq!(trace.status.code(), Some(0), "{trace:?}");
    assert!(String::from_utf8_lossy(&trace.stdout).contains("sgr-"), "{trace:?}");

    lab.permit("RevokeSecurityGroupIngress", 8080);
    assert!(!lab.connects("app", &web_ip, 8080), "no new connection obeys the old rule");
}

#[test]
fn a_connection_survives_the_death_of_the_daemon() {
    let mut lab = Lab::new();
    let (web, web_ip) = lab.instance("web");
    let (app, _) = lab.instance("app");
    lab.daemon.settle();
    lab.permit("AuthorizeSecurityGroupIngress", 7);
    let _server = lab.echo_server(&web, 7);
    let mut client = lab
        .daemon
        .command(&[
            "exec",
            &app,
            "--",
            "bash",
            "-c",
            &format!("exec 3<>/dev/tcp/{web_ip}/7; cat <&3 & cat >&3"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut input = client.stdin.take().expect("a pipe");
    let mut output = BufReader::new(client.stdout.take().expect("a pipe"));
    let _client = Running(client);
    let mut echo = |text: &str| {
        writeln!(input, "{text}").expect("a line is sent");
        let mut line = String::new();
        output.read_line(&mut line).expect("a line comes back");
        assert_eq!(line.trim_end(), text);
    };
    echo("before");
    lab.daemon.kill();
    echo("without a daemon");
    lab.daemon.restart();
    lab.daemon.settle();
    echo("after");
    // The new daemon knows the instances that run, and still rules the network.
    assert!(lab.daemon.run(&["exec", "web", "--", "true"]).status.success());
    lab.permit("RevokeSecurityGroupIngress", 7);
    assert!(!lab.connects("app", &web_ip, 7));
}

#[test]
fn stopped_instances_start_again_with_their_files() {
    let lab = Lab::new();
    let (id, _) = lab.instance("box");
    lab.daemon.settle();
    let state = || {
        let xml = lab.daemon.call(&format!("Action=DescribeInstances&InstanceId.1={id}"));
        first(xml.split("<instanceState>").nth(1).expect("a state"), "name")
    };
    assert!(lab.daemon.run(&["exec", "box", "--", "sh", "-c", "echo kept > ~/note"]).status.success());
    lab.daemon.call(&format!("Action=StopInstances&InstanceId.1={id}"));
    until("the instance is stopped", || state() == "stopped");
    assert_eq!(lab.daemon.run(&["exec", "box", "--", "true"]).status.code(), Some(125));
    lab.daemon.call(&format!("Action=StartInstances&InstanceId.1={id}"));
    until("the instance runs", || state() == "running");
    let output = lab.daemon.run(&["exec", "box", "--", "sh", "-c", "cat ~/note"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "kept\n", "{output:?}");
    lab.daemon.call(&format!("Action=TerminateInstances&InstanceId.1={id}"));
    until("the instance is terminated", || state() == "terminated");
    assert_eq!(lab.daemon.settle()["instances_running"], 0);
}

#[test]
fn a_reset_takes_everything_down() {
    let lab = Lab::new();
    lab.instance("gone");
    lab.daemon.settle();
    assert_eq!(lab.daemon.send("POST", "/_enishi/reset", &[], b"").status, 200);
    let status = lab.daemon.settle();
    assert_eq!(status["instances_running"], 0);
    assert_eq!(status["namespaces"], 1, "only the internet: {status:#}");
    assert_eq!(lab.daemon.run(&["exec", "gone", "--", "true"]).status.code(), Some(125));
}

#[test]
fn what_is_deleted_by_hand_comes_back() {
    let lab = Lab::new();
    let (web, web_ip) = lab.instance("web");
    lab.instance("app");
    lab.daemon.settle();
    lab.permit("AuthorizeSecurityGroupIngress", 9);
    let _server = lab.echo_server(&web, 9);
    let vpc = lab.network.vpc.clone();
    let in_router = |command: &[&str]| {
        let output = lab.daemon.run(&[&["exec", &vpc, "--"], command].concat());
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    in_router(&["nft", "flush", "ruleset"]);
    until("the rules are back", || in_router(&["nft", "list", "ruleset"]).contains("sgr-"));
    assert!(lab.connects("app", &web_ip, 9));
    in_router(&["ip", "route", "del", &web_ip, "table", "200"]);
    until("the route is back", || lab.connects("app", &web_ip, 9));
    let route = in_router(&["ip", "-o", "route", "get", &web_ip]);
    let device =
        route.split_whitespace().skip_while(|word| *word != "dev").nth(1).expect("a device").to_owned();
    in_router(&["ip", "link", "del", &device]);
    until("the interface is back", || lab.connects("app", &web_ip, 9));
}

#[test]
fn instances_start_again_after_the_keeper_died() {
    let lab = Lab::new();
    let (id, _) = lab.instance("box");
    lab.daemon.settle();
    let boots = || {
        let output =
            lab.daemon.run(&["exec", &id, "--", "sh", "-c", "cat /proc/sys/kernel/random/uuid > /run/boot"]);
        output.status.success()
    };
    assert!(boots());
    lab.daemon.kill_keeper();
    until("the instance runs again", || {
        let output = lab.daemon.run(&["exec", &id, "--", "test", "!", "-e", "/run/boot"]);
        output.status.success()
    });
    lab.daemon.settle();
}
