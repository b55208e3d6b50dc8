//! A request of Amazon S3: recognised, its sender found out, its body made ready.
//!
//! A signed request is S3's if it is signed for that service. One without a signature is if the host's name says so, or if it
//! is for no other service and its path begins with the name of a bucket.
//!
//! The signature is dealt with here, so the protocol library gets a request without one: the header `authorization` and the
//! parameters of a presigned URL are taken out. The body loses its `aws-chunked` framing and is checked against what the
//! signature says of it while it is read.

use std::sync::Arc;

use bytes::Bytes;
use enishi_state::s3::{Bucket, BucketId};
use enishi_wire::aws_chunked::Decoder;
use enishi_wire::sigv2::PresignedV2;
use enishi_wire::sigv4::{Authorization, Chain, Sha256};
use enishi_wire::{Request, limits};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt, Either, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use percent_encoding::percent_decode_str;
use s3s::{S3Error, S3Result};

use super::caller::{Signed, identify_head};
use super::{Answer, SMALL_BODY, guard, turn, whole};
use crate::daemon::App;
use crate::daemon::s3::refusal::{broken_body, denied, error, invalid_request, not_implemented};
use crate::daemon::s3::{BodyError, Expected, Framing, Trailers, Upload, bucket_of_host, is_s3_host};

const SERVICE: &str = "s3";

/// Says what the body's digest is, or how it is signed.
const PAYLOAD: &str = "x-amz-content-sha256";
const DECODED_LENGTH: &str = "x-amz-decoded-content-length";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// Query parameters of an object that is put, or of a part: its body may be large and is stored as it comes.
const OF_UPLOADS: [&str; 3] = ["partNumber", "uploadId", "x-id"];

/// Whether the request is S3's.
pub fn owns(app: &App, head: &Parts) -> bool {
    let request = without_body(head);
    let host = guard::host(head);
    match Authorization::parse(&request) {
        Ok(Some(authorization)) => authorization.service == SERVICE,
        // Signed for nobody knows whom.
        Err(_) => host.is_some_and(is_s3_host),
        Ok(None) => {
            let is_form = || {
                let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
                kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded"))
            };
            host.is_some_and(is_s3_host)
                || PresignedV2::parse(&request).is_some()
                || (!is_form()
                    // A page whose own name was made to lead here must not read what is in buckets.
                    && guard::is_local_name(head)
                    && names_a_bucket(app, head)
                    && app.router.route(&request, None).is_err())
        }
    }
}

fn names_a_bucket(app: &App, head: &Parts) -> bool {
    let path = percent_decode_str(head.uri.path().trim_start_matches('/')).decode_utf8_lossy();
    let name = path.split('/').next().unwrap_or_default();
    !name.is_empty() && app.writer.newest().load().get::<Bucket>(&BucketId::new(name)).is_some()
}

fn without_body(head: &Parts) -> Request<'_> {
    Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &[],
    }
}

