//! Floods of frames that cost their sender little.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use enishi_fabric::balancer::{TargetGroup, TargetProtocol};

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, GOAWAY, HEADERS, PING,
    REFUSED_STREAM, RESET, SETTINGS, WINDOW_UPDATE, frame, get, post,
};
use super::{GROWTH, impatient, others_are_served, resident, server, until};
use crate::harness::{Server, group};
use crate::tls::plain_https;

/// Sends the same bytes until nobody takes them, at most `count` times; others are served meanwhile.
fn flood(client: &mut Frames, bytes: &[u8], count: usize, mut during: impl FnMut()) {
    let piece = bytes.repeat((16_000 / bytes.len()).max(1));
    for n in 0..count {
        if n % 100 == 10 {
            during();
        }
        if !client.write(&piece) {
            return;
        }
    }
}

/// The code, if it was not lost on its way.
#[track_caller]
fn assert_calmed(client: &mut Frames) {
    let code = client.end();
    assert!(matches!(code, None | Some(ENHANCE_YOUR_CALM)), "{code:?}");
    assert!(!client.sync(), "the connection goes on");
}

/// "Rapid reset": streams that are reset before anybody has looked at them.
#[test]
fn pending_resets_end_the_connection() {
    let (server, silent) = server();
    let fixture = plain_https(vec![group(&[&server])]);
    let mut client = Frames::connect(&fixture);
    let bytes: Vec<u8> = (0..2000u32)
        .flat_map(|n| {
            let id = 2 * n + 1;
            let head = frame(HEADERS, END_HEADERS | END_STREAM, id, &get("/silent"));
            [head, frame(RESET, 0, id, &8u32.to_be_bytes())].concat()
        })
        .collect();
    client.write(&bytes);
    assert_calmed(&mut client);
    others_are_served(&fixture);
    until(&silent, 0);
}

/// The same one by one, each after the request is on its way: a target has no more of them than the client has open.
#[test]
fn requests_that_are_given_up_do_not_pile_up() {
    let (server, silent) = server();
    let fixture = plain_https(vec![group(&[&server])]);
    let mut client = Frames::connect(&fixture);
    let mut most = 0;
    let mut given_up = 0;
    for n in 0..2000u32 {
        let id = 2 * n + 1;
        let is_gone =
            !client.ask(id, "/silent") || !client.sync() || !client.send(RESET, 0, id, &8u32.to_be_bytes());
        if is_gone {
            break;
        }
        given_up += 1;
        most = most.max(silent.load(Ordering::SeqCst));
    }
    assert!((500..1000).contains(&given_up), "{given_up} requests were given up");
    assert!(most < 250, "{most} at once");
    others_are_served(&fixture);
    until(&silent, 0);
}

/// The same while the target's connection is still being made.
#[test]
fn connections_that_nobody_waits_for_do_not_pile_up() {
    let shaking = Arc::new(AtomicUsize::new(0));
    let waiting = shaking.clone();
    let server = Server::new(move |mut client| {
        waiting.fetch_add(1, Ordering::SeqCst);
        client.rest();
        waiting.fetch_sub(1, Ordering::SeqCst);
    });
    let silent = TargetGroup { protocol: TargetProtocol::Https, ..group(&[&server]) };
    let fixture = plain_https(vec![silent]);
    let mut client = Frames::connect(&fixture);
    for n in 0..400u32 {
        let id = 2 * n + 1;
        client.ask(id, "/");
        assert!(client.sync() && client.send(RESET, 0, id, &8u32.to_be_bytes()));
        let now = shaking.load(Ordering::SeqCst);
        assert!(now < 250, "{now} at once");
    }
    until(&shaking, 0);
}

/// Who leaves takes all requests along.
#[test]
fn a_client_of_http2_that_leaves_is_noticed() {
    let (server, silent) = server();
    let fixture = plain_https(vec![group(&[&server])]);
    let mut client = Frames::connect(&fixture);
    for n in 0..100u32 {
        client.ask(2 * n + 1, "/silent");
    }
    until(&silent, 100);
    drop(client);
    until(&silent, 0);
    assert!(fixture.lines.wait(100).iter().all(|line| line.contains(" 460 - ")));
}

#[test]
fn streams_over_the_limit_are_refused() {
    let (server, silent) = server();
    let fixture = plain_https(vec![group(&[&server])]);
    let mut client = Frames::connect(&fixture);
    for n in 0..178u32 {
        client.ask(2 * n + 1, "/silent");
    }
    for _ in 0..50 {
        let frame = client.until(|frame| frame.kind == RESET || frame.kind == GOAWAY).expect("a frame");
        assert_eq!((frame.kind, frame.code()), (RESET, REFUSED_STREAM));
        assert!(frame.stream > 2 * 127, "{frame:?}");
    }
    until(&silent, 128);
    others_are_served(&fixture);
}

#[test]
fn continuations_without_end_end_the_connection() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let before = resident();
    for payload in [&b""[..], b"\0\x01a\x01b"] {
        let mut client = Frames::connect(&fixture);
        client.send(HEADERS, END_STREAM, 1, &get("/"));
        flood(&mut client, &frame(CONTINUATION, 0, 1, payload), 500, || others_are_served(&fixture));
        let code = client.end();
        // 1: what is neither a bomb nor a flood is no head.
        assert!(matches!(code, None | Some(ENHANCE_YOUR_CALM | 1)), "{code:?}");
        assert!(!client.sync(), "the connection goes on");
    }
    others_are_served(&fixture);
    assert!(resident() < before + GROWTH);
}

/// Frames that have to be answered, by a client that does not read: soon nobody reads either.
#[test]
fn frames_that_want_answers_do_not_pile_up() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let before = resident();
    for bytes in [
        frame(PING, 0, 0, b"12345678"),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]),
        frame(SETTINGS, 0, 0, &[]),
    ] {
        let mut client = Frames::connect(&fixture);
        flood(&mut client, &bytes, 300, || others_are_served(&fixture));
        others_are_served(&fixture);
        assert!(resident() < before + GROWTH);
    }
}

/// Frames that mean nothing buy no time: an idle connection ends although they come.
#[test]
fn frames_without_meaning_buy_no_time() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let mut client = Frames::connect(&fixture);
    let meaningless = [
        frame(PING, ACK, 0, b"12345678"),
        frame(0x2, 0, 1, &[0, 0, 0, 0, 16]),
        frame(0xf0, 0, 0, b"unknown"),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
    ]
    .concat();
    let mut is_told = false;
    while let Some(frame) = {
        client.write(&meaningless);
        client.send(PING, 0, 0, b"12345678");
        client.next()
    } {
        is_told |= frame.kind == GOAWAY;
    }
    assert!(is_told);
    others_are_served(&fixture);
}

#[test]
fn empty_data_ends_the_connection() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let before = resident();
    let mut client = Frames::connect(&fixture);
    client.send(HEADERS, END_HEADERS, 1, &post("/silent"));
    flood(&mut client, &frame(DATA, 0, 1, b""), 500, || others_are_served(&fixture));
    assert_calmed(&mut client);
    others_are_served(&fixture);
    assert!(resident() < before + GROWTH);
}
