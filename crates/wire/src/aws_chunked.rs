//! `aws-chunked`: the framing in which S3 clients send a body whose checksum, or whose signature, they make while they send.
//! [Chunked uploads](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html),
//! [trailing checksums](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html)
//!
//! ```text
//! 10000;chunk-signature=ad80c730…\r\n
//! <65536 bytes>\r\n
//! 0;chunk-signature=b6c6ea8a…\r\n
//! x-amz-checksum-crc32:sOO8/Q==\r\n
//! x-amz-trailer-signature:d81f82fc…\r\n
//! \r\n
//! ```
//!
//! A [`Decoder`] takes the body as it comes, holds no more of it than one line, and finds the data in it. Where it has the
//! request's [`Chain`] it checks every signature: each covers the one before, from the request's own on.

use crate::sigv4::{Chain, Denied, Sha256};

/// Bytes of the line before a chunk.
const HEAD_BYTES: usize = 1024;

/// Bytes of all trailers, and how many there may be.
const TRAILER_BYTES: usize = 16 * 1024;
const TRAILERS: usize = 32;

const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// It is no `aws-chunked` body.
    #[error("the body is not aws-chunked")]
    Malformed,
    /// It ends in the middle of a chunk.
    #[error("the body ends early")]
    Incomplete,
    /// The signature of a chunk, or of the trailers, is missing or wrong.
    #[error("the signature of a chunk does not match")]
    Signature,
}

/// What the next bytes of the body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As many bytes of data.
    Data(usize),
    /// As many bytes of framing.
    Framing(usize),
}

#[derive(Debug)]
enum State {
    /// In the line before a chunk.
    Head,
    /// In a chunk of which as many bytes are to come.
    Data(u64),
    /// Before the line end behind a chunk.
    DataEnd,
    Trailers,
    Done,
}

/// Finds the data in a body that comes in pieces of any size.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    line: Vec<u8>,
    chain: Option<Chain>,
    /// The signature of the chunk at hand, and the digest of its data so far.
    signature: Option<String>,
    digest: Sha256,
    trailers: Vec<(String, String)>,
    trailer_bytes: usize,
    trailer_signature: Option<String>,
}

impl Decoder {
    /// Decodes a body, and checks its signatures if there is a chain.
    pub fn new(chain: Option<Chain>) -> Self {
        Decoder {
            state: State::Head,
            line: Vec::new(),
            chain,
            signature: None,
            digest: Sha256::new(),
            trailers: Vec::new(),
            trailer_bytes: 0,
            trailer_signature: None,
        }
    }

    /// What the body goes on with. `input` is not empty; what was told about is not given again.
    ///
    /// # Errors
    /// [`ChunkError`]
    pub fn next(&mut self, input: &[u8]) -> Result<Piece, ChunkError> {
        match self.state {
            State::Data(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let data = input.get(..here).unwrap_or_default();
                if self.chain.is_some() {
                    self.digest.update(data);
                }
                let left = left - here as u64;
                self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                Ok(Piece::Data(here))
            }
            State::Done => Err(ChunkError::Malformed),
            State::Head | State::DataEnd | State::Trailers => self.take_line(input).map(Piece::Framing),
        }
    }

    /// The trailers, in the order in which they came, names in lower case. The body is at its end.
    ///
    /// # Errors
    /// [`ChunkError`]
    pub fn finish(mut self) -> Result<Vec<(String, String)>, ChunkError> {
        if matches!(self.state, State::Trailers) {
            // Some clients leave out the empty line behind the trailers.
            if !self.line.is_empty() {
                self.trailer()?;
            }
            if matches!(self.state, State::Trailers) {
                self.end()?;
            }
        }
        match self.state {
            State::Done => Ok(self.trailers),
            _ => Err(ChunkError::Incomplete),
        }
    }

