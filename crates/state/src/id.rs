//! Resource ids that look like AWS's: a prefix, a dash, 17 hexadecimal digits.

use std::fmt;

use crate::Entropy;

/// A typed id of a resource.
pub trait ResourceId: Clone + Ord + fmt::Display + fmt::Debug + Send + Sync + 'static {
    /// Parses the id; the text must have the right form, it need not exist.
    fn parse(text: &str) -> Result<Self, IdError>;

    /// The id as text.
    fn as_str(&self) -> &str;
}

/// The text is not an id of the expected kind. AWS answers `Invalid…ID.Malformed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}-0123456789abcdef0")]
pub struct IdError {
    /// The prefix that the id should have had.
    pub prefix: &'static str,
}

/// Whether `text` is `prefix-` and 8 or 17 lower-case hexadecimal digits, AWS's short and long form.
pub(crate) fn well_formed(prefix: &str, text: &str) -> bool {
    let Some(digits) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')) else {
        return false;
    };
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// 17 random hexadecimal digits; the first is 0, as in ids that AWS makes.
pub(crate) fn digits(entropy: &mut dyn Entropy) -> String {
    let mut bytes = [0u8; 8];
    entropy.fill(&mut bytes);
    format!("0{:016x}", u64::from_be_bytes(bytes))
}

/// Declares a typed id: `id!(VpcId, "vpc", "a VPC")`.
macro_rules! id {
    ($name:ident, $prefix:literal, $what:literal) => {
        #[doc = concat!("The id of ", $what, ": `", $prefix, "-…`.")]
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// A fresh random id.
            pub fn generate(entropy: &mut dyn $crate::Entropy) -> Self {
                $name(format!(concat!($prefix, "-{}"), $crate::id::digits(entropy)).into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $crate::ResourceId for $name {
            fn parse(text: &str) -> Result<Self, $crate::IdError> {
                if $crate::id::well_formed($prefix, text) {
                    Ok($name(text.into()))
                } else {
                    Err($crate::IdError { prefix: $prefix })
                }
            }

            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use id;

/// Declares an id that is a name or another text chosen elsewhere, not a prefix with digits.
macro_rules! name_id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The key of ", $what, ".")]
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: &str) -> Self {
                $name(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $crate::ResourceId for $name {
            fn parse(text: &str) -> Result<Self, $crate::IdError> {
                Ok($name(text.into()))
            }

            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name_id;
