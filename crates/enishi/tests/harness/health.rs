//! Health checks through the endpoint, and what name servers make of them.

use std::process::Command;

use super::{Answer, Daemon, first};

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

impl Daemon {
    /// Sends a request under `/2013-04-01/`; the body is an element without its namespace, or nothing.
    pub fn route53_answer(&self, method: &str, path: &str, body: &str) -> Answer {
        let body = match body.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((name, rest)) => format!("<{name} xmlns=\"{NAMESPACE}\">{rest}"),
            None => String::new(),
        };
        let headers = [("content-type", "application/xml")];
        self.send(method, &format!("/2013-04-01/{path}"), &headers, body.as_bytes())
    }

    /// The same; it must succeed.
    pub fn route53_ok(&self, method: &str, path: &str, body: &str) -> String {
        let answer = self.route53_answer(method, path, body);
        assert!(matches!(answer.status, 200 | 201), "{method} {path} {body}: {}", answer.text());
        answer.text()
    }

    /// Puts a record set into a zone: the elements of `ResourceRecordSet`.
    pub fn put_record_set(&self, zone: &str, set: &str) {
        let body = format!(
            "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>UPSERT</Action>\
             <ResourceRecordSet>{set}</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.route53_ok("POST", &format!("hostedzone/{zone}/rrset/"), &body);
    }

    /// Makes a health check of the elements of `HealthCheckConfig`; answers its id.
    pub fn health_check(&self, reference: &str, config: &str) -> String {
        let body = format!(
            "<CreateHealthCheckRequest><CallerReference>{reference}</CallerReference><HealthCheckConfig>{config}\
             </HealthCheckConfig></CreateHealthCheckRequest>"
        );
        first(&self.route53_ok("POST", "healthcheck", &body), "Id")
    }

    /// The A records of a name, as the daemon's own DNS socket answers.
    pub fn addresses(&self, name: &str) -> Vec<String> {
        let status = self.get("/_enishi/status").json();
        let address = status["dns"].as_str().expect("DNS is answered").to_owned();
        let (host, port) = address.rsplit_once(':').expect("an address");
        let output = Command::new("dig")
            .args([&format!("@{host}"), "-p", port, "+short", "+tries=1", "+time=5", name, "A"])
            .output()
            .expect("dig runs");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}
