//! SSH's own encodings: wire strings, public key lines, private key files, PuTTY's files.
//! [RFC 4253](https://www.rfc-editor.org/rfc/rfc4253), [RFC 4716](https://www.rfc-editor.org/rfc/rfc4716), OpenSSH's
//! `PROTOCOL.key`, PuTTY's manual (appendix C).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// SSH's name of RSA keys.
pub(super) const RSA: &str = "ssh-rsa";
/// SSH's name of ED25519 keys.
pub(super) const ED25519: &str = "ssh-ed25519";

/// Builds what RFC 4251, section 5, calls strings, integers and mpints.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Appends a string: its length in four bytes, then the bytes.
    pub(super) fn string(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a non-negative mpint, from its magnitude without leading zeros.
    pub(super) fn mpint(self, magnitude: &[u8]) -> Self {
        let needs_zero = magnitude.first().is_some_and(|first| first & 0x80 != 0);
        let zero: &[u8] = if needs_zero { &[0] } else { &[] };
        self.string(&[zero, magnitude].concat())
    }

    /// Appends bytes as they are.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// What was built.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads wire strings one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next string; `None` if the bytes end before it does.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let (content, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(content)
    }

    /// The next mpint, if it is not negative: its magnitude without leading zeros.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        match bytes.first() {
            Some(first) if first & 0x80 != 0 => None,
            Some(0) => bytes.get(1..),
            _ => Some(bytes),
        }
    }
}

/// The blob of an RSA public key.
pub(super) fn rsa_blob(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    Writer::default().string(RSA.as_bytes()).mpint(exponent).mpint(modulus).finish()
}

/// The blob of an ED25519 public key.
pub(super) fn ed25519_blob(key: &[u8]) -> Vec<u8> {
    Writer::default().string(ED25519.as_bytes()).string(key).finish()
}

/// An unencrypted ED25519 private key as OpenSSH keeps it. `check` is any number; it says after decryption that the
/// passphrase was right.
pub(super) fn ed25519_private_key(seed: &[u8; 32], public: &[u8], check: u32, comment: &str) -> String {
    let check = check.to_be_bytes();
    let mut private = Writer::default()
        .raw(&check)
        .raw(&check)
        .string(ED25519.as_bytes())
        .string(public)
        .string(&[seed.as_slice(), public].concat())
        .string(comment.as_bytes())
        .finish();
    // Padded to the cipher's block size, 8 for none, with the bytes 1, 2, 3, …
    for pad in 1u8.. {
        if private.len().is_multiple_of(8) {
            break;
        }
        private.push(pad);
    }
    let file = Writer::default()
        .raw(b"openssh-key-v1\0")
        .string(b"none")
        .string(b"none")
        .string(b"")
        .raw(&1u32.to_be_bytes())
        .string(&ed25519_blob(public))
        .string(&private)
        .finish();
    pem("OPENSSH PRIVATE KEY", &file, 70)
}

/// A PEM file with a line feed at its end. RFC 7468 asks for lines of 64 characters, OpenSSH writes 70.
pub(super) fn pem(label: &str, bytes: &[u8], columns: usize) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    push_lines(&mut out, bytes, columns);
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// Appends base64 in lines; says how many there were.
fn push_lines(out: &mut String, bytes: &[u8], columns: usize) -> usize {
    let mut lines = 0;
    let encoded = STANDARD.encode(bytes);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(columns.min(rest.len()));
        out.push_str(line);
        out.push('\n');
        rest = tail;
        lines += 1;
    }
    lines
}

/// An unencrypted private key as PuTTY keeps it, version 3 of the format.
pub(super) fn ppk(algorithm: &str, comment: &str, public: &[u8], private: &[u8]) -> String {
    let mut out = format!("PuTTY-User-Key-File-3: {algorithm}\nEncryption: none\nComment: {comment}\n");
    for (name, bytes) in [("Public", public), ("Private", private)] {
        let mut lines = String::new();
        let count = push_lines(&mut lines, bytes, 64);
        out.push_str(&format!("{name}-Lines: {count}\n{lines}"));
    }
    let covered = Writer::default()
        .string(algorithm.as_bytes())
        .string(b"none")
        .string(comment.as_bytes())
        .string(public)
        .string(private)
        .finish();
    // Without a passphrase the key of the MAC is empty.
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[]);
    let mac = aws_lc_rs::hmac::sign(&key, &covered);
    out.push_str("Private-MAC: ");
    for byte in mac.as_ref() {
        out.push_str(&format!("{byte:02x}"));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mpints_keep_their_sign() {
        // RFC 4251, section 5: 0x80 is written 00 00 00 02 00 80.
        assert_eq!(Writer::default().mpint(&[0x80]).finish(), [0, 0, 0, 2, 0, 0x80]);
        assert_eq!(Reader(&[0, 0, 0, 2, 0, 0x80]).unsigned(), Some([0x80].as_slice()));
        assert_eq!(Reader(&[0, 0, 0, 1, 0x80]).unsigned(), None);
        assert_eq!(Reader(&[0, 0, 0, 9, 1]).string(), None);
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xff]).string(), None);
    }

    #[test]
    fn private_key_files_have_whole_blocks() {
        for comment in ["", "a", "ab", "abcdefg", "a-key"] {
            let text = ed25519_private_key(&[7; 32], &[9; 32], 5, comment);
            let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
            let bytes = STANDARD.decode(body).unwrap();
            let mut fields = Reader(bytes.strip_prefix(b"openssh-key-v1\0").unwrap());
            for _ in 0..3 {
                fields.string().unwrap();
            }
            let mut fields = Reader(&fields.0[4..]);
            assert_eq!(fields.string().unwrap(), ed25519_blob(&[9; 32]));
            assert!(fields.string().unwrap().len().is_multiple_of(8));
            assert!(text.lines().all(|line| line.len() <= 70));
        }
    }
}
