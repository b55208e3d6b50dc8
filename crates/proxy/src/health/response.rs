//! Reads a response of HTTP/1 (RFC 9112) piece by piece, as far as a probe looks at it: the status, and the beginning of the body.
//!
//! Kept are the line that is being read and the body's beginning, both bounded.

use super::core::SEARCHED;

/// The most bytes of all heads together: interim responses (RFC 9110, section 15.2) count as well.
const HEAD: usize = 64 * 1024;

/// What came is not HTTP/1, or its head has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotHttp;

/// A response of which some has been read.
#[derive(Debug, Default)]
pub(super) struct Response {
    part: Part,
    /// The line that is being read, without its end.
    line: Vec<u8>,
    /// Bytes of heads so far.
    head: usize,
    status: Option<u16>,
    chunked: bool,
    length: Option<u64>,
    body: Vec<u8>,
}

/// What is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    StatusLine,
    Headers,
    /// A body that ends with the connection, or after so many bytes.
    Body {
        left: Option<u64>,
    },
    ChunkSize,
    Chunk {
        left: u64,
    },
    ChunkEnd,
    /// Everything that is looked at has been read.
    Done,
}

impl Response {
    /// The status, as soon as its line has been read; interim ones are passed over.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// The beginning of the body, at most [`SEARCHED`] bytes.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether nothing more is looked at: the body is over, or enough of it is there.
    pub(super) fn is_done(&self) -> bool {
        self.part == Part::Done
    }

    /// The connection ended; says whether the response did, too.
    pub(super) fn end(&mut self) -> bool {
        let is_whole = matches!(self.part, Part::Done | Part::Body { left: None });
        self.part = Part::Done;
        is_whole
    }

    /// Takes in what came.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> Result<(), NotHttp> {
        while !bytes.is_empty() && self.part != Part::Done {
            bytes = match self.part {
                Part::StatusLine | Part::Headers => self.head_line(bytes)?,
                Part::Body { left } => {
                    let (rest, left) = self.keep(bytes, left);
                    self.part = if left == Some(0) { Part::Done } else { Part::Body { left } };
                    rest
                }
                Part::Chunk { left } => {
                    let (rest, left) = self.keep(bytes, Some(left));
                    let left = left.unwrap_or_default();
                    self.part = if left == 0 { Part::ChunkEnd } else { Part::Chunk { left } };
                    rest
                }
                Part::ChunkSize | Part::ChunkEnd => self.chunk_line(bytes)?,
                Part::Done => &[],
            };
            if self.body.len() >= SEARCHED {
                self.part = Part::Done;
            }
        }
        Ok(())
    }

    /// Keeps what is part of the body; answers what comes behind it, and how much of it is still to come.
    fn keep<'b>(&mut self, bytes: &'b [u8], left: Option<u64>) -> (&'b [u8], Option<u64>) {
        let count =
            left.map_or(bytes.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        let (body, rest) = bytes.split_at(count);
        let wanted = SEARCHED.saturating_sub(self.body.len()).min(count);
        self.body.extend(body.iter().take(wanted));
        (rest, left.map(|left| left.saturating_sub(count as u64)))
    }

    /// Reads on to the end of a line; answers the line when it is whole, and what comes behind it.
    fn line<'b>(&mut self, bytes: &'b [u8]) -> Result<(Option<Vec<u8>>, &'b [u8]), NotHttp> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        self.head += line.len();
        if self.head > HEAD {
            return Err(NotHttp);
        }
        self.line.extend_from_slice(line);
        if end.is_none() {
            return Ok((None, rest));
        }
        let mut line = std::mem::take(&mut self.line);
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Ok((Some(line), rest))
    }

    fn head_line<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], NotHttp> {
        let (line, rest) = self.line(bytes)?;
        let Some(line) = line else {
            // Whoever speaks another protocol need not be waited for.
            let begins = self.line.iter().zip(b"HTTP/1.").all(|(one, other)| one == other);
            return if self.part == Part::StatusLine && !begins { Err(NotHttp) } else { Ok(rest) };
        };
        match self.part {
            Part::StatusLine => {
                let status = status_code(&line).ok_or(NotHttp)?;
                // 101 would be an answer to a request to change protocols, which nobody made.
                let is_interim = (100..200).contains(&status) && status != 101;
                self.status = (!is_interim).then_some(status);
                self.part = Part::Headers;
            }
            _ if line.is_empty() => self.end_head(),
            _ => self.header(&line),
        }
        Ok(rest)
    }

    fn header(&mut self, line: &[u8]) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return };
        let Ok(value) = std::str::from_utf8(value) else { return };
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked |= value.to_ascii_lowercase().contains("chunked");
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.length = value.trim().parse().ok();
        }
    }

    /// RFC 9112, section 6.3: chunked coding goes before a length, and without either the body ends with the connection.
    fn end_head(&mut self) {
        self.part = match self.status {
            None => Part::StatusLine,
            Some(204 | 304) => Part::Done,
            Some(_) if self.chunked => Part::ChunkSize,
            Some(_) if self.length == Some(0) => Part::Done,
            Some(_) => Part::Body { left: self.length },
        };
        self.chunked = false;
        self.length = None;
    }

    /// RFC 9112, section 7.1: `size;extensions`, so many bytes, an empty line; a size of 0 ends the body.
    fn chunk_line<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], NotHttp> {
        let (line, rest) = self.line(bytes)?;
        let Some(line) = line else { return Ok(rest) };
        if self.part == Part::ChunkEnd {
            self.part = Part::ChunkSize;
            return Ok(rest);
        }
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
        self.part = match size.ok_or(NotHttp)? {
            0 => Part::Done,
            left => Part::Chunk { left },
        };
        Ok(rest)
    }
}

