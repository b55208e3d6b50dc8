//! Where a message's body begins and ends (RFC 9112, sections 6 and 7).
//!
//! A [`Body`] is shown what has come and says how many bytes of framing to pass over, how many bytes of the body follow, and
//! whether it is over. Chunked framing is read strictly: what is forwarded is framed anew, so that a target never sees how a
//! client framed it.

use super::desync::Verdict;
use super::field::{self, FieldTier, Name};

/// How a body is framed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    #[default]
    Empty,
    /// So many bytes, at least one.
    Length(u64),
    /// Chunks, then trailers.
    Chunked,
    /// All up to the end of the connection.
    UntilClose,
}

/// A body broke its framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyError;

/// The longest line of a chunk's size with its extensions, in bytes.
const SIZE_LINE: usize = 1024;
/// The most bytes of extensions of a whole body beyond what its chunks carry.
const EXTENSIONS: usize = 16 * 1024;
/// The most bytes of trailers.
const TRAILERS: usize = 16 * 1024;

/// A body that is being read.
#[derive(Debug)]
pub struct Body {
    part: Part,
    extensions: usize,
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Counted(u64),
    UntilClose,
    Size,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Done,
    Broken,
}

/// What comes next in the bytes that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Bytes to pass over.
    pub skip: usize,
    /// Bytes of the body behind them.
    pub data: usize,
}

impl Body {
    /// A body that begins now.
    pub fn new(framing: Framing) -> Self {
        let part = match framing {
            Framing::Empty | Framing::Length(0) => Part::Done,
            Framing::Length(length) => Part::Counted(length),
            Framing::Chunked => Part::Size,
            Framing::UntilClose => Part::UntilClose,
        };
        Body { part, extensions: 0, trailers: Vec::new() }
    }

    /// Whether it is over.
    pub fn is_done(&self) -> bool {
        self.part == Part::Done
    }

    /// The trailers that came behind it, as lines that end with CRLF. Those that would change how the message is read or routed are
    /// not among them (RFC 9110, section 6.5.1).
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// The connection ended; says whether the body is whole.
    pub fn end(&mut self) -> bool {
        let is_whole = matches!(self.part, Part::Done | Part::UntilClose);
        self.part = Part::Done;
        is_whole
    }

