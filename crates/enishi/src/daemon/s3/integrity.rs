//! What a body must be: digests and checksums that the client says, before it or behind it.
//! [Checking object integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Md5};
use s3s::{S3Result, s3_error};

use super::body::Trailers;
use super::refusal::{error, invalid_request};
use super::store::Written;
use super::store::checksum::{Algorithm, Hasher};

const ALGORITHM: &str = "x-amz-sdk-checksum-algorithm";

/// Where a checksum's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    Here(String),
    Behind(Trailers),
}

/// What the client says of a body.
#[derive(Debug, Default)]
pub struct Expected {
    md5: Option<Vec<u8>>,
    checksum: Option<(Algorithm, Claim)>,
}

impl Expected {
    /// Reads the headers.
    ///
    /// # Errors
    /// `InvalidDigest`, `InvalidRequest`
    pub fn of(headers: &HeaderMap, trailers: Option<&Trailers>) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
        let md5 =
            text("content-md5").map(|value| STANDARD.decode(value).ok().filter(|bytes| bytes.len() == 16));
        if md5 == Some(None) {
            return Err(s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."));
        }
        let here =
            Algorithm::ALL.into_iter().filter_map(|algorithm| Some((algorithm, text(algorithm.header())?)));
        let here = here.map(|(algorithm, value)| (algorithm, Claim::Here(value.to_owned())));
        let behind = text("x-amz-trailer").and_then(|names| {
            let is_named = |algorithm: &Algorithm| {
                names.split(',').any(|name| name.trim().eq_ignore_ascii_case(algorithm.header()))
            };
            let trailers = trailers?.clone();
            Some((Algorithm::ALL.into_iter().find(is_named)?, Claim::Behind(trailers)))
        });
        let claims: Vec<_> = here.chain(behind).collect();
        for (algorithm, claim) in &claims {
            if let Claim::Here(value) = claim {
                check_form(*algorithm, value)?;
            }
        }
        if claims.len() > 1 {
            let text = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
            return Err(invalid_request(text));
        }
        let checksum = claims.into_iter().next();
        if let (None, Some(named)) = (&checksum, text(ALGORITHM)) {
            if Algorithm::named(named).is_none() {
                return Err(invalid_request(
                    "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
                ));
            }
            let text = format!(
                "{ALGORITHM} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
            );
            return Err(invalid_request(text));
        }
        Ok(Expected { md5: md5.flatten(), checksum })
    }

    /// The checksum that the client says, if it does.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|(algorithm, _)| *algorithm)
    }

    /// Checks what was stored, with the checksum of [`Expected::algorithm`].
    ///
    /// # Errors
    /// `BadDigest`, `InvalidRequest`
    pub fn check(&self, written: &Written) -> S3Result<()> {
        let computed =
            written.checksum.as_ref().map(|checksum| (checksum.algorithm, checksum.value.as_str()));
        self.compare(&written.md5, computed)
    }

    /// Checks a body that is in memory.
    ///
    /// # Errors
    /// `BadDigest`, `InvalidRequest`
    pub fn check_bytes(&self, body: &[u8]) -> S3Result<()> {
        let computed = self.algorithm().map(|algorithm| {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(body);
            (algorithm, hasher.finish())
        });
        let computed = computed.as_ref().map(|(algorithm, value)| (*algorithm, value.as_str()));
        self.compare(&Md5::checksum(body), computed)
    }

    fn compare(&self, md5: &[u8], computed: Option<(Algorithm, &str)>) -> S3Result<()> {
        if self.md5.as_deref().is_some_and(|expected| expected != md5) {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
        let Some((algorithm, claim)) = &self.checksum else { return Ok(()) };
        let expected = match claim {
            Claim::Here(value) => value.clone(),
            Claim::Behind(trailers) => match trailers.find(algorithm.header()) {
                Some(value) => value,
                None => {
                    return Err(error(
                        "MalformedTrailerError",
                        400,
                        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
                    ));
                }
            },
        };
        check_form(*algorithm, &expected)?;
        match computed.is_some_and(|(other, value)| other == *algorithm && value == expected) {
            true => Ok(()),
            false => {
                let name = algorithm.name();
                Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum."))
            }
        }
    }
}

fn check_form(algorithm: Algorithm, value: &str) -> S3Result<()> {
    match algorithm.accepts(value) {
        true => Ok(()),
        false => Err(invalid_request(format!("Value for {} header is invalid.", algorithm.header()))),
    }
}
