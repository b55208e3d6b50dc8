//! TLS with targets, whose certificates nobody verifies: "The load balancer does not validate these certificates."

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::health::Anyone;

/// Begins TLS with targets.
#[derive(Clone)]
pub struct TargetTls {
    http1: Option<TlsConnector>,
    http2: Option<TlsConnector>,
}

impl TargetTls {
    /// With the defaults of the library, whatever a listener's policy says.
    pub fn new() -> Self {
        let connector = |protocol: &[u8]| {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let anyone = Arc::new(Anyone::new(provider.clone()));
            let builder =
                ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
            let mut config =
                builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth();
            config.alpn_protocols = vec![protocol.to_vec()];
            Some(TlsConnector::from(Arc::new(config)))
        };
        TargetTls { http1: connector(b"http/1.1"), http2: connector(b"h2") }
    }

    /// A handshake as the client.
    ///
    /// # Errors
    /// The target speaks no TLS, or none that is understood here.
    pub async fn connect(&self, stream: TcpStream, is_http2: bool) -> io::Result<TlsStream<TcpStream>> {
        let connector = if is_http2 { &self.http2 } else { &self.http1 };
        let connector = connector.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        // An address is never sent as a server's name (RFC 6066, section 3).
        let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        connector.connect(nobody, stream).await
    }
}

impl Default for TargetTls {
    fn default() -> Self {
        TargetTls::new()
    }
}
