//! Who asks: the account from the access key, the region from the credential scope.
//!
//! | access key | account |
//! |---|---|
//! | none, or `test` | `000000000000` |
//! | twelve digits | those |
//! | one that STS issued | the session's |
//! | any other | `123456789012` |

use enishi_state::sts::{Session, SessionKey};
use enishi_state::{AccountId, Caller, Region, Scope, World};
use enishi_wire::Request;
use enishi_wire::sigv2::PresignedV2;
use enishi_wire::sigv4::{Authorization, Chain, Denied};

use crate::daemon::s3::Identity;
use crate::daemon::{App, Auth, clock};

/// Who sent the request. In strict mode one without a valid signature is refused.
pub fn identify(app: &App, request: &Request<'_>, found: Option<&Authorization>) -> Result<Caller, Denied> {
    let world = app.writer.newest().load();
    if app.auth == Auth::Strict {
        verify(app, &world, request, found)?;
    }
    Ok(caller(&world, found))
}

fn caller(world: &World, found: Option<&Authorization>) -> Caller {
    let key = found.map(|authorization| authorization.access_key.as_str());
    caller_of_key(world, key, found.and_then(|authorization| Region::new(&authorization.region)))
}

fn caller_of_key(world: &World, key: Option<&str>, region: Option<Region>) -> Caller {
    let session = key.and_then(|key| world.get::<Session>(&SessionKey::new(key)));
    let account = match (key, session) {
        (None | Some("test"), _) => AccountId::zero(),
        (_, Some(session)) => session.account.clone(),
        (Some(key), None) => AccountId::new(key).unwrap_or_else(AccountId::fallback),
    };
    let region = region.unwrap_or_else(Region::us_east_1);
    Caller {
        scope: Scope { account, region },
        access_key: key.map(Into::into),
        session_arn: session.map(|session| session.arn.as_str().into()),
    }
}

/// How a request of S3 is signed.
#[derive(Debug)]
pub enum Signed {
    /// Not at all.
    Not,
    /// In its header, or as a URL.
    V4(Authorization),
    /// As a URL of Signature Version 2; the bucket in the host's name, if it is there.
    V2(PresignedV2, Option<String>),
}

/// Who sent a request of S3, whose body is still to come; in strict mode also the signatures that go on from the request's.
pub fn identify_head(
    app: &App,
    request: &Request<'_>,
    signed: &Signed,
) -> Result<(Identity, Option<Chain>), Denied> {
    let world = app.writer.newest().load();
    let (caller, secret) = match signed {
        Signed::Not => {
            let is_anonymous = app.auth == Auth::Strict;
            return Ok((Identity { caller: caller(&world, None), is_anonymous }, None));
        }
        Signed::V4(found) => (
            caller(&world, Some(found)),
            secret(app, &world, &found.access_key, found.session_token.as_ref()),
        ),
        Signed::V2(found, _) => (
            caller_of_key(&world, Some(&found.access_key), None),
            secret(app, &world, &found.access_key, found.session_token.as_ref()),
        ),
    };
    let chain = match (app.auth, signed) {
        (Auth::Strict, Signed::V4(found)) => Some(found.verify_head(request, secret?, wire_now())?),
        (Auth::Strict, Signed::V2(found, bucket)) => {
            found.verify(request, bucket.as_deref(), secret?, wire_now())?;
            None
        }
        _ => None,
    };
    Ok((Identity { caller, is_anonymous: false }, chain))
}

/// Checks the signature with the secret of the access key.
fn verify(
    app: &App,
    world: &World,
    request: &Request<'_>,
    found: Option<&Authorization>,
) -> Result<(), Denied> {
    let authorization = found.ok_or(Denied::Missing)?;
    let secret = secret(app, world, &authorization.access_key, authorization.session_token.as_ref())?;
    authorization.verify(request, secret, wire_now())
}

fn wire_now() -> enishi_wire::Timestamp {
    enishi_wire::Timestamp::from_millis(clock::now().0)
}

/// The secret of an access key: a session's own, or one that the daemon was started with.
fn secret<'s>(
    app: &'s App,
    world: &'s World,
    access_key: &str,
    session_token: Option<&String>,
) -> Result<&'s str, Denied> {
    let now = clock::now();
    match world.get::<Session>(&SessionKey::new(access_key)) {
        Some(session) if session.expires <= now || session_token != Some(&session.token) => {
            Err(Denied::UnknownKey)
        }
        Some(session) => Ok(&session.secret),
        None => app.access_keys.get(access_key).map(String::as_str).ok_or(Denied::UnknownKey),
    }
}
