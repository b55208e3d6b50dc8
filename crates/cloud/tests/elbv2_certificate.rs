//! Certificates of listeners: the default one, the others, security policies, mutual authentication.

mod balancing;
mod certificates;
mod harness;
mod lab;

use balancing::{Balancing, forward, listener};
use certificates::{imported, key_pair, requested};
use enishi_api::acm;
use enishi_api::elbv2::{
    AddListenerCertificatesInput, Certificate, CreateListenerInput, DescribeListenerCertificatesInput,
    ModifyListenerInput, MutualAuthenticationAttributes, RemoveListenerCertificatesInput, ops,
};
use harness::text;

fn certificate(arn: &str) -> Vec<Certificate> {
    vec![Certificate { certificate_arn: text(arn), is_default: None }]
}

/// An Application Load Balancer with a target group, and imported certificates.
struct Secured {
    b: Balancing,
    balancer: String,
    group: String,
    arns: Vec<String>,
}

impl Secured {
    fn new() -> Self {
        let mut b = Balancing::new();
        let input = b.application("web");
        let balancer = b.active(input);
        let group = b.target_group("web", "HTTP");
        let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
        let names = ["a.example.com", "b.example.com", "c.example.com"];
        let arns = names.iter().map(|name| imported(&mut b.lab.h, &key, &[name])).collect();
        Secured { b, balancer, group, arns }
    }

    fn https(&self, port: i32) -> CreateListenerInput {
        CreateListenerInput {
            certificates: Some(certificate(&self.arns[0])),
            ..listener(&self.balancer, "HTTPS", port, forward(&self.group))
        }
    }

    #[track_caller]
    fn listed(&mut self, listener: &str) -> Vec<(String, bool)> {
        let input =
            DescribeListenerCertificatesInput { listener_arn: listener.to_owned(), ..Default::default() };
        let found = self.b.lab.h.ok::<ops::DescribeListenerCertificates>(input).certificates.unwrap();
        found.into_iter().map(|one| (one.certificate_arn.unwrap(), one.is_default.unwrap())).collect()
    }
}

#[test]
fn a_listener_has_a_default_certificate_and_others() {
    let mut s = Secured::new();
    let input = s.https(443);
    let made = s.b.create_listener(input);
    assert_eq!(made.ssl_policy.as_deref(), Some("ELBSecurityPolicy-2016-08"));
    assert_eq!(made.certificates, Some(certificate(&s.arns[0])));
    assert_eq!(made.mutual_authentication.unwrap().mode.as_deref(), Some("off"));
    let arn = made.listener_arn.unwrap();
    let arns = s.arns.clone();
    let add = AddListenerCertificatesInput {
        listener_arn: arn.clone(),
        certificates: arns[1..].iter().flat_map(|arn| certificate(arn)).collect(),
    };
    s.b.lab.h.ok::<ops::AddListenerCertificates>(add.clone());
    s.b.lab.h.ok::<ops::AddListenerCertificates>(add);
    let listed = |s: &mut Secured| s.listed(&arn);
    assert_eq!(listed(&mut s), [(arns[0].clone(), true), (arns[1].clone(), false), (arns[2].clone(), false)]);
    let remove = |certificate_arn: &str| RemoveListenerCertificatesInput {
        listener_arn: arn.clone(),
        certificates: certificate(certificate_arn),
    };
    s.b.lab.h.message::<ops::RemoveListenerCertificates>(
        remove(&arns[0]),
        "OperationNotPermitted",
        &format!("Default certificate '{}' cannot be removed from listener '{arn}'", arns[0]),
    );
    s.b.lab.h.ok::<ops::RemoveListenerCertificates>(remove(&arns[1]));
    // The default is replaced, and the others stay.
    let replace = ModifyListenerInput {
        listener_arn: arn.clone(),
        certificates: Some(certificate(&arns[1])),
        ssl_policy: text("ELBSecurityPolicy-TLS13-1-2-2021-06"),
        ..Default::default()
    };
    let changed = s.b.lab.h.ok::<ops::ModifyListener>(replace).listeners.unwrap().remove(0);
    assert_eq!(changed.ssl_policy.as_deref(), Some("ELBSecurityPolicy-TLS13-1-2-2021-06"));
    assert_eq!(listed(&mut s), [(arns[1].clone(), true), (arns[2].clone(), false)]);
    let delete = acm::DeleteCertificateRequest { certificate_arn: arns[2].clone() };
    s.b.lab.h.code::<acm::ops::DeleteCertificate>(delete, "ResourceInUseException");
    // Over HTTP there is none.
    let plain =
        ModifyListenerInput { listener_arn: arn.clone(), protocol: text("HTTP"), ..Default::default() };
    let changed = s.b.lab.h.ok::<ops::ModifyListener>(plain).listeners.unwrap().remove(0);
    assert_eq!((changed.certificates, changed.ssl_policy), (None, None));
}

