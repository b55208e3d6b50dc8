//! Compressed request bodies.
//!
//! Clients compress the bodies of operations whose model has the trait `requestcompression` (CloudWatch's PutMetricData)
//! once they are large enough. In the protocols whose body is the protocol's own the encoding is undone here, for any
//! operation; with resource paths it may belong to what the body holds and is left alone. The signature covers the bytes
//! as sent.
//!
//! Page: Smithy's "requestCompression trait".

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::fault::Fault;
use crate::limits;
use crate::message::Request;

/// The body without the gzip that the header names last, if it does.
///
/// # Errors
/// `SerializationException` for what is no gzip, `RequestEntityTooLarge` for more than a body may hold.
pub(crate) fn decoded<'r>(request: &Request<'r>) -> Result<Cow<'r, [u8]>, Fault> {
    let encodings = request.headers.get_all("content-encoding").iter().filter_map(|v| v.to_str().ok());
    let outermost = encodings.flat_map(|line| line.split(',')).map(str::trim).next_back();
    if request.body.is_empty() || !outermost.is_some_and(|name| name.eq_ignore_ascii_case("gzip")) {
        return Ok(Cow::Borrowed(request.body));
    }
    let mut body = Vec::new();
    // One byte more than is allowed tells too much from just enough.
    MultiGzDecoder::new(request.body)
        .take(limits::BODY_BYTES as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|_| Fault::new("SerializationException", "Unable to decompress the request body"))?;
    if body.len() > limits::BODY_BYTES {
        return Err(Fault::new("RequestEntityTooLarge", "The request's body is too large.").with_status(413));
    }
    Ok(Cow::Owned(body))
}
