//! S3's errors. [Error responses](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)

use enishi_wire::Fault;
use enishi_wire::aws_chunked::ChunkError;
use enishi_wire::sigv4::Denied;
use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, StdError};

use super::body::BodyError;
use super::store::{ReceiveError, StoreError};

/// An error of that code, which S3 answers with that status.
pub fn error(code: &str, status: u16, message: impl Into<String>) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, message.into());
    error.set_status_code(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    error
}

/// A fault of the rules.
pub fn refuse(fault: Fault) -> S3Error {
    error(fault.code(), fault.status(), fault.message())
}

/// What AWS has and Enishi does not.
pub fn not_implemented(what: &str) -> S3Error {
    error("NotImplemented", 501, format!("Enishi does not implement {what}."))
}

/// A failure of the store, which the daemon's log explains.
pub fn failed(failure: StoreError) -> S3Error {
    match failure {
        StoreError::NoSuchUpload => no_such_upload(),
        StoreError::InvalidPart => invalid_part(),
        StoreError::NoSuchKey => no_such_key(),
        StoreError::ConditionFailed => precondition_failed(),
        failure => {
            tracing::error!(error = %failure, "objects cannot be stored or read");
            error("InternalError", 500, "We encountered an internal error. Please try again.")
        }
    }
}

pub fn access_denied() -> S3Error {
    error("AccessDenied", 403, "Access Denied")
}

pub fn no_such_key() -> S3Error {
    error("NoSuchKey", 404, "The specified key does not exist.")
}

pub fn no_such_version() -> S3Error {
    error("NoSuchVersion", 404, "The specified version does not exist.")
}

pub fn no_such_upload() -> S3Error {
    let text = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
                completed.";
    error("NoSuchUpload", 404, text)
}

pub fn invalid_part() -> S3Error {
    let text = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified \
                entity tag may not match the part's entity tag.";
    error("InvalidPart", 400, text)
}

pub fn precondition_failed() -> S3Error {
    error("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold")
}

pub fn invalid_argument(message: impl Into<String>) -> S3Error {
    error("InvalidArgument", 400, message)
}

pub fn invalid_request(message: impl Into<String>) -> S3Error {
    error("InvalidRequest", 400, message)
}

/// Why a request is not accepted as its sender's.
pub fn denied(denied: &Denied, is_presigned: bool) -> S3Error {
    match denied {
        Denied::Missing => access_denied(),
        Denied::Incomplete(text) if is_presigned => error("AuthorizationQueryParametersError", 400, text),
        Denied::Incomplete(text) => error("AuthorizationHeaderMalformed", 400, text),
        Denied::UnknownKey => {
            let text = "The AWS Access Key Id you provided does not exist in our records.";
            error("InvalidAccessKeyId", 403, text)
        }
        Denied::Mismatch => {
            let text = "The request signature we calculated does not match the signature you provided. Check your key and \
                        signing method.";
            error("SignatureDoesNotMatch", 403, text)
        }
        Denied::Expired(_) if is_presigned => error("AccessDenied", 403, "Request has expired"),
        Denied::Expired(_) => {
            let text = "The difference between the request time and the current time is too large.";
            error("RequestTimeTooSkewed", 403, text)
        }
        Denied::Unsupported(text) => error("NotImplemented", 501, *text),
    }
}

/// Why a body was not stored.
pub fn not_received(failure: ReceiveError<StdError>) -> S3Error {
    match failure {
        ReceiveError::Store(failure) => failed(failure),
        ReceiveError::Body(failure) => match failure.downcast_ref::<BodyError>() {
            Some(failure) => broken_body(failure),
            None => error("IncompleteBody", 400, INCOMPLETE),
        },
    }
}

const INCOMPLETE: &str =
    "You did not provide the number of bytes specified by the Content-Length HTTP header";

/// Why a body is refused.
pub fn broken_body(failure: &BodyError) -> S3Error {
    match failure {
        BodyError::Connection(_) | BodyError::Length | BodyError::Chunk(ChunkError::Incomplete) => {
            error("IncompleteBody", 400, INCOMPLETE)
        }
        BodyError::Slow => {
            let text = "Your socket connection to the server was not read from or written to within the timeout period.";
            error("RequestTimeout", 400, text)
        }
        BodyError::Chunk(ChunkError::Signature) => denied(&Denied::Mismatch, false),
        BodyError::Chunk(ChunkError::Malformed) => invalid_request("The body is not aws-chunked."),
        BodyError::Digest => {
            let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            error("XAmzContentSHA256Mismatch", 400, text)
        }
    }
}
