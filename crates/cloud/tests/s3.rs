//! S3's buckets: names, regions, owners, policies, tags, and who may deliver logs into them.

mod harness;

use enishi_cloud::s3::{self, Delivery, LogSource, Refused, Requester, Use};
use enishi_state::s3::{Bucket, BucketId};
use enishi_state::{AccountId, Scope, Tx};
use enishi_wire::Fault;
use harness::{Harness, caller};

struct Lab(Harness);

impl Lab {
    fn new() -> Self {
        Lab(Harness::new())
    }

    fn act(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let harness = &mut self.0;
        let mut tx = Tx::new(&harness.world, &harness.caller, harness.now, &mut harness.entropy);
        work(&mut tx)?;
        harness.world = tx.commit().expect("no invariant is broken").world;
        Ok(())
    }

    fn create(&mut self, name: &str, constraint: Option<&str>) -> Result<(), Fault> {
        self.act(|tx| s3::create_bucket(tx, name, constraint))
    }

    fn policy(&mut self, name: &str, document: &str) -> Result<(), Fault> {
        self.act(|tx| s3::put_policy(tx, name, document))
    }

    fn bucket(&self, name: &str) -> &Bucket {
        self.0.world.get(&BucketId::new(name)).expect("a bucket")
    }

    fn may(&self, account: &str, action: &str, key: Option<&str>, context: &[(&str, &str)]) -> bool {
        let account = AccountId::new(account).expect("12 digits");
        let requester = Requester { account: Some(&account), session: None };
        s3::permitted(&self.0.world, "lab", requester, Use { action, key, context }).is_ok()
    }
}

fn code(result: Result<(), Fault>) -> String {
    result.expect_err("a refusal").code().to_owned()
}

const OWNER: &str = "123456789012";
const OTHER: &str = "111122223333";

#[test]
fn a_bucket_is_in_the_region_that_was_asked_for() {
    let mut lab = Lab::new();
    lab.create("home", None).expect("a bucket");
    lab.create("abroad", Some("eu-west-1")).expect("a bucket");
    lab.create("old", Some("EU")).expect("a bucket");
    assert_eq!(lab.bucket("home").scope.region.as_str(), "us-east-1");
    assert_eq!(lab.bucket("abroad").scope.region.as_str(), "eu-west-1");
    assert_eq!(lab.bucket("old").scope.region.as_str(), "eu-west-1");
    assert_eq!(code(lab.create("nowhere", Some("us-east-1"))), "InvalidLocationConstraint");
    assert_eq!(code(lab.create("nowhere", Some("xx-nowhere-9"))), "InvalidLocationConstraint");
    lab.0.act_as(OWNER, "eu-central-1");
    assert_eq!(code(lab.create("there", None)), "IllegalLocationConstraintException");
    assert_eq!(code(lab.create("there", Some("eu-west-1"))), "IllegalLocationConstraintException");
    lab.create("there", Some("eu-central-1")).expect("a bucket");
}

#[test]
fn names_are_global() {
    let mut lab = Lab::new();
    lab.create("lab", None).expect("a bucket");
    let uid = lab.bucket("lab").uid;
    lab.create("lab", None).expect("us-east-1 answers as if it were new");
    assert_eq!(lab.bucket("lab").uid, uid);
    lab.create("abroad", Some("eu-west-1")).expect("a bucket");
    assert_eq!(code(lab.create("abroad", Some("eu-west-1"))), "BucketAlreadyOwnedByYou");
    lab.0.act_as(OTHER, "us-east-1");
    assert_eq!(code(lab.create("lab", None)), "BucketAlreadyExists");
    assert_eq!(code(lab.create("Lab", None)), "InvalidBucketName");
    lab.act(|tx| s3::delete_bucket(tx, "lab")).expect("it is there");
    lab.create("lab", None).expect("a bucket");
    assert_ne!(lab.bucket("lab").uid, uid);
    assert_eq!(code(lab.act(|tx| s3::delete_bucket(tx, "none"))), "NoSuchBucket");
}

