//! Role ARNs and session names.
//! [IAM identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)

use enishi_state::AccountId;
use enishi_wire::Fault;

use super::faults;
use super::session::{Identity, letters};

/// A role, from its ARN.
#[derive(Debug)]
pub(super) struct Role<'a> {
    arn: &'a str,
    account: AccountId,
    name: &'a str,
}

impl<'a> Role<'a> {
    /// Parses `arn:aws:iam::123456789012:role/path/name`.
    ///
    /// # Errors
    /// `ValidationError`
    pub(super) fn parse(arn: &'a str) -> Result<Self, Fault> {
        if arn.len() < 20 {
            return Err(faults::constraint(arn, "roleArn", "have length greater than or equal to 20"));
        }
        let parsed = || {
            let mut parts = arn.splitn(6, ':');
            let head = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
            let account = AccountId::new(parts.next()?)?;
            let path = parts.next()?.strip_prefix("role/")?;
            let name = path.rsplit('/').next().filter(|name| is_role_name(name))?;
            let is_iam = matches!(head, ["arn", "aws" | "aws-cn" | "aws-us-gov", "iam", ""]);
            is_iam.then_some(Role { arn, account, name })
        };
        parsed().ok_or_else(|| faults::invalid_arn(arn))
    }

    /// The identity of a session of the role. The path is not part of it. The role's id is made of its ARN, so that it is
    /// the same each time.
    pub(super) fn assumed_as(&self, session_name: &str) -> Identity {
        let Role { arn, account, name } = self;
        Identity {
            account: account.clone(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}"),
            user_id: format!("AROAE{}:{session_name}", letters(&hash(arn))),
        }
    }
}

fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// # Errors
/// `ValidationError`
pub(super) fn check_session_name(name: &str) -> Result<(), Fault> {
    check_name(name, "roleSessionName")
}

/// # Errors
/// `ValidationError`
pub(super) fn check_source_identity(name: &str) -> Result<(), Fault> {
    check_name(name, "sourceIdentity")
}

fn check_name(name: &str, parameter: &str) -> Result<(), Fault> {
    if name.chars().count() > 64 {
        return Err(faults::constraint(name, parameter, "have length less than or equal to 64"));
    }
    if name.chars().count() < 2 {
        return Err(faults::constraint(name, parameter, "have length greater than or equal to 2"));
    }
    match name.chars().all(is_name_char) {
        true => Ok(()),
        false => Err(faults::constraint(name, parameter, "satisfy regular expression pattern: [\\w+=,.@-]*")),
    }
}

/// FNV-1a, 128 bits.
fn hash(text: &str) -> [u8; 16] {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)).to_be_bytes()
}
