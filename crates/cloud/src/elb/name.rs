//! Names of load balancers and policies.
//! [API_CreateLoadBalancer](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_CreateLoadBalancer.html)

use enishi_wire::Fault;

use super::faults;

/// Characters of a load balancer's name at most.
const LENGTH: usize = 32;

/// Checks the name of a load balancer: up to 32 letters, digits and hyphens, no hyphen at either end.
///
/// # Errors
/// `ValidationError`
pub(super) fn check(name: &str) -> Result<(), Fault> {
    if name.chars().count() > LENGTH {
        return Err(faults::validation_error("LoadBalancer name cannot be longer than 32 characters"));
    }
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if name.is_empty() || !is_plain {
        return Err(faults::validation_error(
            "LoadBalancer name must contain only alphanumeric characters or hyphens and cannot be blank",
        ));
    }
    match name.starts_with('-') || name.ends_with('-') {
        true => Err(faults::validation_error("LoadBalancer name must not begin or end with hyphens")),
        false => Ok(()),
    }
}

/// Checks the name of a policy: letters, digits and hyphens.
///
/// # Errors
/// `ValidationError`
pub(super) fn check_policy(name: &str) -> Result<(), Fault> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match (1..=128).contains(&name.len()) && is_plain {
        true => Ok(()),
        false => {
            Err(faults::validation_error("Policy names must contain only alphanumeric characters and dashes"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "web-1", "A1b2", "01234567890123456789012345678901"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a_b", "é", "012345678901234567890123456789012"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
