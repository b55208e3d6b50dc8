//! TLS at listeners and towards targets.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use enishi_fabric::balancer::{
    AlpnPolicy, Certificate, Kind, ListenerProtocol, MutualAuthentication, PrivateKey, TargetProtocol, Tls,
};
use enishi_proxy::balancer::counters::Metric;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme,
};

use crate::harness::{Client, Fixture, Server, group, wait};

/// A certificate that nobody vouches for.
pub fn certificate(arn: &str, names: &[&str]) -> Arc<Certificate> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let signed = params.expect("names").self_signed(&key).expect("a certificate");
    Arc::new(Certificate {
        arn: arn.into(),
        names: names.iter().map(|name| (*name).into()).collect(),
        chain: signed.pem().into(),
        key: PrivateKey(key.serialize_pem().into()),
    })
}

fn der(certificate: &Certificate) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(certificate.chain.as_bytes()).expect("a certificate")
}

fn tls(default: Arc<Certificate>, others: Vec<Arc<Certificate>>) -> Tls {
    Tls {
        policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
        default,
        others,
        alpn: AlpnPolicy::None,
        mutual: MutualAuthentication::Off,
    }
}

/// An HTTPS listener in front of these servers.
pub fn https(servers: &[&Server], tls: Tls) -> Fixture {
    https_to(vec![group(servers)], tls)
}

/// The same in front of these groups.
pub fn https_to(groups: Vec<enishi_fabric::balancer::TargetGroup>, tls: Tls) -> Fixture {
    Fixture::new(groups, |balancer, port| {
        let listener = Arc::make_mut(balancer.listeners.get_mut(&port).expect("a listener"));
        listener.protocol = ListenerProtocol::Https;
        listener.tls = Some(Arc::new(tls));
    })
}

/// An HTTPS listener with one certificate.
pub fn plain_https(groups: Vec<enishi_fabric::balancer::TargetGroup>) -> Fixture {
    https_to(groups, tls(certificate("arn:default", &["localhost"]), Vec::new()))
}

/// Takes anyone for who they say they are.
#[derive(Debug)]
struct Anyone;

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
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

/// A client's side, which may show a certificate with its key.
pub fn client_config(
    alpn: &[&[u8]],
    identity: Option<(Vec<u8>, Vec<u8>)>,
    is_old: bool,
) -> Arc<ClientConfig> {
    let versions: &[_] = if is_old { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(vec![CertificateDer::from(certificate)], PrivateKeyDer::Pkcs8(key.into()))
            .expect("an identity"),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// Shakes hands; the certificate that the server shows.
pub fn shake(fixture: &Fixture, name: &str, config: Arc<ClientConfig>) -> io::Result<(Client, Vec<u8>)> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(fixture.address)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    let shown = connection.peer_certificates().expect("a certificate")[0].to_vec();
    Ok((Client::over_tls(stream, connection.into()), shown))
}

#[test]
fn requests_pass_over_tls() {
    let server = Server::echo();
    let fixture = https(&[&server], tls(certificate("arn:default", &["localhost"]), Vec::new()));
    for is_old in [false, true] {
        let (mut client, _) =
            shake(&fixture, "localhost", client_config(&[b"http/1.1"], None, is_old)).expect("TLS");
        for _ in 0..2 {
            client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let response = client.response();
            assert!(response.contains("X-Forwarded-Proto: https\r\n"), "{response}");
        }
    }
    let lines = fixture.lines.wait(4);
    assert!(lines[0].starts_with("https ") && lines[0].contains(" TLSv1.3 "), "{}", lines[0]);
    assert!(lines[0].contains("\" TLS_AES_"), "{}", lines[0]);
    assert!(lines[0].contains(" \"localhost\" \"arn:default\" 0 "), "{}", lines[0]);
    assert!(lines[2].contains(" ECDHE-ECDSA-AES") && lines[2].contains(" TLSv1.2 "), "{}", lines[2]);
}

/// "matches a single certificate in the certificate list": exact names before wildcards, then the default.
#[test]
fn certificates_are_chosen_by_name() {
    let server = Server::echo();
    let default = certificate("arn:default", &["default.example"]);
    let wild = certificate("arn:wild", &["*.example.com"]);
    let exact = certificate("arn:exact", &["www.example.com"]);
    let fixture = https(&[&server], tls(default.clone(), vec![wild.clone(), exact.clone()]));
    for (name, wanted) in [
        ("www.example.com", &exact),
        ("a.example.com", &wild),
        ("a.b.example.com", &default),
        ("x.org", &default),
    ] {
        let (_, shown) = shake(&fixture, name, client_config(&[], None, false)).expect("TLS");
        assert_eq!(CertificateDer::from(shown), der(wanted), "{name}");
    }
}

#[test]
fn policies_limit_versions() {
    let server = Server::echo();
    let only_new = Tls {
        policy: "ELBSecurityPolicy-TLS13-1-3-2021-06".into(),
        ..tls(certificate("arn:default", &["localhost"]), Vec::new())
    };
    let fixture = https(&[&server], only_new);
    assert!(shake(&fixture, "localhost", client_config(&[], None, false)).is_ok());
    assert!(shake(&fixture, "localhost", client_config(&[], None, true)).is_err());
    let counters = fixture.node().counters();
    wait(|| (counters.get(Metric::ClientTlsNegotiationErrorCount) == 1).then_some(()));
}

#[test]
fn targets_may_speak_tls() {
    let default = certificate("arn:target", &["whoever"]);
    let config = Arc::new(
        ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![der(&default)],
                PrivateKeyDer::from_pem_slice(default.key.0.as_bytes()).expect("a key"),
            )
            .expect("a certificate"),
    );
    let server = Server::new(move |client| {
        let connection = ServerConnection::new(config.clone()).expect("a connection");
        let mut client = Client::over_tls(client.stream, connection.into());
        while let Some(request) = client.request() {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{request}", request.len());
            client.send(answer.as_bytes());
        }
    });
    let mut config = group(&[&server]);
    config.protocol = TargetProtocol::Https;
    let fixture = Fixture::new(vec![config], |_, _| {});
    let response = fixture.ask("GET /secret HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(response.contains("GET /secret HTTP/1.1"), "{response}");
    // A target that speaks no TLS is a bad gateway.
    let plain = Server::echo();
    let mut config = group(&[&plain]);
    config.protocol = TargetProtocol::Https;
    let fixture = Fixture::new(vec![config], |_, _| {});
    assert!(fixture.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 502"));
}

/// An authority, and what it signs: the authority's certificate, PEM, a client's, and the client's key.
fn authority() -> (String, (Vec<u8>, Vec<u8>)) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Authority, Inc.");
    let root = params.self_signed(&key).expect("a root").pem();
    let issuer = Issuer::new(params, key);
    let client_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    params.distinguished_name.push(DnType::CommonName, "client");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let signed = params.signed_by(&client_key, &issuer).expect("a certificate");
    (root, (signed.der().to_vec(), client_key.serialize_der()))
}

/// One request with a client's certificate; `None`: the client was not let in.
fn ask(fixture: &Fixture, identity: Option<(Vec<u8>, Vec<u8>)>) -> Option<String> {
    let (mut client, _) = shake(fixture, "localhost", client_config(&[], identity, false)).ok()?;
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Amzn-Mtls-Clientcert-Subject: CN=forged\r\n\r\n");
    let head = client.head()?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok())?;
    Some(String::from_utf8_lossy(&client.exactly(length)).into_owned())
}

