//! Who calls, and temporary credentials.

mod harness;

use enishi_api::ec2::{DescribeVpcsRequest, ops as ec2_ops};
use enishi_api::sts::{
    AssumeRoleRequest, Credentials, GetAccessKeyInfoRequest, GetCallerIdentityRequest,
    GetSessionTokenRequest, ops,
};
use enishi_cloud::sts::caller_for;
use enishi_cloud::tick::{self, Facts};
use enishi_state::{Region, Tx};
use harness::Harness;

const ROLE: &str = "arn:aws:iam::222222222222:role/ops/deployer";

fn assume(role: &str, name: &str) -> AssumeRoleRequest {
    AssumeRoleRequest { role_arn: role.to_owned(), role_session_name: name.to_owned(), ..Default::default() }
}

/// Calls with these credentials from now on.
fn use_key(h: &mut Harness, credentials: &Credentials) {
    let region = Region::new("us-east-1").unwrap();
    h.caller = caller_for(&h.world, Some(&credentials.access_key_id), &region, h.now).unwrap();
    if h.cloud.needs_defaults(&h.world, &h.caller.scope) {
        let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
        h.cloud.ensure_defaults(&mut tx);
        h.world = tx.commit().unwrap().world;
    }
}

#[test]
fn access_keys_name_accounts() {
    let h = Harness::new();
    let region = Region::new("eu-west-1").unwrap();
    for (key, account) in [
        (None, "000000000000"),
        (Some("test"), "000000000000"),
        (Some("111122223333"), "111122223333"),
        (Some("AKIAIOSFODNN7EXAMPLE"), "123456789012"),
        (Some("ASIAIOSFODNN7EXAMPLE"), "123456789012"),
    ] {
        let caller = caller_for(&h.world, key, &region, h.now).unwrap();
        assert_eq!(caller.scope.account.as_str(), account, "{key:?}");
        assert_eq!(caller.scope.region, region);
    }
}

#[test]
fn without_a_session_the_caller_is_the_root_user() {
    let mut h = Harness::new();
    let identity = h.ok::<ops::GetCallerIdentity>(GetCallerIdentityRequest {});
    assert_eq!(identity.arn.as_deref(), Some("arn:aws:iam::123456789012:root"));
    assert_eq!(identity.user_id.as_deref(), Some("123456789012"));
}

#[test]
fn an_assumed_role_acts_in_its_account() {
    let mut h = Harness::new();
    let answer = h.ok::<ops::AssumeRole>(assume(ROLE, "ci@build"));
    let user = answer.assumed_role_user.unwrap();
    assert_eq!(user.arn, "arn:aws:sts::222222222222:assumed-role/deployer/ci@build");
    assert!(user.assumed_role_id.starts_with("AROA") && user.assumed_role_id.ends_with(":ci@build"));
    assert_eq!(user.assumed_role_id.len(), 21 + ":ci@build".len());
    let credentials = answer.credentials.unwrap();
    assert_eq!((credentials.access_key_id.len(), &credentials.access_key_id[..4]), (20, "ASIA"));
    assert_eq!(credentials.secret_access_key.len(), 40);
    assert_eq!(credentials.expiration.as_seconds(), h.now.plus_seconds(3600).seconds());

    use_key(&mut h, &credentials);
    let identity = h.ok::<ops::GetCallerIdentity>(GetCallerIdentityRequest {});
    assert_eq!(identity.account.as_deref(), Some("222222222222"));
    assert_eq!(identity.arn, Some(user.arn));
    assert_eq!(identity.user_id, Some(user.assumed_role_id));
    let vpcs = h.ok::<ec2_ops::DescribeVpcs>(DescribeVpcsRequest::default()).vpcs.unwrap();
    assert_eq!(vpcs[0].owner_id.as_deref(), Some("222222222222"));
    let info = GetAccessKeyInfoRequest { access_key_id: credentials.access_key_id };
    assert_eq!(h.ok::<ops::GetAccessKeyInfo>(info).account.as_deref(), Some("222222222222"));

    let chained = AssumeRoleRequest { duration_seconds: Some(7200), ..assume(ROLE, "again") };
    h.message::<ops::AssumeRole>(
        chained,
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
    h.code::<ops::GetSessionToken>(GetSessionTokenRequest::default(), "AccessDenied");
}

#[test]
fn a_session_expires_and_is_forgotten() {
    let mut h = Harness::new();
    let input = AssumeRoleRequest { duration_seconds: Some(900), ..assume(ROLE, "short") };
    let credentials = h.ok::<ops::AssumeRole>(input).credentials.unwrap();
    let region = Region::new("us-east-1").unwrap();
    let expires = h.now.plus_seconds(900);
    assert_eq!(tick::next_deadline(&h.world), Some(expires));
    let key = Some(credentials.access_key_id.as_str());
    let fault = caller_for(&h.world, key, &region, expires).unwrap_err();
    assert_eq!((fault.code(), fault.status()), ("ExpiredToken", 403));

    h.now = expires;
    assert!(tick::needs_tick(&h.world, &Facts::default(), h.now));
    let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
    tick::tick(&mut tx, &Facts::default());
    h.world = tx.commit().unwrap().world;
    let fault = caller_for(&h.world, key, &region, h.now).unwrap_err();
    assert_eq!(fault.code(), "InvalidClientTokenId");
}

#[test]
fn a_session_token_acts_as_the_caller() {
    let mut h = Harness::new();
    let credentials = h.ok::<ops::GetSessionToken>(GetSessionTokenRequest::default()).credentials.unwrap();
    assert_eq!(credentials.expiration.as_seconds(), h.now.plus_seconds(43_200).seconds());
    use_key(&mut h, &credentials);
    let identity = h.ok::<ops::GetCallerIdentity>(GetCallerIdentityRequest {});
    assert_eq!(identity.arn.as_deref(), Some("arn:aws:iam::123456789012:root"));
}

#[test]
fn roles_and_names_are_validated() {
    let mut h = Harness::new();
    for (role, name, message) in [
        ("arn:aws:iam::222222222222:user/someone", "ci", "Request ARN is invalid"),
        ("arn:aws:iam::2222:role/deployer-of-things", "ci", "Request ARN is invalid"),
        ("deployer-of-many-things", "ci", "deployer-of-many-things is invalid"),
        (
            "short",
            "ci",
            "1 validation error detected: Value 'short' at 'roleArn' failed to satisfy constraint: Member must have \
             length greater than or equal to 20",
        ),
        (
            ROLE,
            "a b",
            "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w+=,.@-]*",
        ),
    ] {
        h.message::<ops::AssumeRole>(assume(role, name), "ValidationError", message);
    }
    let long = "s".repeat(65);
    h.message::<ops::AssumeRole>(
        assume(ROLE, &long),
        "ValidationError",
        &format!(
            "1 validation error detected: Value '{long}' at 'roleSessionName' failed to satisfy constraint: Member \
             must have length less than or equal to 64"
        ),
    );
}
