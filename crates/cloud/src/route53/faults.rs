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

/// `TooManyHostedZones`
pub(super) fn too_many_hosted_zones() -> Fault {
    Fault::new(
        "TooManyHostedZones",
        "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER - Cannot create more hosted zones.",
    )
}

/// `LimitsExceeded`
pub(super) fn limits_exceeded(limit: &str, of: &str) -> Fault {
    Fault::new("LimitsExceeded", format!("Limits Exceeded: {limit} for {of}"))
}

/// `DelegationSetNotReusable`
pub(super) fn delegation_set_not_reusable() -> Fault {
    Fault::new(
        "DelegationSetNotReusable",
        "A reusable delegation set cannot be used with a private hosted zone.",
    )
}

/// `HostedZoneNotPrivate`
pub(super) fn hosted_zone_not_private() -> Fault {
    Fault::new("HostedZoneNotPrivate", "The specified hosted zone is a public hosted zone.")
}

/// `ConflictingDomainExists`: a VPC sees one zone of a name only.
pub(super) fn conflicting_domain_exists(vpc: &str, region: &str, zone: &str) -> Fault {
    Fault::new(
        "ConflictingDomainExists",
        format!(
            "The VPC {vpc} in region {region} has already been associated with the hosted zone {zone} with the same domain name."
        ),
    )
}

/// `InvalidVPCId`: no VPC of the caller in that region.
pub(super) fn invalid_vpc_id(vpc: &str) -> Fault {
    Fault::new(
        "InvalidVPCId",
        format!("The VPC: {vpc} you provided is not authorized to make the association."),
    )
}

/// `AccessDenied`: the zones of other accounts' VPCs are not shown.
pub(super) fn vpc_not_owned(vpc: &str) -> Fault {
    Fault::new("AccessDenied", format!("The VPC {vpc} is not owned by you")).with_status(403)
}

/// `PublicZoneVPCAssociation`
pub(super) fn public_zone_vpc_association() -> Fault {
    Fault::new(
        "PublicZoneVPCAssociation",
        "You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support associating a VPC with a public hosted zone.",
    )
}

/// `LastVPCAssociation`
pub(super) fn last_vpc_association() -> Fault {
    Fault::new("LastVPCAssociation", "Cannot remove last VPC association for the private zone")
}

/// `VPCAssociationNotFound`
pub(super) fn vpc_association_not_found(vpc: &str, zone: &str) -> Fault {
    Fault::new(
        "VPCAssociationNotFound",
        format!("The VPC: {vpc} is not associated with the hosted zone: {zone}."),
    )
    .with_status(404)
}

/// `VPCAssociationAuthorizationNotFound`
pub(super) fn vpc_association_authorization_not_found(vpc: &str, zone: &str) -> Fault {
    Fault::new(
        "VPCAssociationAuthorizationNotFound",
        format!("The VPC: {vpc} is not authorized to be associated with the hosted zone: {zone}."),
    )
    .with_status(404)
}

/// `TooManyVPCAssociationAuthorizations`
pub(super) fn too_many_vpc_association_authorizations() -> Fault {
    Fault::new(
        "TooManyVPCAssociationAuthorizations",
        "You've created the maximum number of authorizations that can be created for the specified hosted zone.",
    )
}

/// `NotAuthorizedException`: zone and VPC belong to different accounts, and one of them has not agreed.
pub(super) fn vpc_has_not_authorized(vpc: &str) -> Fault {
    Fault::new(
        "NotAuthorizedException",
        format!("The VPC: {vpc} has not authorized to associate with your hosted zone."),
    )
    .with_status(401)
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

/// `InvalidInput` for a parameter of a health check.
pub(super) fn invalid_parameter(what: impl std::fmt::Display) -> Fault {
    invalid_input(format!("Invalid parameter : {what}"))
}

/// `TooManyHealthChecks`
pub(super) fn too_many_health_checks() -> Fault {
    Fault::new(
        "TooManyHealthChecks",
        "This health check can't be created because the current account has reached the limit on the number of active health checks.",
    )
}

/// `HealthCheckAlreadyExists`
pub(super) fn health_check_already_exists() -> Fault {
    Fault::new(
        "HealthCheckAlreadyExists",
        "A health check has already been created with the specified caller reference.",
    )
    .with_status(409)
}

/// `HealthCheckInUse`
pub(super) fn health_check_in_use() -> Fault {
    Fault::new("HealthCheckInUse", "The health check is in use by a calculated health check.")
}

/// `HealthCheckVersionMismatch`
pub(super) fn health_check_version_mismatch() -> Fault {
    Fault::new(
        "HealthCheckVersionMismatch",
        "The value of HealthCheckVersion in the request doesn't match the value of HealthCheckVersion in the health check.",
    )
    .with_status(409)
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

/// `QueryLoggingConfigAlreadyExists`
pub(super) fn query_logging_config_already_exists() -> Fault {
    Fault::new(
        "QueryLoggingConfigAlreadyExists",
        "A query logging configuration already exists for this hosted zone.",
    )
    .with_status(409)
}

/// `InsufficientCloudWatchLogsResourcePolicy`
pub(super) fn insufficient_log_policy() -> Fault {
    Fault::new(
        "InsufficientCloudWatchLogsResourcePolicy",
        "The resource policy that you're using for Route 53 query logging doesn't grant Route 53 sufficient permission \
         to create a log stream in the specified log group.",
    )
}
