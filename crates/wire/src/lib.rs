//! AWS's wire protocols over static service tables: bytes in, typed requests out, and back.
//!
//! What AWS promises: each service documents its protocol ("Query requests", "Common errors" of every API reference;
//! Smithy's pages on the AWS protocols). How it is done here: [`schema`] describes a service as data, one codec per
//! protocol turns bytes into [`Value`] and back by that data, [`Shape`] turns a [`Value`] into a typed structure and back.
//! [`routing`] finds the service, protocol and operation of a request, [`sigv4`] who sent it.
//!
//! Invariants: no clock, socket, file or randomness; no input makes a codec panic, recurse deeper or hold more than
//! [`limits`] says. Tested by the published protocol cases run backwards (`tests/protocol_cases.rs`), the SigV4 vectors,
//! properties, and the targets under `fuzz/`.
#![forbid(unsafe_code)]

pub mod aws_chunked;
pub mod aws_json;
pub mod aws_query;
mod content_encoding;
pub mod ec2_query;
mod fault;
pub mod form;
pub mod limits;
mod message;
mod rest_xml;
pub mod routing;
pub mod rpc_v2_cbor;
mod scalar;
pub mod schema;
mod shape;
pub mod sigv2;
pub mod sigv4;
mod timestamp;
mod uri_template;
mod validate;
mod value;
mod xml;
mod xml_tree;

pub use fault::{Fault, Side};
pub use message::{Request, Response};
pub use shape::{Members, Mismatch, Operation, Shape};
pub use timestamp::Timestamp;
pub use value::{Blob, Document, Value};
