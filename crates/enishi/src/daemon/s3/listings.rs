//! Lists of objects and of uploads.
//! [API_ListObjectsV2](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::Objects;
use super::buckets::{owner, owner_id};
use super::headers::{checksum_type, etag, timestamp};
use super::refusal::{failed, invalid_argument, refuse};
use super::store::model;
use super::store::{Index, Listing, Query};

/// Entries of one page.
const PAGE: i32 = 1000;

/// What stays as it is in keys that are answered with `encoding-type=url`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// What both versions of the operation ask for.
struct Page {
    bucket: String,
    prefix: String,
    delimiter: String,
    after: String,
    most: i32,
    is_encoded: bool,
    with_owner: bool,
}

/// What they answer.
struct Answer {
    contents: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    next: Option<String>,
    most: i32,
}

impl Page {
    fn text(&self, text: &str) -> String {
        encoded(text, self.is_encoded)
    }
}

fn encoded(text: &str, is_encoded: bool) -> String {
    if is_encoded { utf8_percent_encode(text, ESCAPED).to_string() } else { text.to_owned() }
}

fn is_encoded(encoding: Option<&EncodingType>) -> S3Result<bool> {
    match encoding.map(EncodingType::as_str) {
        None => Ok(false),
        Some("url") => Ok(true),
        Some(_) => Err(invalid_argument("Invalid Encoding Method specified in Request")),
    }
}

fn most(asked: Option<i32>, name: &str) -> S3Result<i32> {
    match asked.unwrap_or(PAGE) {
        ..0 => Err(invalid_argument(format!("Argument {name} must be an integer between 0 and 2147483647"))),
        asked => Ok(asked.min(PAGE)),
    }
}

impl Objects {
    pub(super) async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<ListObjectsV2Output> {
        let input = &request.input;
        let token = match input.continuation_token.as_deref() {
            None => None,
            Some(token) => {
                let decoded =
                    URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                Some(
                    decoded
                        .ok_or_else(|| invalid_argument("The continuation token provided is incorrect"))?,
                )
            }
        };
        let page = Page {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: token.or_else(|| input.start_after.clone()).unwrap_or_default(),
            most: most(input.max_keys, "max-keys")?,
            is_encoded: is_encoded(input.encoding_type.as_ref())?,
            with_owner: input.fetch_owner == Some(true),
        };
        let answer = self.page(&request, &page).await?;
        Ok(ListObjectsV2Output {
            name: Some(input.bucket.clone()),
            prefix: Some(page.text(&page.prefix)),
            delimiter: input.delimiter.as_deref().map(|delimiter| page.text(delimiter)),
            max_keys: Some(answer.most),
            key_count: i32::try_from(answer.contents.len() + answer.prefixes.len()).ok(),
            continuation_token: input.continuation_token.clone(),
            is_truncated: Some(answer.next.is_some()),
            next_continuation_token: answer.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
            contents: Some(answer.contents),
            common_prefixes: Some(answer.prefixes),
            encoding_type: input.encoding_type.clone(),
            start_after: input.start_after.as_deref().map(|after| page.text(after)),
            request_charged: None,
        })
    }

    pub(super) async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<ListObjectsOutput> {
        let input = &request.input;
        let page = Page {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.marker.clone().unwrap_or_default(),
            most: most(input.max_keys, "max-keys")?,
            is_encoded: is_encoded(input.encoding_type.as_ref())?,
            with_owner: true,
        };
        let answer = self.page(&request, &page).await?;
        // Without a delimiter clients go on from the last key.
        let next = answer.next.as_deref().filter(|_| !page.delimiter.is_empty()).map(|next| page.text(next));
        Ok(ListObjectsOutput {
            name: Some(input.bucket.clone()),
            prefix: Some(page.text(&page.prefix)),
            marker: Some(page.text(&page.after)),
            delimiter: input.delimiter.as_deref().map(|delimiter| page.text(delimiter)),
            max_keys: Some(answer.most),
            is_truncated: Some(answer.next.is_some()),
            next_marker: next,
            contents: Some(answer.contents),
            common_prefixes: Some(answer.prefixes),
            encoding_type: input.encoding_type.clone(),
            request_charged: None,
        })
    }

