//! Amazon Resource Names. [ARNs](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)

use enishi_state::Scope;

/// `arn:aws:ec2:REGION:ACCOUNT:KIND/ID`, the form of every EC2 resource.
pub(crate) fn ec2(scope: &Scope, kind: &str, id: &str) -> String {
    format!("arn:aws:ec2:{}:{}:{kind}/{id}", scope.region, scope.account)
}
