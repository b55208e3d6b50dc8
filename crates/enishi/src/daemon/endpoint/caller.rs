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
use enishi_wire::sigv4::{Authorization, Denied};

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
    let session = key.and_then(|key| world.get::<Session>(&SessionKey::new(key)));
    let account = match (key, session) {
        (None | Some("test"), _) => AccountId::zero(),
        (_, Some(session)) => session.account.clone(),
        (Some(key), None) => AccountId::new(key).unwrap_or_else(AccountId::fallback),
    };
    let named = found.and_then(|authorization| Region::new(&authorization.region));
    let region = named.unwrap_or_else(Region::us_east_1);
    Caller {
        scope: Scope { account, region },
        access_key: key.map(Into::into),
        session_arn: session.map(|session| session.arn.as_str().into()),
    }
}

/// Checks the signature with the secret of the access key: a session's own, or one that the daemon was started with.
fn verify(
    app: &App,
    world: &World,
    request: &Request<'_>,
    found: Option<&Authorization>,
) -> Result<(), Denied> {
    let authorization = found.ok_or(Denied::Missing)?;
    let now = clock::now();
    let secret = match world.get::<Session>(&SessionKey::new(&authorization.access_key)) {
        Some(session)
            if session.expires <= now || authorization.session_token.as_ref() != Some(&session.token) =>
        {
            return Err(Denied::UnknownKey);
        }
        Some(session) => &session.secret,
        None => app.access_keys.get(&authorization.access_key).ok_or(Denied::UnknownKey)?,
    };
    authorization.verify(request, secret, enishi_wire::Timestamp::from_millis(now.0))
}