    async fn page<T>(&self, request: &S3Request<T>, page: &Page) -> S3Result<Answer> {
        let context = [("s3:prefix", page.prefix.as_str()), ("s3:delimiter", page.delimiter.as_str())];
        let context: Vec<(&str, &str)> = context.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let what = enishi_cloud::s3::Use { action: "s3:ListBucket", key: None, context: &context };
        let bucket = super::permitted(&self.world(), request, &page.bucket, what).cloned().map_err(refuse)?;
        let mut listing = Listing { found: Vec::new(), prefixes: Vec::new(), next: None };
        if self.0.store.exists() {
            let (prefix, delimiter, after) =
                (page.prefix.clone(), page.delimiter.clone(), page.after.clone());
            let most = usize::try_from(page.most).unwrap_or_default();
            let list = move |index: &Index| {
                index.list(Query {
                    bucket: bucket.uid,
                    prefix: &prefix,
                    delimiter: &delimiter,
                    after: &after,
                    most,
                })
            };
            listing = self.store().ask(list).await.map_err(failed)?;
        }
        let owner = page.with_owner.then(|| owner(bucket.scope.account.as_str()));
        let contents =
            listing.found.into_iter().map(|(key, object)| shape(page.text(&key), &object, owner.clone()));
        let prefixes = listing.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(page.text(prefix)) });
        Ok(Answer {
            contents: contents.collect(),
            prefixes: prefixes.collect(),
            next: listing.next,
            most: page.most,
        })
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:ListBucketMultipartUploads", None)?;
        let is_encoded = is_encoded(input.encoding_type.as_ref())?;
        let text = |text: &str| encoded(text, is_encoded);
        let most = most(input.max_uploads, "max-uploads")?;
        let mut listing = Listing { found: Vec::new(), prefixes: Vec::new(), next: None };
        if self.0.store.exists() {
            let of = |text: &Option<String>| text.clone().unwrap_or_default();
            let (prefix, delimiter, after) = (of(&input.prefix), of(&input.delimiter), of(&input.key_marker));
            let (uid, most) = (bucket.uid, usize::try_from(most).unwrap_or_default());
            let list = move |index: &Index| {
                index.uploads(Query {
                    bucket: uid,
                    prefix: &prefix,
                    delimiter: &delimiter,
                    after: &after,
                    most,
                })
            };
            listing = self.store().ask(list).await.map_err(failed)?;
        }
        let account = bucket.scope.account.as_str();
        let uploads = listing.found.into_iter().map(|(key, id, upload)| MultipartUpload {
            checksum_algorithm: upload
                .algorithm
                .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
            initiated: Some(timestamp(upload.initiated)),
            initiator: Some(Initiator { display_name: None, id: Some(owner_id(account)) }),
            key: Some(text(&key)),
            owner: Some(owner(account)),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            upload_id: Some(id),
            ..Default::default()
        });
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket.clone()),
            uploads: Some(uploads.collect()),
            common_prefixes: Some(
                listing.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(text(prefix)) }).collect(),
            ),
            delimiter: input.delimiter.as_deref().map(text),
            encoding_type: input.encoding_type.clone(),
            is_truncated: Some(listing.next.is_some()),
            key_marker: Some(text(input.key_marker.as_deref().unwrap_or_default())),
            next_key_marker: listing.next.as_deref().map(text),
            max_uploads: Some(most),
            prefix: input.prefix.as_deref().map(text),
            upload_id_marker: input.upload_id_marker.clone(),
            ..Default::default()
        })
    }
}

fn shape(key: String, object: &model::Object, owner: Option<Owner>) -> Object {
    let algorithm = object.checksum.as_ref().map(|checksum| checksum.algorithm.name());
    Object {
        checksum_algorithm: algorithm.map(|name| vec![ChecksumAlgorithm::from_static(name)]),
        checksum_type: object.checksum.as_ref().map(checksum_type),
        e_tag: Some(etag(&object.etag)),
        key: Some(key),
        last_modified: Some(timestamp(object.modified)),
        owner,
        restore_status: None,
        size: i64::try_from(object.bytes).ok(),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
    }
}
