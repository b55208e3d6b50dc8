//! Names of load balancers and target groups: up to 32 letters, digits and hyphens, no hyphen at either end.
//! [CreateLoadBalancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html),
//! [CreateTargetGroup](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html)

use enishi_wire::Fault;

use super::faults;

const LENGTH: usize = 32;

/// Checks the name of a `noun`: `Load balancer`, `Target group`.
///
/// # Errors
/// `ValidationError`
pub(super) fn check(noun: &str, name: &str) -> Result<(), Fault> {
    let refuse = |why: &str| Err(faults::validation_error(format!("{noun} name '{name}' {why}")));
    if name.is_empty() {
        return Err(faults::validation_error(format!("{noun} name cannot be empty")));
    }
    if name.chars().count() > LENGTH {
        return refuse("cannot be longer than '32' characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return refuse("can only contain characters that are alphanumeric characters and hyphens(-)");
    }
    match name.starts_with('-') || name.ends_with('-') {
        true => refuse("cannot begin or end with a hyphen(-)"),
        false => Ok(()),
    }
}

/// Checks the name of a load balancer, which may not look like the DNS name of an internal one.
///
/// # Errors
/// `ValidationError`
pub(super) fn check_load_balancer(name: &str) -> Result<(), Fault> {
    check("Load balancer", name)?;
    match name.starts_with("internal-") {
        true => Err(faults::validation_error(format!(
            "Load balancer name '{name}' cannot begin with 'internal-'"
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, check_load_balancer};

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "web-1", "A1b2", "internal", "01234567890123456789012345678901"] {
            assert!(check_load_balancer(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a_b", "é", "012345678901234567890123456789012"] {
            assert_eq!(check("Target group", bad).unwrap_err().code(), "ValidationError", "{bad}");
        }
        assert!(check("Target group", "internal-a").is_ok());
        assert!(check_load_balancer("internal-a").is_err());
    }
}
