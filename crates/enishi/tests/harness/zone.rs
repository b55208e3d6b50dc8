//! Hosted zones, and what is answered by them.

use super::lab::Running;
use super::{Daemon, first};

/// Answers every question with an address, as a name server would: the header, the question, a record that points to it.
const NAME_SERVER: &str = "use IO::Socket::INET; $| = 1; \
    my $s = IO::Socket::INET->new(LocalPort => 53, Proto => 'udp') or die $!; print \"ready\\n\"; \
    while (defined(my $from = $s->recv(my $q, 512))) { \
        my ($id, $rest) = unpack('n x10 a*', $q); my $end = index($rest, \"\\0\"); my $question = substr($rest, 0, $end + 5); \
        $s->send(pack('n6', $id, 0x8400, 1, 1, 0, 0) . $question . pack('n3 N n C4', 0xc00c, 1, 1, 60, 4, 192, 0, 2, 77)); }";

/// A hosted zone.
#[derive(Debug, Clone)]
pub struct Zone {
    pub id: String,
    /// The name server that its SOA record names.
    pub name_server: String,
}

impl Daemon {
    /// A public zone, or one that a VPC sees.
    pub fn create_zone(&self, name: &str, vpc: Option<&str>) -> Zone {
        let private =
            vpc.map(|vpc| format!("<VPC><VPCRegion>us-east-1</VPCRegion><VPCId>{vpc}</VPCId></VPC>"));
        let reference = format!("{name}-{}", vpc.unwrap_or_default());
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>{}\
             <CallerReference>{reference}</CallerReference></CreateHostedZoneRequest>",
            private.unwrap_or_default()
        );
        let answer = self.route53("POST", "hostedzone", &body);
        let id = first(&answer, "Id").replace("/hostedzone/", "");
        let servers = self.route53("GET", &format!("hostedzone/{id}/rrset?type=SOA&name={name}"), "");
        Zone { id, name_server: first(&servers, "Value").split(' ').next().expect("a name").to_owned() }
    }

    /// Changes one record: `CREATE`, `UPSERT` or `DELETE`.
    pub fn change_record(&self, zone: &Zone, action: &str, name: &str, record_type: &str, value: &str) {
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
             <Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>{record_type}</Type><TTL>300</TTL>\
             <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
             </Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.route53("POST", &format!("hostedzone/{}/rrset/", zone.id), &body);
    }

    /// A record with latency routing.
    pub fn create_latency_record(&self, zone: &Zone, name: &str, region: &str, address: &str) {
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
             <Change><Action>CREATE</Action><ResourceRecordSet><Name>{name}</Name><Type>A</Type>\
             <SetIdentifier>{region}</SetIdentifier><Region>{region}</Region><TTL>300</TTL><ResourceRecords><ResourceRecord>\
             <Value>{address}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch>\
             </ChangeResourceRecordSetsRequest>"
        );
        self.route53("POST", &format!("hostedzone/{}/rrset/", zone.id), &body);
    }

    /// Lets a VPC see a private zone, or no longer: `associatevpc`, `disassociatevpc`.
    pub fn change_association(&self, zone: &Zone, way: &str, vpc: &str) {
        let kind = if way == "associatevpc" {
            "AssociateVPCWithHostedZone"
        } else {
            "DisassociateVPCFromHostedZone"
        };
        let body = format!(
            "<{kind}Request xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><VPC><VPCRegion>us-east-1</VPCRegion>\
             <VPCId>{vpc}</VPCId></VPC></{kind}Request>"
        );
        self.route53("POST", &format!("hostedzone/{}/{way}", zone.id), &body);
    }

    fn route53(&self, method: &str, path: &str, body: &str) -> String {
        let headers = [("content-type", "application/xml")];
        let answer = self.send(method, &format!("/2013-04-01/{path}"), &headers, body.as_bytes());
        assert!((200..300).contains(&answer.status), "{path} {body}: {}", answer.text());
        answer.text()
    }

    /// A name server in an instance: 192.0.2.77 has every name.
    pub fn name_server(&self, instance: &str) -> Running {
        self.perl(instance, NAME_SERVER).0
    }

    /// What `dig` prints in an instance or on the internet.
    pub fn dig(&self, target: &str, question: &str) -> String {
        let words = ["exec", target, "--", "dig", "+time=3", "+tries=2"];
        let output = self.run(&words.into_iter().chain(question.split_whitespace()).collect::<Vec<_>>());
        String::from_utf8(output.stdout).expect("text")
    }

    /// The answers' data alone, each in a line.
    pub fn lookup(&self, target: &str, question: &str) -> String {
        self.dig(target, &format!("+short {question}")).trim_end().to_owned()
    }

    /// The response code of an answer; empty when there is none.
    pub fn rcode(&self, target: &str, question: &str) -> String {
        let text = self.dig(target, question);
        let status = text.split("status: ").nth(1).and_then(|rest| rest.split(',').next());
        status.unwrap_or_default().to_owned()
    }

    /// Sets an attribute of a VPC: `EnableDnsSupport`, `EnableDnsHostnames`.
    pub fn set_vpc_attribute(&self, vpc: &str, attribute: &str, value: bool) {
        self.call(&format!("Action=ModifyVpcAttribute&VpcId={vpc}&{attribute}.Value={value}"));
    }
}
