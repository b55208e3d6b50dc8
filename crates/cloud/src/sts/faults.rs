//! Every fault of STS, and of the credentials of any call.
//! [Common errors](https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html)

use std::fmt::Display;

use enishi_wire::Fault;

/// `ValidationError`: a parameter breaks a constraint of the model.
pub(super) fn constraint(value: impl Display, parameter: &str, constraint: impl Display) -> Fault {
    Fault::new(
        "ValidationError",
        format!(
            "1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: Member must \
             {constraint}"
        ),
    )
}

/// `ValidationError`: the ARN is none, or not of a role.
pub(super) fn invalid_arn(arn: &str) -> Fault {
    match arn.starts_with("arn:") {
        true => Fault::new("ValidationError", "Request ARN is invalid"),
        false => Fault::new("ValidationError", format!("{arn} is invalid")),
    }
}

/// `ValidationError`: a role that was assumed assumes another for longer than an hour.
pub(super) fn chained_session_too_long() -> Fault {
    Fault::new(
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    )
}

/// `AccessDenied`: temporary credentials cannot make others with `GetSessionToken`.
pub(super) fn session_credentials() -> Fault {
    Fault::new("AccessDenied", "Cannot call GetSessionToken with session credentials").with_status(403)
}

/// `ExpiredToken`
pub(super) fn expired_token() -> Fault {
    Fault::new("ExpiredToken", "The security token included in the request is expired").with_status(403)
}

/// `InvalidClientTokenId`
pub(super) fn invalid_client_token_id() -> Fault {
    Fault::new("InvalidClientTokenId", "The security token included in the request is invalid.")
        .with_status(403)
}
