//! The faults of buckets. [Error responses](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)

use enishi_wire::Fault;

pub(super) fn access_denied() -> Fault {
    Fault::new("AccessDenied", "Access Denied").with_status(403)
}

pub(super) fn no_such_bucket() -> Fault {
    Fault::new("NoSuchBucket", "The specified bucket does not exist").with_status(404)
}

pub(super) fn invalid_bucket_name() -> Fault {
    Fault::new("InvalidBucketName", "The specified bucket is not valid.").with_status(400)
}

pub(super) fn bucket_already_exists() -> Fault {
    let text = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please \
                select a different name and try again.";
    Fault::new("BucketAlreadyExists", text).with_status(409)
}

pub(super) fn bucket_already_owned_by_you() -> Fault {
    let text = "Your previous request to create the named bucket succeeded and you already own it.";
    Fault::new("BucketAlreadyOwnedByYou", text).with_status(409)
}

pub(super) fn too_many_buckets() -> Fault {
    Fault::new("TooManyBuckets", "You have attempted to create more buckets than allowed").with_status(400)
}

pub(super) fn illegal_location_constraint(constraint: &str) -> Fault {
    let text = format!(
        "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
    );
    Fault::new("IllegalLocationConstraintException", text).with_status(400)
}

pub(super) fn invalid_location_constraint() -> Fault {
    let text = "The specified location-constraint is not valid";
    Fault::new("InvalidLocationConstraint", text).with_status(400)
}

pub(super) fn malformed_policy(message: impl Into<String>) -> Fault {
    Fault::new("MalformedPolicy", message).with_status(400)
}

pub(super) fn invalid_tag(message: &str) -> Fault {
    Fault::new("InvalidTag", message).with_status(400)
}

pub(super) fn not_implemented(what: &str) -> Fault {
    Fault::new("NotImplemented", format!("Enishi does not implement {what}.")).with_status(501)
}
