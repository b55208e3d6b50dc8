//! Which requests are S3's, who may send them, and which are refused.

use std::process::Command;

use crate::harness::Daemon;
use crate::wire::{Case, SCOPE, data, get, put, refused, send, unsigned};

#[test]
fn requests_are_told_from_those_of_other_services() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    put(&daemon, "/lab/key", b"data");
    // Without a signature, by the path, where it begins with a bucket and no other service has it.
    assert_eq!(unsigned(&daemon, "GET", "/lab/key", &[], b"").text(), "data");
    assert_eq!(unsigned(&daemon, "GET", "/nolab/key", &[], b"").status, 400);
    let zones = unsigned(&daemon, "GET", "/2013-04-01/hostedzone", &[], b"");
    assert!(zones.text().contains("ListHostedZonesResponse"), "{}", zones.text());
    put(&daemon, "/2013-04-01", b"");
    let zones = unsigned(&daemon, "GET", "/2013-04-01/hostedzone", &[], b"");
    assert!(zones.text().contains("ListHostedZonesResponse"), "{}", zones.text());
    let form = b"Action=DescribeVpcs&Version=2016-11-15";
    assert_eq!(daemon.send("POST", "/lab", &[], form).status, 200, "a form is for EC2");
    // By the host's name.
    for host in ["lab.s3.localhost:4566", "lab.s3.us-east-1.amazonaws.com"] {
        assert_eq!(unsigned(&daemon, "GET", "/key", &[("host", host)], b"").text(), "data", "{host}");
    }
    for host in ["lab.localhost:4566", "lab.s3.localhost:4566", "lab.s3.amazonaws.com"] {
        assert_eq!(send(&daemon, "GET", "/key", &[("host", host)], b"").text(), "data", "{host}");
    }
    // A presigned URL says it in its query.
    let credential = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fs3%2Faws4_request\
                      &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    assert_eq!(unsigned(&daemon, "GET", &format!("/lab/key?{credential}"), &[], b"").text(), "data");
    // Whose it is, the access key says.
    let other = SCOPE.replace("=test/", "=111122223333/");
    let headers = [("authorization", other.as_str()), ("x-amz-date", "20260101T000000Z")];
    let reply = unsigned(&daemon, "GET", "/lab/key", &headers, b"");
    assert_eq!(refused(&reply), (403, "AccessDenied".to_owned()));
    let reply = unsigned(&daemon, "PUT", "/lab", &headers, b"");
    assert_eq!(refused(&reply), (409, "BucketAlreadyExists".to_owned()));
    assert!(!unsigned(&daemon, "GET", "/", &headers, b"").text().contains("<Name>"));
}

#[test]
fn what_is_not_there_is_refused() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    put(&daemon, "/lab/k", b"data");
    let cors = b"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>";
    let versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let cases: [Case<'_>; 8] = [
        ("PUT", "/lab?cors", &[], cors),
        ("PUT", "/lab?versioning", &[], versioning),
        ("GET", "/lab?inventory", &[], b""),
        ("GET", "/lab/k?torrent", &[], b""),
        ("PUT", "/lab/k2", &[("x-amz-server-side-encryption", "aws:kms")], b"x"),
        ("PUT", "/lab/k2", &[("x-amz-tagging", "a=b")], b"x"),
        ("PUT", "/lab/k2", &[("x-amz-storage-class", "GLACIER")], b"x"),
        ("POST", "/lab", &[("content-type", "multipart/form-data; boundary=x")], b"--x--"),
    ];
    for (method, target, headers, body) in cases {
        let reply = send(&daemon, method, target, headers, body);
        assert_eq!(
            refused(&reply),
            (501, "NotImplemented".to_owned()),
            "{method} {target}: {}",
            reply.text()
        );
    }
    let reply = send(&daemon, "PUT", "/lab/k2", &[("x-amz-acl", "public-read")], b"x");
    assert_eq!(refused(&reply), (400, "AccessControlListNotSupported".to_owned()));
    for (target, code) in [
        ("/lab?cors", "NoSuchCORSConfiguration"),
        ("/lab?website", "NoSuchWebsiteConfiguration"),
        ("/lab?lifecycle", "NoSuchLifecycleConfiguration"),
        ("/lab?policy", "NoSuchBucketPolicy"),
        ("/lab?tagging", "NoSuchTagSet"),
        ("/lab/k?versionId=other", "NoSuchVersion"),
    ] {
        assert_eq!(refused(&get(&daemon, target)), (404, code.to_owned()));
    }
    assert_eq!(get(&daemon, "/lab?versioning").status, 200, "a bucket that never had versions says nothing");
    assert_eq!(get(&daemon, "/lab/k2").status, 404);
}

