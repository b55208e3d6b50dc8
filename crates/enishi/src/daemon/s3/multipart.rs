//! Multipart uploads. [Uploading an object in parts](https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html)
//!
//! A part is a file; an object of parts is made of their files as they are. Completing an upload copies nothing.

use enishi_state::s3::Bucket;
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::Objects;
use super::body::Trailers;
use super::buckets::{owner, owner_id};
use super::headers::{checksum_type, description, etag, refuse_unsupported, set_checksum, timestamp};
use super::integrity::Expected;
use super::objects::condition;
use super::refusal::{
    error, failed, invalid_argument, invalid_part, invalid_request, no_such_upload, not_implemented,
};
use super::store::checksum::{Algorithm, composite, multipart_etag};
use super::store::model::{Checksum, FileId, Object, Part, Segment, Upload};
use super::store::{Index, UploadKey, Written};
use crate::daemon::clock;

/// Bytes of every part but the last.
const PART_BYTES: u64 = 5 * 1024 * 1024;

/// Parts of an upload, and of one page of them.
const PARTS: u16 = 10_000;
const PAGE: i32 = 1000;

impl Objects {
    pub(super) async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let bucket =
            self.bucket(&request, &request.input.bucket, "s3:PutObject", Some(&request.input.key))?;
        refuse_unsupported(&request.headers)?;
        let description = description(&request.headers, request.input.metadata.clone())?;
        let input = request.input;
        let algorithm = match input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str) {
            None => None,
            Some(name) => {
                let unsupported = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]";
                Some(Algorithm::named(name).ok_or_else(|| invalid_request(unsupported))?)
            }
        };
        let is_composite = is_composite(algorithm, input.checksum_type.as_ref())?;
        let upload = Upload { initiated: clock::now().0, description, algorithm, is_composite };
        let id = FileId::random().as_str().to_owned();
        let mut output = CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key.clone()),
            upload_id: Some(id.clone()),
            ..Default::default()
        };
        if let Some(algorithm) = algorithm {
            output.checksum_algorithm = Some(ChecksumAlgorithm::from_static(algorithm.name()));
            output.checksum_type = Some(type_of(is_composite));
        }
        let present = self.present(&bucket).await?;
        let begin = move |index: &Index| {
            let _present = present;
            index.begin(UploadKey { bucket: bucket.uid, key: &input.key, id: &id }, &upload)
        };
        self.store().ask(begin).await.map_err(failed)?;
        Ok(output)
    }

    /// An upload under way.
    pub(super) async fn upload(&self, bucket: &Bucket, key: &str, id: &str) -> S3Result<Upload> {
        if !self.0.store.exists() {
            return Err(no_such_upload());
        }
        let (bucket, key, id) = (bucket.uid, key.to_owned(), id.to_owned());
        let find = move |index: &Index| index.upload(UploadKey { bucket, key: &key, id: &id });
        self.store().ask(find).await.map_err(failed)
    }

    pub(super) async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let bucket =
            self.bucket(&request, &request.input.bucket, "s3:PutObject", Some(&request.input.key))?;
        refuse_unsupported(&request.headers)?;
        let expected = Expected::of(&request.headers, request.extensions.get::<Trailers>())?;
        let input = request.input;
        let number = part_number(input.part_number)?;
        let upload = self.upload(&bucket, &input.key, &input.upload_id).await?;
        if let (Some(asked), Some(given)) = (upload.algorithm, expected.algorithm())
            && asked != given
        {
            let text = format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                asked.name().to_lowercase(),
                given.name().to_lowercase()
            );
            return Err(invalid_request(text));
        }
        let body = input.body.map(s3s::Body::from).unwrap_or_default();
        let mut written = self.receive(body, input.content_length, &expected).await?;
        match upload.algorithm {
            // What the client does not say is computed, as its parts must have it.
            Some(algorithm) if expected.algorithm().is_none() => {
                written = self.with_checksum(written, algorithm).await?;
            }
            _ => {}
        }
        let mut output = UploadPartOutput { e_tag: Some(etag(&written.etag())), ..Default::default() };
        if expected.algorithm().is_some() || upload.algorithm.is_some() {
            set_checksum!(output, &written.checksum);
        }
        self.put_part(&bucket, &input.key, &input.upload_id, number, written).await?;
        Ok(output)
    }

    /// Names a part whose data is written; answers when it was.
    pub(super) async fn put_part(
        &self,
        bucket: &Bucket,
        key: &str,
        id: &str,
        number: u16,
        written: Written,
    ) -> S3Result<i64> {
        let modified = clock::now().0;
        let part = Part {
            segment: written.segment.clone(),
            etag: written.etag(),
            checksum: written.checksum.clone(),
            modified,
        };
        let present = self.present(bucket).await?;
        let (bucket, key, id) = (bucket.uid, key.to_owned(), id.to_owned());
        let put = move |index: &Index| {
            let _present = present;
            let before = index.put_part(UploadKey { bucket, key: &key, id: &id }, number, &part)?;
            Ok(((), before.into_iter().collect()))
        };
        self.store().change(vec![written], put).await.map_err(failed)?;
        Ok(modified)
    }

    pub(super) async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let bucket =
            self.bucket(&request, &request.input.bucket, "s3:PutObject", Some(&request.input.key))?;
        let input = request.input;
        let upload = self.upload(&bucket, &input.key, &input.upload_id).await?;
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let id = input.upload_id.clone();
        let parts =
            self.store().ask(move |index| index.parts(&id, 0, usize::from(PARTS))).await.map_err(failed)?;
        let used = chosen(&named, &parts)?;
        let bytes = used.iter().map(|(_, part)| part.segment.bytes).sum();
        if input.mpu_object_size.is_some_and(|size| u64::try_from(size) != Ok(bytes)) {
            let text = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
            return Err(invalid_request(text));
        }
        let tags: Vec<&str> = used.iter().map(|(_, part)| part.etag.as_str()).collect();
        let segments: Vec<(u16, Segment)> =
            used.iter().map(|(number, part)| (*number, part.segment.clone())).collect();
        let mut object = Object {
            segments: segments.iter().map(|(_, segment)| segment.clone()).collect(),
            bytes,
            etag: multipart_etag(&tags),
            modified: clock::now().0,
            description: upload.description.clone(),
            checksum: None,
            parts: u32::try_from(used.len()).ok(),
        };
        object.checksum = self.checksum_of_parts(&upload, &used, &object).await?;
        let said = [
            (Algorithm::Crc32, &input.checksum_crc32),
            (Algorithm::Crc32c, &input.checksum_crc32c),
            (Algorithm::Crc64Nvme, &input.checksum_crc64nvme),
            (Algorithm::Sha1, &input.checksum_sha1),
            (Algorithm::Sha256, &input.checksum_sha256),
        ];
        check_said(&said, object.checksum.as_ref())?;
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let mut output = CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            location: Some(format!("http://s3.amazonaws.com/{}/{}", input.bucket, input.key)),
            e_tag: Some(etag(&object.etag)),
            checksum_type: object.checksum.as_ref().map(checksum_type),
            ..Default::default()
        };
        set_checksum!(output, &object.checksum);
        let present = self.present(&bucket).await?;
        let complete = move |index: &Index| {
            let _present = present;
            let at = UploadKey { bucket: bucket.uid, key: &input.key, id: &input.upload_id };
            Ok(((), index.complete(at, &segments, &object, &condition)?))
        };
        self.store().change(Vec::new(), complete).await.map_err(failed)?;
        Ok(output)
    }

    /// The checksum of an object of these parts: of their checksums, or of all of their data.
    async fn checksum_of_parts(
        &self,
        upload: &Upload,
        used: &[(u16, Part)],
        object: &Object,
    ) -> S3Result<Option<Checksum>> {
        let Some(algorithm) = upload.algorithm else { return Ok(None) };
        if upload.is_composite {
            let values: Option<Vec<&str>> = used
                .iter()
                .map(|(_, part)| part.checksum.as_ref().filter(|checksum| checksum.algorithm == algorithm))
                .map(|checksum| checksum.map(|checksum| checksum.value.as_str()))
                .collect();
            let value = values.and_then(|values| composite(algorithm, &values)).ok_or_else(invalid_part)?;
            return Ok(Some(Checksum { algorithm, value, is_composite: true }));
        }
        let _turn = self.turn().await?;
        let value = self.store().checksum(&object.segments, algorithm).await.map_err(failed)?;
        Ok(Some(Checksum { algorithm, value, is_composite: false }))
    }

    async fn with_checksum(&self, mut written: Written, algorithm: Algorithm) -> S3Result<Written> {
        let segments = [written.segment.clone()];
        let value = self.store().checksum(&segments, algorithm).await.map_err(failed)?;
        written.checksum = Some(Checksum { algorithm, value, is_composite: false });
        Ok(written)
    }

    pub(super) async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<()> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:AbortMultipartUpload", Some(&input.key))?;
        if input.if_match_initiated_time.is_some() {
            return Err(not_implemented("conditional aborts"));
        }
        if !self.0.store.exists() {
            return Err(no_such_upload());
        }
        let (uid, key, id) = (bucket.uid, input.key.clone(), input.upload_id.clone());
        let abort =
            move |index: &Index| Ok(((), index.abort(UploadKey { bucket: uid, key: &key, id: &id })?));
        self.store().change(Vec::new(), abort).await.map_err(failed)
    }

    pub(super) async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<ListPartsOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:ListMultipartUploadParts", Some(&input.key))?;
        let upload = self.upload(&bucket, &input.key, &input.upload_id).await?;
        let most = input.max_parts.unwrap_or(PAGE);
        if most < 0 {
            return Err(invalid_argument("Argument max-parts must be an integer between 0 and 2147483647"));
        }
        let most = usize::try_from(most.min(PAGE)).unwrap_or_default();
        let after =
            u16::try_from(input.part_number_marker.unwrap_or(0).clamp(0, i32::from(PARTS))).unwrap_or(PARTS);
        let id = input.upload_id.clone();
        let mut parts =
            self.store().ask(move |index| index.parts(&id, after, most + 1)).await.map_err(failed)?;
        let is_truncated = parts.len() > most;
        parts.truncate(most);
        let next = parts.last().filter(|_| is_truncated).map(|(number, _)| i32::from(*number));
        let account = bucket.scope.account.as_str();
        Ok(ListPartsOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            upload_id: Some(input.upload_id.clone()),
            checksum_algorithm: upload
                .algorithm
                .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: upload.algorithm.map(|_| type_of(upload.is_composite)),
            initiator: Some(Initiator { display_name: None, id: Some(owner_id(account)) }),
            owner: Some(owner(account)),
            is_truncated: Some(is_truncated),
            max_parts: i32::try_from(most).ok(),
            part_number_marker: Some(i32::from(after)),
            next_part_number_marker: next,
            parts: Some(
                parts.into_iter().map(|(number, part)| shape(number, part, upload.algorithm)).collect(),
            ),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..Default::default()
        })
    }
}

