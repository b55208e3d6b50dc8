//! Signature Version 4: who sent a request, for which region and service, and whether the signature is right.
//!
//! [`Authorization::parse`] reads the `Authorization` header or the parameters of a presigned URL. That alone tells account
//! and region; [`Authorization::verify`] checks the signature where the endpoint is strict. The asymmetric variant
//! (`AWS4-ECDSA-P256-SHA256`) is read, never verified.
//!
//! AWS pages: "Create a signed AWS API request" and "Authenticating requests: using query parameters" of the IAM and S3
//! guides. Tested with the official vectors (`tests/sigv4_vectors.rs`).

mod chain;
mod verify;

pub use chain::{Chain, Sha256};

use crate::fault::Fault;
use crate::message::Request;
use crate::schema::Protocol;

const SYMMETRIC: &str = "AWS4-HMAC-SHA256";
const ASYMMETRIC: &str = "AWS4-ECDSA-P256-SHA256";

/// What a request says about its sender.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Access key id.
    pub access_key: String,
    /// Date of the credential scope, `20150830`.
    pub date: String,
    /// Region of the credential scope; empty in the asymmetric variant, whose scope has none.
    pub region: String,
    /// Service of the credential scope: `ec2`, `servicequotas`.
    pub service: String,
    /// Session token, if there is one.
    pub session_token: Option<String>,
    place: Place,
    is_asymmetric: bool,
    signed_headers: Vec<String>,
    signature: String,
    /// The signature's time as sent: the header `x-amz-date` (or `date`), or `X-Amz-Date` of the query.
    time: String,
}

/// Leaves out the signature and the session token: neither belongs in a log.
impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorization")
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Where the signature stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Query { expires_seconds: i64 },
}

/// Why a request is not accepted as its sender's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Neither header nor query carries a signature.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// A part of the authorization is missing or malformed; the text names it.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody has that access key, or the session token is not that key's.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The signature is another one than ours.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    /// The signature's time is too far from ours; the text says how.
    #[error("{0}")]
    Expired(String),
    /// A way of signing that is not verified here.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl Denied {
    /// The fault in the words of a protocol: EC2 and the JSON services have codes of their own.
    ///
    /// AWS pages: "Error codes for the Amazon EC2 API"; "Common errors" of the Query and JSON services.
    pub fn fault(&self, protocol: Protocol) -> Fault {
        let is_json = matches!(
            protocol,
            Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RestJson1 | Protocol::RpcV2Cbor
        );
        let ec2_message = "AWS was not able to validate the provided access credentials";
        let (code, status) = match (self, protocol) {
            (Self::UnknownKey | Self::Mismatch, Protocol::Ec2Query) => {
                return Fault::new("AuthFailure", ec2_message).with_status(401);
            }
            (Self::Expired(_), Protocol::Ec2Query) => {
                return Fault::new("RequestExpired", "Request has expired.");
            }
            (Self::Missing, _) if is_json => ("MissingAuthenticationTokenException", 400),
            (Self::Incomplete(_), _) if is_json => ("IncompleteSignatureException", 400),
            (Self::UnknownKey, _) if is_json => ("UnrecognizedClientException", 400),
            (Self::Mismatch | Self::Expired(_), _) if is_json => ("InvalidSignatureException", 400),
            (Self::Missing, _) => ("MissingAuthenticationToken", 403),
            (Self::Incomplete(_), _) => ("IncompleteSignature", 400),
            (Self::UnknownKey, _) => ("InvalidClientTokenId", 403),
            (Self::Mismatch | Self::Expired(_), _) => ("SignatureDoesNotMatch", 403),
            (Self::Unsupported(_), _) => ("NotImplemented", 501),
        };
        Fault::new(code, self.to_string()).with_status(status)
    }
}

