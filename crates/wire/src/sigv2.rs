//! Presigned URLs of Signature Version 2, which the AWS CLI and boto3 still make for S3 where nobody tells them otherwise.
//! [Query string request authentication alternative](https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html)

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Timestamp;
use crate::message::Request;
use crate::sigv4::Denied;

/// Query parameters that are signed.
const SIGNED: [&str; 31] = [
    "accelerate",
    "acl",
    "cors",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// What a presigned URL says about its maker.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedV2 {
    /// Access key id.
    pub access_key: String,
    /// Session token, if there is one.
    pub session_token: Option<String>,
    expires: String,
    signature: String,
}

/// Leaves out the signature and the session token: neither belongs in a log.
impl fmt::Debug for PresignedV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedV2").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl PresignedV2 {
    /// Reads the query; nothing when it is no such URL. Query services have no parameter `Expires` beside an `Action`.
    pub fn parse(request: &Request<'_>) -> Option<Self> {
        let pairs = pairs(request);
        let find = |name: &str| pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        if find("Action").is_some() {
            return None;
        }
        Some(PresignedV2 {
            access_key: find("AWSAccessKeyId")?,
            session_token: find("x-amz-security-token"),
            expires: find("Expires")?,
            signature: find("Signature")?,
        })
    }

    /// Checks the signature against the secret key of [`PresignedV2::access_key`], at the time `now`. `bucket` is the one in
    /// the host's name, if it is there.
    ///
    /// # Errors
    /// [`Denied`]: the signature is wrong, or the URL has expired.
    pub fn verify(
        &self,
        request: &Request<'_>,
        bucket: Option<&str>,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let malformed =
            || Denied::Incomplete(format!("Invalid date (should be seconds since epoch): {}", self.expires));
        let expires: i64 = self.expires.parse().map_err(|_| malformed())?;
        if expires < now.as_seconds() {
            return Err(Denied::Expired("Request has expired".to_owned()));
        }
        let given = STANDARD.decode(&self.signature).map_err(|_| Denied::Mismatch)?;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let to_sign = self.string_to_sign(request, bucket);
        hmac::verify(&key, to_sign.as_bytes(), &given).map_err(|_| Denied::Mismatch)
    }

    fn string_to_sign(&self, request: &Request<'_>, bucket: Option<&str>) -> String {
        let pairs = pairs(request);
        // Clients put headers into the query that they sign.
        let header = |name: &str| {
            let in_query = || {
                let found = pairs.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.clone())
            };
            request.header(name).map(str::to_owned).or_else(in_query).unwrap_or_default()
        };
        let in_headers = request.headers.keys().map(|name| name.as_str().to_owned());
        let in_query = pairs.iter().map(|(name, _)| name.to_ascii_lowercase());
        let mut names: Vec<String> =
            in_headers.chain(in_query).filter(|name| name.starts_with("x-amz-")).collect();
        names.sort();
        names.dedup();
        let headers: String = names.iter().map(|name| format!("{name}:{}\n", header(name).trim())).collect();
        let mut signed: Vec<String> = pairs
            .iter()
            .filter(|(name, _)| SIGNED.contains(&name.as_str()))
            .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") })
            .collect();
        signed.sort();
        let bucket = bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
        let query = if signed.is_empty() { String::new() } else { format!("?{}", signed.join("&")) };
        format!(
            "{}\n{}\n{}\n{}\n{headers}{bucket}{}{query}",
            request.method,
            header("content-md5"),
            header("content-type"),
            self.expires,
            request.path
        )
    }
}

fn pairs(request: &Request<'_>) -> Vec<(String, String)> {
    form_urlencoded::parse(request.query.as_bytes()).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    /// The example of the guide.
    #[test]
    fn the_url_of_the_guide_is_verified() {
        let query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
        let headers = HeaderMap::new();
        let request = |query, path| Request { method: "GET", path, query, headers: &headers, body: &[] };
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let signed = PresignedV2::parse(&request(query, "/photos/puppy.jpg")).expect("a URL");
        let now = Timestamp::from_seconds(1_175_139_620);
        let bucket = Some("johnsmith");
        let verify = |path, now| signed.verify(&request(query, path), bucket, secret, now);
        assert_eq!(verify("/photos/puppy.jpg", now), Ok(()));
        assert_eq!(verify("/photos/kitten.jpg", now), Err(Denied::Mismatch));
        let later = Timestamp::from_seconds(1_175_139_621);
        assert!(matches!(verify("/photos/puppy.jpg", later), Err(Denied::Expired(_))));
        assert_eq!(
            PresignedV2::parse(&request("AWSAccessKeyId=a&Signature=b&Expires=1&Action=c", "/")),
            None
        );
        assert_eq!(PresignedV2::parse(&request("list-type=2", "/")), None);
    }
}
