//! Lines of a message that grows.

use super::LINE;
use super::head::HeadError;

/// Finds lines in a message that grows.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Where the line begins that is being read.
    pub(super) line: usize,
    /// Up to where there is no line feed.
    seen: usize,
    /// Whether a line ended with LF alone.
    pub(super) is_bare: bool,
}

impl Lines {
    /// The next line without its end (CRLF, or LF alone as RFC 9112, section 2.2, allows), if it is there.
    pub(super) fn next(
        &mut self,
        message: &[u8],
        limit: usize,
        too_long: HeadError,
    ) -> Result<Option<(usize, usize)>, HeadError> {
        let unseen = message.get(self.seen..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', unseen) else {
            self.seen = message.len();
            self.check(message.len(), limit, too_long)?;
            return Ok(None);
        };
        let (start, feed) = (self.line, self.seen + found);
        self.check(feed, limit, too_long)?;
        self.line = feed + 1;
        self.seen = feed + 1;
        let is_bare = feed == start || message[feed - 1] != b'\r';
        self.is_bare |= is_bare;
        let end = if is_bare { feed } else { feed - 1 };
        Ok(Some((start, end)))
    }

    fn check(&self, end: usize, limit: usize, too_long: HeadError) -> Result<(), HeadError> {
        if end - self.line > LINE {
            return Err(too_long);
        }
        if end > limit { Err(HeadError::TooLarge) } else { Ok(()) }
    }
}
