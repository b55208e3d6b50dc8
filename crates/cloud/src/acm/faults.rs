//! Every fault of AWS Certificate Manager.
//! [Errors of each operation](https://docs.aws.amazon.com/acm/latest/APIReference/API_Operations.html)
//!
//! Words are AWS's where they are public knowledge: hashicorp/terraform-provider-aws#19400, #14025, #35825, and the Knowledge
//! Center's page on imports.

use std::fmt::Display;

use enishi_wire::Fault;

/// `ValidationException`
pub(super) fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}

/// `ValidationException` in the words of the framework that checks AWS's models.
pub(super) fn constraint(value: &str, member: &str, constraint: &str) -> Fault {
    validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: {constraint}"
    ))
}

/// `ValidationException`: no ARN of the service.
pub(super) fn malformed_arn(arn: &str) -> Fault {
    constraint(arn, "certificateArn", r"arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*")
}

/// `InvalidParameterException`
pub(super) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

/// `InvalidParameterException` for what AWS has and Enishi does not.
pub(super) fn not_supported(what: impl Display) -> Fault {
    invalid_parameter(format!("{what} is not supported by Enishi."))
}

/// `InvalidDomainValidationOptionsException`
pub(super) fn invalid_domain_validation_options(message: impl Into<String>) -> Fault {
    Fault::new("InvalidDomainValidationOptionsException", message)
}

/// `InvalidArgsException`
pub(super) fn invalid_args(message: impl Into<String>) -> Fault {
    Fault::new("InvalidArgsException", message)
}

/// `InvalidStateException`
pub(super) fn invalid_state(message: impl Into<String>) -> Fault {
    Fault::new("InvalidStateException", message)
}

/// `ResourceNotFoundException`
pub(super) fn resource_not_found(arn: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Could not find certificate {arn}."))
}

/// `RequestInProgressException`
pub(super) fn request_in_progress(arn: impl Display) -> Fault {
    Fault::new(
        "RequestInProgressException",
        format!("The certificate request is in process and the certificate {arn} has not yet been issued."),
    )
}

/// `ResourceInUseException`
pub(super) fn resource_in_use(arn: impl Display, account: impl Display) -> Fault {
    Fault::new("ResourceInUseException", format!("Certificate {arn} in account {account} is in use."))
}

/// `LimitExceededException`: names of one certificate.
pub(super) fn too_many_domains() -> Fault {
    Fault::new("LimitExceededException", "Certificate has too many domains.")
}

/// `LimitExceededException`: certificates that were requested.
pub(super) fn too_many_certificates() -> Fault {
    Fault::new(
        "LimitExceededException",
        "Cannot request more certificates in this account. Contact Customer Service for details.",
    )
}

/// `LimitExceededException`: certificates that were imported.
pub(super) fn too_many_imports() -> Fault {
    Fault::new(
        "LimitExceededException",
        "You have reached the maximum number of certificates. Delete certificates that are not in use, or contact AWS \
         Support to request an increase.",
    )
}

/// `InvalidTagException`
pub(super) fn invalid_tag(message: impl Into<String>) -> Fault {
    Fault::new("InvalidTagException", message)
}

/// `TooManyTagsException`
pub(super) fn too_many_tags() -> Fault {
    Fault::new("TooManyTagsException", "The certificate can have at most 50 tags.")
}