#[test]
fn clients_show_certificates() {
    let (root, identity) = authority();
    let (_, stranger) = authority();
    let server = Server::echo();
    let verify = MutualAuthentication::Verify {
        authorities: root.into(),
        revocations: Vec::new(),
        ignore_expiry: false,
        advertise: true,
    };
    let mutual = |mutual| Tls { mutual, ..tls(certificate("arn:default", &["localhost"]), Vec::new()) };
    let fixture = https(&[&server], mutual(verify));
    let seen = ask(&fixture, Some(identity.clone())).expect("a response");
    assert!(seen.contains("X-Amzn-Mtls-Clientcert-Subject: CN=client\r\n"), "{seen}");
    assert!(seen.contains("X-Amzn-Mtls-Clientcert-Issuer: CN=Authority\\, Inc.\r\n"), "{seen}");
    assert!(seen.contains("X-Amzn-Mtls-Clientcert-Leaf: -----BEGIN%20CERTIFICATE-----%0A"), "{seen}");
    assert!(
        seen.contains("X-Amzn-Mtls-Clientcert-Validity: NotBefore=1975-01-01T00:00:00Z;NotAfter="),
        "{seen}"
    );
    assert!(!seen.contains("forged"), "{seen}");
    assert_eq!(ask(&fixture, Some(stranger.clone())), None);
    assert_eq!(ask(&fixture, None), None);
    let fixture = https(&[&server], mutual(MutualAuthentication::PassThrough));
    let seen = ask(&fixture, Some(stranger)).expect("a response");
    assert!(seen.contains("X-Amzn-Mtls-Clientcert: -----BEGIN%20CERTIFICATE-----%0A"), "{seen}");
    assert!(!ask(&fixture, None).expect("a response").contains("Mtls"));
}

/// A TLS listener of a Network Load Balancer: bytes in the clear for the target, and flows that are counted apart.
#[test]
fn flows_over_tls_are_counted_apart() {
    let server = Server::echo();
    let tls = tls(certificate("arn:default", &["localhost"]), Vec::new());
    let mut config = group(&[&server]);
    config.protocol = TargetProtocol::Tcp;
    let fixture = Fixture::new(vec![config], |balancer, port| {
        balancer.kind = Kind::Network;
        let listener = Arc::make_mut(balancer.listeners.get_mut(&port).expect("a listener"));
        listener.protocol = ListenerProtocol::Tls;
        listener.tls = Some(Arc::new(tls));
    });
    let counters = fixture.node().counters();
    let (mut client, _) = shake(&fixture, "localhost", client_config(&[], None, false)).expect("TLS");
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.send(request);
    let answered = client.response().len();
    let read = |metric| counters.get(metric);
    assert_eq!((read(Metric::NewTlsConnections), read(Metric::ActiveTlsConnections)), (1, 1));
    drop(client);
    wait(|| (read(Metric::ActiveTlsConnections) == 0).then_some(()));
    assert_eq!(read(Metric::TlsBytes), (request.len() + answered) as u64);
    assert_eq!(read(Metric::ProcessedBytes), read(Metric::TlsBytes));
}
