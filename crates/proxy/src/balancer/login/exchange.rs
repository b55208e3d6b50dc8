//! What a provider is asked when it sent a user back, and what it answers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Callback, Refused, Session, encoded};

/// "If the total size of the user claims and access token received from the IdP is greater than 11K in size, the load balancer
/// returns an error."
const LARGEST: usize = 11 * 1024;

/// A provider's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// The two questions to a provider.
#[derive(Debug)]
pub struct Exchange;

impl Exchange {
    /// The body of the `POST` to the token endpoint (`application/x-www-form-urlencoded`): RFC 6749, section 4.1.3.
    pub fn token_request(callback: &Callback<'_>) -> String {
        let client = &callback.login.config.client;
        let fields = [
            ("grant_type", &b"authorization_code"[..]),
            ("code", &callback.code),
            ("redirect_uri", &callback.redirect_uri),
            ("client_id", client.client_id.as_bytes()),
            ("client_secret", client.client_secret.as_bytes()),
        ];
        fields.map(|(name, value)| format!("{name}={}", encoded(value))).join("&")
    }

    /// Reads the token endpoint's answer: the access token. The ID token has to be for this client, from this issuer, and valid at
    /// `now`, in seconds since 1970.
    ///
    /// # Errors
    /// The provider refuses, or what it says cannot be used.
    pub fn access_token(callback: &Callback<'_>, reply: &Reply, now: u64) -> Result<String, Refused> {
        let value: Option<Value> = serde_json::from_slice(&reply.body).ok();
        if reply.status != 200 {
            let error = value.as_ref().and_then(|value| value.get("error")?.as_str());
            let reason = if error == Some("invalid_grant") {
                "AuthInvalidGrantError"
            } else {
                "AuthTokenEpRequestFailed"
            };
            return Err(Refused { reason, status: 561 });
        }
        let text = |name: &str| value.as_ref().and_then(|value| value.get(name)?.as_str());
        let access = text("access_token").ok_or(Refused::new("AuthInvalidTokenResponse"))?;
        let claims = text("id_token").and_then(payload).ok_or(Refused::new("AuthInvalidIdToken"))?;
        let client = &callback.login.config.client;
        let is_for = |audience: &Value| audience.as_str() == Some(&*client.client_id);
        let is_ours = claims.get("aud").is_some_and(|audience| match audience {
            Value::Array(several) => several.iter().any(is_for),
            one => is_for(one),
        });
        let is_issuers = claims.get("iss").and_then(Value::as_str) == Some(&*client.issuer);
        let is_valid = claims.get("exp").and_then(Value::as_u64).is_some_and(|expiry| expiry > now);
        if is_ours && is_issuers && is_valid {
            Ok(access.to_owned())
        } else {
            Err(Refused::new("AuthInvalidIdToken"))
        }
    }

    /// Reads the user info endpoint's answer: the login.
    ///
    /// # Errors
    /// The provider refuses, or what it says cannot be used.
    pub fn session(
        callback: &Callback<'_>,
        access_token: String,
        reply: &Reply,
        now: u64,
    ) -> Result<Session, Refused> {
        if reply.status != 200 {
            return Err(Refused { reason: "AuthUserinfoEpRequestFailed", status: 561 });
        }
        if reply.body.len() + access_token.len() > LARGEST {
            return Err(Refused::new("AuthUserClaimsSizeExceeded"));
        }
        let claims: Value =
            serde_json::from_slice(&reply.body).map_err(|_| Refused::new("AuthInvalidUserinfoResponse"))?;
        if claims.get("sub").and_then(Value::as_str).is_none() {
            return Err(Refused::new("AuthInvalidUserinfoResponse"));
        }
        let until = now.saturating_add(callback.login.config.session_seconds);
        Ok(Session { claims, access_token, until })
    }
}

/// The claims of a JSON web token.
fn payload(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?.trim_end_matches('=');
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
