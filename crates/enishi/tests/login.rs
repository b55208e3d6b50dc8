//! Users log in with an identity provider that is known by name, and targets can verify what they are told of them.

mod harness;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use harness::lab::Running;
use harness::site::{Site, aws};
use harness::{first, until};
use serde_json::{Value, json};

/// A provider that knows one code: it answers the token endpoint and the user info endpoint.
fn provider() -> String {
    let claims = json!({ "iss": "https://idp.example.com", "aud": "client", "exp": u32::MAX, "sub": "42" });
    let id_token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let token = json!({ "access_token": "at", "id_token": id_token });
    let user = json!({ "sub": "42", "email": "ann@example.com" });
    format!(
        "use IO::Socket::INET; $| = 1; $SIG{{PIPE}} = 'IGNORE'; \
         my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 64, ReuseAddr => 1) or die $!; print \"ready\\n\"; \
         while (my $c = $s->accept) {{ my ($head, $body, $length) = ('', '', 0); \
         while (<$c>) {{ $head .= $_; $length = $1 if /^content-length: (\\d+)/i; last if /^\\r?$/ }} \
         read $c, $body, $length if $length; \
         my ($status, $answer) = ('400 Bad Request', '{{\"error\":\"invalid_grant\"}}'); \
         if ($head =~ m{{^POST /token }} && $body =~ /(^|&)code=right(&|$)/) {{ ($status, $answer) = ('200 OK', '{token}') }} \
         elsif ($head =~ m{{^GET /info }} && $head =~ /authorization: Bearer at\\r/i) {{ ($status, $answer) = ('200 OK', '{user}') }} \
         elsif ($head =~ m{{^GET / }}) {{ ($status, $answer) = ('200 OK', 'well') }} \
         print $c \"HTTP/1.1 $status\\r\\nContent-Length: \" . length($answer) . \"\\r\\nConnection: close\\r\\n\\r\\n$answer\"; close $c }}"
    )
}

/// A target that answers with the head of the request.
const ECHO: &str = "use IO::Socket::INET; $| = 1; $SIG{PIPE} = 'IGNORE'; \
    my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 64, ReuseAddr => 1) or die $!; print \"ready\\n\"; \
    while (my $c = $s->accept) { my $head = ''; while (<$c>) { $head .= $_; last if /^\\r?$/ } \
    print $c \"HTTP/1.1 200 OK\\r\\nContent-Length: \" . length($head) . \"\\r\\nConnection: close\\r\\n\\r\\n$head\"; close $c }";

/// `https://idp.example.com` and `https://app.example.com`: a load balancer each, with an instance behind it.
struct Company {
    site: Site,
    _servers: [Running; 2],
}

impl Company {
    fn new() -> Self {
        let site = Site::new();
        site.daemon.call(&format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=443\
             &IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0",
            site.group
        ));
        let servers = [
            site.daemon.perl(&site.instances[0], &provider()).0,
            site.daemon.perl(&site.instances[1], ECHO).0,
        ];
        let zone = site.daemon.create_zone("example.com", None);
        let certificate = certificate(&site, &zone);
        let login = "&DefaultActions.member.1.Type=authenticate-oidc&DefaultActions.member.1.Order=1\
             &DefaultActions.member.1.AuthenticateOidcConfig.Issuer=https://idp.example.com\
             &DefaultActions.member.1.AuthenticateOidcConfig.AuthorizationEndpoint=https://idp.example.com/authorize\
             &DefaultActions.member.1.AuthenticateOidcConfig.TokenEndpoint=https://idp.example.com/token\
             &DefaultActions.member.1.AuthenticateOidcConfig.UserInfoEndpoint=https://idp.example.com/info\
             &DefaultActions.member.1.AuthenticateOidcConfig.ClientId=client\
             &DefaultActions.member.1.AuthenticateOidcConfig.ClientSecret=secret&DefaultActions.member.2.Order=2";
        for (index, name, actions) in [(0, "idp", ""), (1, "app", login)] {
            let (balancer, dns_name) = site.balancer(name, "&Type=application");
            let group = group(&site, name, index);
            let number = if actions.is_empty() { 1 } else { 2 };
            site.elb(&format!(
                "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTPS&Port=443&Certificates.member.1.CertificateArn={certificate}\
                 {actions}&DefaultActions.member.{number}.Type=forward&DefaultActions.member.{number}.TargetGroupArn={group}"
            ));
            site.daemon.change_record(&zone, "CREATE", &format!("{name}.example.com"), "CNAME", &dns_name);
            site.until_state(&group, index, "healthy", "");
        }
        Company { site, _servers: servers }
    }

    /// What a browser on the internet gets.
    fn get(&self, url: &str, header: &str) -> String {
        let mut words = vec!["exec", "internet", "--", "curl", "-ksi", "--max-time", "20", url];
        if !header.is_empty() {
            words.extend(["-H", header]);
        }
        let output = self.site.daemon.run(&words);
        assert!(output.status.success(), "{url}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn group(site: &Site, name: &str, instance: usize) -> String {
    let xml = site.elb(&format!(
        "Action=CreateTargetGroup&Name={name}&Protocol=HTTP&Port=80&VpcId={}&HealthCheckIntervalSeconds=5\
         &HealthCheckTimeoutSeconds=2&HealthyThresholdCount=2",
        site.vpc
    ));
    let group = first(&xml, "TargetGroupArn");
    site.elb(&format!(
        "Action=RegisterTargets&TargetGroupArn={group}&Targets.member.1.Id={}",
        site.instances[instance]
    ));
    group
}

/// A certificate for `*.example.com`, issued once the zone says that it may be.
fn certificate(site: &Site, zone: &harness::zone::Zone) -> String {
    let arn = aws(
        &site.daemon,
        &["acm", "request-certificate", "--domain-name", "*.example.com", "--validation-method", "DNS"],
    );
    let arn = arn.trim();
    let describe = |query: &str| {
        let words = ["acm", "describe-certificate", "--certificate-arn", arn, "--query", query];
        aws(&site.daemon, &words).trim().to_owned()
    };
    let record =
        |part: &str| describe(&format!("Certificate.DomainValidationOptions[0].ResourceRecord.{part}"));
    site.daemon.change_record(zone, "CREATE", &record("Name"), "CNAME", &record("Value"));
    until("the certificate is issued", || describe("Certificate.Status") == "ISSUED");
    arn.to_owned()
}

fn header<'a>(response: &'a str, name: &str) -> &'a str {
    let found = response.lines().find_map(|line| {
        let (other, value) = line.split_once(": ")?;
        other.eq_ignore_ascii_case(name).then_some(value.trim_end())
    });
    found.unwrap_or_else(|| panic!("no {name}: {response}"))
}

