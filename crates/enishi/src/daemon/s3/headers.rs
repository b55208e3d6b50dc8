//! Headers of objects: what is kept and answered, and what is refused because it would not be obeyed.

use http::{HeaderMap, HeaderName};
use s3s::dto::{ChecksumType, ETag, ETagCondition, Metadata, Timestamp, TimestampFormat};
use s3s::{S3Error, S3Result};

use super::refusal::{error, not_implemented};
use super::store::model::{Checksum, Description};

/// What S3 takes an object for whose type the client does not say.
pub const DEFAULT_TYPE: &str = "binary/octet-stream";

/// Bytes of a user's own metadata.
const METADATA_BYTES: usize = 2 * 1024;

/// Headers that ask for what is not here.
const REFUSED: [(&str, &str); 6] = [
    ("x-amz-server-side-encryption", "server-side encryption"),
    ("x-amz-tagging", "tags of objects"),
    ("x-amz-object-lock-", "Object Lock"),
    ("x-amz-website-redirect-location", "static websites"),
    ("x-amz-write-offset-bytes", "appending to objects"),
    ("x-amz-copy-source-server-side-encryption", "server-side encryption"),
];

/// Refuses what an object cannot have here.
///
/// # Errors
/// `NotImplemented`, `AccessControlListNotSupported`, `InvalidStorageClass`
pub fn refuse_unsupported(headers: &HeaderMap) -> S3Result<()> {
    for name in headers.keys().map(HeaderName::as_str) {
        if let Some((_, what)) = REFUSED.into_iter().find(|(prefix, _)| name.starts_with(prefix)) {
            return Err(not_implemented(what));
        }
        if name.starts_with("x-amz-grant-") {
            return Err(no_access_control_lists());
        }
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if !matches!(text("x-amz-acl"), None | Some("private" | "bucket-owner-full-control")) {
        return Err(no_access_control_lists());
    }
    match text("x-amz-storage-class") {
        None | Some("STANDARD") => Ok(()),
        Some(other) => Err(not_implemented(&format!("the storage class {other}"))),
    }
}

/// Buckets have no access control lists, as new ones at AWS.
pub fn no_access_control_lists() -> S3Error {
    error("AccessControlListNotSupported", 400, "The bucket does not allow ACLs")
}

/// The headers of an object, and the user's own metadata.
///
/// # Errors
/// `MetadataTooLarge`
pub fn description(headers: &HeaderMap, metadata: Option<Metadata>) -> S3Result<Description> {
    let text = |name: &str| headers.get(name).and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let metadata: std::collections::BTreeMap<String, String> = metadata.into_iter().flatten().collect();
    if metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > METADATA_BYTES {
        let text = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(error("MetadataTooLarge", 400, text));
    }
    Ok(Description {
        content_type: text("content-type"),
        cache_control: text("cache-control"),
        content_disposition: text("content-disposition"),
        content_encoding: text("content-encoding").and_then(|coding| without_chunks(&coding)),
        content_language: text("content-language"),
        expires: text("expires"),
        metadata,
    })
}

/// `aws-chunked` is how the body came, not how the object is coded.
fn without_chunks(coding: &str) -> Option<String> {
    let codings =
        coding.split(',').map(str::trim).filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"));
    let kept: Vec<&str> = codings.filter(|coding| !coding.is_empty()).collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// When an object expires for caches.
pub fn expires(description: &Description) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, description.expires.as_deref()?).ok()
}

/// The user's own metadata as an answer has it.
pub fn metadata(description: &Description) -> Option<Metadata> {
    let metadata = &description.metadata;
    (!metadata.is_empty())
        .then(|| metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Milliseconds since the epoch as an answer has them.
pub fn timestamp(millis: i64) -> Timestamp {
    let since = std::time::Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    Timestamp::from(std::time::UNIX_EPOCH + since)
}

/// An entity tag as an answer has it.
pub fn etag(tag: &str) -> ETag {
    ETag::Strong(tag.to_owned())
}

/// Whether an entity tag is one that a condition accepts.
pub fn accepts(condition: &ETagCondition, tag: &str) -> bool {
    condition.as_etag().is_none_or(|wanted| wanted.value() == tag)
}

/// How a checksum was made, as an answer has it.
pub fn checksum_type(checksum: &Checksum) -> ChecksumType {
    ChecksumType::from_static(if checksum.is_composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    })
}

/// Writes a checksum into the fields of an answer, or of a part of one, that are called after its algorithm.
macro_rules! set_checksum {
    ($answer:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            use crate::daemon::s3::store::checksum::Algorithm;
            let value = Some(checksum.value.clone());
            match checksum.algorithm {
                Algorithm::Crc32 => $answer.checksum_crc32 = value,
                Algorithm::Crc32c => $answer.checksum_crc32c = value,
                Algorithm::Crc64Nvme => $answer.checksum_crc64nvme = value,
                Algorithm::Sha1 => $answer.checksum_sha1 = value,
                Algorithm::Sha256 => $answer.checksum_sha256 = value,
            }
        }
    };
}
pub(super) use set_checksum;
