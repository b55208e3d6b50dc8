//! Who sends a request: the account that an access key acts in.

use enishi_state::sts::{Session, SessionKey};
use enishi_state::{AccountId, Caller, Region, Scope, Timestamp, World};
use enishi_wire::Fault;

use super::{faults, session};

/// The caller of a request. Unsigned calls and the key `test` act in account `000000000000`, a key of twelve digits in
/// the account of that number, the keys of a session in the session's account, any other in `123456789012`.
///
/// # Errors
/// `ExpiredToken` for the key of a session that expired, `InvalidClientTokenId` for a key that looks like one made here but
/// belongs to no session.
pub fn caller_for(
    world: &World,
    access_key: Option<&str>,
    region: &Region,
    now: Timestamp,
) -> Result<Caller, Fault> {
    let of = |account: AccountId| Caller {
        scope: Scope { account, region: region.clone() },
        access_key: access_key.map(Into::into),
        session_arn: None,
    };
    let Some(key) = access_key else { return Ok(of(AccountId::zero())) };
    match world.get::<Session>(&SessionKey::new(key)) {
        Some(row) if row.expires <= now => Err(faults::expired_token()),
        Some(row) => Ok(Caller { session_arn: Some(row.arn.as_str().into()), ..of(row.account.clone()) }),
        None if key.starts_with(session::KEY_PREFIX) => Err(faults::invalid_client_token_id()),
        None => Ok(of(account_of(key))),
    }
}

/// The account of a key that belongs to no session.
pub(super) fn account_of(key: &str) -> AccountId {
    match key {
        "test" => AccountId::zero(),
        key => AccountId::new(key).unwrap_or_else(AccountId::fallback),
    }
}