/// The code of `HTTP/1.1 200 OK`; the reason may be missing.
fn status_code(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let [version, b' ', code @ ..] = rest else { return None };
    let (code, after) = code.split_at_checked(3)?;
    let is_number = version.is_ascii_digit() && code.iter().all(u8::is_ascii_digit);
    if !is_number || !matches!(after.first(), None | Some(b' ')) {
        return None;
    }
    std::str::from_utf8(code).ok()?.parse().ok().filter(|code| (100..1000).contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a response in pieces of each size.
    #[track_caller]
    fn check(bytes: &[u8], status: Option<u16>, body: &[u8], done: bool) {
        for size in [1, 2, 3, 7, bytes.len().max(1)] {
            let mut response = Response::default();
            for piece in bytes.chunks(size) {
                response.receive(piece).expect("HTTP");
            }
            let found = (response.status(), response.body(), response.is_done());
            assert_eq!(found, (status, body, done), "in pieces of {size}");
        }
    }

    #[test]
    fn bodies_end_as_their_head_says() {
        check(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello, more", Some(200), b"hello", true);
        check(b"HTTP/1.0 200\n\nhello", Some(200), b"hello", false);
        check(b"HTTP/1.1 204 No Content\r\n\r\nhello", Some(204), b"", true);
        check(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            Some(200),
            b"hello",
            true,
        );
    }

    #[test]
    fn interim_responses_are_passed_over() {
        check(
            b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 301 Moved\r\ncontent-length: 0\r\n\r\n",
            Some(301),
            b"",
            true,
        );
    }

    #[test]
    fn no_more_of_a_body_is_kept_than_is_searched() {
        let mut response = Response::default();
        response.receive(b"HTTP/1.1 200 OK\r\n\r\n").expect("HTTP");
        for _ in 0..1000 {
            response.receive(&[b'x'; 4096]).expect("HTTP");
        }
        assert_eq!((response.body().len(), response.is_done()), (SEARCHED, true));
    }

    #[test]
    fn what_is_not_http_is_found_out_at_once() {
        for bytes in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"H\0",
            b"HTTP/2 200\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 20x OK\r\n",
            b"HTTP/1.1\r\n",
            b"HTTP/1.1 099 Low\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert_eq!(Response::default().receive(bytes), Err(NotHttp), "{bytes:?}");
        }
    }

    #[test]
    fn a_head_without_an_end_is_given_up() {
        let mut response = Response::default();
        let mut sent = 0;
        while response.receive(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {
            sent += 1;
            assert!(sent < HEAD);
        }
        let mut response = Response::default();
        response.receive(b"HTTP/1.1 200 OK\r\n").expect("HTTP");
        let endless = vec![b'a'; HEAD];
        assert_eq!(response.receive(&endless), Err(NotHttp));
        assert_eq!(response.status(), Some(200));
    }
}
