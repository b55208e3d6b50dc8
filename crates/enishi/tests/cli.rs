//! The command line: what scripts rely on.

mod harness;

use std::process::{Command, Output, Stdio};

use harness::{Daemon, first};
use serde_json::Value;

fn enishi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_enishi"))
        .args(arguments)
        .env_remove("ENISHI_ENDPOINT")
        .stdin(Stdio::null())
        .output()
        .expect("the command runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn every_command_explains_itself() {
    let commands = [
        "up", "down", "env", "exec", "trace", "dns", "zone", "show", "mail", "status", "doctor", "reset",
        "tour",
    ];
    let all = stdout(&enishi(&["--help"]));
    for command in commands {
        assert!(all.contains(command), "{command} is not in the help");
        let help = stdout(&enishi(&[command, "--help"]));
        assert!(help.contains("--json") && help.contains("--endpoint"), "{command}: {help}");
    }
    assert!(!all.contains("keeper"));
}

#[test]
fn without_a_command_the_help_is_shown() {
    let output = Command::new(env!("CARGO_BIN_EXE_enishi"))
        .env("ENISHI_ENDPOINT", "http://127.0.0.1:1")
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(2));
    let help = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
    assert!(help.contains("enishi tour") && !help.contains("keeper"), "{help}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named_once() {
    for arguments in
        [&["up", "--data-dir", "/proc/nope"][..], &["up", "--detach", "--data-dir", "/proc/nope"]]
    {
        let output = enishi(arguments);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("/proc/nope") && text.matches("os error").count() == 1, "{text}");
    }
}

#[test]
fn env_prints_exports_that_a_shell_can_read() {
    let output = enishi(&["env", "--endpoint", "http://127.0.0.1:4999"]);
    let script = format!("{}echo $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID", stdout(&output));
    let shell = Command::new("sh").arg("-c").arg(script).output().expect("a shell");
    assert_eq!(stdout(&shell), "http://127.0.0.1:4999 test\n");
    let data = json(&enishi(&["env", "--json"]));
    assert_eq!(data["AWS_ENDPOINT_URL"], "http://127.0.0.1:4566");
}

