//! Clients of HTTP/2 that ask, and take nothing.

use super::frames::{CANCEL, END_HEADERS, Frames, HEADERS, RESET, SETTINGS, WINDOW_UPDATE, frame, post};
use super::{GROWTH, impatient, others_are_served, resident, server};
use crate::harness::wait;

/// SETTINGS_INITIAL_WINDOW_SIZE: 0.
const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// Large answers that nobody has room for wait no longer than the idle timeout, and are not fetched in advance.
#[test]
fn closed_windows_hold_nothing_up() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let before = resident();
    let mut clients: Vec<Frames> = (0..4).map(|_| Frames::with_settings(&fixture, &NO_WINDOW)).collect();
    for client in &mut clients {
        for n in 0..100u32 {
            client.ask(2 * n + 1, "/large");
        }
    }
    others_are_served(&fixture);
    for client in &mut clients {
        for _ in 0..100 {
            let frame = client.until(|frame| frame.kind == RESET).expect("a reset");
            assert_eq!(frame.code(), CANCEL);
        }
    }
    others_are_served(&fixture);
    drop(clients);
    wait(|| (fixture.node().connections() == 0).then_some(()));
    wait(|| (resident() < before + GROWTH).then_some(()));
}

/// A window that opens a byte at a time, and one that overflows.
#[test]
fn odd_windows() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let mut client = Frames::with_settings(&fixture, &NO_WINDOW);
    client.ask(1, "/");
    for _ in 0..2 {
        client.send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
        let data = client.until(|frame| frame.kind == 0).expect("data");
        assert_eq!(data.payload.len(), 1);
    }
    // 3: FLOW_CONTROL_ERROR.
    client.ask(3, "/");
    client.write(&frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]));
    client.write(&frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
    let code = client.end();
    assert!(matches!(code, None | Some(3)), "{code:?}");
    assert!(!client.sync(), "the connection goes on");
    others_are_served(&fixture);
}

/// A body that does not go on is given up with 408, and the connection stays for others.
#[test]
fn slow_bodies_time_out() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let mut client = Frames::connect(&fixture);
    client.send(HEADERS, END_HEADERS, 1, &post("/silent"));
    let head = client.until(|frame| frame.kind == HEADERS).expect("a head");
    assert_eq!(head.stream, 1);
    assert!(fixture.lines.wait(1)[0].contains(" 408 - "));
    others_are_served(&fixture);
}

/// HTTP/2 that is not begun, or begun with something else.
#[test]
fn prefaces_are_wanted() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let mut silent = Frames::silent(&fixture);
    silent.write(b"PRI * HT");
    let mut wrong = Frames::silent(&fixture);
    wrong.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let is_goaway = |frame: &super::frames::Frame| frame.kind == super::frames::GOAWAY;
    let refused = wrong.until(is_goaway);
    assert!(refused.is_none_or(|frame| frame.code() == 1));
    others_are_served(&fixture);
    assert!(silent.until(is_goaway).is_none());
    wait(|| (fixture.node().connections() == 0).then_some(()));
}