/// A part of a JSON web token, padded as AWS pads it.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&URL_SAFE.decode(part).expect("base64")).expect("JSON")
}

/// The point of a P-256 key in PEM: the last 65 bytes of its DER form.
fn point(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(text).expect("base64");
    der[der.len() - 65..].to_vec()
}

#[test]
fn users_log_in_and_targets_can_verify_who_they_are() {
    let mut company = Company::new();
    let away = company.get("https://app.example.com/a", "");
    assert!(away.contains(" 302"), "{away}");
    let location = header(&away, "location");
    assert!(location.starts_with("https://idp.example.com/authorize?client_id=client&"), "{location}");
    let state = location.split("&state=").nth(1).expect("a state");
    let callback =
        |code: &str| format!("https://app.example.com/oauth2/idpresponse?code={code}&state={state}");
    assert!(company.get(&callback("wrong"), "").contains(" 561"));
    let back = company.get(&callback("right"), "");
    assert_eq!(header(&back, "location"), "https://app.example.com/a", "{back}");
    let cookie = header(&back, "set-cookie").split(';').next().expect("a cookie").to_owned();
    let cookie = format!("Cookie: {cookie}");

    let seen = company.get("https://app.example.com/a", &cookie);
    assert_eq!(header(&seen, "x-amzn-oidc-identity"), "42");
    let token = header(&seen, "x-amzn-oidc-data").to_owned();
    let head = part(&token, 0);
    let arn = company.site.elb("Action=DescribeLoadBalancers&Names.member.1=app");
    assert_eq!(head["signer"], json!(first(&arn, "LoadBalancerArn")));
    assert_eq!((&head["alg"], &head["iss"]), (&json!("ES256"), &json!("https://idp.example.com")));
    assert_eq!((&head["client"], head["exp"].is_u64()), (&json!("client"), true));
    assert_eq!(part(&token, 1)["email"], json!("ann@example.com"));

    let id = head["kid"].as_str().expect("a key").to_owned();
    let daemon = &company.site.daemon;
    let pem = daemon.get(&format!("/_enishi/public-keys/{id}"));
    assert_eq!(pem.status, 200);
    let host = [("host", "public-keys.auth.elb.us-east-1.amazonaws.com")];
    assert_eq!(daemon.send("GET", &format!("/{id}"), &host, b"").text(), pem.text());
    assert_eq!(daemon.send("GET", "/another", &host, b"").status, 404);
    // Where AWS has it, and who trusts the local authority believes it.
    let authority = daemon.data_dir().join("ca.pem");
    let fetch = |path: &str| {
        let url = format!("https://public-keys.auth.elb.us-east-1.amazonaws.com/{path}");
        let authority = authority.to_str().expect("a path");
        let words =
            ["exec", "internet", "--", "curl", "-sS", "--max-time", "20", "--cacert", authority, &url];
        String::from_utf8_lossy(&daemon.run(&words).stdout).into_owned()
    };
    assert_eq!(fetch(&id), pem.text());
    assert_eq!(fetch("another"), "there is no such key\n");
    let verify = |token: &str| {
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE.decode(signature).expect("base64");
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(&pem.text()));
        key.verify(signed.as_bytes(), &signature).is_ok()
    };
    assert!(verify(&token));
    assert!(!verify(&token.replacen('.', "0.", 1)), "of something else");

    // Sessions and the key outlive the daemon.
    company.site.daemon.kill_and_restart();
    company.site.daemon.settle();
    let seen = company.get("https://app.example.com/a", &cookie);
    let token = header(&seen, "x-amzn-oidc-data");
    assert!(verify(token) && part(token, 0)["kid"] == json!(id));
}
