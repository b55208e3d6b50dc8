//! HTTP/2 frame by frame (RFC 9113, section 4), as no library would send it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::harness::{Fixture, PATIENCE};
use crate::tls::client_config;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// `REFUSED_STREAM`, `CANCEL`, `ENHANCE_YOUR_CALM`.
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;

#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of a RST_STREAM or a GOAWAY.
    pub fn code(&self) -> u32 {
        let code = self.payload.get(if self.kind == GOAWAY { 4..8 } else { 0..4 });
        code.map_or(u32::MAX, |code| u32::from_be_bytes([code[0], code[1], code[2], code[3]]))
    }
}

/// A frame's bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A number with a prefix (RFC 7541, section 5.1).
pub fn length(first: u8, mask: u8, length: usize) -> Vec<u8> {
    let most = usize::from(mask);
    if length < most {
        return vec![first | u8::try_from(length).expect("a small number")];
    }
    let (mut bytes, mut rest) = (vec![first | mask], length - most);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).expect("seven bits") | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes
}

/// The header block of a request.
pub fn get(path: &str) -> Vec<u8> {
    block(0x82, path)
}

/// The same of one that has a body.
pub fn post(path: &str) -> Vec<u8> {
    block(0x83, path)
}

fn block(method: u8, path: &str) -> Vec<u8> {
    let mut block = vec![method, 0x87, 0x01, 9];
    block.extend(b"localhost");
    block.push(0x04);
    block.extend(length(0, 0x7f, path.len()));
    block.extend(path.as_bytes());
    block
}

pub struct Frames {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

impl Frames {
    /// Connects, with the preface and default settings.
    pub fn connect(fixture: &Fixture) -> Self {
        Self::with_settings(fixture, &[])
    }

    /// The same with settings.
    pub fn with_settings(fixture: &Fixture, settings: &[u8]) -> Self {
        let mut client = Self::silent(fixture);
        client.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        client.send(SETTINGS, 0, 0, settings);
        client
    }

    /// The same without anything that HTTP/2 begins with.
    pub fn silent(fixture: &Fixture) -> Self {
        let stream = TcpStream::connect(fixture.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // Whoever floods may find that nobody reads any more.
        stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(client_config(&[b"h2"], None, false), name).expect("TLS");
        Frames { stream: StreamOwned::new(tls, stream), buffer: Vec::new() }
    }

    /// Writes bytes; `false`: they are not taken any more.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Sends a frame.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.write(&frame(kind, flags, stream, payload))
    }

    /// Sends a request's head.
    pub fn ask(&mut self, stream: u32, path: &str) -> bool {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &get(path))
    }

    /// The next frame. `None`: the connection is over.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((head, rest)) = self.buffer.split_first_chunk::<9>() {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                if let Some(payload) = rest.get(..length) {
                    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    let frame = Frame { kind: head[3], flags: head[4], stream, payload: payload.to_vec() };
                    self.buffer.drain(..9 + length);
                    return Some(frame);
                }
            }
            let mut bytes = [0; 16 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
            }
        }
    }

    /// Passes over frames until one is wanted.
    pub fn until(&mut self, mut is_wanted: impl FnMut(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if is_wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// Waits until everything that was sent has been read; `false`: the connection is over.
    pub fn sync(&mut self) -> bool {
        self.send(PING, 0, 0, b"in order")
            && self.until(|frame| frame.kind == PING && frame.flags & ACK != 0).is_some()
    }

    /// How the connection ends: with this code, unless that was lost because more was sent than was read.
    pub fn end(&mut self) -> Option<u32> {
        let frame = self.until(|frame| frame.kind == GOAWAY && frame.code() != 0)?;
        Some(frame.code())
    }
}