fn shape(number: u16, part: Part, algorithm: Option<Algorithm>) -> s3s::dto::Part {
    let mut shape = s3s::dto::Part {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(timestamp(part.modified)),
        part_number: Some(i32::from(number)),
        size: i64::try_from(part.segment.bytes).ok(),
        ..Default::default()
    };
    if algorithm.is_some() {
        set_checksum!(shape, &part.checksum);
    }
    shape
}

fn type_of(is_composite: bool) -> ChecksumType {
    ChecksumType::from_static(if is_composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

/// Whether the object's checksum is made of those of its parts. SHA digests are always, CRC-64 never, the others unless
/// told otherwise.
fn is_composite(algorithm: Option<Algorithm>, asked: Option<&ChecksumType>) -> S3Result<bool> {
    let asked = match asked.map(ChecksumType::as_str) {
        None => None,
        Some("COMPOSITE") => Some(true),
        Some("FULL_OBJECT") => Some(false),
        Some(_) => return Err(invalid_request("Value for x-amz-checksum-type header is invalid.")),
    };
    let refuse = |algorithm: Algorithm, kind: &str| {
        let name = algorithm.name().to_lowercase();
        let text = format!("The {kind} checksum type cannot be used with the {name} checksum algorithm.");
        Err(invalid_request(text))
    };
    match (algorithm, asked) {
        (None, None) => Ok(false),
        (None, Some(_)) => {
            let text =
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
            Err(invalid_request(text))
        }
        (Some(algorithm @ Algorithm::Crc64Nvme), Some(true)) => refuse(algorithm, "COMPOSITE"),
        (Some(Algorithm::Crc64Nvme), _) => Ok(false),
        (Some(algorithm @ (Algorithm::Sha1 | Algorithm::Sha256)), Some(false)) => {
            refuse(algorithm, "FULL_OBJECT")
        }
        (Some(_), asked) => Ok(asked.unwrap_or(true)),
    }
}

/// # Errors
/// `InvalidArgument`
pub(super) fn part_number(number: i32) -> S3Result<u16> {
    let number = u16::try_from(number).ok().filter(|number| (1..=PARTS).contains(number));
    number.ok_or_else(|| invalid_argument("Part number must be an integer between 1 and 10000, inclusive"))
}

/// The parts that an object shall be made of.
fn chosen(named: &[CompletedPart], parts: &[(u16, Part)]) -> S3Result<Vec<(u16, Part)>> {
    if named.is_empty() {
        let text =
            "The XML you provided was not well-formed or did not validate against our published schema";
        return Err(error("MalformedXML", 400, text));
    }
    let mut chosen: Vec<(u16, Part)> = Vec::new();
    for named in named {
        let number = part_number(named.part_number.unwrap_or_default())?;
        if chosen.last().is_some_and(|(last, _)| *last >= number) {
            let text = "The list of parts was not in ascending order. Parts must be ordered by part number.";
            return Err(error("InvalidPartOrder", 400, text));
        }
        let at = parts.binary_search_by_key(&number, |(number, _)| *number).map_err(|_| invalid_part())?;
        let (_, part) = parts.get(at).ok_or_else(invalid_part)?;
        let tag = named.e_tag.as_ref().map(ETag::value);
        if tag != Some(part.etag.as_str()) {
            return Err(invalid_part());
        }
        let said = [
            (Algorithm::Crc32, &named.checksum_crc32),
            (Algorithm::Crc32c, &named.checksum_crc32c),
            (Algorithm::Crc64Nvme, &named.checksum_crc64nvme),
            (Algorithm::Sha1, &named.checksum_sha1),
            (Algorithm::Sha256, &named.checksum_sha256),
        ];
        let is_said = |(algorithm, value): &(Algorithm, &Option<String>)| match (value, &part.checksum) {
            (None, _) => true,
            (Some(value), Some(checksum)) => checksum.algorithm == *algorithm && checksum.value == *value,
            (Some(_), None) => false,
        };
        if !said.iter().all(is_said) {
            return Err(invalid_part());
        }
        chosen.push((number, part.clone()));
    }
    let small = chosen.iter().rev().skip(1).any(|(_, part)| part.segment.bytes < PART_BYTES);
    if small {
        let text = "Your proposed upload is smaller than the minimum allowed size";
        return Err(error("EntityTooSmall", 400, text));
    }
    Ok(chosen)
}

/// Checks what the client says that the object's checksum is.
fn check_said(said: &[(Algorithm, &Option<String>)], computed: Option<&Checksum>) -> S3Result<()> {
    for (algorithm, value) in said {
        let Some(value) = value else { continue };
        // With or without the number of parts.
        let plain = |text: &str| text.split('-').next().unwrap_or_default().to_owned();
        let is_right = computed.is_some_and(|computed| {
            computed.algorithm == *algorithm && plain(&computed.value) == plain(value)
        });
        if !is_right {
            let name = algorithm.name();
            return Err(error(
                "BadDigest",
                400,
                format!("The {name} you specified did not match the calculated checksum."),
            ));
        }
    }
    Ok(())
}
