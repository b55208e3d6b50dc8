//! What is known of an object, an upload and a part, as the index keeps it: JSON, to which later versions may add.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::checksum::Algorithm;

/// The name of a file with data: 32 random hexadecimal digits, never used twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(String);

impl FileId {
    /// A fresh random id.
    pub fn random() -> Self {
        FileId(format!("{:032x}", rand::random::<u128>()))
    }

    /// Accepts the name of a file that is ours.
    pub fn parse(name: &str) -> Option<Self> {
        let is_ours = name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_ours.then(|| FileId(name.to_owned()))
    }

    /// The file's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file with some of an object's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The file, which holds nothing else.
    pub file: FileId,
    /// Its bytes.
    pub bytes: u64,
}

/// A checksum that S3 has for an object or a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How it was computed.
    pub algorithm: Algorithm,
    /// In base64; of checksums of parts with their number behind.
    pub value: String,
    /// Whether it is computed of the checksums of the parts.
    pub is_composite: bool,
}

/// Headers of an object that S3 keeps and answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Cache-Control`
    pub cache_control: Option<String>,
    /// `Content-Disposition`
    pub content_disposition: Option<String>,
    /// `Content-Encoding`
    pub content_encoding: Option<String>,
    /// `Content-Language`
    pub content_language: Option<String>,
    /// `Expires`, as it was sent.
    pub expires: Option<String>,
    /// The user's own: names without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its data, in order.
    pub segments: Vec<Segment>,
    /// Bytes of the data.
    pub bytes: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// When it was put, in milliseconds since the epoch.
    pub modified: i64,
    /// Its headers.
    pub description: Description,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// How many parts it was uploaded in; none for an object that was put whole.
    pub parts: Option<u32>,
}

/// A multipart upload under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// When it began, in milliseconds since the epoch.
    pub initiated: i64,
    /// The object's headers.
    pub description: Description,
    /// The checksum that its parts have.
    pub algorithm: Option<Algorithm>,
    /// Whether the object's checksum is computed of those of the parts.
    pub is_composite: bool,
}

/// A part of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its data.
    pub segment: Segment,
    /// The MD5 digest of the data, in hexadecimal digits.
    pub etag: String,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// When it was uploaded, in milliseconds since the epoch.
    pub modified: i64,
}
