//! Who may go on: users who are logged in with an OpenID provider.
//! [Authenticate users](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html)
//!
//! No sockets here. A request is let through with the user's claims ([`Gate::Open`]), answered ([`Gate::Answer`]), or it is the
//! provider's redirection with a code ([`Callback`]), for which the provider has to be asked; [`Exchange`] says what to ask and reads
//! what comes back. Nothing is stored: a login is an encrypted cookie, bound to the provider's client.
//!
//! Where it differs from AWS: refresh tokens are not used, a session lasts as long as the rule says, whatever becomes of the access
//! token. The ID token's signature is not verified, since it comes from the token endpoint itself (OpenID Connect Core 1.0,
//! section 3.1.3.7, number 6).

mod exchange;
mod session;

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enishi_fabric::balancer::{Authenticate, OnUnauthenticated};

use super::answers::Answer;
use super::http1::{Name, Request};
use super::rules::{split_query, without_port};
pub use exchange::{Exchange, Reply};
pub use session::{Session, Signer};

/// Where providers send users back to.
pub const CALLBACK: &[u8] = b"/oauth2/idpresponse";
/// How long a user may take to log in, in seconds.
const PATIENCE: u64 = 15 * 60;

/// Why a login failed: a code of the access log
/// ([Error reason codes](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#error-reason-codes)),
/// and what the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The code.
    pub reason: &'static str,
    /// 401, or 561 where the provider returned an error.
    pub status: u16,
}

impl Refused {
    pub(super) const fn new(reason: &'static str) -> Self {
        Refused { reason, status: 401 }
    }
}

/// What becomes of a request that wants a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// It goes on, with these headers, as lines.
    Open(Vec<u8>),
    /// It is answered.
    Answer(Answer),
}

/// The logins of one rule.
pub struct Login {
    /// What was configured.
    pub config: Arc<Authenticate>,
    seals: Option<LessSafeKey>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A request that a provider sent back.
#[derive(Debug)]
pub struct Callback<'a> {
    /// Whose login it is.
    pub login: &'a Login,
    /// The code to exchange.
    pub code: Vec<u8>,
    /// Where the user wanted to go.
    pub original: Vec<u8>,
    /// Where the user was sent back to.
    pub redirect_uri: Vec<u8>,
}

impl Login {
    /// Logins under a secret that all nodes of the load balancer share.
    pub fn new(config: &Arc<Authenticate>, secret: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let label =
            [&b"logins\0"[..], config.client.issuer.as_bytes(), b"\0", config.client.client_id.as_bytes()]
                .concat();
        let derived = hmac::sign(&key, &label);
        let seals = UnboundKey::new(&AES_256_GCM, derived.as_ref()).ok().map(LessSafeKey::new);
        Login { config: config.clone(), seals }
    }

    /// Whether a request may go on at `now`, in seconds since 1970.
    pub fn gate(
        &self,
        request: &Request<'_>,
        signer: Option<&Signer>,
        now: u64,
        nonce: [u8; NONCE_LEN],
    ) -> Gate {
        if let Some(session) = self.session(request, now) {
            return Gate::Open(session.headers(&self.config, signer));
        }
        match self.config.otherwise {
            OnUnauthenticated::Deny => Gate::Answer(Answer::error(401)),
            OnUnauthenticated::Allow => Gate::Open(Vec::new()),
            OnUnauthenticated::Authenticate => Gate::Answer(self.authorize(request, now, nonce)),
        }
    }

    fn session(&self, request: &Request<'_>, now: u64) -> Option<Session> {
        let mut sealed = Vec::new();
        for shard in 0..4 {
            let name = format!("{}-{shard}", self.config.cookie);
            let found =
                request.values(Name::Cookie).find_map(|header| super::cookies::find(header, name.as_bytes()));
            match found {
                Some(part) => sealed.extend_from_slice(part),
                None => break,
            }
        }
        let session = Session::parse(&self.open(b"session", &sealed)?)?;
        (session.until > now).then_some(session)
    }

