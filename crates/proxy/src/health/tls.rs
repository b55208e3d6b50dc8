//! TLS towards endpoints whose certificates nobody verifies.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Begins TLS connections of probes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    /// The same, with HTTP/2 offered in the handshake.
    http2: Arc<ClientConfig>,
}

/// The cryptography that TLS needs is not there.
#[derive(Debug, thiserror::Error)]
#[error("TLS is not available")]
pub struct TlsUnavailable(#[source] rustls::Error);

impl TlsClient {
    /// A client of TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// The provider of cryptography has no cipher suite for them.
    pub fn new() -> Result<Self, TlsUnavailable> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let anyone = Arc::new(Anyone::new(provider.clone()));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsUnavailable)?
            .dangerous()
            .with_custom_certificate_verifier(anyone)
            .with_no_client_auth();
        // Every probe is a stranger, and what endpoints would like remembered is not kept.
        config.resumption = Resumption::disabled();
        let mut http2 = config.clone();
        http2.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsClient { config: Arc::new(config), http2: Arc::new(http2) })
    }

    /// A connection whose handshake names the server, or nobody.
    pub(super) fn begin(&self, name: Option<&str>) -> Result<ClientConnection, rustls::Error> {
        let name = name.and_then(|name| ServerName::try_from(name.trim_end_matches('.').to_owned()).ok());
        ClientConnection::new(self.config.clone(), name.unwrap_or(nobody()))
    }

    /// A stream for HTTP/2 over another, whose handshake names nobody.
    pub(super) async fn http2<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsConnector::from(self.http2.clone()).connect(nobody(), stream).await
    }
}

/// An address, as one is never sent as a server's name (RFC 6066, section 3).
fn nobody() -> ServerName<'static> {
    ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Takes anyone for who they say they are: "HTTPS health checks don't validate SSL/TLS certificates, so checks don't fail even if
/// a certificate is invalid or expired".
#[derive(Debug)]
pub(crate) struct Anyone(Arc<CryptoProvider>);

impl Anyone {
    /// With the signatures that a provider understands.
    pub(crate) fn new(provider: Arc<CryptoProvider>) -> Self {
        Anyone(provider)
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
