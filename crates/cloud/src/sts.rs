//! AWS Security Token Service: who calls, and temporary credentials.
//! [Temporary security credentials](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp.html)
//!
//! What AWS promises: `AssumeRole` gives keys that act in the role's account; `GetSessionToken` keys that act as the caller.
//! Both expire. How we realise it: there are no users and roles yet, so every role exists and trusts everyone, and any
//! access key works: see [`caller_for`]. Policies of a session are accepted and not evaluated. Tested in `tests/sts.rs`.

mod caller;
mod faults;
mod role;
mod session;

pub use caller::caller_for;

use enishi_api::sts::{
    AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, GetAccessKeyInfoRequest,
    GetAccessKeyInfoResponse, GetCallerIdentityRequest, GetCallerIdentityResponse, GetSessionTokenRequest,
    GetSessionTokenResponse, ops,
};
use enishi_state::sts::{Session, SessionKey};
use enishi_state::{Caller, Read, Tx, World};
use enishi_wire::Fault;

use self::session::Identity;
use crate::registry::Registry;

/// Seconds that the credentials of a role last by default.
const ROLE_SECONDS: i32 = 3600;
/// The most that they last when a role was used to assume another.
const CHAINED_SECONDS: i32 = 3600;
/// Seconds that a session token lasts by default.
const TOKEN_SECONDS: i32 = 43_200;

pub(crate) fn register(on: &mut Registry) {
    on.write::<ops::AssumeRole>(assume_role);
    on.write::<ops::GetSessionToken>(get_session_token);
    on.read::<ops::GetCallerIdentity>(get_caller_identity);
    on.read::<ops::GetAccessKeyInfo>(get_access_key_info);
}

/// The session that the caller's key belongs to.
fn session_of<'w>(world: &'w World, caller: &Caller) -> Option<&'w Session> {
    world.get::<Session>(&SessionKey::new(caller.access_key.as_deref()?))
}

/// Who the caller is: a session's identity, else the account's root user.
fn identity(world: &World, caller: &Caller) -> Identity {
    match session_of(world, caller) {
        Some(session) => Identity {
            account: session.account.clone(),
            arn: session.arn.clone(),
            user_id: session.user_id.clone(),
        },
        None => {
            let account = &caller.scope.account;
            Identity {
                account: account.clone(),
                arn: format!("arn:aws:iam::{account}:root"),
                user_id: account.to_string(),
            }
        }
    }
}

fn get_caller_identity(
    read: &Read<'_>,
    _: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse, Fault> {
    let identity = identity(read.world, read.caller);
    Ok(GetCallerIdentityResponse {
        user_id: Some(identity.user_id),
        account: Some(identity.account.to_string()),
        arn: Some(identity.arn),
    })
}

fn get_access_key_info(
    read: &Read<'_>,
    input: GetAccessKeyInfoRequest,
) -> Result<GetAccessKeyInfoResponse, Fault> {
    let session = read.world.get::<Session>(&SessionKey::new(&input.access_key_id));
    let account = session.map_or_else(|| caller::account_of(&input.access_key_id), |row| row.account.clone());
    Ok(GetAccessKeyInfoResponse { account: Some(account.to_string()) })
}

fn assume_role(tx: &mut Tx<'_>, input: AssumeRoleRequest) -> Result<AssumeRoleResponse, Fault> {
    let role = role::Role::parse(&input.role_arn)?;
    role::check_session_name(&input.role_session_name)?;
    let seconds = input.duration_seconds.unwrap_or(ROLE_SECONDS);
    let chained =
        session_of(tx.world(), tx.caller()).is_some_and(|session| session.arn.contains(":assumed-role/"));
    if chained && seconds > CHAINED_SECONDS {
        return Err(faults::chained_session_too_long());
    }
    if let Some(source) = &input.source_identity {
        role::check_source_identity(source)?;
    }
    let identity = role.assumed_as(&input.role_session_name);
    let assumed_role_user =
        AssumedRoleUser { assumed_role_id: identity.user_id.clone(), arn: identity.arn.clone() };
    let credentials = session::issue(tx, identity, seconds);
    Ok(AssumeRoleResponse {
        credentials: Some(credentials),
        assumed_role_user: Some(assumed_role_user),
        packed_policy_size: None,
        source_identity: input.source_identity,
        ..Default::default()
    })
}

fn get_session_token(
    tx: &mut Tx<'_>,
    input: GetSessionTokenRequest,
) -> Result<GetSessionTokenResponse, Fault> {
    if session_of(tx.world(), tx.caller()).is_some() {
        return Err(faults::session_credentials());
    }
    let identity = identity(tx.world(), tx.caller());
    let credentials = session::issue(tx, identity, input.duration_seconds.unwrap_or(TOKEN_SECONDS));
    Ok(GetSessionTokenResponse { credentials: Some(credentials), ..Default::default() })
}
