//! Issuing temporary credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enishi_api::sts::Credentials;
use enishi_state::sts::{Session, SessionKey};
use enishi_state::{AccountId, Tx};
use enishi_wire::Timestamp;

/// What every access key id that is issued here starts with: AWS's prefix of temporary keys, and ours.
pub(super) const KEY_PREFIX: &str = "ASIAENISHI";
/// Characters of an access key id.
const KEY_LENGTH: usize = 20;
/// Random bytes of a secret key, 40 characters as AWS's.
const SECRET_BYTES: usize = 30;
/// Random bytes of a session token.
const TOKEN_BYTES: usize = 192;

/// Whom credentials stand for.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The account that calls act in.
    pub(super) account: AccountId,
    /// The ARN.
    pub(super) arn: String,
    /// What `GetCallerIdentity` answers as user id.
    pub(super) user_id: String,
}

/// Makes credentials that last for so many seconds.
pub(super) fn issue(tx: &mut Tx<'_>, identity: Identity, seconds: i32) -> Credentials {
    let access_key = access_key(tx);
    let expires = tx.now().plus_seconds(seconds.into());
    let row = Session {
        access_key: SessionKey::new(&access_key),
        secret: STANDARD.encode(random::<SECRET_BYTES>(tx)),
        token: STANDARD.encode(random::<TOKEN_BYTES>(tx)),
        account: identity.account,
        arn: identity.arn,
        user_id: identity.user_id,
        expires,
    };
    let credentials = Credentials {
        access_key_id: access_key,
        secret_access_key: row.secret.clone(),
        session_token: row.token.clone(),
        // AWS shows whole seconds.
        expiration: Timestamp::from_seconds(expires.seconds()),
    };
    tx.put(row);
    credentials
}

fn access_key(tx: &mut Tx<'_>) -> String {
    let mut key = format!("{KEY_PREFIX}{}", letters(&random::<16>(tx)));
    key.truncate(KEY_LENGTH);
    key
}

fn random<const N: usize>(tx: &mut Tx<'_>) -> [u8; N] {
    let mut bytes = [0u8; N];
    tx.entropy().fill(&mut bytes);
    bytes
}

/// One character of AWS's alphabet, `A` to `Z` and `2` to `7`, for each byte.
pub(super) fn letters(bytes: &[u8]) -> String {
    let digit = |byte: &u8| match byte % 32 {
        letter @ 0..=25 => char::from(b'A' + letter),
        number => char::from(b'2' + number - 26),
    };
    bytes.iter().map(digit).collect()
}
