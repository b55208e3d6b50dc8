//! Copies of objects, whole and as parts of an upload.

use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::Objects;
use super::headers::{checksum_type, description, etag, refuse_unsupported, set_checksum, timestamp};
use super::objects::{Conditions, OBJECT_BYTES, whole};
use super::refusal::{access_denied, error, failed, invalid_argument, invalid_request, not_implemented};
use super::store::checksum::Algorithm;
use super::store::{Condition, Found};

/// What is copied.
struct Source {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl Source {
    fn of(source: &CopySource) -> S3Result<Self> {
        match source {
            CopySource::Bucket { bucket, key, version_id } => Ok(Source {
                bucket: bucket.to_string(),
                key: key.to_string(),
                version: version_id.as_ref().map(ToString::to_string),
            }),
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(not_implemented("access points"))
            }
        }
    }
}

impl Objects {
    pub(super) async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<CopyObjectOutput> {
        let input = &request.input;
        let target = self.bucket(&request, &input.bucket, "s3:PutObject", Some(&input.key))?;
        refuse_unsupported(&request.headers)?;
        let conditions = Conditions {
            is: input.copy_source_if_match.as_ref(),
            is_not: input.copy_source_if_none_match.as_ref(),
            since: input.copy_source_if_modified_since.as_ref(),
            until: input.copy_source_if_unmodified_since.as_ref(),
        };
        let source = Source::of(&input.copy_source)?;
        let owner = input.expected_source_bucket_owner.as_deref();
        let found = self.source(&request, &source, owner, &conditions).await?;
        let is_replaced = match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
            None | Some("COPY") => false,
            Some("REPLACE") => true,
            Some(_) => return Err(invalid_argument("Unknown metadata directive.")),
        };
        if input.tagging_directive.as_ref().is_some_and(|directive| directive.as_str() != "COPY") {
            return Err(not_implemented("tags of objects"));
        }
        if source.bucket == input.bucket && source.key == input.key && !is_replaced {
            let text = "This copy request is illegal because it is trying to copy an object to itself without changing the \
                        object's metadata, storage class, website redirect location or encryption attributes.";
            return Err(invalid_request(text));
        }
        let bytes = found.object.bytes;
        if i64::try_from(bytes).is_ok_and(|bytes| bytes > OBJECT_BYTES) {
            let text = format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {OBJECT_BYTES}"
            );
            return Err(invalid_request(text));
        }
        let kept = match is_replaced {
            true => description(&request.headers, input.metadata.clone())?,
            false => found.object.description.clone(),
        };
        // The copy has the checksum of its source, unless that was made of parts or another is asked for.
        let asked = input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str);
        let of_source = found.object.checksum.as_ref().map(|checksum| checksum.algorithm);
        let algorithm = asked.and_then(Algorithm::named).or(of_source).unwrap_or(Algorithm::Crc64Nvme);
        let _turn = self.turn().await?;
        let written = self.store().copy(found.read(0, bytes), Some(algorithm)).await.map_err(failed)?;
        let object = whole(&written, kept);
        let mut result = CopyObjectResult {
            e_tag: Some(etag(&object.etag)),
            last_modified: Some(timestamp(object.modified)),
            checksum_type: object.checksum.as_ref().map(checksum_type),
            ..Default::default()
        };
        set_checksum!(result, &object.checksum);
        self.put(&target, input.key.clone(), object, Condition::Always, vec![written]).await?;
        Ok(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
    }

    pub(super) async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<UploadPartCopyOutput> {
        let input = &request.input;
        let target = self.bucket(&request, &input.bucket, "s3:PutObject", Some(&input.key))?;
        refuse_unsupported(&request.headers)?;
        let number = super::multipart::part_number(input.part_number)?;
        let upload = self.upload(&target, &input.key, &input.upload_id).await?;
        let conditions = Conditions {
            is: input.copy_source_if_match.as_ref(),
            is_not: input.copy_source_if_none_match.as_ref(),
            since: input.copy_source_if_modified_since.as_ref(),
            until: input.copy_source_if_unmodified_since.as_ref(),
        };
        let source = Source::of(&input.copy_source)?;
        let owner = input.expected_source_bucket_owner.as_deref();
        let found = self.source(&request, &source, owner, &conditions).await?;
        let (start, bytes) = stretch(input.copy_source_range.as_deref(), found.object.bytes)?;
        if i64::try_from(bytes).is_ok_and(|bytes| bytes > OBJECT_BYTES) {
            return Err(error(
                "EntityTooLarge",
                400,
                "Your proposed upload exceeds the maximum allowed size",
            ));
        }
        let turn = self.turn().await?;
        let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
        let written = self.store().copy(found.read(start, bytes), Some(algorithm)).await.map_err(failed)?;
        drop(turn);
        let mut result = CopyPartResult { e_tag: Some(etag(&written.etag())), ..Default::default() };
        if upload.algorithm.is_some() {
            set_checksum!(result, &written.checksum);
        }
        let modified = self.put_part(&target, &input.key, &input.upload_id, number, written).await?;
        result.last_modified = Some(timestamp(modified));
        Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() })
    }

    async fn source<T>(
        &self,
        request: &S3Request<T>,
        source: &Source,
        owner: Option<&str>,
        conditions: &Conditions<'_>,
    ) -> S3Result<Found> {
        let what = enishi_cloud::s3::Use { action: "s3:GetObject", key: Some(&source.key), context: &[] };
        let identity = super::identity(request)?;
        let world = self.world();
        let bucket = enishi_cloud::s3::permitted(&world, &source.bucket, identity.requester(), what);
        let bucket = bucket.map_err(super::refuse)?;
        if owner.is_some_and(|owner| owner != bucket.scope.account.as_str()) {
            return Err(access_denied());
        }
        let found = self.find(request, bucket, &source.key, source.version.as_deref()).await?;
        conditions.check_source(&found.object)?;
        Ok(found)
    }
}

/// What of the source becomes a part: `bytes=first-last`, both named and both in it.
fn stretch(range: Option<&str>, bytes: u64) -> S3Result<(u64, u64)> {
    let Some(range) = range else { return Ok((0, bytes)) };
    let invalid = || {
        invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )
    };
    let Ok(Range::Int { first, last: Some(last) }) = Range::parse(range) else { return Err(invalid()) };
    if last >= bytes {
        return Err(invalid_argument(format!(
            "Range specified is not valid for source object of size: {bytes}"
        )));
    }
    Ok((first, last - first + 1))
}
