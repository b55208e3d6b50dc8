//! The tree between bytes and typed shapes.
//!
//! A codec turns bytes into a [`Value`] and back, guided by the schema; a typed structure turns into a [`Value`] and back
//! through [`Shape`](crate::Shape). Members are named by their index in the schema, so no names are copied or compared on
//! the way.

use std::fmt;

use crate::Timestamp;

/// Any JSON, the value of a document shape.
pub type Document = serde_json::Value;

/// One value of any shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: an absent item of a sparse list or map. Structures leave absent members out instead.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer or long.
    Int(i64),
    /// A float or double.
    Float(f64),
    /// A string or enum.
    String(String),
    /// Bytes.
    Blob(Blob),
    /// A point in time.
    Timestamp(Timestamp),
    /// A list's items.
    List(Vec<Value>),
    /// A map's entries in their order.
    Map(Vec<(String, Value)>),
    /// A structure's present members: index in [`Structure::members`](crate::schema::Structure::members) and value.
    Structure(Vec<(u16, Value)>),
    /// Any JSON.
    Document(Document),
}

impl Value {
    /// The empty structure.
    pub fn empty() -> Self {
        Self::Structure(Vec::new())
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Blob(_) => "blob",
            Self::Timestamp(_) => "timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Structure(_) => "structure",
            Self::Document(_) => "document",
        }
    }
}

/// Bytes as a shape: a type of its own, so that a list of numbers and a blob cannot be confused.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
