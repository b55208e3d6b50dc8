//! Recomputing a signature: canonical request, string to sign, signing key.
//!
//! HMAC and SHA-256 are aws-lc-rs's rather than a leaner pure crate's: the binary holds it anyway, for TLS and key pairs,
//! and its comparison takes the same time whatever differs.

use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Authorization, Chain, Denied, Place, SYMMETRIC};
use crate::message::Request;
use crate::{Timestamp, limits};

/// Everything but RFC 3986's unreserved characters is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same for paths, whose slashes stay.
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

impl Authorization {
    /// Checks the signature against the secret key of [`Authorization::access_key`], at the time `now`.
    ///
    /// The endpoint checks the session token's own validity: only it knows which tokens were issued.
    ///
    /// # Errors
    /// [`Denied`]: the signature is wrong, too old or too new, or made in a way that is not verified here.
    pub fn verify(&self, request: &Request<'_>, secret: &str, now: Timestamp) -> Result<(), Denied> {
        let payload = self.payload_hash(request)?;
        self.verify_with(request, &payload, secret, now)
    }

    /// Checks the signature of a request of S3 whose body is still to come. Whoever reads it checks that it has the digest
    /// that the header `x-amz-content-sha256` claims; bodies that are signed in chunks are checked by the chain.
    ///
    /// # Errors
    /// As [`Authorization::verify`].
    pub fn verify_head(&self, request: &Request<'_>, secret: &str, now: Timestamp) -> Result<Chain, Denied> {
        let payload = match self.place {
            Place::Query { .. } => UNSIGNED_PAYLOAD,
            Place::Header => request.header("x-amz-content-sha256").ok_or_else(|| {
                Denied::Incomplete(
                    "Missing required header for this request: x-amz-content-sha256".to_owned(),
                )
            })?,
        };
        self.verify_with(request, payload, secret, now)?;
        let scope = [self.date.as_str(), &self.region, &self.service];
        Ok(Chain::new(secret, scope, &self.signed_at()?.compact(), &self.signature))
    }

    fn verify_with(
        &self,
        request: &Request<'_>,
        payload: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), Denied> {
        if self.is_asymmetric {
            return Err(Denied::Unsupported("AWS4-ECDSA-P256-SHA256 signatures are not verified here."));
        }
        self.check_time(now)?;
        self.check_signed_headers(request)?;
        let to_sign = self.string_to_sign(&self.canonical_request(request, payload))?;
        let given = decode_hex(&self.signature).ok_or(Denied::Mismatch)?;
        let scope = [self.date.as_str(), &self.region, &self.service];
        let key = hmac::Key::new(hmac::HMAC_SHA256, &signing_key(secret, scope));
        hmac::verify(&key, to_sign.as_bytes(), &given).map_err(|_| Denied::Mismatch)
    }

    fn signed_at(&self) -> Result<Timestamp, Denied> {
        let parsed = Timestamp::parse_compact(&self.time).or_else(|| Timestamp::parse_http_date(&self.time));
        let text = "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601";
        parsed.ok_or_else(|| Denied::Incomplete(text.to_owned()))
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Denied> {
        let signed_at = self.signed_at()?;
        if signed_at.compact_date() != self.date {
            return Err(Denied::Expired(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', \
                 from '{}'.",
                self.date,
                signed_at.compact_date(),
                signed_at.compact()
            )));
        }
        let lifetime = match self.place {
            Place::Header => limits::CLOCK_SKEW_SECONDS,
            Place::Query { expires_seconds }
                if (1..=limits::PRESIGNED_SECONDS).contains(&expires_seconds) =>
            {
                expires_seconds
            }
            Place::Query { .. } => {
                let text = "X-Amz-Expires must be between 1 and 604800 seconds";
                return Err(Denied::Incomplete(text.to_owned()));
            }
        };
        let age = now.as_seconds() - signed_at.as_seconds();
        if age > lifetime {
            let text =
                format!("Signature expired: {} is now earlier than {}", signed_at.compact(), now.compact());
            return Err(Denied::Expired(text));
        }
        if age < -limits::CLOCK_SKEW_SECONDS {
            let text = format!(
                "Signature not yet current: {} is still later than {}",
                signed_at.compact(),
                now.compact()
            );
            return Err(Denied::Expired(text));
        }
        Ok(())
    }