#[test]
fn without_a_daemon_commands_say_how_to_start_one() {
    // Port 1 is nobody's.
    for arguments in
        [["status", "--endpoint", "http://127.0.0.1:1"], ["show", "--endpoint", "http://127.0.0.1:1"]]
    {
        let output = enishi(&arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("enishi up"), "{output:?}");
    }
    let output = enishi(&["status", "--endpoint", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_detached_daemon_answers_when_up_returns_and_ends_with_down() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a path in UTF-8");
    let up = enishi(&["up", "--detach", "--json", "--listen", "127.0.0.1:0", "--data-dir", path]);
    assert!(up.status.success(), "{up:?}");
    let endpoint = json(&up)["endpoint"].as_str().expect("an endpoint").to_owned();
    let status = json(&enishi(&["status", "--json", "--endpoint", &endpoint]));
    assert_eq!(status["data_dir"], path);
    let again = enishi(&["up", "--detach", "--listen", "127.0.0.1:0", "--data-dir", path]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("in use"), "{again:?}");
    let down = enishi(&["down", "--json", "--endpoint", &endpoint, "--data-dir", path]);
    assert_eq!(json(&down)["ended"], true);
    assert_eq!(enishi(&["status", "--endpoint", &endpoint]).status.code(), Some(1));
}

#[test]
fn show_lists_what_there_is() {
    let daemon = Daemon::start();
    let vpc = daemon.create_vpc("10.7.0.0/16");
    daemon.call(&format!("Action=CreateTags&ResourceId.1={vpc}&Tag.1.Key=Name&Tag.1.Value=seven"));
    let text = stdout(&daemon.run(&["show"]));
    assert!(text.contains(&format!("{vpc} 10.7.0.0/16 000000000000/us-east-1 \"seven\"")), "{text}");
    let row = json(&daemon.run(&["show", &vpc, "--json"]));
    assert_eq!(row["tags"]["Name"], "seven");
    let rows = json(&daemon.run(&["show", "vpcs", "--json"]));
    assert!(rows.as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == vpc.as_str())));
    let missing = daemon.run(&["show", "vpc-0123456789abcdef0"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(daemon.run(&["reset"]).status.success());
    assert!(!stdout(&daemon.run(&["show"])).contains(&vpc));
}

#[test]
fn exec_and_trace_find_their_targets() {
    let daemon = Daemon::start();
    let vpc = daemon.create_vpc("10.0.0.0/16");
    let subnet =
        first(&daemon.call(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.1.0/24")), "subnetId");
    let instance = daemon.call(&format!(
        "Action=RunInstances&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=1&SubnetId={subnet}"
    ));
    let (instance, address) = (first(&instance, "instanceId"), first(&instance, "privateIpAddress"));
    daemon.settle();

    let said =
        json(&daemon.run(&["exec", &instance, "--json", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]));
    assert_eq!(
        (&said["status"], &said["stdout"], &said["stderr"]),
        (&3.into(), &"out\n".into(), &"err\n".into())
    );
    let routes = stdout(&daemon.run(&["exec", &vpc, "--", "ip", "-4", "addr"]));
    assert!(routes.contains("10.0.1.1"), "the router owns the gateway's address: {routes}");
    assert!(daemon.run(&["exec", "internet", "--", "true"]).status.success());
    assert_eq!(daemon.run(&["exec", "nobody", "--", "true"]).status.code(), Some(125));

    // The default group admits its members, and nobody from outside has a way in.
    let trace = daemon.run(&["trace", "internet", &address, "tcp/22", "--json"]);
    assert_eq!(trace.status.code(), Some(3));
    assert_eq!(json(&trace)["passes"], false);
    let trace = daemon.run(&["trace", &instance, &address, "icmp"]);
    assert_eq!(trace.status.code(), Some(0), "{trace:?}");
    assert_eq!(daemon.run(&["trace", &instance, "internet", "tcp/x"]).status.code(), Some(1));
}

#[test]
fn an_instance_reads_its_metadata() {
    let daemon = Daemon::start();
    let vpc = daemon.create_vpc("10.0.0.0/16");
    let subnet =
        first(&daemon.call(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.1.0/24")), "subnetId");
    let run =
        format!("Action=RunInstances&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=1&SubnetId={subnet}");
    let instance = first(&daemon.call(&run), "instanceId");
    daemon.settle();
    let ask = |request: &str| {
        let script = format!("exec 3<>/dev/tcp/169.254.169.254/80; printf '{request}' >&3; cat <&3");
        stdout(&daemon.run(&["exec", &instance, "--", "bash", "-c", &script]))
    };
    let head = "HTTP/1.1\\r\\nhost: 169.254.169.254\\r\\nconnection: close\\r\\n";
    let token =
        ask(&format!("PUT /latest/api/token {head}x-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n"));
    let token = token.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned();
    assert!(!token.is_empty());
    let answer = ask(&format!(
        "GET /latest/meta-data/instance-id {head}x-aws-ec2-metadata-token: {token}\\r\\n\\r\\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&instance), "{answer}");
}

#[test]
fn the_tour_goes_as_on_aws() {
    let daemon = Daemon::start();
    let tour = daemon.run(&["tour", "--json"]);
    assert!(tour.status.success(), "{tour:?}");
    assert_eq!(json(&tour)["as_expected"], true);
    assert_eq!(daemon.settle()["instances_running"], 0);
}

#[test]
fn doctor_looks_at_this_machine() {
    let daemon = Daemon::start();
    let report = json(
        &daemon.command(&["doctor", "--json", "--data-dir"]).arg(daemon.data_dir()).output().expect("runs"),
    );
    let findings = report["findings"].as_array().expect("findings");
    let daemon = findings.iter().find(|finding| finding["name"] == "daemon").expect("the daemon");
    assert_eq!(daemon["ok"], true, "{daemon}");
    assert!(findings.len() > 5);
}
