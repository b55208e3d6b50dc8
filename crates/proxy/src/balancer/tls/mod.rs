//! TLS with clients and with targets.
//!
//! [Security policies](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html) become the
//! protocol versions and cipher suites of theirs that are implemented here: TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM. TLS 1.0 and
//! 1.1, and suites with CBC or without forward secrecy, are in some policies and are never negotiated here; a policy that has them
//! offers the rest of what it lists.

mod certificates;
mod client;
mod provider;
mod target;

use std::sync::Arc;

use enishi_fabric::balancer::{AlpnPolicy, ListenerProtocol, Tls};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::server::ServerConfig;
use rustls::{CipherSuite, ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

pub use certificates::Certificates;
pub use client::ClientCertificate;
pub use provider::ProviderTls;
pub use target::TargetTls;

/// TLS of one listener.
pub struct ListenerTls {
    acceptor: Option<TlsAcceptor>,
    certificates: Arc<Certificates>,
}

/// What is known of a connection over TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsInfo {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite, in OpenSSL's words.
    pub cipher: &'static str,
    /// The server name that was asked for, if a certificate covers it.
    pub server_name: Option<Box<str>>,
    /// The ARN of the certificate that was shown.
    pub certificate: Option<Arc<str>>,
    /// Whether HTTP/2 was agreed on.
    pub is_http2: bool,
    /// Headers that tell targets about the client's certificate, as lines.
    pub headers: Vec<u8>,
}

impl ListenerTls {
    /// Prepares TLS. Without a usable certificate every handshake fails.
    pub fn new(tls: &Tls, protocol: ListenerProtocol, is_http2: bool) -> Self {
        let certificates = Arc::new(Certificates::new(tls));
        let config = config(tls, protocol, is_http2, certificates.clone()).ok();
        ListenerTls { acceptor: config.map(|config| TlsAcceptor::from(Arc::new(config))), certificates }
    }

    /// Begins handshakes, if that is possible at all.
    pub fn acceptor(&self) -> Option<&TlsAcceptor> {
        self.acceptor.as_ref()
    }

    /// What was agreed on in a handshake that is over.
    pub fn info(&self, tls: &Tls, connection: &rustls::ServerConnection) -> TlsInfo {
        let chosen = self.certificates.named(connection.server_name());
        TlsInfo {
            version: version_name(connection.protocol_version()),
            cipher: connection.negotiated_cipher_suite().map_or("-", |suite| cipher_name(suite.suite())),
            server_name: chosen.is_some().then(|| connection.server_name().map(Into::into)).flatten(),
            certificate: chosen.or(Some(&tls.default.arn)).cloned(),
            is_http2: connection.alpn_protocol() == Some(b"h2"),
            headers: ClientCertificate::headers(&tls.mutual, connection.peer_certificates()),
        }
    }
}

fn config(
    tls: &Tls,
    protocol: ListenerProtocol,
    is_http2: bool,
    certificates: Arc<Certificates>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(&tls.policy))?;
    let builder = match client::verifier(&tls.mutual, &provider)? {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = alpn(protocol, tls.alpn, is_http2).iter().map(|name| name.to_vec()).collect();
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// The suites that AWS's policies have and that exist here.
fn provider() -> CryptoProvider {
    let suites: [SupportedCipherSuite; 7] = [
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    CryptoProvider { cipher_suites: suites.to_vec(), ..aws_lc_rs::default_provider() }
}

/// `ELBSecurityPolicy-TLS13-1-3-2021-06` is TLS 1.3 alone; other names with `TLS13` have TLS 1.2 as well; all others end there.
fn versions(policy: &str) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    if policy.contains("-TLS13-1-3-") {
        &BOTH[..1]
    } else if policy.contains("-TLS13-") {
        &BOTH
    } else {
        &BOTH[1..]
    }
}

/// [ALPN policies](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html#alpn-policies)
fn alpn(protocol: ListenerProtocol, policy: AlpnPolicy, is_http2: bool) -> &'static [&'static [u8]] {
    if protocol == ListenerProtocol::Https {
        return if is_http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    }
    match policy {
        AlpnPolicy::None => &[],
        AlpnPolicy::Http1Only => &[b"http/1.1", b"http/1.0"],
        AlpnPolicy::Http2Only => &[b"h2"],
        AlpnPolicy::Http2Optional => &[b"http/1.1", b"http/1.0", b"h2"],
        AlpnPolicy::Http2Preferred => &[b"h2", b"http/1.1", b"http/1.0"],
    }
}

fn version_name(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "-",
    }
}

fn cipher_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        _ => "-",
    }
}
