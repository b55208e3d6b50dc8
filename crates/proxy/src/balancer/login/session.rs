//! A user who is logged in, and what targets are told about it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use enishi_fabric::balancer::Authenticate;
use serde_json::{Value, json};

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What the provider says of the user: an object with `sub`.
    pub claims: Value,
    /// The access token.
    pub access_token: String,
    /// Until when it counts, in seconds since 1970.
    pub until: u64,
}

/// Signs claims, so that targets know whom they come from.
#[derive(Debug)]
pub struct Signer {
    /// By what targets find the public key: `https://public-keys.auth.elb.REGION.amazonaws.com/KEY-ID`.
    pub key_id: String,
    /// The load balancer's ARN.
    pub arn: String,
    key: EcdsaKeyPair,
}

impl Signer {
    /// Signs with a P-256 key, PKCS#8. `None`: it is no such key.
    pub fn new(key_id: &str, arn: &str, pkcs8: &[u8]) -> Option<Self> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?;
        Some(Signer { key_id: key_id.to_owned(), arn: arn.to_owned(), key })
    }

    /// A JSON web token. AWS pads its parts, against RFC 7515.
    fn sign(&self, header: &Value, payload: &Value) -> Option<String> {
        let signed =
            format!("{}.{}", URL_SAFE.encode(header.to_string()), URL_SAFE.encode(payload.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE.encode(signature)))
    }
}

impl Session {
    pub(super) fn render(&self) -> String {
        json!({ "claims": self.claims, "access": self.access_token, "until": self.until }).to_string()
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        Some(Session {
            claims: value.get("claims")?.clone(),
            access_token: value.get("access")?.as_str()?.to_owned(),
            until: value.get("until")?.as_u64()?,
        })
    }

    /// The headers that targets get, as lines. Nothing in them ends a line: what is not printable is left out.
    pub(super) fn headers(&self, config: &Authenticate, signer: Option<&Signer>) -> Vec<u8> {
        let mut lines = String::new();
        let mut put = |name: &str, value: &str| {
            let clean: String = value.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
            lines.push_str(&format!("x-amzn-oidc-{name}: {clean}\r\n"));
        };
        put("accesstoken", &self.access_token);
        put("identity", self.claims.get("sub").and_then(Value::as_str).unwrap_or_default());
        let token = signer.and_then(|signer| {
            let header = json!({
                "typ": "JWT",
                "kid": signer.key_id,
                "alg": "ES256",
                "iss": &*config.client.issuer,
                "client": &*config.client.client_id,
                "signer": signer.arn,
                "exp": self.until,
            });
            let mut payload = self.claims.clone();
            if let Some(claims) = payload.as_object_mut() {
                claims.insert("exp".to_owned(), json!(self.until));
                claims.insert("iss".to_owned(), json!(&*config.client.issuer));
            }
            signer.sign(&header, &payload)
        });
        if let Some(token) = token {
            put("data", &token);
        }
        lines.into_bytes()
    }
}
