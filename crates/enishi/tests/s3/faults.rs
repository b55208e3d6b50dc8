//! `kill -9`, and clients that cut off or lie.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{Daemon, until};
use crate::wire::{Case, SCOPE, aws_ok, data, files, get, put, refused, request, send};

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let mut daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    let stored: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::default();
    for round in 0..3 {
        let acknowledged = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (stored, acknowledged, running) = (&stored, &acknowledged, &daemon);
            for client in 0..4 {
                scope.spawn(move || {
                    for n in 0.. {
                        let key = format!("/lab/{round}/{client}/{n}");
                        let body = data(1 + n * 9973 % 300_000);
                        let headers = [("authorization", SCOPE), ("x-amz-date", "20260101T000000Z")];
                        match running.try_send("PUT", &key, &headers, &body) {
                            Some(answer) => assert_eq!(answer.status, 200, "{}", answer.text()),
                            None => return,
                        }
                        stored.lock().expect("no panic").insert(key, body);
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            until("enough was acknowledged", || acknowledged.load(Ordering::Relaxed) >= 20 + 17 * round);
            let pid = nix::unistd::Pid::from_raw(running.pid().cast_signed());
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("the daemon is killed");
        });
        daemon.kill_and_restart();
        for (key, body) in stored.lock().expect("no panic").iter() {
            let reply = get(&daemon, key);
            assert_eq!(reply.status, 200, "acknowledged and lost: {key}");
            assert!(reply.body == *body, "{key} is not what was put");
        }
    }
    // What was cut off is no object, and its file is swept.
    let listed = aws_ok(&daemon, &["s3", "ls", "s3://lab", "--recursive"]).lines().count();
    assert!(listed >= stored.lock().expect("no panic").len());
    until("only objects have files", || files(&daemon) == listed);
    assert_eq!(daemon.send("POST", "/_enishi/reset", &[], b"").status, 200);
    assert_eq!(get(&daemon, "/lab/0/0/0").status, 404);
    until("a reset empties the store", || files(&daemon) == 0);
    put(&daemon, "/lab", b"");
    assert_eq!(get(&daemon, "/lab?list-type=2").element("KeyCount"), "0");
}

#[test]
fn clients_that_cut_off_or_lie_leave_nothing_behind() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    let signed = [("authorization", SCOPE), ("x-amz-date", "20260101T000000Z")];
    // Cut off in the middle, without and with an answer to wait for.
    for shutdown in [Shutdown::Both, Shutdown::Write] {
        let mut stream = daemon.connect();
        let head = request(&daemon, "PUT", "/lab/cut", &signed, 3_000_000);
        stream.write_all(head.as_bytes()).expect("the head is sent");
        stream.write_all(&data(1_000_000)).expect("some of the body is sent");
        until("the upload has begun", || files(&daemon) == 1);
        stream.shutdown(shutdown).expect("the connection is closed");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        until("its file is gone", || files(&daemon) == 0);
    }
    assert_eq!(get(&daemon, "/lab/cut").status, 404);
    let cases: [Case<'_>; 12] = [
        ("POST", "/lab?delete", &[], b"<Delete><Object>"),
        ("POST", "/lab?delete", &[], b"<Delete></Delete>"),
        ("POST", "/lab?delete", &[], b"\xff\xfe"),
        ("POST", "/lab?delete", &[], b"<!DOCTYPE a [<!ENTITY b \"c\">]><Delete><Object><Key>&b;</Key></Object></Delete>"),
        ("POST", "/lab/k?uploadId=none", &[], b"<CompleteMultipartUpload/>"),
        ("PUT", "/lab/k?partNumber=0&uploadId=none", &[], b"x"),
        ("PUT", "/lab/k?partNumber=99999999999&uploadId=none", &[], b"x"),
        ("PUT", "/lab?tagging", &[], b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
        ("PUT", "/lab/k", &[("x-amz-copy-source", "%zz")], b""),
        ("PUT", "/lab/k", &[("x-amz-copy-source", "lab/none")], b""),
        ("GET", "/lab?list-type=2&max-keys=-1", &[], b""),
        ("GET", "/lab?list-type=2&continuation-token=%25", &[], b""),
    ];
    for (method, target, headers, body) in cases {
        let reply = send(&daemon, method, target, headers, body);
        assert!((400..500).contains(&reply.status), "{method} {target}: {} {}", reply.status, reply.text());
        assert!(reply.text().contains("<Error>"), "{method} {target}: {}", reply.text());
    }
    let deep = format!("<Delete>{}</Delete>", "<a>".repeat(200_000));
    assert!((400..500).contains(&send(&daemon, "POST", "/lab?delete", &[], deep.as_bytes()).status));
    let large = vec![b' '; 9 * 1024 * 1024];
    assert!((400..500).contains(&send(&daemon, "POST", "/lab?delete", &[], &large).status));
    let header = "x".repeat(20_000);
    let reply = send(&daemon, "PUT", "/lab/k", &[("x-amz-meta-a", &header)], b"x");
    assert_eq!(refused(&reply), (400, "MetadataTooLarge".to_owned()));
    assert_eq!(send(&daemon, "GET", "/lab?list-type=2", &[], b"").element("KeyCount"), "0");
    assert_eq!(files(&daemon), 0);
}