/// Answers one request.
pub async fn respond(app: &Arc<App>, head: Parts, body: Incoming, request_id: &str) -> Answer {
    let answered = match prepare(app, head, body).await {
        Ok(request) => app.s3.call(request).await.map_err(|failure| {
            tracing::debug!(?failure, "a request of S3 failed");
            error("InternalError", 500, "We encountered an internal error. Please try again.")
        }),
        Err(refused) => Err(refused),
    };
    let answered = answered.or_else(|mut refused: S3Error| {
        refused.set_request_id(request_id);
        refused.to_http_response()
    });
    let mut answer = match answered {
        Ok(mut answer) => {
            // The protocol library does not say it of answers without a body.
            if answer.status() == StatusCode::OK && answer.headers().contains_key(CONTENT_RANGE) {
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            }
            answer.map(Either::Right)
        }
        Err(failure) => {
            tracing::error!(%failure, "an error of S3 cannot be written");
            http::Response::new(whole(Bytes::new()))
        }
    };
    if let Ok(id) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

/// The request without its signature, and with its sender.
async fn prepare(app: &App, mut head: Parts, body: Incoming) -> S3Result<s3s::HttpRequest> {
    check_limits(&head)?;
    // Over HTTP/2 the host is elsewhere, and is signed.
    if let (None, Some(host)) = (head.headers.get(http::header::HOST), guard::host(&head))
        && let Ok(host) = HeaderValue::from_str(host)
    {
        head.headers.insert(http::header::HOST, host);
    }
    let request = without_body(&head);
    let is_presigned = !head.headers.contains_key(AUTHORIZATION);
    let refuse = |reason| denied(&reason, is_presigned);
    let signed = match Authorization::parse(&request).map_err(refuse)? {
        Some(found) => Signed::V4(found),
        None => match PresignedV2::parse(&request) {
            Some(found) => Signed::V2(found, guard::host(&head).and_then(bucket_of_host).map(str::to_owned)),
            None => Signed::Not,
        },
    };
    let (identity, chain) = identify_head(app, &request, &signed).map_err(refuse)?;
    let is_form = request.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if is_form && head.method == Method::POST {
        return Err(not_implemented("uploads from forms"));
    }
    let is_stored = is_stored(&head);
    let trailers = Trailers::default();
    let (framing, bytes) = framing(&head, chain, is_presigned, &trailers)?;
    head.headers.remove(AUTHORIZATION);
    if is_presigned {
        take_headers_of_query(&mut head);
        head.uri = without_signature(&head.uri)?;
    }
    if let Framing::Chunked(..) = framing {
        let bytes = bytes.unwrap_or_default();
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
        head.extensions.insert(trailers.clone());
    }
    head.extensions.insert(identity);
    let upload = Upload::new(body, framing, bytes);
    let body = match is_stored {
        true => s3s::Body::http_body_unsync(upload),
        false => s3s::Body::from(collect(upload, &head, &trailers).await?),
    };
    Ok(http::Request::from_parts(head, body))
}

fn check_limits(head: &Parts) -> S3Result<()> {
    let header_bytes: usize =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if header_bytes > limits::HEADER_BYTES {
        let text = "Your request header section exceeds the maximum allowed size";
        return Err(error("RequestHeaderSectionTooLarge", 400, text));
    }
    if head.uri.path().len() + head.uri.query().map_or(0, str::len) > limits::URI_BYTES {
        return Err(error("InvalidURI", 400, "Couldn't parse the specified URI."));
    }
    Ok(())
}

/// Whether the body is an object's or a part's data, rather than a document about something.
fn is_stored(head: &Parts) -> bool {
    if head.method != Method::PUT {
        return false;
    }
    let path = head.uri.path().trim_start_matches('/');
    let has_key = match guard::host(head).and_then(bucket_of_host) {
        Some(_) => !path.is_empty(),
        None => path.split_once('/').is_some_and(|(_, key)| !key.is_empty()),
    };
    let mut parameters = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    has_key && parameters.all(|(name, _)| OF_UPLOADS.contains(&&*name) || is_of_signature(&name))
}

/// How the body is framed, and how many bytes of data it has.
fn framing(
    head: &Parts,
    chain: Option<Chain>,
    is_presigned: bool,
    trailers: &Trailers,
) -> S3Result<(Framing, Option<u64>)> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let length = |name: &str| match text(name) {
        None => Ok(None),
        Some(length) => {
            length.parse::<u64>().map(Some).map_err(|_| invalid_request(format!("Invalid {name}.")))
        }
    };
    let payload = text(PAYLOAD).unwrap_or("UNSIGNED-PAYLOAD");
    let is_coded = || {
        text("content-encoding").is_some_and(|coding| {
            coding.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("aws-chunked"))
        })
    };
    if payload.starts_with("STREAMING-AWS4-ECDSA") && chain.is_some() {
        return Err(not_implemented("AWS4-ECDSA-P256-SHA256 signatures"));
    }
    if payload.starts_with("STREAMING-") || (is_coded() && text(DECODED_LENGTH).is_some()) {
        let Some(bytes) = length(DECODED_LENGTH)? else {
            let text = "You must provide the x-amz-decoded-content-length HTTP header.";
            return Err(error("MissingContentLength", 411, text));
        };
        let is_signed = payload.starts_with("STREAMING-AWS4-");
        let decoder = Decoder::new(chain.filter(|_| is_signed));
        return Ok((Framing::Chunked(Box::new(decoder), trailers.clone()), Some(bytes)));
    }
    let bytes = length(CONTENT_LENGTH.as_str())?;
    let is_digest = payload.len() == 64 && payload.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_digest && payload != "UNSIGNED-PAYLOAD" {
        let text = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                    STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";
        return Err(error("InvalidArgument", 400, text));
    }
    let digest = (is_digest && !is_presigned).then(|| (Sha256::new(), payload.to_ascii_lowercase()));
    Ok((Framing::Plain(digest), bytes))
}

