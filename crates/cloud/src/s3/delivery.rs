//! Access logs that the cloud's own services write into a bucket.
//!
//! The bucket is in the region of what is logged, and its policy allows the service to put the object there:
//! [Application Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html)
//! (and [classic ones](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-access-logs.html)) write as
//! `logdelivery.elasticloadbalancing.amazonaws.com` or, in older regions, as an account of their own;
//! [Network Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/enable-access-logs.html) as
//! `delivery.logs.amazonaws.com`, which also wants to read the bucket's access control list.

use std::fmt;

use enishi_state::s3::{Bucket, BucketId};
use enishi_state::{Scope, World};

use super::access::judge;
use crate::policy::{Principal, Verdict};

/// The condition on access control lists that policies for log delivery make.
const ACL: (&str, &str) = ("s3:x-amz-acl", "bucket-owner-full-control");

/// Whose logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// An Application or Classic Load Balancer.
    LoadBalancer,
    /// A Network Load Balancer.
    NetworkLoadBalancer,
}

/// An object that a service wants to write.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// The object's key.
    pub key: &'a str,
    /// Whose logs these are.
    pub source: LogSource,
    /// Account and region of what is logged.
    pub scope: &'a Scope,
    /// The ARN of what is logged.
    pub arn: &'a str,
}

/// Why nothing may be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no bucket of that name.
    NoSuchBucket,
    /// It is in another region.
    OtherRegion,
    /// Its policy does not allow it.
    AccessDenied,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::NoSuchBucket => "the bucket does not exist",
            Refused::OtherRegion => "the bucket is in another region",
            Refused::AccessDenied => "the bucket's policy does not allow it",
        })
    }
}

/// The object that a service writes to see whether it may: what access to a bucket for access logs is judged by.
/// [Enable access logs](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html)
pub fn access_log_test_key(prefix: &str, scope: &Scope) -> String {
    let slash = if prefix.is_empty() { "" } else { "/" };
    format!("{prefix}{slash}AWSLogs/{}/ELBAccessLogTestFile", scope.account)
}

/// The bucket, if the service may write the object there.
///
/// # Errors
/// [`Refused`]
pub fn may_deliver<'w>(world: &'w World, delivery: Delivery<'_>) -> Result<&'w Bucket, Refused> {
    let bucket = world.get::<Bucket>(&BucketId::new(delivery.bucket)).ok_or(Refused::NoSuchBucket)?;
    if bucket.scope.region != delivery.scope.region {
        return Err(Refused::OtherRegion);
    }
    let account = delivery.scope.account.as_str();
    let region = delivery.scope.region.as_str();
    let is_allowed = match delivery.source {
        LogSource::LoadBalancer => {
            let accounts: Vec<&str> = delivering_account(region).into_iter().collect();
            let names = ["logdelivery.elasticloadbalancing.amazonaws.com"];
            let principal = Principal::Service { names: &names, accounts: &accounts };
            let context = [("aws:sourceaccount", account), ("aws:sourcearn", delivery.arn), ACL];
            judge(bucket, principal, "s3:PutObject", Some(delivery.key), &context) == Verdict::Allowed
        }
        LogSource::NetworkLoadBalancer => {
            let principal = Principal::Service { names: &["delivery.logs.amazonaws.com"], accounts: &[] };
            let source = format!("arn:aws:logs:{region}:{account}:*");
            let context = [("aws:sourceaccount", account), ("aws:sourcearn", source.as_str()), ACL];
            let is_allowed =
                |action, key| judge(bucket, principal, action, key, &context) == Verdict::Allowed;
            is_allowed("s3:GetBucketAcl", None) && is_allowed("s3:PutObject", Some(delivery.key))
        }
    };
    match is_allowed {
        true => Ok(bucket),
        false => Err(Refused::AccessDenied),
    }
}

/// The account as which load balancers of a region write; regions from August 2022 on have none.
fn delivering_account(region: &str) -> Option<&'static str> {
    Some(match region {
        "us-east-1" => "127311923021",
        "us-east-2" => "033677994240",
        "us-west-1" => "027434742980",
        "us-west-2" => "797873946194",
        "af-south-1" => "098369216593",
        "ap-east-1" => "754344448648",
        "ap-northeast-1" => "582318560864",
        "ap-northeast-2" => "600734575887",
        "ap-northeast-3" => "383597477331",
        "ap-south-1" => "718504428378",
        "ap-southeast-1" => "114774131450",
        "ap-southeast-2" => "783225319266",
        "ap-southeast-3" => "589379963580",
        "ca-central-1" => "985666609251",
        "eu-central-1" => "054676820928",
        "eu-north-1" => "897822967062",
        "eu-south-1" => "635631232127",
        "eu-west-1" => "156460612806",
        "eu-west-2" => "652711504416",
        "eu-west-3" => "009996457667",
        "me-south-1" => "076674570225",
        "sa-east-1" => "507241528517",
        _ => return None,
    })
}
