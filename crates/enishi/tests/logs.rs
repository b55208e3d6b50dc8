//! CloudWatch Logs with the real binary: what a client was told is stored survives `kill -9`, `aws logs` works, and queries of
//! a public zone are logged.

mod harness;

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::Daemon;
use serde_json::{Value, json};

/// Nobody is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    u64::try_from(since.as_millis()).expect("a time")
}

/// Calls an operation of CloudWatch Logs: the status and the answer.
fn call(daemon: &Daemon, operation: &str, input: &Value) -> (u16, Value) {
    let target = format!("Logs_20140328.{operation}");
    let headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target.as_str())];
    let answer = daemon.send("POST", "/", &headers, input.to_string().as_bytes());
    let body = if answer.body.is_empty() { Value::Null } else { answer.json() };
    (answer.status, body)
}

fn ok(daemon: &Daemon, operation: &str, input: &Value) -> Value {
    let (status, body) = call(daemon, operation, input);
    assert_eq!(status, 200, "{operation}: {body}");
    body
}

fn messages(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().expect("events");
    events.iter().map(|event| event["message"].as_str().expect("a message").to_owned()).collect()
}

/// The command line client of AWS, pointed at the daemon.
fn aws(daemon: &Daemon, arguments: &[&str]) -> Output {
    let endpoint = format!("http://{}", daemon.connect().peer_addr().expect("an address"));
    Command::new("aws")
        .args(["--endpoint-url", &endpoint, "--region", "us-east-1", "--output", "text"])
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_PAGER", "")
        .output()
        .expect("the AWS CLI runs")
}

#[test]
fn acknowledged_events_survive_kill_9() {
    let mut daemon = Daemon::start();
    ok(&daemon, "CreateLogGroup", &json!({ "logGroupName": "/app" }));
    ok(&daemon, "CreateLogStream", &json!({ "logGroupName": "/app", "logStreamName": "web" }));
    let mut expected = Vec::new();
    for round in 0..3 {
        for n in 0..5 {
            let message = format!("round {round} event {n}");
            let event = json!({ "timestamp": now(), "message": message });
            let input = json!({ "logGroupName": "/app", "logStreamName": "web", "logEvents": [event] });
            ok(&daemon, "PutLogEvents", &input);
            expected.push(message);
        }
        daemon.kill_and_restart();
        let input = json!({ "logGroupName": "/app", "logStreamName": "web", "startFromHead": true });
        assert_eq!(messages(&ok(&daemon, "GetLogEvents", &input)), expected);
    }
    let found =
        ok(&daemon, "FilterLogEvents", &json!({ "logGroupName": "/app", "filterPattern": "\"event 3\"" }));
    assert_eq!(messages(&found), ["round 0 event 3", "round 1 event 3", "round 2 event 3"]);
    let streams = ok(&daemon, "DescribeLogStreams", &json!({ "logGroupName": "/app" }));
    assert!(streams["logStreams"][0]["lastEventTimestamp"].is_u64(), "{streams}");

    // A group that is made again has nothing of the old one.
    ok(&daemon, "DeleteLogGroup", &json!({ "logGroupName": "/app" }));
    ok(&daemon, "CreateLogGroup", &json!({ "logGroupName": "/app" }));
    let found = ok(&daemon, "FilterLogEvents", &json!({ "logGroupName": "/app" }));
    assert_eq!(messages(&found), Vec::<String>::new());
    let (status, fault) =
        call(&daemon, "PutRetentionPolicy", &json!({ "logGroupName": "/app", "retentionInDays": 2 }));
    assert_eq!((status, fault["__type"].as_str()), (400, Some("InvalidParameterException")));
}

