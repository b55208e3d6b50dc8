//! The shapes, tables and operations of every AWS service that is served, one module per service.
//!
//! All of it is made by the build script from `models/*.json`; nothing here is written by hand. A service's module has
//! `SERVICE` (its table, what the codecs work by), a struct per structure of the model under AWS's own name with fields in
//! snake case, and `ops` with a type per operation that handlers are registered for.
//!
//! Fields: a required member is its plain type, every other an `Option`. A list that only EC2 *requests* carry is a plain
//! `Vec`, since ec2Query cannot tell an absent list from an empty one; in responses it is an `Option<Vec>`, since there
//! the two differ on the wire.
#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/index.rs"));