#[test]
fn policies_decide_for_others() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    put(&daemon, "/lab/open/k", b"data");
    put(&daemon, "/lab/k", b"data");
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":["s3:GetObject","s3:PutObject"],
         "Resource":"arn:aws:s3:::lab/open/*"},
        {"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::lab/open/*"}]}"#;
    let reply = send(&daemon, "PUT", "/lab?policy", &[], policy.as_bytes());
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert_eq!(get(&daemon, "/lab?policy").text(), policy);
    let as_other = |method: &str, target: &str, body: &[u8]| {
        let scope = SCOPE.replace("=test/", "=111122223333/");
        let headers = [("authorization", scope.as_str()), ("x-amz-date", "20260101T000000Z")];
        unsigned(&daemon, method, target, &headers, body).status
    };
    assert_eq!(as_other("GET", "/lab/open/k", b""), 200);
    assert_eq!(as_other("PUT", "/lab/open/k2", b"x"), 200);
    assert_eq!(as_other("GET", "/lab/k", b""), 403);
    assert_eq!(
        as_other("GET", "/lab/open/none", b""),
        403,
        "who may not list does not learn what is missing"
    );
    assert_eq!(as_other("GET", "/lab", b""), 403);
    assert_eq!(as_other("DELETE", "/lab/open/k", b""), 403);
    assert_eq!(
        send(&daemon, "DELETE", "/lab/open/k", &[], b"").status,
        403,
        "a denial holds for the owner too"
    );
    for (policy, code) in [
        ("no JSON", "MalformedPolicy"),
        (r#"{"Statement":[]}"#, "MalformedPolicy"),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::other"}}"#,
            "MalformedPolicy",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::lab",
                "Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}"#,
            "NotImplemented",
        ),
    ] {
        assert_eq!(refused(&send(&daemon, "PUT", "/lab?policy", &[], policy.as_bytes())).1, code);
    }
    assert_eq!(send(&daemon, "DELETE", "/lab?policy", &[], b"").status, 204);
    assert_eq!(send(&daemon, "DELETE", "/lab/open/k", &[], b"").status, 204);
}

#[test]
fn strict_mode_verifies_signatures() {
    let daemon = Daemon::start_with(&["--auth", "strict", "--access-key", "AKIDEXAMPLE:secret"]);
    let local = tempfile::tempdir().expect("a directory");
    let path = local.path().join("file");
    std::fs::write(&path, data(100_000)).expect("a file");
    let path = path.to_str().expect("a name");
    let endpoint = format!("http://{}", daemon.connect().peer_addr().expect("an address"));
    let run = |secret: &str, arguments: &[&str]| {
        Command::new("aws")
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_PAGER", "")
            .output()
            .expect("the AWS CLI runs")
    };
    let ok = |arguments: &[&str]| {
        let output = run("secret", arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    ok(&["s3", "mb", "s3://lab"]);
    ok(&["s3", "cp", path, "s3://lab/a b+ü.bin"]);
    ok(&["s3", "cp", "s3://lab/a b+ü.bin", &format!("{path}.back")]);
    let listed = run("wrong", &["s3", "ls", "s3://lab"]);
    let text = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(text.contains("SignatureDoesNotMatch"), "{text}");
    let url = ok(&["s3", "presign", "s3://lab/a b+ü.bin"]);
    let target = url.trim().strip_prefix(&endpoint).expect("a URL of the endpoint");
    assert!(unsigned(&daemon, "GET", target, &[], b"").body == data(100_000));
    let forged = target.replace("a%20b", "c%20d");
    assert_eq!(refused(&unsigned(&daemon, "GET", &forged, &[], b"")).1, "SignatureDoesNotMatch");
    assert_eq!(refused(&unsigned(&daemon, "GET", "/lab/a%20b%2B%C3%BC.bin", &[], b"")).1, "AccessDenied");
    assert_eq!(refused(&get(&daemon, "/lab/k")).1, "InvalidAccessKeyId");
}