#[test]
fn certificates_have_to_be_usable() {
    let mut s = Secured::new();
    let pending = requested(&mut s.b.lab.h, &["pending.example.com"]);
    let with =
        |s: &Secured, arn: &str| CreateListenerInput { certificates: Some(certificate(arn)), ..s.https(443) };
    let input = with(&s, &pending);
    s.b.lab.h.message::<ops::CreateListener>(
        input,
        "UnsupportedCertificate",
        &format!(
            "The certificate '{pending}' must have a fully-qualified domain name, a supported signature, and a supported \
             key size."
        ),
    );
    let missing = format!("{}0", s.arns[0]);
    let input = with(&s, &missing);
    s.b.lab.h.message::<ops::CreateListener>(
        input,
        "CertificateNotFound",
        &format!("Certificate '{missing}' not found"),
    );
    let input = with(&s, "web");
    s.b.lab.h.code::<ops::CreateListener>(input, "ValidationError");
    let two = certificate(&s.arns[0]).into_iter().chain(certificate(&s.arns[1])).collect();
    let input = CreateListenerInput { certificates: Some(two), ..s.https(443) };
    s.b.lab.h.code::<ops::CreateListener>(input, "ValidationError");
    let input = CreateListenerInput { ssl_policy: text("none"), ..s.https(443) };
    s.b.lab.h.code::<ops::CreateListener>(input, "SSLPolicyNotFound");
    let input = CreateListenerInput { alpn_policy: Some(vec!["None".to_owned()]), ..s.https(443) };
    s.b.lab.h.code::<ops::CreateListener>(input, "ValidationError");
    let input = CreateListenerInput { protocol: text("HTTP"), ..s.https(80) };
    s.b.lab.h.message::<ops::CreateListener>(
        input,
        "ValidationError",
        "A certificate cannot be specified for HTTP listeners",
    );
}

#[test]
fn clients_show_certificates_where_that_is_asked() {
    let mut s = Secured::new();
    let mode = |mode: &str| MutualAuthenticationAttributes { mode: text(mode), ..Default::default() };
    let input = CreateListenerInput { mutual_authentication: Some(mode("passthrough")), ..s.https(443) };
    let made = s.b.create_listener(input);
    assert_eq!(made.mutual_authentication.unwrap().mode.as_deref(), Some("passthrough"));
    let input = CreateListenerInput { mutual_authentication: Some(mode("verify")), ..s.https(444) };
    s.b.lab.h.message::<ops::CreateListener>(
        input,
        "ValidationError",
        "A trust store ARN must be specified for mutual authentication mode 'verify'",
    );
    let unknown = MutualAuthenticationAttributes {
        trust_store_arn: text(
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:truststore/a/0123456789abcdef",
        ),
        ..mode("verify")
    };
    let input = CreateListenerInput { mutual_authentication: Some(unknown), ..s.https(444) };
    s.b.lab.h.code::<ops::CreateListener>(input, "TrustStoreNotFound");
}

#[test]
fn a_tls_listener_negotiates_as_it_is_told() {
    let mut s = Secured::new();
    let input = s.b.network("net");
    let net = s.b.active(input);
    let group = s.b.target_group("tls", "TLS");
    let input = CreateListenerInput {
        certificates: Some(certificate(&s.arns[0])),
        alpn_policy: Some(vec!["HTTP2Preferred".to_owned()]),
        ..listener(&net, "TLS", 443, forward(&group))
    };
    let made = s.b.create_listener(input.clone());
    assert_eq!(made.alpn_policy, Some(vec!["HTTP2Preferred".to_owned()]));
    assert_eq!(made.mutual_authentication, None);
    let bad = CreateListenerInput { port: Some(444), alpn_policy: Some(vec!["h2".to_owned()]), ..input };
    s.b.lab.h.code::<ops::CreateListener>(bad, "ALPNPolicyNotFound");
}
