//! Objects: putting, reading and deleting them.

use enishi_state::s3::Bucket;
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::Objects;
use super::body::Trailers;
use super::headers::{
    DEFAULT_TYPE, accepts, checksum_type, description, etag, expires, metadata, refuse_unsupported,
    set_checksum, timestamp,
};
use super::integrity::Expected;
use super::refusal::{
    access_denied, error, failed, invalid_argument, no_such_key, no_such_version, not_received,
    precondition_failed,
};
use super::store::checksum::Algorithm;
use super::store::model::{Description, Object};
use super::store::{Condition, Found, Index, Written};
use crate::daemon::clock;

/// Bytes of an object that is put whole, and of a part.
pub(super) const OBJECT_BYTES: i64 = 5 * 1024 * 1024 * 1024;

/// Keys of one request to delete.
const DELETED: usize = 1000;

/// The only version of an object that there is.
const NULL_VERSION: &str = "null";

impl Objects {
    pub(super) async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
        let bucket =
            self.bucket(&request, &request.input.bucket, "s3:PutObject", Some(&request.input.key))?;
        refuse_unsupported(&request.headers)?;
        let expected = Expected::of(&request.headers, request.extensions.get::<Trailers>())?;
        let description = description(&request.headers, request.input.metadata.clone())?;
        let input = request.input;
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let body = input.body.map(s3s::Body::from).unwrap_or_default();
        let written = self.receive(body, input.content_length, &expected).await?;
        let object = whole(&written, description);
        let mut output = PutObjectOutput { e_tag: Some(etag(&object.etag)), ..Default::default() };
        set_checksum!(output, &object.checksum);
        output.checksum_type = object.checksum.as_ref().map(checksum_type);
        self.put(&bucket, input.key, object, condition, vec![written]).await?;
        Ok(output)
    }

    /// Stores a body and checks that it is what the client says.
    pub(super) async fn receive(
        &self,
        body: s3s::Body,
        bytes: Option<i64>,
        expected: &Expected,
    ) -> S3Result<Written> {
        match bytes {
            None => {
                return Err(error(
                    "MissingContentLength",
                    411,
                    "You must provide the Content-Length HTTP header.",
                ));
            }
            Some(bytes) if bytes > OBJECT_BYTES => {
                let text = "Your proposed upload exceeds the maximum allowed size";
                return Err(error("EntityTooLarge", 400, text));
            }
            Some(_) => {}
        }
        let _turn = self.turn().await?;
        let algorithm = expected.algorithm().unwrap_or(Algorithm::Crc64Nvme);
        let written = self.store().receive(body, Some(algorithm)).await.map_err(not_received)?;
        expected.check(&written)?;
        Ok(written)
    }

    /// Names an object whose data is written.
    pub(super) async fn put(
        &self,
        bucket: &Bucket,
        key: String,
        object: Object,
        condition: Condition,
        drafts: Vec<Written>,
    ) -> S3Result<()> {
        let present = self.present(bucket).await?;
        let uid = bucket.uid;
        let put = move |index: &Index| {
            let _present = present;
            Ok(((), index.put(uid, &key, &object, &condition)?))
        };
        self.store().change(drafts, put).await.map_err(failed)
    }

    /// The object that a request is about.
    pub(super) async fn find<T>(
        &self,
        request: &S3Request<T>,
        bucket: &Bucket,
        key: &str,
        version: Option<&str>,
    ) -> S3Result<Found> {
        if version.is_some_and(|version| version != NULL_VERSION) {
            return Err(no_such_version());
        }
        let found = match self.0.store.exists() {
            true => self.store().find(bucket.uid, key).await.map_err(failed)?,
            false => None,
        };
        match found {
            Some(found) => Ok(found),
            // Who may not list a bucket does not learn what is not in it.
            None if self.may(request, &bucket.name, "s3:ListBucket") => Err(no_such_key()),
            None => Err(access_denied()),
        }
    }

    pub(super) async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<GetObjectOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:GetObject", Some(&input.key))?;
        let found = self.find(&request, &bucket, &input.key, input.version_id.as_deref()).await?;
        let conditions = Conditions {
            is: input.if_match.as_ref(),
            is_not: input.if_none_match.as_ref(),
            since: input.if_modified_since.as_ref(),
            until: input.if_unmodified_since.as_ref(),
        };
        conditions.check(&found.object)?;
        let stretch = Stretch::of(&found.object, input.range, input.part_number)?;
        let object = &found.object;
        let kept = &object.description;
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: kept.cache_control.clone(),
            content_disposition: kept.content_disposition.clone(),
            content_encoding: kept.content_encoding.clone(),
            content_language: kept.content_language.clone(),
            content_length: i64::try_from(stretch.bytes).ok(),
            content_range: stretch.range(object),
            content_type: Some(content_type(kept)),
            e_tag: Some(etag(&object.etag)),
            expires: expires(kept),
            last_modified: Some(timestamp(object.modified)),
            metadata: metadata(kept),
            parts_count: parts_count(object, input.part_number),
            ..Default::default()
        };
        if input.checksum_mode.is_some() && !stretch.is_partial {
            set_checksum!(output, &object.checksum);
            output.checksum_type = object.checksum.as_ref().map(checksum_type);
        }
        output.body =
            Some(StreamingBlob::from(s3s::Body::http_body_unsync(found.read(stretch.start, stretch.bytes))));
        Ok(output)
    }

    pub(super) async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<HeadObjectOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:GetObject", Some(&input.key))?;
        let found = self.find(&request, &bucket, &input.key, input.version_id.as_deref()).await?;
        let conditions = Conditions {
            is: input.if_match.as_ref(),
            is_not: input.if_none_match.as_ref(),
            since: input.if_modified_since.as_ref(),
            until: input.if_unmodified_since.as_ref(),
        };
        conditions.check(&found.object)?;
        let stretch = Stretch::of(&found.object, input.range, input.part_number)?;
        let object = &found.object;
        let kept = &object.description;
        let mut output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: kept.cache_control.clone(),
            content_disposition: kept.content_disposition.clone(),
            content_encoding: kept.content_encoding.clone(),
            content_language: kept.content_language.clone(),
            content_length: i64::try_from(stretch.bytes).ok(),
            content_range: stretch.range(object),
            content_type: Some(content_type(kept)),
            e_tag: Some(etag(&object.etag)),
            expires: expires(kept),
            last_modified: Some(timestamp(object.modified)),
            metadata: metadata(kept),
            parts_count: parts_count(object, input.part_number),
            ..Default::default()
        };
        if input.checksum_mode.is_some() && !stretch.is_partial {
            set_checksum!(output, &object.checksum);
            output.checksum_type = object.checksum.as_ref().map(checksum_type);
        }
        Ok(output)
    }

    pub(super) async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<DeleteObjectOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:DeleteObject", Some(&input.key))?;
        if input.if_match.is_some()
            || input.if_match_size.is_some()
            || input.if_match_last_modified_time.is_some()
        {
            return Err(super::refusal::not_implemented("conditional deletes"));
        }
        if input.version_id.as_deref().is_some_and(|version| version != NULL_VERSION) {
            return Err(no_such_version());
        }
        self.remove(&bucket, vec![input.key.clone()]).await?;
        Ok(DeleteObjectOutput::default())
    }

    pub(super) async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<DeleteObjectsOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:ListBucket", None);
        // Everything is judged by itself, but a bucket that is not there is nobody's.
        let bucket = match bucket {
            Err(refused) if refused.code().as_str() != "AccessDenied" => return Err(refused),
            _ => enishi_cloud::s3::find(&self.world(), &input.bucket).cloned().map_err(super::refuse)?,
        };
        if input.delete.objects.is_empty() || input.delete.objects.len() > DELETED {
            let text =
                "The XML you provided was not well-formed or did not validate against our published schema";
            return Err(error("MalformedXML", 400, text));
        }
        let (mut keys, mut deleted, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for object in &input.delete.objects {
            let refused = match self.bucket(&request, &bucket.name, "s3:DeleteObject", Some(&object.key)) {
                Err(refused) => Some(refused),
                Ok(_) if object.version_id.as_deref().is_some_and(|version| version != NULL_VERSION) => {
                    Some(no_such_version())
                }
                Ok(_)
                    if object.e_tag.is_some()
                        || object.size.is_some()
                        || object.last_modified_time.is_some() =>
                {
                    Some(super::refusal::not_implemented("conditional deletes"))
                }
                Ok(_) => None,
            };
            match refused {
                None => {
                    keys.push(object.key.clone());
                    deleted.push(DeletedObject { key: Some(object.key.clone()), ..Default::default() });
                }
                Some(refused) => errors.push(s3s::dto::Error {
                    code: Some(refused.code().as_str().to_owned()),
                    key: Some(object.key.clone()),
                    message: refused.message().map(str::to_owned),
                    version_id: object.version_id.clone(),
                }),
            }
        }
        self.remove(&bucket, keys).await?;
        let is_quiet = input.delete.quiet == Some(true);
        Ok(DeleteObjectsOutput {
            deleted: (!is_quiet && !deleted.is_empty()).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            request_charged: None,
        })
    }

    async fn remove(&self, bucket: &Bucket, keys: Vec<String>) -> S3Result<()> {
        if keys.is_empty() || !self.0.store.exists() {
            return Ok(());
        }
        let uid = bucket.uid;
        let remove = move |index: &Index| Ok(((), index.remove(uid, &keys)?));
        self.store().change(Vec::new(), remove).await.map_err(failed)
    }
}

