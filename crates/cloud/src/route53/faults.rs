//! Every fault of Route 53. [Errors of each operation](https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53.html)

use enishi_wire::Fault;

/// `InvalidInput`
pub(super) fn invalid_input(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInput", message)
}

/// `InvalidInput` for what AWS has and Enishi does not.
pub(super) fn not_supported(what: &str) -> Fault {
    invalid_input(format!("{what} are not supported by Enishi."))
}

/// `InvalidDomainName`
pub(super) fn invalid_domain_name(name: &str) -> Fault {
    Fault::new("InvalidDomainName", format!("{name} is not a valid domain name."))
}

/// `InvalidPaginationToken`
pub(super) fn invalid_pagination_token() -> Fault {
    Fault::new(
        "InvalidPaginationToken",
        "The value that you specified to get the second or subsequent page of results is invalid.",
    )
}

/// `InvalidChangeBatch`: every problem of the batch, in brackets.
pub(super) fn invalid_change_batch(problems: &[String]) -> Fault {
    Fault::new("InvalidChangeBatch", format!("[{}]", problems.join(", ")))
}

/// `NoSuchHostedZone`
pub(super) fn no_such_hosted_zone(id: &str) -> Fault {
    Fault::new("NoSuchHostedZone", format!("No hosted zone found with ID: {id}")).with_status(404)
}

/// `HostedZoneAlreadyExists`
pub(super) fn hosted_zone_already_exists() -> Fault {
    Fault::new(
        "HostedZoneAlreadyExists",
        "A hosted zone has already been created with the specified caller reference.",
    )
    .with_status(409)
}

/// `HostedZoneNotEmpty`
pub(super) fn hosted_zone_not_empty() -> Fault {
    Fault::new(
        "HostedZoneNotEmpty",
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
    )
}

/// `NoSuchChange`
pub(super) fn no_such_change(id: &str) -> Fault {
    Fault::new("NoSuchChange", format!("Could not find resource with ID: {id}")).with_status(404)
}

/// `NoSuchDelegationSet`
pub(super) fn no_such_delegation_set(id: &str) -> Fault {
    Fault::new("NoSuchDelegationSet", format!("A reusable delegation set with the ID {id} does not exist."))
}

/// `DelegationSetAlreadyCreated`
pub(super) fn delegation_set_already_created() -> Fault {
    Fault::new(
        "DelegationSetAlreadyCreated",
        "A delegation set with the same owner and caller reference combination has already been created.",
    )
}

/// `DelegationSetAlreadyReusable`
pub(super) fn delegation_set_already_reusable() -> Fault {
    Fault::new(
        "DelegationSetAlreadyReusable",
        "The specified delegation set has already been marked as reusable.",
    )
}

/// `DelegationSetInUse`
pub(super) fn delegation_set_in_use(id: &str) -> Fault {
    Fault::new("DelegationSetInUse", format!("The delegation set {id} is in use."))
}

/// `DelegationSetNotAvailable`: another zone of the same name has these name servers.
pub(super) fn delegation_set_not_available() -> Fault {
    Fault::new(
        "DelegationSetNotAvailable",
        "The name servers of the delegation set serve a hosted zone of that name or of a parent or child of it already.",
    )
}

/// `HostedZoneNotFound`: the zone whose delegation set shall be reusable.
pub(super) fn hosted_zone_not_found(id: &str) -> Fault {
    Fault::new("HostedZoneNotFound", format!("The specified HostedZone cannot be found: {id}"))
}

/// `NoSuchHealthCheck`
pub(super) fn no_such_health_check(id: &str) -> Fault {
    Fault::new("NoSuchHealthCheck", format!("A health check with id {id} does not exist.")).with_status(404)
}

/// `NoSuchCidrCollectionException`
pub(super) fn no_such_cidr_collection() -> Fault {
    Fault::new("NoSuchCidrCollectionException", "The CIDR collection you specified, doesn't exist.")
        .with_status(404)
}

/// `NoSuchCidrLocationException`
pub(super) fn no_such_cidr_location() -> Fault {
    Fault::new(
        "NoSuchCidrLocationException",
        "The CIDR collection location doesn't match any locations in your account.",
    )
    .with_status(404)
}

/// `CidrCollectionAlreadyExistsException`
pub(super) fn cidr_collection_already_exists() -> Fault {
    Fault::new(
        "CidrCollectionAlreadyExistsException",
        "A CIDR collection with this name and a different caller reference already exists in this account.",
    )
}

/// `CidrCollectionInUseException`
pub(super) fn cidr_collection_in_use() -> Fault {
    Fault::new("CidrCollectionInUseException", "This CIDR collection is in use, and isn't empty.")
}

/// `CidrCollectionVersionMismatchException`
pub(super) fn cidr_collection_version_mismatch() -> Fault {
    Fault::new(
        "CidrCollectionVersionMismatchException",
        "The CIDR collection version you provided, doesn't match the one in the CidrCollections table.",
    )
    .with_status(409)
}

/// `CidrBlockInUseException`
pub(super) fn cidr_block_in_use() -> Fault {
    Fault::new("CidrBlockInUseException", "This CIDR block is already in use.")
}

/// `NoSuchGeoLocation`
pub(super) fn no_such_geo_location() -> Fault {
    Fault::new("NoSuchGeoLocation", "The specified geographic location was not found.").with_status(404)
}

/// `NoSuchQueryLoggingConfig`
pub(super) fn no_such_query_logging_config() -> Fault {
    Fault::new(
        "NoSuchQueryLoggingConfig",
        "There is no DNS query logging configuration with the specified ID.",
    )
    .with_status(404)
}

/// `NoSuchCloudWatchLogsLogGroup`
pub(super) fn no_such_log_group() -> Fault {
    Fault::new(
        "NoSuchCloudWatchLogsLogGroup",
        "There is no CloudWatch Logs log group with the specified ARN.",
    )
    .with_status(404)
}
