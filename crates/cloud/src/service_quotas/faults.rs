//! Every fault of Service Quotas.
//! [Common errors](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/CommonErrors.html)

use enishi_wire::Fault;

/// `NoSuchResourceException`: the service.
pub(super) fn no_such_service() -> Fault {
    Fault::new("NoSuchResourceException", "The request failed because the specified service does not exist.")
}

/// `NoSuchResourceException`: the quota.
pub(super) fn no_such_quota() -> Fault {
    Fault::new("NoSuchResourceException", "The request failed because the specified quota does not exist.")
}

/// `NoSuchResourceException`: the request.
pub(super) fn no_such_request() -> Fault {
    Fault::new("NoSuchResourceException", "The request failed because the specified request does not exist.")
}

/// `IllegalArgumentException`: a quota can only be raised.
pub(super) fn not_greater() -> Fault {
    Fault::new(
        "IllegalArgumentException",
        "You must provide a quota value greater than the current quota value",
    )
}

/// `IllegalArgumentException`: the quota is fixed.
pub(super) fn not_adjustable() -> Fault {
    Fault::new("IllegalArgumentException", "The specified quota is not adjustable")
}

/// `InvalidPaginationTokenException`
pub(super) fn invalid_pagination_token() -> Fault {
    Fault::new("InvalidPaginationTokenException", "The pagination token is invalid.")
}