#[test]
fn a_policy_opens_and_closes_a_bucket() {
    let mut lab = Lab::new();
    lab.create("lab", None).expect("a bucket");
    assert!(lab.may(OWNER, "s3:PutObject", Some("k"), &[]));
    assert!(!lab.may(OTHER, "s3:GetObject", Some("k"), &[]));
    lab.policy(
        "lab",
        r#"{"Statement":[
            {"Effect":"Allow","Principal":{"AWS":["111122223333"]},"Action":"s3:Get*","Resource":"arn:aws:s3:::lab/*"},
            {"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::lab",
             "Condition":{"StringLike":{"s3:prefix":"home/*"}}},
            {"Effect":"Deny","Principal":"*","NotAction":"s3:GetObject","Resource":"arn:aws:s3:::lab/locked/*"},
            {"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::lab/*",
             "Condition":{"StringNotEquals":{"s3:x-amz-acl":"private"},"Null":{"s3:x-amz-acl":"false"}}}]}"#,
    )
    .expect("a policy");
    assert!(lab.may(OTHER, "s3:GetObject", Some("k"), &[]));
    assert!(!lab.may("444455556666", "s3:GetObject", Some("k"), &[]));
    assert!(!lab.may(OTHER, "s3:ListBucket", None, &[]));
    assert!(lab.may(OTHER, "s3:ListBucket", None, &[("s3:prefix", "home/a")]));
    assert!(lab.may(OTHER, "s3:GetObject", Some("locked/k"), &[]));
    assert!(!lab.may(OWNER, "s3:DeleteObject", Some("locked/k"), &[]));
    assert!(lab.may(OWNER, "s3:PutObject", Some("k"), &[]));
    assert!(lab.may(OWNER, "s3:PutObject", Some("k"), &[("s3:x-amz-acl", "private")]));
    assert!(!lab.may(OWNER, "s3:PutObject", Some("k"), &[("s3:x-amz-acl", "public-read")]));
    let nobody = Requester { account: None, session: None };
    let list = Use { action: "s3:ListBucket", key: None, context: &[("s3:prefix", "home/a")] };
    assert!(s3::permitted(&lab.0.world, "lab", nobody, list).is_ok());
    // Whoever locks himself out can still take the policy away.
    lab.policy(
        "lab",
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:s3:::lab"}}"#,
    )
    .expect("a policy");
    assert!(!lab.may(OWNER, "s3:ListBucket", None, &[]));
    assert!(lab.may(OWNER, "s3:DeleteBucketPolicy", None, &[]));
    lab.act(|tx| s3::delete_policy(tx, "lab")).expect("a bucket");
    assert!(lab.may(OWNER, "s3:ListBucket", None, &[]));
}

