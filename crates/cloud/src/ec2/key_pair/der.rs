//! DER, as much as keys need: sequences, integers, bit and octet strings.
//! [X.690](https://www.itu.int/rec/T-REC-X.690)

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `rsaEncryption` with its NULL parameters, as the inside of an AlgorithmIdentifier. RFC 3279, 2.3.1.
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// Reads elements one after the other. Every method answers `None` where the bytes are not what was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// The elements of the next element, a SEQUENCE.
    pub(super) fn sequence(&mut self) -> Option<Reader<'a>> {
        self.element(SEQUENCE).map(Reader)
    }

    /// The next element, a non-negative INTEGER: its magnitude, big-endian, without leading zeros.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        let bytes = self.element(INTEGER)?;
        let negative = bytes.first().is_none_or(|first| first & 0x80 != 0);
        (!negative).then(|| trim(bytes))
    }

    /// The next element, an OCTET STRING.
    pub(super) fn octet_string(&mut self) -> Option<&'a [u8]> {
        self.element(OCTET_STRING)
    }

    /// The next element, a BIT STRING of whole bytes.
    pub(super) fn bit_string(&mut self) -> Option<&'a [u8]> {
        match self.element(BIT_STRING)?.split_first()? {
            (0, bytes) => Some(bytes),
            _ => None,
        }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = long_or_short(first, rest)?;
        if found != tag || length > rest.len() {
            return None;
        }
        let (content, rest) = rest.split_at(length);
        self.0 = rest;
        Some(content)
    }
}

/// A length and what follows it. Four bytes of length are more than any key has.
fn long_or_short(first: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) || count > rest.len() {
        return None;
    }
    let (digits, rest) = rest.split_at(count);
    Some((digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest))
}

fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// The SubjectPublicKeyInfo of an RSA key, from modulus and exponent (magnitudes, big-endian).
pub(super) fn rsa_public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = element(SEQUENCE, &[unsigned(modulus), unsigned(exponent)].concat());
    let bits = element(BIT_STRING, &[&[0], key.as_slice()].concat());
    element(SEQUENCE, &[element(SEQUENCE, RSA_ENCRYPTION), bits].concat())
}

/// Whether `algorithm`, the inside of an AlgorithmIdentifier, is RSA.
pub(super) fn is_rsa(algorithm: Reader<'_>) -> bool {
    algorithm.rest() == RSA_ENCRYPTION
}

fn unsigned(magnitude: &[u8]) -> Vec<u8> {
    let magnitude = trim(magnitude);
    let needs_zero = magnitude.first().is_none_or(|first| first & 0x80 != 0);
    let zero: &[u8] = if needs_zero { &[0] } else { &[] };
    element(INTEGER, &[zero, magnitude].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let digits = trim(&bytes);
        out.push(0x80 | digits.len() as u8);
        out.extend_from_slice(digits);
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_key_reads_back() {
        let modulus = vec![0xc1; 256];
        let info = rsa_public_key_info(&modulus, &[1, 0, 1]);
        let mut outer = Reader::new(&info);
        let mut inner = outer.sequence().unwrap();
        assert!(outer.rest().is_empty());
        assert!(is_rsa(inner.sequence().unwrap()));
        let mut key = Reader::new(inner.bit_string().unwrap()).sequence().unwrap();
        assert_eq!(key.unsigned(), Some(modulus.as_slice()));
        assert_eq!(key.unsigned(), Some([1, 0, 1].as_slice()));
    }

    #[test]
    fn no_prefix_of_a_key_is_read_as_one() {
        let info = rsa_public_key_info(&[0xc1; 256], &[1, 0, 1]);
        for end in 0..info.len() {
            assert!(Reader::new(&info[..end]).sequence().is_none(), "{end}");
        }
    }

    #[test]
    fn lengths_beyond_the_input_are_refused() {
        assert!(Reader::new(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]).sequence().is_none());
        assert!(Reader::new(&[SEQUENCE, 0x80]).sequence().is_none());
        assert!(Reader::new(&[SEQUENCE, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1]).sequence().is_none());
    }
}