/// An object of one piece.
pub(super) fn whole(written: &Written, description: Description) -> Object {
    Object {
        segments: vec![written.segment.clone()],
        bytes: written.segment.bytes,
        etag: written.etag(),
        modified: clock::now().0,
        description,
        checksum: written.checksum.clone(),
        parts: None,
    }
}

/// What an object has to be so that it may be replaced.
pub(super) fn condition(is: Option<&ETagCondition>, is_not: Option<&ETagCondition>) -> S3Result<Condition> {
    match (is, is_not) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(is), None) => Ok(Condition::Is(is.as_etag().map(|tag| tag.value().to_owned()))),
        _ => Err(super::refusal::not_implemented(
            "If-None-Match with anything but * where something is written",
        )),
    }
}

fn content_type(description: &Description) -> String {
    description.content_type.clone().unwrap_or_else(|| DEFAULT_TYPE.to_owned())
}

fn parts_count(object: &Object, asked: Option<i32>) -> Option<i32> {
    asked.and_then(|_| i32::try_from(object.parts?).ok())
}

/// Conditions on what is read. [RFC 9110, section 13](https://www.rfc-editor.org/rfc/rfc9110#section-13)
pub(super) struct Conditions<'a> {
    pub(super) is: Option<&'a ETagCondition>,
    pub(super) is_not: Option<&'a ETagCondition>,
    pub(super) since: Option<&'a Timestamp>,
    pub(super) until: Option<&'a Timestamp>,
}