    /// Sends a user to the provider: OpenID Connect Core 1.0, section 3.1.2.1.
    fn authorize(&self, request: &Request<'_>, now: u64, nonce: [u8; NONCE_LEN]) -> Answer {
        let host = without_port(request.host());
        if host.is_empty() {
            return Answer::error(401);
        }
        let original = [b"https://", request.host(), request.path_and_query()].concat();
        let state = [&now.saturating_add(PATIENCE).to_be_bytes()[..], &original].concat();
        let Some(state) = self.seal(b"state", &state, nonce) else { return Answer::error(500) };
        let client = &self.config.client;
        let mut location = client.authorization_endpoint.to_string();
        let mut separator = if location.contains('?') { '&' } else { '?' };
        let redirect_uri = String::from_utf8_lossy(&redirect_uri(request)).into_owned();
        let fixed = [
            ("client_id", &*client.client_id),
            ("redirect_uri", redirect_uri.as_str()),
            ("response_type", "code"),
            ("scope", &*self.config.scope),
            ("state", state.as_str()),
        ];
        let extra = self.config.extra.iter().map(|(name, value)| (&**name, &**value));
        for (name, value) in fixed.into_iter().chain(extra) {
            location.push(separator);
            location.push_str(&encoded(name.as_bytes()));
            location.push('=');
            location.push_str(&encoded(value.as_bytes()));
            separator = '&';
        }
        Answer::redirect(302, location.as_bytes())
    }

    /// Reads the provider's redirection, if it belongs to a login of this rule. `None`: it is another's.
    pub fn callback<'a>(&'a self, request: &Request<'_>, now: u64) -> Option<Result<Callback<'a>, Refused>> {
        let (_, query) = split_query(request.path_and_query());
        let parameter = |name: &[u8]| {
            query
                .split(|byte| *byte == b'&')
                .find_map(|pair| Some(decoded(pair.strip_prefix(name)?.strip_prefix(b"=")?)))
        };
        let state = self.open(b"state", &parameter(b"state")?)?;
        let (until, original) = state.split_first_chunk::<8>()?;
        if u64::from_be_bytes(*until) <= now {
            return Some(Err(Refused::new("AuthInvalidStateParam")));
        }
        if let Some(error) = parameter(b"error") {
            let status = if error == b"access_denied" { 401 } else { 561 };
            return Some(Err(Refused { reason: "AuthInvalidAuthnResponse", status }));
        }
        Some(match parameter(b"code").filter(|code| !code.is_empty()) {
            None => Err(Refused::new("AuthMissingAuthorizationCode")),
            Some(code) => Ok(Callback {
                login: self,
                code,
                original: original.to_vec(),
                redirect_uri: redirect_uri(request),
            }),
        })
    }

    /// Logs a user in: sends the client where it wanted to go, with its session.
    pub fn admit(
        &self,
        session: &Session,
        original: &[u8],
        now: u64,
        nonce: [u8; NONCE_LEN],
    ) -> Result<Answer, Refused> {
        let sealed = self
            .seal(b"session", session.render().as_bytes(), nonce)
            .ok_or(Refused::new("AuthUnhandledException"))?;
        let mut answer = Answer::redirect(302, original);
        let expires = super::date::http(now.saturating_add(self.config.session_seconds));
        // "Because most browsers limit a cookie to 4K in size, the load balancer shards a cookie that is greater than 4K"
        for (shard, part) in sealed.as_bytes().chunks(3800).enumerate() {
            let line = format!(
                "Set-Cookie: {}-{shard}={}; Expires={expires}; Path=/; Secure; HttpOnly; SameSite=None\r\n",
                self.config.cookie,
                String::from_utf8_lossy(part)
            );
            answer.headers.extend_from_slice(line.as_bytes());
        }
        Ok(answer)
    }

    fn seal(&self, what: &[u8], plain: &[u8], nonce: [u8; NONCE_LEN]) -> Option<String> {
        let mut sealed = plain.to_vec();
        let key = self.seals.as_ref()?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(what), &mut sealed)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    fn open(&self, what: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.seals.as_ref()?.open_in_place(nonce, Aad::from(what), rest).ok().map(|plain| plain.to_vec())
    }
}

/// "https://DNS/oauth2/idpresponse"
fn redirect_uri(request: &Request<'_>) -> Vec<u8> {
    [b"https://", request.host(), CALLBACK].concat()
}

/// Percent-encoded, but for what never needs to be (RFC 3986, section 2.3).
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte))
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let escape = behind
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escape {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = behind;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
