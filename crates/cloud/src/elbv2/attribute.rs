//! Attributes of load balancers, target groups and listeners: what values they take. Defaults are in
//! [`enishi_state::elbv2::attribute`].
//!
//! A value that AWS has and Enishi cannot honour is refused; the default of such an attribute can be set, as clients set all.

use enishi_state::elbv2::attribute::{Attributes, Default};
use enishi_wire::Fault;

use super::faults;

/// What values an attribute takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// `true` or `false`.
    Flag,
    /// A number from the first to the second.
    Number(u32, u32),
    /// A number from the first to the second, or `off`.
    NumberOrOff(u32, u32),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text of at most so many bytes.
    Text(usize),
    /// Only the default: it is fixed, or the rest is not supported.
    Default,
}

impl Values {
    fn check(self, key: &str, value: &str, default: &str) -> Result<(), Fault> {
        let in_range = |from: u32, to: u32| value.parse().is_ok_and(|n: u32| (from..=to).contains(&n));
        let (fits, wanted) = match self {
            Values::Flag => (matches!(value, "true" | "false"), "'true' or 'false'".to_owned()),
            Values::Number(from, to) => {
                (in_range(from, to), format!("between '{from}' and '{to}' inclusive"))
            }
            Values::NumberOrOff(from, to) => (
                value == "off" || in_range(from, to),
                format!("'off' or between '{from}' and '{to}' inclusive"),
            ),
            Values::Word(words) => (words.contains(&value), format!("one of '{}'", words.join(", "))),
            Values::Text(most) => (value.len() <= most, format!("at most {most} characters long")),
            Values::Default if value == default => return Ok(()),
            Values::Default => {
                return Err(faults::not_supported(&format!(
                    "The value '{value}' of the attribute '{key}' is"
                )));
            }
        };
        match fits {
            true => Ok(()),
            false => Err(faults::validation_error(format!("The value of '{key}' must be {wanted}"))),
        }
    }
}

/// What has attributes: their defaults, and what values each takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// What faults call it: `Load balancer`.
    pub(super) noun: &'static str,
    /// Keys and defaults.
    pub(super) defaults: &'static [Default],
    /// What a key's values are.
    pub(super) values: fn(&str) -> Values,
}

impl Kind {
    /// Sets attributes.
    ///
    /// # Errors
    /// `ValidationError` for a key that there is not or that is there twice, or a value that it does not take;
    /// `InvalidConfigurationRequest` for what is not supported.
    pub(super) fn set(&self, set: &mut Attributes, changes: Vec<(String, String)>) -> Result<(), Fault> {
        let mut seen = Vec::with_capacity(changes.len());
        for (key, value) in changes {
            let Some((_, default)) = self.defaults.iter().find(|(name, _)| *name == key) else {
                let noun = self.noun;
                return Err(faults::validation_error(format!(
                    "{noun} attribute key '{key}' is not recognized"
                )));
            };
            if seen.contains(&key) {
                let message = format!("{} attribute key '{key}' was specified more than once", self.noun);
                return Err(faults::validation_error(message));
            }
            (self.values)(&key).check(&key, &value, default)?;
            match value == *default {
                true => set.remove(&key),
                false => set.insert(key.clone(), value),
            };
            seen.push(key);
        }
        Ok(())
    }

    /// Every attribute with the value that counts, in the order of keys.
    pub(super) fn all<'a>(&self, set: &'a Attributes) -> Vec<(&'static str, &'a str)> {
        let value = |(key, default): &Default| (*key, set.get(*key).map_or(*default, String::as_str));
        self.defaults.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind {
        noun: "Thing",
        defaults: &[("a", "1"), ("b", "false"), ("c", "")],
        values: |key| match key {
            "a" => Values::NumberOrOff(1, 5),
            "b" => Values::Default,
            _ => Values::Word(&["", "x"]),
        },
    };

    fn set(key: &str, value: &str) -> Result<Attributes, Fault> {
        let mut set = Attributes::new();
        KIND.set(&mut set, vec![(key.to_owned(), value.to_owned())])?;
        Ok(set)
    }

    #[test]
    fn values_are_checked_and_defaults_are_not_kept() {
        assert_eq!(KIND.all(&set("a", "5").unwrap()), [("a", "5"), ("b", "false"), ("c", "")]);
        assert_eq!(set("a", "1").unwrap(), Attributes::new());
        assert!(set("a", "off").is_ok() && set("c", "x").is_ok() && set("b", "false").is_ok());
        for (key, value) in [("a", "6"), ("a", "-1"), ("a", ""), ("c", "y"), ("d", "1")] {
            assert_eq!(set(key, value).unwrap_err().code(), "ValidationError", "{key}={value}");
        }
        assert_eq!(set("b", "true").unwrap_err().code(), "InvalidConfigurationRequest");
    }
}
