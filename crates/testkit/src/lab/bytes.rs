//! Packets as bytes: IPv4 with TCP, UDP, ICMP or another protocol, and a number in the payload to know them by.

use std::net::Ipv4Addr;

use enishi_fabric::{Packet, Transport};

const IP_HEADER: usize = 20;
const MARK: [u8; 4] = *b"eni:";
const TTL: u8 = 64;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// A packet that was received, as far as it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// One of [`write()`], with its number.
    Numbered(Packet, u32),
    /// The first segment of a real TCP connection.
    Opening(Packet),
}

/// The bytes of a packet, with a transport checksum that is wrong. TCP packets are SYNs in both directions: of all segments
/// they alone are valid for every state of a tracked connection (RFC 793, simultaneous open).
pub(super) fn write(packet: Packet, number: u32) -> Vec<u8> {
    let (protocol, mut segment, checksum_at) = match packet.transport {
        Transport::Tcp(from, to) => (6, tcp(from, to), Some(16)),
        Transport::Udp(from, to) => (17, udp(from, to), Some(6)),
        Transport::Echo { id, reply } => (1, echo(id, reply), Some(2)),
        Transport::Other(number) => (number, vec![0; 4], None),
    };
    segment.extend(MARK);
    segment.extend(number.to_be_bytes());
    if let Some(at) = checksum_at {
        let pseudo = (protocol != 1).then(|| pseudo_header(packet, protocol, segment.len()));
        let right = checksum(&[pseudo.as_ref().map_or(&[], |header| &header[..]), &segment]);
        segment[at..at + 2].copy_from_slice(&wrong(right).to_be_bytes());
    }
    let mut bytes = ip_header(packet, protocol, segment.len());
    bytes.extend(segment);
    bytes
}

/// Neither right nor 0, which in UDP says that there is none.
fn wrong(right: u16) -> u16 {
    if right > 2 { right - 1 } else { right + 1 }
}

fn ip_header(packet: Packet, protocol: u8, payload: usize) -> Vec<u8> {
    // The kernel fills in the identification, the length and the checksum.
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, TTL, protocol, 0, 0];
    header[2..4].copy_from_slice(&((IP_HEADER + payload) as u16).to_be_bytes());
    header.extend(packet.source.octets());
    header.extend(packet.destination.octets());
    header
}

fn pseudo_header(packet: Packet, protocol: u8, length: usize) -> [u8; 12] {
    let mut header = [0; 12];
    header[..4].copy_from_slice(&packet.source.octets());
    header[4..8].copy_from_slice(&packet.destination.octets());
    header[9] = protocol;
    header[10..].copy_from_slice(&(length as u16).to_be_bytes());
    header
}

fn tcp(from: u16, to: u16) -> Vec<u8> {
    let mut segment = ports(from, to);
    segment.extend(1000u32.to_be_bytes());
    segment.extend([0, 0, 0, 0, 5 << 4, SYN]);
    segment.extend(u16::MAX.to_be_bytes());
    segment.extend([0; 4]);
    segment
}

fn udp(from: u16, to: u16) -> Vec<u8> {
    let mut segment = ports(from, to);
    let length = 8 + MARK.len() + size_of::<u32>();
    segment.extend((length as u16).to_be_bytes());
    segment.extend([0; 2]);
    segment
}

fn echo(id: u16, reply: bool) -> Vec<u8> {
    let mut segment = vec![if reply { ECHO_REPLY } else { ECHO_REQUEST }, 0, 0, 0];
    segment.extend(id.to_be_bytes());
    segment.extend([0; 2]);
    segment
}

fn ports(from: u16, to: u16) -> Vec<u8> {
    [from.to_be_bytes(), to.to_be_bytes()].concat()
}

/// The internet checksum (RFC 1071) of parts of even length, but for the last.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0))).sum();
    let folded = (sum >> 16) + (sum & 0xffff);
    !((folded >> 16) + folded) as u16
}

/// Reads a packet, from its IP header on.
pub(super) fn read(bytes: &[u8]) -> Option<Read> {
    let header = usize::from(bytes.first()? & 0xf) * 4;
    let octets = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?));
    let (source, destination) = (octets(12)?, octets(16)?);
    let segment = bytes.get(header..)?;
    let short = |at: usize| Some(u16::from_be_bytes([*segment.get(at)?, *segment.get(at + 1)?]));
    let (transport, length) = match bytes.get(9)? {
        6 => (Transport::Tcp(short(0)?, short(2)?), usize::from(segment.get(12)? >> 4) * 4),
        17 => (Transport::Udp(short(0)?, short(2)?), 8),
        1 => match *segment.first()? {
            kind @ (ECHO_REQUEST | ECHO_REPLY) => {
                (Transport::Echo { id: short(4)?, reply: kind == ECHO_REPLY }, 8)
            }
            _ => return None,
        },
        number => (Transport::Other(*number), 4),
    };
    let packet = Packet { source, destination, transport };
    let payload = segment.get(length..)?;
    if let Some(number) = payload.strip_prefix(&MARK) {
        return Some(Read::Numbered(packet, u32::from_be_bytes(number.get(..4)?.try_into().ok()?)));
    }
    let opens = matches!(transport, Transport::Tcp(..)) && segment.get(13)? & (SYN | ACK) == SYN;
    opens.then_some(Read::Opening(packet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let transports = [
            Transport::Tcp(1, 2),
            Transport::Udp(65_535, 53),
            Transport::Echo { id: 7, reply: false },
            Transport::Echo { id: 7, reply: true },
            Transport::Other(47),
        ];
        for transport in transports {
            let packet =
                Packet { source: [10, 0, 0, 1].into(), destination: [10, 0, 0, 2].into(), transport };
            assert_eq!(read(&write(packet, 99)), Some(Read::Numbered(packet, 99)));
        }
    }

    /// A receiver sums a datagram with its checksum to 0 if it is whole.
    #[test]
    fn checksums_are_wrong_by_choice() {
        let transport = Transport::Udp(1000, 53);
        let packet = Packet { source: [10, 0, 0, 1].into(), destination: [10, 0, 0, 2].into(), transport };
        let bytes = write(packet, 1);
        let mut segment = bytes[IP_HEADER..].to_vec();
        let pseudo = pseudo_header(packet, 17, segment.len());
        assert_ne!(checksum(&[&pseudo, &segment]), 0);
        let sent = u16::from_be_bytes([segment[6], segment[7]]);
        segment[6..8].copy_from_slice(&(sent + 1).to_be_bytes());
        assert_eq!(checksum(&[&pseudo, &segment]), 0);
    }
}