impl Conditions<'_> {
    /// # Errors
    /// `PreconditionFailed`, `NotModified`
    fn check(&self, object: &Object) -> S3Result<()> {
        match self.judge(object) {
            Judgement::Holds => Ok(()),
            Judgement::Failed => Err(precondition_failed()),
            Judgement::NotModified => Err(error("NotModified", 304, "Not Modified")),
        }
    }

    /// The same for the source of a copy, where nothing is answered from a cache.
    ///
    /// # Errors
    /// `PreconditionFailed`
    pub(super) fn check_source(&self, object: &Object) -> S3Result<()> {
        match self.judge(object) {
            Judgement::Holds => Ok(()),
            Judgement::Failed | Judgement::NotModified => Err(precondition_failed()),
        }
    }

    fn judge(&self, object: &Object) -> Judgement {
        // Dates in headers have whole seconds.
        let modified = timestamp(object.modified.div_euclid(1000) * 1000);
        let fails = match (self.is, self.until) {
            (Some(is), _) => !accepts(is, &object.etag),
            (None, until) => until.is_some_and(|until| modified > *until),
        };
        if fails {
            return Judgement::Failed;
        }
        let is_unchanged = match (self.is_not, self.since) {
            (Some(is_not), _) => accepts(is_not, &object.etag),
            (None, since) => since.is_some_and(|since| modified <= *since),
        };
        if is_unchanged { Judgement::NotModified } else { Judgement::Holds }
    }
}

enum Judgement {
    Holds,
    Failed,
    NotModified,
}

/// What of an object is read.
struct Stretch {
    start: u64,
    bytes: u64,
    is_partial: bool,
}

impl Stretch {
    /// # Errors
    /// `InvalidRange`, `InvalidPartNumber`, `InvalidRequest`
    fn of(object: &Object, range: Option<Range>, part: Option<i32>) -> S3Result<Self> {
        match (range, part) {
            (None, None) => Ok(Stretch { start: 0, bytes: object.bytes, is_partial: false }),
            (Some(range), None) => {
                let invalid = |_| error("InvalidRange", 416, "The requested range is not satisfiable");
                let range = range.check(object.bytes).map_err(invalid)?;
                Ok(Stretch { start: range.start, bytes: range.end - range.start, is_partial: true })
            }
            (None, Some(part)) => Self::of_part(object, part),
            (Some(_), Some(_)) => Err(super::refusal::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            )),
        }
    }

    fn of_part(object: &Object, part: i32) -> S3Result<Self> {
        if !(1..=10_000).contains(&part) {
            return Err(invalid_argument("Part number must be an integer between 1 and 10000, inclusive"));
        }
        let before = usize::try_from(part - 1).unwrap_or(usize::MAX);
        if object.parts.is_none() && before == 0 {
            return Ok(Stretch { start: 0, bytes: object.bytes, is_partial: object.bytes > 0 });
        }
        let segment = object.segments.get(before).filter(|_| object.parts.is_some());
        let Some(segment) = segment else {
            return Err(error("InvalidPartNumber", 416, "The requested partnumber is not satisfiable"));
        };
        let start = object.segments.iter().take(before).map(|segment| segment.bytes).sum();
        Ok(Stretch { start, bytes: segment.bytes, is_partial: true })
    }

    fn range(&self, object: &Object) -> Option<String> {
        let last = (self.start + self.bytes).checked_sub(1)?;
        self.is_partial.then(|| format!("bytes {}-{last}/{}", self.start, object.bytes))
    }
}