impl Authorization {
    /// Reads what the request says; nothing when it is unsigned.
    ///
    /// # Errors
    /// [`Denied::Incomplete`] when it is signed, but badly formed.
    pub fn parse(request: &Request<'_>) -> Result<Option<Self>, Denied> {
        if let Some(header) = request.header("authorization") {
            return Self::from_header(request, header).map(Some);
        }
        let parameter = |name: &str| {
            form_urlencoded::parse(request.query.as_bytes())
                .find(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.into_owned())
        };
        match parameter("X-Amz-Algorithm") {
            Some(algorithm) => Self::from_query(&algorithm, parameter).map(Some),
            None => Ok(None),
        }
    }

    fn from_header(request: &Request<'_>, header: &str) -> Result<Self, Denied> {
        let (algorithm, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        let mut fields = Fields::default();
        for part in rest.split(',') {
            if let Some((name, value)) = part.trim().split_once('=') {
                match name {
                    "Credential" => fields.credential = Some(value.to_owned()),
                    "SignedHeaders" => fields.signed_headers = Some(value.to_owned()),
                    "Signature" => fields.signature = Some(value.to_owned()),
                    _ => {}
                }
            }
        }
        fields.time = request.header("x-amz-date").or_else(|| request.header("date")).map(str::to_owned);
        fields.session_token = request.header("x-amz-security-token").map(str::to_owned);
        fields.assemble(algorithm, Place::Header)
    }

    fn from_query(algorithm: &str, parameter: impl Fn(&str) -> Option<String>) -> Result<Self, Denied> {
        let expires = parameter("X-Amz-Expires").and_then(|text| text.parse().ok());
        let Some(expires_seconds) = expires else {
            return Err(Denied::Incomplete(
                "AWS query-string parameters must include 'X-Amz-Expires'.".to_owned(),
            ));
        };
        let fields = Fields {
            credential: parameter("X-Amz-Credential"),
            signed_headers: parameter("X-Amz-SignedHeaders"),
            signature: parameter("X-Amz-Signature"),
            time: parameter("X-Amz-Date"),
            session_token: parameter("X-Amz-Security-Token"),
        };
        fields.assemble(algorithm, Place::Query { expires_seconds })
    }
}

/// The parts of an authorization before they are known to be complete.
#[derive(Default)]
struct Fields {
    credential: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    time: Option<String>,
    session_token: Option<String>,
}

impl Fields {
    fn assemble(self, algorithm: &str, place: Place) -> Result<Authorization, Denied> {
        let is_asymmetric = match algorithm {
            SYMMETRIC => false,
            ASYMMETRIC => true,
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(Denied::Incomplete(format!("Unsupported AWS 'algorithm': '{shown}'.")));
            }
        };
        let required = |field: Option<String>, name: &str| {
            let text = format!("Authorization requires '{name}' parameter.");
            field.filter(|value| !value.is_empty()).ok_or(Denied::Incomplete(text))
        };
        let credential = required(self.credential, "Credential")?;
        let signature = required(self.signature, "Signature")?;
        let signed_headers = required(self.signed_headers, "SignedHeaders")?;
        let time = required(self.time, "X-Amz-Date")?;
        let [access_key, date, region, service] = scope(&credential, is_asymmetric)?;
        Ok(Authorization {
            access_key,
            date,
            region,
            service,
            session_token: self.session_token,
            place,
            is_asymmetric,
            signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
            signature,
            time,
        })
    }
}

/// `AKID/20150830/us-east-1/ec2/aws4_request`, without the region in the asymmetric variant. An access key may hold
/// slashes, so the parts are counted from the end.
fn scope(credential: &str, is_asymmetric: bool) -> Result<[String; 4], Denied> {
    let malformed = || {
        let text =
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term";
        Denied::Incomplete(text.to_owned())
    };
    let mut parts = credential.rsplit('/');
    let mut next = || parts.next().ok_or_else(malformed);
    if next()? != "aws4_request" {
        return Err(malformed());
    }
    let service = next()?.to_owned();
    let region = if is_asymmetric { String::new() } else { next()?.to_owned() };
    let date = next()?.to_owned();
    let rest: Vec<&str> = parts.rev().collect();
    let access_key = rest.join("/");
    if access_key.is_empty() || service.is_empty() {
        return Err(malformed());
    }
    Ok([access_key, date, region, service])
}
