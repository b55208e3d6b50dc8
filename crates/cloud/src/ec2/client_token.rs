//! Client tokens: a request that is repeated with its token answers the same and changes nothing.
//! [Ensuring idempotency](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html)

use std::fmt::Debug;

use enishi_state::Tx;
use enishi_state::ec2::ClientToken;
use enishi_wire::Fault;

use super::faults;

/// Characters of a client token at most.
const LENGTH_LIMIT: usize = 64;

/// Runs `make`, which answers the ids of what it made, unless the same request with the same token was carried out
/// before: then answers the ids of then. `parameters` is the request's input.
///
/// # Errors
/// `IdempotentParameterMismatch` when the token came with other parameters; those of `make`.
pub(crate) fn once(
    tx: &mut Tx<'_>,
    operation: &'static str,
    token: Option<&str>,
    parameters: &impl Debug,
    make: impl FnOnce(&mut Tx<'_>) -> Result<Vec<String>, Fault>,
) -> Result<Vec<String>, Fault> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return make(tx) };
    if token.chars().count() > LENGTH_LIMIT {
        return Err(faults::invalid_parameter_value("The client token must be at most 64 characters long."));
    }
    let scope = &tx.caller().scope;
    let parameters = digest(&format!("{parameters:?}"));
    if let Some(before) = tx.world().get::<ClientToken>(&ClientToken::key(scope, operation, token)) {
        return match before.parameters == parameters {
            true => Ok(before.resources.clone()),
            false => Err(faults::idempotent_parameter_mismatch()),
        };
    }
    let resources = make(tx)?;
    let row = ClientToken {
        scope: scope.clone(),
        operation: operation.to_owned(),
        token: token.to_owned(),
        parameters,
        resources: resources.clone(),
        created: tx.now(),
    };
    tx.put(row);
    Ok(resources)
}

/// FNV-1a, 128 bits: tells requests of one client apart; nobody attacks their own tokens.
fn digest(text: &str) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}