    /// Takes in `bytes`: the next piece. Neither framing nor data in it: more bytes are needed, or the body is over.
    ///
    /// # Errors
    /// The framing is broken, and stays so: what comes behind it is no body, and no message either.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Piece, BodyError> {
        let piece = self.step(bytes);
        if piece.is_err() {
            self.part = Part::Broken;
        }
        piece
    }

    fn step(&mut self, bytes: &[u8]) -> Result<Piece, BodyError> {
        let mut skip = 0;
        loop {
            let rest = &bytes[skip..];
            match self.part {
                Part::Broken => return Err(BodyError),
                Part::Done => return Ok(Piece { skip, data: 0 }),
                Part::UntilClose => return Ok(Piece { skip, data: rest.len() }),
                Part::Counted(left) | Part::Chunk(left) => {
                    let data = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left - data as u64;
                    self.part = match (self.part, left) {
                        (Part::Counted(_), 0) => Part::Done,
                        (Part::Counted(_), left) => Part::Counted(left),
                        (_, 0) => Part::ChunkEnd,
                        (_, left) => Part::Chunk(left),
                    };
                    return Ok(Piece { skip, data });
                }
                Part::ChunkEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        skip += 2;
                        self.part = Part::Size;
                    }
                    [] | [b'\r'] => return Ok(Piece { skip, data: 0 }),
                    _ => return Err(BodyError),
                },
                Part::Size => match line(rest, SIZE_LINE)? {
                    None => return Ok(Piece { skip, data: 0 }),
                    Some(line) => {
                        skip += line.len() + 2;
                        self.part = self.size(line)?;
                    }
                },
                Part::Trailers => match line(rest, TRAILERS)? {
                    None => return Ok(Piece { skip, data: 0 }),
                    Some(line) => {
                        skip += line.len() + 2;
                        self.trailer(line)?;
                    }
                },
            }
        }
    }

    /// RFC 9112, section 7.1: `1*HEXDIG [ BWS ";" ... ]`.
    fn size(&mut self, line: &[u8]) -> Result<Part, BodyError> {
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, extension) = line.split_at(digits);
        if !(1..=15).contains(&digits.len()) {
            return Err(BodyError);
        }
        let is_extension = extension.trim_ascii_start().first().is_none_or(|byte| *byte == b';');
        let is_clean = extension.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\t');
        self.extensions += extension.len();
        if !is_extension || !is_clean || self.extensions > EXTENSIONS {
            return Err(BodyError);
        }
        let value = |digit: u8| u64::from(char::from(digit).to_digit(16).unwrap_or_default());
        Ok(match digits.iter().fold(0u64, |sum, digit| (sum << 4) | value(*digit)) {
            0 => Part::Trailers,
            size => Part::Chunk(size),
        })
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), BodyError> {
        if line.is_empty() {
            self.part = Part::Done;
            return Ok(());
        }
        self.extensions += line.len();
        if self.extensions > EXTENSIONS + TRAILERS {
            return Err(BodyError);
        }
        let mut verdict = Verdict::default();
        let field = field::read(line, 0, line.len(), &mut verdict).map_err(|_| BodyError)?;
        let Some(field) = field else { return Ok(()) };
        if field.tier == FieldTier::Compliant && field.id == Name::Other {
            self.trailers.extend_from_slice(line);
            self.trailers.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

/// A line that ends with CRLF, without its end, if it is there. A line feed alone is an error: it is the usual disguise of a
/// chunk in a chunk.
fn line(bytes: &[u8], limit: usize) -> Result<Option<&[u8]>, BodyError> {
    let Some(feed) = memchr::memchr(b'\n', &bytes[..bytes.len().min(limit + 2)]) else {
        return if bytes.len() > limit { Err(BodyError) } else { Ok(None) };
    };
    match bytes[..feed].split_last() {
        Some((b'\r', line)) if !line.contains(&b'\r') => Ok(Some(line)),
        _ => Err(BodyError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read: data, what is left behind it, whether the body is over, trailers.
    #[derive(Debug, PartialEq, Eq)]
    struct Found {
        data: Vec<u8>,
        rest: Vec<u8>,
        done: bool,
        trailers: Vec<u8>,
    }

    /// Reads a body that comes in pieces of this size.
    fn read(framing: Framing, bytes: &[u8], size: usize) -> Result<Found, BodyError> {
        let mut body = Body::new(framing);
        let (mut rest, mut data) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            rest.extend_from_slice(piece);
            loop {
                let piece = body.advance(&rest)?;
                data.extend_from_slice(&rest[piece.skip..piece.skip + piece.data]);
                rest.drain(..piece.skip + piece.data);
                if piece.data == 0 {
                    break;
                }
            }
        }
        Ok(Found { data, rest, done: body.is_done(), trailers: body.trailers().to_vec() })
    }

    #[track_caller]
    fn check(framing: Framing, bytes: &[u8], data: &[u8], rest: &[u8], done: bool, trailers: &[u8]) {
        let wanted = Found { data: data.to_vec(), rest: rest.to_vec(), done, trailers: trailers.to_vec() };
        for size in [1, 2, 3, 5, bytes.len()] {
            assert_eq!(read(framing, bytes, size).as_ref(), Ok(&wanted), "in pieces of {size}");
        }
    }

    #[test]
    fn bodies_end_as_their_framing_says() {
        check(Framing::Length(5), b"helloGET", b"hello", b"GET", true, b"");
        check(Framing::Length(9), b"hello", b"hello", b"", false, b"");
        check(Framing::UntilClose, b"hello", b"hello", b"", false, b"");
        check(Framing::Empty, b"GET", b"", b"GET", true, b"");
        check(Framing::Chunked, b"3\r\nhel\r\n02;a=\"b\"\r\nlo\r\n0\r\n\r\nGET", b"hello", b"GET", true, b"");
        check(Framing::Chunked, b"A\r\n0123456789\r\n", b"0123456789", b"", false, b"");
    }

    #[test]
    fn trailers_are_kept_unless_they_would_change_the_message() {
        check(
            Framing::Chunked,
            b"1\r\nx\r\n0\r\ngrpc-status: 0\r\nContent-Length: 4\r\nX_y: 1\r\nhost: a\r\n\r\n",
            b"x",
            b"",
            true,
            b"grpc-status: 0\r\n",
        );
    }

    #[test]
    fn broken_chunks_are_refused() {
        for bytes in [
            &b"\r\n"[..],
            b"g\r\n",
            b"-1\r\n",
            b"0x1\r\nx\r\n",
            b"1 1\r\nx\r\n",
            b"1\nx\r\n",
            b"1;a\nb\r\nx\r\n",
            b"1;a\rb\r\nx\r\n",
            b"1\r\nxy\r\n",
            b"1\r\nx\n",
            b"1000000000000000\r\n",
            b"0\r\nno colon\r\n\r\n",
            b"0\r\n a: b\r\n\r\n",
        ] {
            for size in [1, 2, bytes.len()] {
                assert_eq!(
                    read(Framing::Chunked, bytes, size),
                    Err(BodyError),
                    "{bytes:?} in pieces of {size}"
                );
            }
        }
    }

    /// The same bytes are no better when they are shown again.
    #[test]
    fn broken_chunks_stay_broken() {
        let mut body = Body::new(Framing::Chunked);
        for bytes in [&b"0\r\n a: b\r\n\r\n"[..], b"\r\n", b""] {
            assert_eq!(body.advance(bytes), Err(BodyError), "{bytes:?}");
        }
        assert!(!body.is_done() && !body.end());
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = [&b"1;"[..], &[b'a'; 2000], b"\r\nx\r\n"].concat();
        assert_eq!(read(Framing::Chunked, &long, 100), Err(BodyError));
        let many = b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(1000);
        assert_eq!(read(Framing::Chunked, &many, 1000), Err(BodyError));
        let trailers = [&b"0\r\n"[..], &b"a: bbbbbbbbbbbbbbbbbbbbbbb\r\n".repeat(2000)].concat();
        assert_eq!(read(Framing::Chunked, &trailers, 1000), Err(BodyError));
    }
}
