//! Typed shapes and operations: how handlers see a request and its answer.

use std::collections::BTreeMap;

use crate::schema::{self, Service};
use crate::value::{Blob, Document, Value};
use crate::{Fault, Timestamp};

/// A Rust type for one shape of a model.
///
/// Implemented for the generated structures and for what they are made of. `into_value` and `from_value` are inverse to
/// each other for every value that the schema allows.
pub trait Shape: Sized {
    /// Builds the typed form of a value that a codec decoded.
    ///
    /// # Errors
    /// [`Mismatch`] when the value is of another kind. Codecs decode by the same schema, so this is a defect of ours.
    fn from_value(value: Value) -> Result<Self, Mismatch>;

    /// The value that a codec encodes.
    fn into_value(self) -> Value;
}

/// An operation that a handler can be registered for. Generated: one unit struct per operation in `api::SERVICE::ops`.
pub trait Operation {
    /// The request's structure; `()` where the model has none.
    type Input: Shape;
    /// The response's structure; `()` where the model has none.
    type Output: Shape;
    /// `CreateVpc`.
    const NAME: &'static str;
    /// The service's table.
    const SERVICE: &'static Service;
    /// The operation's row in [`Service::operations`].
    const SCHEMA: &'static schema::Operation;
}

/// A value of another kind than the shape has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Mismatch {
    /// What the shape is.
    pub expected: &'static str,
    /// What the value is.
    pub found: &'static str,
}

impl Mismatch {
    /// A mismatch between a kind and a value.
    pub fn new(expected: &'static str, found: &Value) -> Self {
        Self { expected, found: found.kind() }
    }
}

impl From<Mismatch> for Fault {
    fn from(mismatch: Mismatch) -> Self {
        Fault::internal(format!("schema and shape disagree: {mismatch}"))
    }
}

/// Collects the members of a structure in [`Shape::into_value`]; absent ones are left out.
#[derive(Debug)]
pub struct Members(Vec<(u16, Value)>);

impl Members {
    /// Room for that many members.
    pub fn with_capacity(members: usize) -> Self {
        Self(Vec::with_capacity(members))
    }

    /// Adds the member at that index, unless it is absent.
    pub fn put(&mut self, index: u16, member: impl Shape) {
        match member.into_value() {
            Value::Null => {}
            value => self.0.push((index, value)),
        }
    }

    /// The structure.
    pub fn finish(self) -> Value {
        Value::Structure(self.0)
    }

    /// The members of a value that is a structure.
    ///
    /// # Errors
    /// [`Mismatch`] when it is none.
    pub fn of(value: Value) -> Result<Vec<(u16, Value)>, Mismatch> {
        match value {
            Value::Structure(members) => Ok(members),
            other => Err(Mismatch::new("structure", &other)),
        }
    }
}

macro_rules! scalar {
    ($type:ty, $variant:ident, $name:literal) => {
        impl Shape for $type {
            fn from_value(value: Value) -> Result<Self, Mismatch> {
                match value {
                    Value::$variant(inner) => Ok(inner),
                    other => Err(Mismatch::new($name, &other)),
                }
            }

            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
    };
}

scalar!(String, String, "string");
scalar!(bool, Bool, "boolean");
scalar!(i64, Int, "integer");
scalar!(f64, Float, "float");
scalar!(Blob, Blob, "blob");
scalar!(Timestamp, Timestamp, "timestamp");
scalar!(Document, Document, "document");

impl Shape for i32 {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Int(wide) => {
                Self::try_from(wide).map_err(|_| Mismatch::new("32-bit integer", &Value::Int(wide)))
            }
            other => Err(Mismatch::new("integer", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Int(self.into())
    }
}

impl<T: Shape> Shape for Option<T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Null => Ok(None),
            present => T::from_value(present).map(Some),
        }
    }

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

impl<T: Shape> Shape for Box<T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        T::from_value(value).map(Self::new)
    }

    fn into_value(self) -> Value {
        (*self).into_value()
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::List(items) => items.into_iter().map(T::from_value).collect(),
            other => Err(Mismatch::new("list", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

impl<T: Shape> Shape for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Map(entries) => {
                entries.into_iter().map(|(key, value)| Ok((key, T::from_value(value)?))).collect()
            }
            other => Err(Mismatch::new("map", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Map(self.into_iter().map(|(key, value)| (key, value.into_value())).collect())
    }
}

impl Shape for () {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        Members::of(value).map(|_| ())
    }

    fn into_value(self) -> Value {
        Value::empty()
    }
}