#[test]
fn the_aws_cli_puts_filters_and_follows() {
    let daemon = Daemon::start();
    let said = |arguments: &[&str]| {
        let output = aws(&daemon, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let names = ["--log-group-name", "/app", "--log-stream-name", "web"];
    said(&["logs", "create-log-group", "--log-group-name", "/app"]);
    said(&[&["logs", "create-log-stream"], names.as_slice()].concat());
    let at = now();
    let (one, two) = (format!("timestamp={at},message=hello"), format!("timestamp={},message=world", at + 1));
    said(&[&["logs", "put-log-events"], names.as_slice(), &["--log-events", &one, &two]].concat());
    let found = said(&["logs", "filter-log-events", "--log-group-name", "/app", "--filter-pattern", "wor"]);
    assert!(found.contains("world") && !found.contains("hello"), "{found}");
    // What `aws logs tail --follow` of its second version does: it asks again from the last timestamp on, and leaves out
    // what it has seen by event id.
    let mut seen = std::collections::BTreeSet::new();
    let mut tail = |since: u64| {
        let since = since.to_string();
        let ask = [
            "logs",
            "filter-log-events",
            "--log-group-name",
            "/app",
            "--page-size",
            "1",
            "--start-time",
            &since,
        ];
        let query = ["--interleaved", "--query", "events[].[eventId,message]"];
        let found = said(&[ask.as_slice(), query.as_slice()].concat());
        let rows = found.lines().filter_map(|line| line.split_once('\t'));
        let fresh = rows.filter(|(id, _)| seen.insert((*id).to_owned()));
        fresh.map(|(_, message)| message.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(tail(at - 1000), ["hello", "world"]);
    assert_eq!(tail(at + 1), Vec::<String>::new());
    let three = format!("timestamp={},message=again", at + 1);
    said(&[&["logs", "put-log-events"], names.as_slice(), &["--log-events", &three]].concat());
    assert_eq!(tail(at + 1), ["again"]);
    let refused = aws(&daemon, &["logs", "create-log-group", "--log-group-name", "/app"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("(ResourceAlreadyExistsException)"), "{text}");
}

/// Asks for the address of a name; answers the response code.
fn ask(server: SocketAddr, name: &str) -> u8 {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).expect("a label"));
        query.extend(label.bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.connect(server).expect("connected");
    socket.send(&query).expect("sent");
    let mut answer = [0; 1232];
    let length = socket.recv(&mut answer).expect("an answer");
    assert!(length > 12);
    answer[3] & 15
}

#[test]
fn queries_of_a_public_zone_are_logged() {
    const ARN: &str = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/route53/example.com";
    let daemon = Daemon::start();
    let status = daemon.get("/_enishi/status").json();
    let server: SocketAddr = status["dns"].as_str().expect("an address").parse().expect("an address");
    ok(&daemon, "CreateLogGroup", &json!({ "logGroupName": "/aws/route53/example.com" }));
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "route53.amazonaws.com" },
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/route53/*",
    }] });
    let input = json!({ "policyName": "route53", "policyDocument": policy.to_string() });
    ok(&daemon, "PutResourcePolicy", &input);
    let said = |arguments: &[&str]| {
        let output = aws(&daemon, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    let id = said(&[
        "route53",
        "create-hosted-zone",
        "--name",
        "example.com",
        "--caller-reference",
        "1",
        "--query",
        "HostedZone.Id",
    ]);
    let zone = id.trim_start_matches("/hostedzone/");
    said(&[
        "route53",
        "create-query-logging-config",
        "--hosted-zone-id",
        zone,
        "--cloud-watch-logs-log-group-arn",
        ARN,
    ]);
    const NAME_ERROR: u8 = 3;
    assert_eq!(ask(server, "WWW.example.com"), NAME_ERROR);
    let deadline = Instant::now() + PATIENCE;
    let line = loop {
        let found = ok(&daemon, "FilterLogEvents", &json!({ "logGroupName": "/aws/route53/example.com" }));
        if let Some(line) = messages(&found).first() {
            assert_eq!(found["events"][0]["logStreamName"], format!("{zone}/IAD89-C1"));
            break line.clone();
        }
        assert!(Instant::now() < deadline, "no line came");
        std::thread::yield_now();
    };
    let mut words: Vec<&str> = line.split(' ').collect();
    let time = words.remove(1);
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let wanted = ["1.0", zone, "WWW.example.com", "A", "NXDOMAIN", "UDP", "IAD89-C1", "127.0.0.1", "-"];
    assert_eq!(words, wanted);
}