/// A body that is small and read whole, checked against what the client says of it.
async fn collect(upload: Upload, head: &Parts, trailers: &Trailers) -> S3Result<Bytes> {
    let most = limits::BODY_BYTES as u64;
    let too_large = || error("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size");
    let size = upload.size_hint();
    if size.lower() > most {
        return Err(too_large());
    }
    let size = if upload.is_end_stream() { 0 } else { size.upper().unwrap_or(SMALL_BODY).min(most) };
    let slow = |_| error("SlowDown", 503, "Please reduce your request rate.");
    let _turn = turn(size).await.map_err(slow)?;
    let body = match Limited::new(upload, limits::BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(failure) if failure.is::<LengthLimitError>() => return Err(too_large()),
        Err(failure) => {
            return Err(match failure.downcast_ref::<BodyError>() {
                Some(failure) => broken_body(failure),
                None => invalid_request("The body cannot be read."),
            });
        }
    };
    let of_form =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
    if !body.is_empty() && !of_form {
        Expected::of(&head.headers, Some(trailers))?.check_bytes(&body)?;
    }
    Ok(body)
}

/// Clients put headers into the query that they sign: what an object shall be like is said there.
fn take_headers_of_query(head: &mut Parts) {
    const TAKEN: [&str; 5] =
        ["content-md5", "content-type", "x-amz-acl", "x-amz-storage-class", "x-amz-tagging"];
    let query = head.uri.query().unwrap_or_default().to_owned();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.to_ascii_lowercase();
        let is_taken = TAKEN.contains(&name.as_str())
            || name.starts_with("x-amz-meta-")
            || name.starts_with("x-amz-server-side-encryption");
        if let (true, Ok(name), Ok(value)) =
            (is_taken, HeaderName::try_from(name), HeaderValue::from_str(&value))
            && head.headers.len() < limits::HEADER_COUNT
            && !head.headers.contains_key(&name)
        {
            head.headers.insert(name, value);
        }
    }
}

/// Whether a query parameter belongs to a presigned URL, rather than to what is asked.
fn is_of_signature(name: &str) -> bool {
    const OF_V2: [&str; 5] = ["AWSAccessKeyId", "Expires", "Signature", "content-md5", "content-type"];
    let is_amazon_s = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    is_amazon_s || OF_V2.contains(&name)
}

/// The URI without the parameters of a presigned URL.
fn without_signature(uri: &Uri) -> S3Result<Uri> {
    let Some(query) = uri.query() else { return Ok(uri.clone()) };
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !is_of_signature(&percent_decode_str(name).decode_utf8_lossy())
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    let mut path = uri.path().to_owned();
    if !kept.is_empty() {
        path.push('?');
        path.push_str(&kept.join("&"));
    }
    let mut parts = uri.clone().into_parts();
    let invalid = || error("InvalidURI", 400, "Couldn't parse the specified URI.");
    parts.path_and_query = Some(path.parse().map_err(|_| invalid())?);
    Uri::from_parts(parts).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, host: &str, target: &str) -> Parts {
        let request = http::Request::builder().method(method).uri(target).header("host", host);
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn data_is_told_from_documents() {
        for (method, host, target, is_data) in [
            ("PUT", "127.0.0.1:4566", "/bucket/key", true),
            ("PUT", "127.0.0.1:4566", "/bucket/key?x-id=PutObject", true),
            ("PUT", "127.0.0.1:4566", "/bucket/key?partNumber=1&uploadId=u", true),
            ("PUT", "127.0.0.1:4566", "/bucket/key?X-Amz-Signature=00", true),
            ("PUT", "127.0.0.1:4566", "/bucket/key?tagging", false),
            ("PUT", "127.0.0.1:4566", "/bucket", false),
            ("PUT", "127.0.0.1:4566", "/bucket/", false),
            ("PUT", "bucket.localhost:4566", "/key", true),
            ("PUT", "bucket.localhost:4566", "/", false),
            ("PUT", "bucket.localhost:4566", "/?policy", false),
            ("POST", "127.0.0.1:4566", "/bucket/key?uploads", false),
        ] {
            assert_eq!(is_stored(&head(method, host, target)), is_data, "{method} {host} {target}");
        }
    }

    #[test]
    fn signatures_are_taken_out_of_urls() {
        for (target, rest) in [
            ("/b/k", "/b/k"),
            ("/b/k?X-Amz-Signature=00&X-Amz-Credential=a%2Fb", "/b/k"),
            ("/b/k?AWSAccessKeyId=a&Signature=b&Expires=1&uploads", "/b/k?uploads"),
            ("/b/k?response-content-type=a&X-Amz-Date=1&acl", "/b/k?response-content-type=a&acl"),
            ("/b/k%20k?x-amz-expires=1&a=%26", "/b/k%20k?a=%26"),
        ] {
            let uri: Uri = target.parse().expect("a target");
            assert_eq!(without_signature(&uri).expect("a target").to_string(), rest);
        }
    }
}
