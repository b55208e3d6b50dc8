//! BIND zone files (RFC 1035, section 5) in and out.
//!
//! Zone files write bytes as `\ddd` in decimal, Route 53 as `\ooo` in octal; relative names are made absolute. What a zone file
//! cannot say, aliases and routing policies, goes out as comments, so that what is written can always be loaded elsewhere.

mod escape;
mod line;
mod read;
mod write;

pub use read::{ReadError, read};
pub use write::write;
