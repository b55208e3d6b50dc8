//! TLS with identity providers, who have to be who they say they are.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Begins TLS with identity providers.
#[derive(Clone)]
pub struct ProviderTls {
    connector: Option<TlsConnector>,
}

impl ProviderTls {
    /// Trusts what these certificates, PEM, vouch for.
    pub fn new(authorities: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(authorities.as_bytes()).flatten());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
        ProviderTls { connector: config.ok().map(|config| TlsConnector::from(Arc::new(config))) }
    }

    /// A handshake as the client.
    ///
    /// # Errors
    /// The provider speaks no TLS, or nobody vouches for it.
    pub async fn connect(&self, stream: TcpStream, name: &str) -> io::Result<TlsStream<TcpStream>> {
        let connector = self.connector.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let name = ServerName::try_from(name.to_owned()).map_err(|_| io::ErrorKind::InvalidInput)?;
        connector.connect(name, stream).await
    }
}
