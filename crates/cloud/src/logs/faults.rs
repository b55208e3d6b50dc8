//! Every fault of CloudWatch Logs. [Common errors](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html)

use enishi_wire::Fault;

/// `InvalidParameterException`
pub(super) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

/// `InvalidParameterException` for what AWS has and Enishi does not.
pub(super) fn not_supported(what: &str) -> Fault {
    invalid_parameter(format!("{what} is not supported by Enishi."))
}

/// `InvalidParameterException` in the words of the framework that checks AWS's models.
pub(super) fn constraint(value: &str, member: &str, constraint: &str) -> Fault {
    invalid_parameter(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// `InvalidParameterException`: a token that no answer gave.
pub(super) fn invalid_token() -> Fault {
    invalid_parameter("The specified nextToken is invalid.")
}

/// `ResourceNotFoundException`: the group.
pub(super) fn no_such_group() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log group does not exist.")
}

/// `ResourceNotFoundException`: the stream.
pub(super) fn no_such_stream() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log stream does not exist.")
}

/// `ResourceNotFoundException`: what is tagged.
pub(super) fn no_such_resource() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified resource does not exist.")
}

/// `ResourceNotFoundException`: the policy.
pub(super) fn no_such_policy(name: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Policy with name [{name}] does not exist."))
}

/// `ResourceAlreadyExistsException`: the group.
pub(super) fn group_exists() -> Fault {
    Fault::new("ResourceAlreadyExistsException", "The specified log group already exists")
}

/// `ResourceAlreadyExistsException`: the stream.
pub(super) fn stream_exists() -> Fault {
    Fault::new("ResourceAlreadyExistsException", "The specified log stream already exists")
}

/// `LimitExceededException`
pub(super) fn limit_exceeded(message: &str) -> Fault {
    Fault::new("LimitExceededException", message)
}

/// `ValidationException`: the group is protected.
pub(super) fn is_protected() -> Fault {
    Fault::new(
        "ValidationException",
        "The log group cannot be deleted because deletion protection is enabled.",
    )
}

/// `TooManyTagsException`
pub(super) fn too_many_tags() -> Fault {
    Fault::new("TooManyTagsException", "The maximum number of tags that a resource can have is 50.")
}

/// `ServiceUnavailableException`: the event store did not answer.
pub(super) fn unavailable() -> Fault {
    Fault::new("ServiceUnavailableException", "The service cannot complete the request.").with_status(500)
}
