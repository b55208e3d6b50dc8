//! PEM, the textual encoding of certificates and keys. [RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::Pem;

/// Characters of a line.
const LINE: usize = 64;

/// The blocks of a text. What is between them is no part of it.
///
/// # Errors
/// When a block is damaged.
pub(super) fn read(text: &[u8]) -> Result<Vec<Pem>, ()> {
    Pem::iter_from_buffer(text).collect::<Result<_, _>>().map_err(drop)
}

/// A block of text.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(LINE) {
        // Base64 is ASCII.
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn what_is_written_reads_back() {
        for length in [0, 1, 47, 48, 49, 200] {
            let bytes: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let text = write("CERTIFICATE", &bytes);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            let blocks = read(text.as_bytes()).unwrap();
            assert_eq!(blocks.len(), 1);
            assert_eq!(
                (blocks[0].label.as_str(), blocks[0].contents.as_slice()),
                ("CERTIFICATE", bytes.as_slice())
            );
        }
        assert!(read(b"-----BEGIN CERTIFICATE-----\nAAAA\n").is_err());
        assert!(read(b"nothing").unwrap().is_empty());
    }
}