    /// `host` and every `x-amz-` header of the request must be signed, else they could be changed on the way. Some clients
    /// add the session token after signing, which AWS takes: the token vouches for itself.
    fn check_signed_headers(&self, request: &Request<'_>) -> Result<(), Denied> {
        let is_signed = |name: &str| self.signed_headers.iter().any(|s| s == name);
        let sent = request.headers.keys().map(http::HeaderName::as_str);
        let is_ours = |name: &&str| name.starts_with("x-amz-") && *name != "x-amz-security-token";
        let mut needed = sent.filter(|name| is_ours(name) && self.place == Place::Header);
        if !is_signed("host") {
            let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(Denied::Incomplete(text.to_owned()));
        }
        match needed.find(|name| !is_signed(name)) {
            Some(name) => Err(Denied::Incomplete(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn canonical_request(&self, request: &Request<'_>, payload: &str) -> String {
        let mut out = format!("{}\n{}\n", request.method, self.canonical_path(request.path));
        out.push_str(&canonical_query(request.query));
        out.push('\n');
        for name in &self.signed_headers {
            out.push_str(&format!("{name}:{}\n", canonical_header(request, name)));
        }
        out.push_str(&format!("\n{}\n{payload}", self.signed_headers.join(";")));
        out
    }

    /// S3 signs the path as sent; all others sign it normalised and escaped once more.
    fn canonical_path(&self, path: &str) -> String {
        if self.service == "s3" {
            return path.to_owned();
        }
        utf8_percent_encode(&normalised(path), ESCAPED_IN_PATH).to_string()
    }

    fn payload_hash(&self, request: &Request<'_>) -> Result<String, Denied> {
        let given = request.header("x-amz-content-sha256");
        let actual = || encode_hex(digest::digest(&digest::SHA256, request.body).as_ref());
        match (given, &self.place) {
            (Some(UNSIGNED_PAYLOAD), _) => Ok(UNSIGNED_PAYLOAD.to_owned()),
            (Some(given), _) if given.starts_with("STREAMING-") => {
                Err(Denied::Unsupported("Streamed payloads (STREAMING-...) are not verified here."))
            }
            (Some(given), _) if given.eq_ignore_ascii_case(&actual()) => Ok(given.to_owned()),
            (Some(_), _) => Err(Denied::Mismatch),
            (None, Place::Query { .. }) if self.service == "s3" => Ok(UNSIGNED_PAYLOAD.to_owned()),
            (None, _) => Ok(actual()),
        }
    }

    pub(super) fn string_to_sign(&self, canonical: &str) -> Result<String, Denied> {
        let hash = encode_hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let time = self.signed_at()?.compact();
        Ok(format!(
            "{SYMMETRIC}\n{time}\n{}/{}/{}/aws4_request\n{hash}",
            self.date, self.region, self.service
        ))
    }
}

/// The key of a day, a region and a service.
pub(super) fn signing_key(secret: &str, [date, region, service]: [&str; 3]) -> Vec<u8> {
    let start = format!("AWS4{secret}").into_bytes();
    [date, region, service, "aws4_request"].iter().fold(start, |key, part| mac(&key, part))
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

/// Parameters escaped anew and sorted by name, then value; the signature itself left out.
fn canonical_query(query: &str) -> String {
    let escape = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(text).collect();
        percent_encoding::percent_encode(&bytes, ESCAPED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (escape(name), escape(value)))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    let joined: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

/// All values of a header, spaces inside collapsed, joined by commas.
fn canonical_header(request: &Request<'_>, name: &str) -> String {
    let values = request.headers.get_all(name).into_iter().map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    });
    values.collect::<Vec<_>>().join(",")
}

/// The path without `.`, `..` and empty segments (RFC 3986, section 6).
fn normalised(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let end = if is_folder && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

pub(super) fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then_some(())?;
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
