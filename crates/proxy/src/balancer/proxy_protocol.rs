//! The PROXY protocol: whom a connection comes from, told before its bytes.
//! [Version 1 and 2](https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt)

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use enishi_fabric::balancer::ProxyProtocol;

/// The first bytes of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The header for a connection that `client` made to `local`.
///
/// Classic Load Balancers send version 1
/// ([Configure Proxy Protocol](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-proxy-protocol.html)),
/// Network Load Balancers version 2
/// ([Proxy protocol](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#proxy-protocol)).
pub fn header(version: ProxyProtocol, client: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let (from, to) = (client.ip().to_canonical(), local.ip().to_canonical());
    let ports = (client.port(), local.port());
    match version {
        ProxyProtocol::V1 => {
            if from.is_ipv4() && to.is_ipv4() {
                return format!("PROXY TCP4 {from} {to} {} {}\r\n", ports.0, ports.1).into_bytes();
            }
            format!("PROXY TCP6 {} {} {} {}\r\n", wide(from), wide(to), ports.0, ports.1).into_bytes()
        }
        ProxyProtocol::V2 => {
            let mut header = Vec::with_capacity(52);
            header.extend_from_slice(&SIGNATURE);
            header.push(0x21);
            match (from, to) {
                (IpAddr::V4(from), IpAddr::V4(to)) => {
                    header.extend_from_slice(&[0x11, 0, 12]);
                    header.extend_from_slice(&from.octets());
                    header.extend_from_slice(&to.octets());
                }
                (from, to) => {
                    header.extend_from_slice(&[0x21, 0, 36]);
                    header.extend_from_slice(&wide(from).octets());
                    header.extend_from_slice(&wide(to).octets());
                }
            }
            header.extend_from_slice(&ports.0.to_be_bytes());
            header.extend_from_slice(&ports.1.to_be_bytes());
            header
        }
    }
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// What the beginning of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// More bytes are needed to tell.
    Partial,
    /// A header of so many bytes: from whom, to whom. `None`: the proxy's own connection, or one of an unknown kind.
    Complete(usize, Option<(SocketAddr, SocketAddr)>),
    /// No header.
    Malformed,
}

/// Reads the header of either version.
pub fn read(bytes: &[u8]) -> Header {
    let is_v2 = SIGNATURE.iter().zip(bytes).all(|(one, other)| one == other);
    let is_v1 = b"PROXY ".iter().zip(bytes).all(|(one, other)| one == other);
    match (is_v1, is_v2) {
        (false, false) => Header::Malformed,
        (_, true) if bytes.len() >= 16 => read_v2(bytes),
        (true, false) if bytes.len() >= 6 => read_v1(bytes),
        _ => Header::Partial,
    }
}

/// "the worst-case … 107 characters", with the line's end.
fn read_v1(bytes: &[u8]) -> Header {
    let window = &bytes[..bytes.len().min(107)];
    let Some(feed) = window.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < 107 { Header::Partial } else { Header::Malformed };
    };
    let text = window[..feed].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok());
    let parse = |text: &str| {
        let mut words = text.split(' ').skip(1);
        let family = words.next()?;
        if family == "UNKNOWN" {
            return Some(None);
        }
        let (from, to): (IpAddr, IpAddr) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let mut port =
            || words.next().filter(|text| text.len() == 1 || !text.starts_with('0'))?.parse::<u16>().ok();
        let ports = (port()?, port()?);
        let is_right = match family {
            "TCP4" => from.is_ipv4() && to.is_ipv4(),
            "TCP6" => from.is_ipv6() && to.is_ipv6(),
            _ => false,
        };
        (is_right && words.next().is_none())
            .then(|| Some((SocketAddr::new(from, ports.0), SocketAddr::new(to, ports.1))))
    };
    match text.and_then(parse) {
        Some(addresses) => Header::Complete(feed + 1, addresses),
        None => Header::Malformed,
    }
}

fn read_v2(bytes: &[u8]) -> Header {
    let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let (version, command) = (bytes[12] >> 4, bytes[12] & 15);
    // The longest that a sensible proxy sends, with its extensions.
    if version != 2 || command > 1 || length > 2048 {
        return Header::Malformed;
    }
    let Some(rest) = bytes.get(16..16 + length) else { return Header::Partial };
    if command == 0 {
        return Header::Complete(16 + length, None);
    }
    let port = |at: usize| rest.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    let addresses = match bytes[13] {
        0x11 => rest
            .first_chunk::<4>()
            .zip(rest.get(4..).and_then(<[u8]>::first_chunk::<4>))
            .zip(port(8).zip(port(10)))
            .map(|((from, to), (source, destination))| {
                (SocketAddr::from((*from, source)), SocketAddr::from((*to, destination)))
            }),
        0x21 => rest
            .first_chunk::<16>()
            .zip(rest.get(16..).and_then(<[u8]>::first_chunk::<16>))
            .zip(port(32).zip(port(34)))
            .map(|((from, to), (source, destination))| {
                (SocketAddr::from((*from, source)), SocketAddr::from((*to, destination)))
            }),
        _ => return Header::Complete(16 + length, None),
    };
    match addresses {
        Some(addresses) => Header::Complete(16 + length, Some(addresses)),
        None => Header::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn version_1_is_a_line() {
        assert_eq!(
            header(ProxyProtocol::V1, address("198.51.100.22:35646"), address("203.0.113.7:80")),
            b"PROXY TCP4 198.51.100.22 203.0.113.7 35646 80\r\n"
        );
        assert_eq!(
            header(ProxyProtocol::V1, address("[2001:db8::1]:1"), address("[2001:db8::2]:80")),
            b"PROXY TCP6 2001:db8::1 2001:db8::2 1 80\r\n"
        );
    }

    #[test]
    fn what_is_written_is_read_in_any_pieces() {
        let pairs = [("198.51.100.22:35646", "203.0.113.7:80"), ("[2001:db8::1]:1", "[2001:db8::2]:65535")];
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            for (from, to) in pairs {
                let written = header(version, address(from), address(to));
                let bytes = [&written[..], b"GET / HTTP/1.1"].concat();
                for end in 0..written.len() {
                    assert_eq!(read(&bytes[..end]), Header::Partial, "{version:?} up to {end}");
                }
                let wanted = Header::Complete(written.len(), Some((address(from), address(to))));
                assert_eq!(read(&bytes), wanted);
            }
        }
    }

    #[test]
    fn what_is_no_header_is_found_out() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 70000\r\n",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
            b"PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
            b"PROXY \xff\r\n",
            &[b"PROXY "[..].to_vec(), vec![b'a'; 200]].concat(),
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04aaaa",
        ] {
            assert_eq!(read(bytes), Header::Malformed, "{bytes:?}");
        }
        assert_eq!(read(b"PROXY UNKNOWN\r\n"), Header::Complete(15, None));
        assert_eq!(read(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"), Header::Complete(16, None));
    }
}
