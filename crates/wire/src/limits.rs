//! Bounds on what one request may hold.
//!
//! Each bound is far above what AWS accepts for the services here and far below what could hurt: a request that passes
//! one is answered with a fault, before memory or stack is spent on it.

/// Bytes of one request body. AWS's largest bounded body here is a RunInstances call with 16 KiB of user data; Lambda's
/// synchronous payload is 6 MiB.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;

/// Headers of one request.
pub const HEADER_COUNT: usize = 100;

/// Bytes of all header names and values of one request.
pub const HEADER_BYTES: usize = 32 * 1024;

/// Bytes of a request's path and query string together.
pub const URI_BYTES: usize = 64 * 1024;

/// Parameters of one form (query string and body together).
pub const FORM_PARAMETERS: usize = 16_384;

/// Bytes of one parameter's name.
pub const PARAMETER_NAME_BYTES: usize = 512;

/// Structures, lists and maps inside each other.
pub const NESTING: usize = 32;

/// Items of one list, entries of one map. PutLogEvents takes 10,000.
pub const LIST_LENGTH: usize = 12_000;

/// Seconds that a signature's time may differ from ours (AWS: 15 minutes, Signature Version 4 guide).
pub const CLOCK_SKEW_SECONDS: i64 = 15 * 60;

/// Seconds that a presigned request may live at most (AWS: 7 days).
pub const PRESIGNED_SECONDS: i64 = 7 * 24 * 60 * 60;

/// Elements of one XML body. Route 53's largest change batch has a few thousand.
pub const XML_ELEMENTS: usize = 100_000;
