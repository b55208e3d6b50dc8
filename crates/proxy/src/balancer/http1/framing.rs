//! What headers say of a body's framing (RFC 9112, section 6.3).

use super::body::Framing;
use super::desync::{Reason, Tier, Verdict};
use super::field::{Field, FieldTier, Name};
use super::head::{HeadError, Version};

/// What headers say of a body.
#[derive(Debug, Default)]
pub(super) struct FramingFields {
    pub(super) length: Option<u64>,
    is_bad_length: bool,
    is_duplicate: bool,
    is_conflicting: bool,
    /// Whether a coding was named at all, be it `identity`.
    is_coded: bool,
    chunked: usize,
    is_bad_coding: bool,
}

impl FramingFields {
    pub(super) fn take(&mut self, field: &Field, value: &[u8]) {
        if field.id == Name::TransferEncoding {
            return self.coding(value, field.tier);
        }
        match content_length(value) {
            None => self.is_bad_length = true,
            Some(length) => match self.length {
                None => self.length = Some(length),
                Some(other) if other == length => self.is_duplicate = true,
                Some(_) => self.is_conflicting = true,
            },
        }
    }

    fn coding(&mut self, value: &[u8], tier: FieldTier) {
        self.is_coded = true;
        for coding in options(value) {
            match coding {
                coding if coding.eq_ignore_ascii_case(b"chunked") && tier == FieldTier::Compliant => {
                    self.chunked += 1
                }
                coding if coding.eq_ignore_ascii_case(b"identity") => {}
                _ => self.is_bad_coding = true,
            }
        }
    }

    pub(super) fn of_request(
        &self,
        version: Version,
        has_no_body: bool,
        verdict: &mut Verdict,
    ) -> Result<Framing, HeadError> {
        if self.is_bad_coding {
            verdict.add(Tier::Severe, Reason::BadTransferEncoding);
            return Err(HeadError::NotImplemented);
        }
        if self.is_bad_length {
            verdict.add(Tier::Severe, Reason::BadContentLength);
            return Err(HeadError::Malformed);
        }
        if self.is_conflicting {
            verdict.add(Tier::Severe, Reason::MultipleContentLength);
            return Err(HeadError::Malformed);
        }
        if self.chunked > 1 {
            verdict.add(Tier::Severe, Reason::MultipleTransferEncodingChunked);
        }
        if self.is_duplicate {
            verdict.add(Tier::Ambiguous, Reason::DuplicateContentLength);
        }
        if self.is_coded && (has_no_body || version == Version::Http10) {
            verdict.add(Tier::Ambiguous, Reason::UndefinedTransferEncodingSemantics);
        }
        if self.is_coded && self.length.is_some() {
            verdict.add(Tier::Ambiguous, Reason::BothTeClPresent);
        }
        if self.chunked > 0 {
            return Ok(Framing::Chunked);
        }
        match self.length {
            Some(0) if has_no_body => verdict.add(Tier::Acceptable, Reason::GetHeadZeroContentLength),
            Some(_) if has_no_body => verdict.add(Tier::Ambiguous, Reason::UndefinedContentLengthSemantics),
            _ => {}
        }
        Ok(match self.length {
            None | Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
        })
    }

    /// RFC 9112, section 6.3.
    pub(super) fn of_response(&self) -> Result<Framing, HeadError> {
        if self.is_bad_coding || self.is_bad_length || self.is_conflicting || self.chunked > 1 {
            return Err(HeadError::Malformed);
        }
        Ok(match self.length {
            _ if self.chunked > 0 => Framing::Chunked,
            Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        })
    }
}

/// Digits and nothing else; a sign, a list or an overflow is no length.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    value.iter().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

/// A stream says itself where a body ends.
pub(super) fn of_http2(stated: Framing, is_end: bool) -> Framing {
    match stated {
        _ if is_end => Framing::Empty,
        Framing::Length(length) => Framing::Length(length),
        Framing::Empty | Framing::Chunked | Framing::UntilClose => Framing::Chunked,
    }
}

/// The options of a list like `Connection`'s.
pub(super) fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
