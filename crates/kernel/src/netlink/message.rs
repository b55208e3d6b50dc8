//! The netlink message format (`linux/netlink.h`): a header, a fixed part that depends on the kind, then attributes.
//!
//! Numbers are in host order unless a family says otherwise; everything is padded to four bytes.

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Length of `struct nlattr`.
const ATTRIBUTE: usize = 4;
const NESTED: u16 = 1 << 15;
/// The bits of an attribute's kind that are not flags.
const KIND_MASK: u16 = 0x3fff;

/// `NLM_F_REQUEST`: every message to the kernel.
pub(crate) const REQUEST: u16 = 1;
/// `NLM_F_MULTI`: more messages of the same answer follow.
pub(crate) const MULTI: u16 = 2;
/// `NLM_F_ACK`: answer with an error message even on success.
pub(crate) const ACK: u16 = 4;
/// `NLM_F_ECHO`: answer with the object as it was made.
pub(crate) const ECHO: u16 = 8;
/// `NLM_F_DUMP_INTR`: the dump is inconsistent, as something changed meanwhile.
pub(crate) const DUMP_INTERRUPTED: u16 = 0x10;
/// `NLM_F_REPLACE` of a `NEW` request.
pub(crate) const REPLACE: u16 = 0x100;
/// `NLM_F_EXCL` of a `NEW` request: fail if it exists.
pub(crate) const EXCLUSIVE: u16 = 0x200;
/// `NLM_F_CREATE` of a `NEW` request.
pub(crate) const CREATE: u16 = 0x400;
/// `NLM_F_APPEND` of a `NEW` request.
pub(crate) const APPEND: u16 = 0x800;
/// `NLM_F_DUMP` of a `GET` request.
pub(crate) const DUMP: u16 = 0x300;

/// `NLMSG_ERROR`: an error, or an acknowledgement if its number is 0.
pub(crate) const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
pub(crate) const DONE: u16 = 3;

/// One message on its way to the kernel.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// A request of this kind; [`REQUEST`] is added to `flags`.
    pub(crate) fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Message { bytes }
    }

    /// Appends the fixed part of the kind, whose length is a multiple of four.
    pub(crate) fn fixed(mut self, part: &[u8]) -> Self {
        self.bytes.extend_from_slice(part);
        self
    }

    /// Appends an attribute.
    pub(crate) fn attribute(&mut self, kind: u16, payload: &[u8]) {
        let length = u16::try_from(ATTRIBUTE + payload.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(payload);
        self.pad();
    }

    /// Appends a zero-terminated string.
    pub(crate) fn text(&mut self, kind: u16, text: &str) {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    /// Appends a 32-bit number in host order.
    pub(crate) fn host32(&mut self, kind: u16, number: u32) {
        self.attribute(kind, &number.to_ne_bytes());
    }

    /// Appends a 32-bit number in network order, as netfilter's families want it.
    pub(crate) fn net32(&mut self, kind: u16, number: u32) {
        self.attribute(kind, &number.to_be_bytes());
    }

    /// Appends a 64-bit number in network order.
    pub(crate) fn net64(&mut self, kind: u16, number: u64) {
        self.attribute(kind, &number.to_be_bytes());
    }

    /// Appends an attribute that holds what `fill` appends.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Message)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; ATTRIBUTE]);
        fill(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.patch(start, &length.to_ne_bytes());
        self.patch(start + 2, &(kind | NESTED).to_ne_bytes());
    }

    /// Appends bytes that are no attribute: the fixed part inside a nested one.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What was appended since it was `start` bytes long.
    pub(crate) fn since(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Adds flags to those given to [`Message::new`].
    pub(crate) fn add_flags(&mut self, flags: u16) {
        if let Some(&[low, high]) = self.bytes.get(6..8) {
            let flags = u16::from_ne_bytes([low, high]) | flags;
            self.patch(6, &flags.to_ne_bytes());
        }
    }

    /// Completes the header and appends the message to `out`.
    pub(crate) fn write(&mut self, sequence: u32, out: &mut Vec<u8>) {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.patch(0, &length.to_ne_bytes());
        self.patch(8, &sequence.to_ne_bytes());
        out.extend_from_slice(&self.bytes);
    }

    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// A message from the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    /// Its kind.
    pub(crate) kind: u16,
    /// Its flags.
    pub(crate) flags: u16,
    /// The sequence number of the request that it answers.
    pub(crate) sequence: u32,
    /// The port of the socket whose request caused it; 0 if the kernel did.
    pub(crate) port: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

impl<'a> Received<'a> {
    /// For [`ERROR`] and [`DONE`]: the error number, 0 on success.
    pub(crate) fn error(&self) -> i32 {
        number(self.payload, 0).map_or(0, |n| n.cast_signed().wrapping_neg())
    }

    /// The attributes behind a fixed part of `fixed` bytes.
    pub(crate) fn attributes(&self, fixed: usize) -> Attributes<'a> {
        Attributes(self.payload.get(fixed..).unwrap_or_default())
    }
}

/// Splits what one `recv` returned into its messages; stops at the first that is cut off.
pub(crate) fn received(mut buffer: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(number(buffer, 0)?).ok()?;
        let payload = buffer.get(HEADER..length)?;
        let message = Received {
            kind: short(buffer, 4)?,
            flags: short(buffer, 6)?,
            sequence: number(buffer, 8)?,
            port: number(buffer, 12)?,
            payload,
        };
        buffer = buffer.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in a message or in another attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(short(self.0, 0)?);
        let kind = short(self.0, 2)? & KIND_MASK;
        let payload = self.0.get(ATTRIBUTE..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    }
}

impl<'a> Attributes<'a> {
    /// The first attribute of this kind.
    pub(crate) fn find_kind(self, kind: u16) -> Option<&'a [u8]> {
        self.into_iter().find(|(found, _)| *found == kind).map(|(_, payload)| payload)
    }
}

/// The 16-bit number in host order at `at`.
pub(crate) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The 32-bit number in host order at `at`.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A 32-bit number in network order.
pub(crate) fn net_number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// A 64-bit number in network order.
pub(crate) fn net_number64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?))
}

/// A string up to its terminating zero, if it is UTF-8.
pub(crate) fn string(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(bytes.get(..end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way_there_and_back() {
        let mut message = Message::new(16, ACK).fixed(&[7; 16]);
        message.text(3, "eth0");
        message.nest(18, |nest| nest.host32(1, 42));
        let mut wire = Vec::new();
        message.write(9, &mut wire);
        message.write(10, &mut wire);

        let all: Vec<_> = received(&wire).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].kind, all[0].sequence, all[1].sequence), (16, 9, 10));
        assert_eq!(all[0].flags, REQUEST | ACK);
        let attributes = all[0].attributes(16);
        assert_eq!(string(attributes.find_kind(3).unwrap()), Some("eth0"));
        let nest = Attributes(attributes.find_kind(18).unwrap());
        assert_eq!(nest.find_kind(1).and_then(|n| number(n, 0)), Some(42));
    }

    #[test]
    fn cut_off_input_ends_the_walk() {
        let mut message = Message::new(16, 0).fixed(&[0; 4]);
        message.text(1, "abc");
        let mut wire = Vec::new();
        message.write(1, &mut wire);
        for length in 0..wire.len() {
            assert_eq!(received(&wire[..length]).count(), 0, "{length}");
        }
        assert_eq!(Attributes(&[200, 0, 1, 0, 5]).count(), 0);
        assert_eq!(Attributes(&[2, 0, 1, 0]).count(), 0, "shorter than its own header");
    }
}
