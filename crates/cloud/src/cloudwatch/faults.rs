//! Every fault of CloudWatch. [Common errors](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html)

use enishi_api::cloudwatch::ResourceNotFoundException;
use enishi_wire::Fault;

/// `InvalidParameterValue`
pub(super) fn invalid_value(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterValue", message)
}

/// `InvalidParameterCombination`
pub(super) fn invalid_combination(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterCombination", message)
}

/// `MissingParameter`
pub(super) fn missing(parameter: &str) -> Fault {
    Fault::new("MissingParameter", format!("The parameter {parameter} is required."))
}

/// `ValidationError`
pub(super) fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}

/// `ValidationError` for what AWS has and Enishi does not.
pub(super) fn not_supported(what: &str) -> Fault {
    validation(format!("{what} is not supported by Enishi."))
}

/// `InvalidNextToken`
pub(super) fn invalid_token() -> Fault {
    Fault::new("InvalidNextToken", "The next token specified is invalid.")
}

/// `ResourceNotFound`: alarms.
pub(super) fn no_such_alarm(what: &str) -> Fault {
    Fault::new("ResourceNotFound", what).with_status(404)
}

/// `ResourceNotFoundException`: what is tagged.
pub(super) fn no_such_resource(arn: &str) -> Fault {
    let detail = ResourceNotFoundException {
        resource_type: Some("Alarm".to_owned()),
        resource_id: Some(arn.to_owned()),
    };
    Fault::new("ResourceNotFoundException", "The named resource does not exist.")
        .with_status(404)
        .with_detail(detail)
}

/// `LimitExceeded`: there are too many metrics.
pub(super) fn too_many_metrics() -> Fault {
    Fault::new(
        "LimitExceeded",
        "Enishi holds no more metrics; old ones make room when they have no data left.",
    )
}

/// `InternalServiceError`: the metric store did not answer.
pub(super) fn unavailable() -> Fault {
    Fault::new("InternalServiceError", "The service cannot complete the request.").with_status(500)
}