#[test]
fn policies_that_cannot_be_obeyed_are_refused() {
    let mut lab = Lab::new();
    lab.create("lab", None).expect("a bucket");
    let statement = |rest: &str| format!(r#"{{"Statement":{{"Effect":"Allow",{rest}}}}}"#);
    let resource = r#""Resource":"arn:aws:s3:::lab/*""#;
    for (document, message) in [
        ("[]".to_owned(), "Policies must be valid JSON and the first byte must be '{'"),
        ("{}".to_owned(), "Missing required field Statement"),
        (statement(&format!(r#""Action":"s3:*",{resource}"#)), "Missing required field Principal"),
        (
            statement(&format!(r#""Principal":"me","Action":"s3:*",{resource}"#)),
            "Invalid principal in policy",
        ),
        (statement(&format!(r#""Principal":"*",{resource}"#)), "Missing required field Action"),
        (statement(&format!(r#""Principal":"*","Action":"ec2:*",{resource}"#)), "Policy has invalid action"),
        (statement(r#""Principal":"*","Action":"s3:*""#), "Missing required field Resource"),
        (
            statement(
                r#""Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::labour"}"#.trim_end_matches('}'),
            ),
            "Policy has invalid resource",
        ),
    ] {
        let refused = lab.policy("lab", &document).expect_err("a refusal");
        assert_eq!((refused.code(), refused.message()), ("MalformedPolicy", message), "{document}");
    }
    for condition in [
        r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#,
        r#"{"ForAnyValue:StringEquals":{"s3:prefix":"a"}}"#,
    ] {
        let rest = format!(r#""Principal":"*","Action":"s3:*",{resource},"Condition":{condition}"#);
        assert_eq!(code(lab.policy("lab", &statement(&rest))), "NotImplemented", "{condition}");
    }
    assert_eq!(lab.bucket("lab").policy, None);
    assert_eq!(code(lab.policy("none", "{}")), "NoSuchBucket");
}

#[test]
fn tags_are_replaced_whole() {
    let mut lab = Lab::new();
    lab.create("lab", None).expect("a bucket");
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    lab.act(|tx| s3::put_tags(tx, "lab", vec![tag("a", "1"), tag("b", "2")])).expect("tags");
    lab.act(|tx| s3::put_tags(tx, "lab", vec![tag("b", "3")])).expect("tags");
    assert_eq!(lab.bucket("lab").tags.iter().collect::<Vec<_>>(), [(&"b".to_owned(), &"3".to_owned())]);
    let many = (0..51).map(|n| tag(&n.to_string(), "")).collect();
    for tags in [vec![tag("a", "1"), tag("a", "2")], vec![tag("aws:a", "1")], vec![tag("", "")], many] {
        assert_eq!(code(lab.act(|tx| s3::put_tags(tx, "lab", tags))), "InvalidTag");
    }
    lab.act(|tx| s3::delete_tags(tx, "lab")).expect("a bucket");
    assert!(lab.bucket("lab").tags.is_empty());
}

#[test]
fn load_balancers_write_where_a_policy_lets_them() {
    let mut lab = Lab::new();
    lab.create("lab", None).expect("a bucket");
    lab.create("abroad", Some("eu-west-1")).expect("a bucket");
    let scope: Scope = caller(OTHER, "us-east-1").scope;
    let deliver = |lab: &Lab, bucket: &str, key: &str, source: LogSource| {
        let arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/web/0123456789abcdef";
        let delivery = Delivery { bucket, key, source, scope: &scope, arn };
        s3::may_deliver(&lab.0.world, delivery).map(|bucket| bucket.name.clone())
    };
    let key = "logs/AWSLogs/111122223333/elasticloadbalancing/us-east-1/2026/01/01/a.log.gz";
    let (application, network) = (LogSource::LoadBalancer, LogSource::NetworkLoadBalancer);
    assert_eq!(deliver(&lab, "none", key, application), Err(Refused::NoSuchBucket));
    assert_eq!(deliver(&lab, "abroad", key, application), Err(Refused::OtherRegion));
    assert_eq!(deliver(&lab, "lab", key, application), Err(Refused::AccessDenied));
    // The three ways of AWS's pages.
    let resource = "arn:aws:s3:::lab/logs/AWSLogs/111122223333/*";
    for principal in [
        r#"{"Service":"logdelivery.elasticloadbalancing.amazonaws.com"}"#,
        r#"{"AWS":"arn:aws:iam::127311923021:root"}"#,
        r#"{"AWS":"127311923021"}"#,
    ] {
        let statement = format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:PutObject","Resource":"{resource}"}}"#
        );
        lab.policy("lab", &format!(r#"{{"Statement":[{statement}]}}"#)).expect("a policy");
        assert_eq!(deliver(&lab, "lab", key, application).as_deref(), Ok("lab"), "{principal}");
        assert_eq!(deliver(&lab, "lab", "elsewhere/a.log.gz", application), Err(Refused::AccessDenied));
        assert_eq!(deliver(&lab, "lab", key, network), Err(Refused::AccessDenied));
    }
    let condition = |account: &str| {
        format!(
            r#""Condition":{{"StringEquals":{{"aws:SourceAccount":["{account}"]}},"ArnLike":{{"aws:SourceArn":["arn:aws:logs:us-east-1:{account}:*"]}}}}"#
        )
    };
    for (account, allowed) in [(OTHER, true), (OWNER, false)] {
        let condition = condition(account);
        let write = condition.replace(
            "\"aws:SourceAccount\"",
            "\"s3:x-amz-acl\":\"bucket-owner-full-control\",\"aws:SourceAccount\"",
        );
        let principal = r#""Principal":{"Service":"delivery.logs.amazonaws.com"}"#;
        let policy = format!(
            r#"{{"Statement":[
                {{"Effect":"Allow",{principal},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::lab",{condition}}},
                {{"Effect":"Allow",{principal},"Action":"s3:PutObject","Resource":"{resource}",{write}}}]}}"#
        );
        lab.policy("lab", &policy).expect("a policy");
        assert_eq!(deliver(&lab, "lab", key, network).is_ok(), allowed, "{account}");
    }
}