    /// Takes bytes up to the end of the line, and acts on it; answers how many.
    fn take_line(&mut self, input: &[u8]) -> Result<usize, ChunkError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        self.line.extend_from_slice(input.get(..taken).unwrap_or_default());
        if self.line.len() > if matches!(self.state, State::Trailers) { TRAILER_BYTES } else { HEAD_BYTES } {
            return Err(ChunkError::Malformed);
        }
        if end.is_some() {
            match self.state {
                State::Head => self.head()?,
                State::DataEnd => self.data_end()?,
                _ => self.trailer()?,
            }
        }
        Ok(taken)
    }

    fn line(&mut self) -> Result<String, ChunkError> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| ChunkError::Malformed)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }

    fn head(&mut self) -> Result<(), ChunkError> {
        let line = self.line()?;
        let (size, extension) = line.split_once(';').unwrap_or((&line, ""));
        let is_hex = (1..=16).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| is_hex).ok_or(ChunkError::Malformed)?;
        self.signature = extension.strip_prefix("chunk-signature=").map(str::to_owned);
        self.digest = Sha256::new();
        match size {
            0 => {
                self.check_chunk()?;
                self.state = State::Trailers;
            }
            size => self.state = State::Data(size),
        }
        Ok(())
    }

    fn data_end(&mut self) -> Result<(), ChunkError> {
        if !self.line()?.is_empty() {
            return Err(ChunkError::Malformed);
        }
        self.check_chunk()?;
        self.state = State::Head;
        Ok(())
    }

    fn check_chunk(&mut self) -> Result<(), ChunkError> {
        let digest = std::mem::take(&mut self.digest);
        let Some(chain) = &mut self.chain else { return Ok(()) };
        let signature = self.signature.take().ok_or(ChunkError::Signature)?;
        chain.verify_chunk(&digest.finish(), &signature).map_err(|_: Denied| ChunkError::Signature)
    }

    fn trailer(&mut self) -> Result<(), ChunkError> {
        self.trailer_bytes += self.line.len();
        let line = self.line()?;
        if line.is_empty() {
            return self.end();
        }
        let (name, value) = line.split_once(':').ok_or(ChunkError::Malformed)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if self.trailers.len() == TRAILERS || self.trailer_bytes > TRAILER_BYTES {
            return Err(ChunkError::Malformed);
        }
        match name == TRAILER_SIGNATURE {
            true => self.trailer_signature = Some(value),
            false => self.trailers.push((name, value)),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), ChunkError> {
        if let Some(chain) = self.chain.take()
            && (!self.trailers.is_empty() || self.trailer_signature.is_some())
        {
            let mut sorted = self.trailers.clone();
            sorted.sort();
            let canonical: String = sorted.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
            let signature = self.trailer_signature.take().ok_or(ChunkError::Signature)?;
            chain.verify_trailers(&canonical, &signature).map_err(|_| ChunkError::Signature)?;
        }
        self.state = State::Done;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Decoded = (Vec<u8>, Vec<(String, String)>);

    /// The data and the trailers of a body that comes in pieces of `size` bytes.
    fn decode(body: &[u8], size: usize, chain: Option<Chain>) -> Result<Decoded, ChunkError> {
        let mut decoder = Decoder::new(chain);
        let mut data = Vec::new();
        for mut piece in body.chunks(size) {
            while !piece.is_empty() {
                match decoder.next(piece)? {
                    Piece::Data(n) => {
                        data.extend_from_slice(&piece[..n]);
                        piece = &piece[n..];
                    }
                    Piece::Framing(n) => piece = &piece[n..],
                }
            }
        }
        Ok((data, decoder.finish()?))
    }

    #[test]
    fn data_is_found_however_the_body_is_cut() {
        let body =
            b"5\r\nhello\r\n6;chunk-signature=00\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
        for size in 1..=body.len() {
            let (data, trailers) = decode(body, size, None).expect("a body");
            assert_eq!(data, b"hello world");
            assert_eq!(trailers, [("x-amz-checksum-crc32".to_owned(), "DUoRhQ==".to_owned())]);
        }
        let ends: [&[u8]; 4] = [b"0\r\n\r\n", b"0\r\n", b"0\r\nA: b\r\n", b"0\r\nA: b"];
        for end in ends {
            assert_eq!(decode(end, 3, None).expect("a body").0, b"");
        }
    }

    #[test]
    fn what_is_no_such_body_is_refused() {
        let malformed: [&[u8]; 8] = [
            b"x\r\n",
            b"\r\n",
            b"-1\r\n",
            b"+5\r\nhello\r\n",
            b"11111111111111111\r\n",
            b"5\r\nhelloX\r\n",
            b"0\r\nnocolon\r\n\r\n",
            b"0\r\n\r\nmore",
        ];
        for body in malformed {
            assert_eq!(
                decode(body, 7, None),
                Err(ChunkError::Malformed),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
        let incomplete: [&[u8]; 4] = [b"", b"5\r\nhel", b"5\r\nhello\r\n", b"5\r\nhello\r\n0"];
        for body in incomplete {
            assert_eq!(
                decode(body, 7, None),
                Err(ChunkError::Incomplete),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
        let long = [b"0\r\nname: ".as_slice(), &[b'x'; TRAILER_BYTES], b"\r\n\r\n"].concat();
        assert_eq!(decode(&long, 100, None), Err(ChunkError::Malformed));
        let many = [b"0\r\n".as_slice(), &b"a: b\r\n".repeat(TRAILERS + 1), b"\r\n"].concat();
        assert_eq!(decode(&many, 100, None), Err(ChunkError::Malformed));
    }

    /// The example of the page on chunked uploads: 65 KiB of `a`, signed with its example key.
    #[test]
    fn the_chain_of_signatures_is_that_of_the_guide() {
        let chain = || {
            Chain::new(
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                ["20130524", "us-east-1", "s3"],
                "20130524T000000Z",
                "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
            )
        };
        let signatures = [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ];
        let body = |data: u8, last: &str| {
            let mut body = Vec::new();
            for (size, signature) in [(65536, signatures[0]), (1024, signatures[1]), (0, last)] {
                body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
                body.extend_from_slice(&vec![data; size]);
                body.extend_from_slice(b"\r\n");
            }
            body
        };
        let (data, _) = decode(&body(b'a', signatures[2]), 1000, Some(chain())).expect("the example");
        assert_eq!(data.len(), 66_560);
        let changed = decode(&body(b'b', signatures[2]), 1000, Some(chain()));
        assert_eq!(changed, Err(ChunkError::Signature));
        let other = decode(&body(b'a', signatures[0]), 1000, Some(chain()));
        assert_eq!(other, Err(ChunkError::Signature));
        assert_eq!(decode(b"1\r\na\r\n0\r\n\r\n", 9, Some(chain())), Err(ChunkError::Signature));
    }
}
