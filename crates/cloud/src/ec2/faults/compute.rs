//! The faults of instances, network interfaces, public addresses, key pairs and images.

use std::fmt::Display;
use std::net::Ipv4Addr;

use enishi_wire::Fault;

/// `AuthFailure`: the resource belongs to another account or to a service of AWS.
pub(crate) fn auth_failure() -> Fault {
    Fault::new("AuthFailure", "You do not have permission to access the specified resource.")
}

/// `InvalidParameterValue` for a value that an enumeration does not have.
pub(crate) fn invalid_enum(value: &str, parameter: &str) -> Fault {
    super::invalid_parameter_value(format!("Invalid value '{value}' for {parameter}."))
}

// ---- private addresses ----

/// `InsufficientFreeAddressesInSubnet`
pub(crate) fn insufficient_free_addresses_in_subnet() -> Fault {
    Fault::new(
        "InsufficientFreeAddressesInSubnet",
        "The specified subnet does not have enough free addresses to satisfy the request.",
    )
}

/// `InsufficientFreeAddressesInSubnet` in the words of `RunInstances`.
pub(crate) fn insufficient_free_addresses_for_instances(subnet: impl Display) -> Fault {
    Fault::new(
        "InsufficientFreeAddressesInSubnet",
        format!(
            "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."
        ),
    )
}

/// `InvalidIPAddress.InUse`: another interface has the private address.
pub(crate) fn invalid_ip_address_in_use() -> Fault {
    Fault::new("InvalidIPAddress.InUse", "The specified address is already in use.")
}

/// `PrivateIpAddressLimitExceeded`
pub(crate) fn private_ip_address_limit_exceeded() -> Fault {
    Fault::new("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
}

// ---- public addresses ----

/// `InsufficientAddressCapacity`
pub(crate) fn insufficient_address_capacity() -> Fault {
    Fault::new("InsufficientAddressCapacity", "Not enough free addresses to satisfy the request.")
        .with_status(500)
}

/// `InvalidIPAddress.InUse`: the Elastic IP is associated, or an instance has the private address.
pub(crate) fn address_in_use(ip: Ipv4Addr) -> Fault {
    Fault::new("InvalidIPAddress.InUse", format!("Address {ip} is in use."))
}

/// `InvalidAddress.NotFound`
pub(crate) fn invalid_address_not_found(ip: &str) -> Fault {
    Fault::new("InvalidAddress.NotFound", format!("Address '{ip}' not found."))
}

/// `InvalidAddressID.NotFound`: an address that was released cannot be had again.
pub(crate) fn invalid_address_id_not_found() -> Fault {
    Fault::new("InvalidAddressID.NotFound", "The requested IP address does not exist or is unavailable")
}

/// `InvalidAddress.PtrSet`
pub(crate) fn invalid_address_ptr_set(allocation: impl Display) -> Fault {
    Fault::new(
        "InvalidAddress.PtrSet",
        format!(
            "The address with allocation id [{allocation}] cannot be released because it has a PTR record set."
        ),
    )
}

/// `Gateway.NotAttached`: a VPC without an internet gateway.
pub(crate) fn network_not_attached(vpc: impl Display) -> Fault {
    Fault::new("Gateway.NotAttached", format!("Network {vpc} is not attached to any internet gateway"))
}

// ---- network interfaces ----

/// `InvalidNetworkInterface.InUse`
pub(crate) fn invalid_network_interface_in_use(interface: impl Display) -> Fault {
    Fault::new("InvalidNetworkInterface.InUse", format!("Interface: [{interface}] in use."))
}

/// `InvalidParameterValue` for an interface that is to be deleted while something uses it.
pub(crate) fn network_interface_in_use(interface: impl Display) -> Fault {
    super::invalid_parameter_value(format!("Network interface '{interface}' is currently in use."))
}

/// `AttachmentLimitExceeded`
pub(crate) fn attachment_limit_exceeded(count: usize, instance_type: &str) -> Fault {
    Fault::new(
        "AttachmentLimitExceeded",
        format!("Interface count {count} exceeds the limit for {instance_type}"),
    )
}

// ---- instances ----

/// `IncorrectInstanceState`
pub(crate) fn incorrect_instance_state(message: impl Into<String>) -> Fault {
    Fault::new("IncorrectInstanceState", message)
}

/// `InvalidInstanceID`
pub(crate) fn invalid_instance_id(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInstanceID", message)
}

/// `OperationNotPermitted`: the attribute protects the instance. `verb` is `terminated` or `stopped`.
pub(crate) fn protected(instance: impl Display, verb: &str, attribute: &str) -> Fault {
    super::operation_not_permitted(format!(
        "The instance '{instance}' may not be {verb}. Modify its '{attribute}' instance attribute and try again."
    ))
}

/// `InvalidInstanceAttributeValue`
pub(crate) fn invalid_instance_attribute_value(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInstanceAttributeValue", message)
}

/// `InvalidInstanceType`
pub(crate) fn invalid_instance_type(types: &str) -> Fault {
    Fault::new(
        "InvalidInstanceType",
        format!("The following supplied instance types do not exist: [{types}]"),
    )
}

// ---- volumes ----

/// `VolumeInUse`
pub(crate) fn volume_in_use(volume: impl Display, instance: impl Display) -> Fault {
    Fault::new("VolumeInUse", format!("Volume {volume} is currently attached to {instance}"))
}

/// `InvalidBlockDeviceMapping`
pub(crate) fn invalid_block_device_mapping(message: impl Into<String>) -> Fault {
    Fault::new("InvalidBlockDeviceMapping", message)
}

/// `InvalidSnapshot.NotFound`
pub(crate) fn invalid_snapshot_not_found(id: &str) -> Fault {
    Fault::new("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."))
}

// ---- key pairs and images ----

/// `InvalidKeyPair.Duplicate`
pub(crate) fn invalid_key_pair_duplicate() -> Fault {
    Fault::new("InvalidKeyPair.Duplicate", "The keypair already exists")
}

/// `InvalidKey.Format`
pub(crate) fn invalid_key_format() -> Fault {
    Fault::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}

/// `InvalidAMIName.Duplicate`
pub(crate) fn invalid_ami_name_duplicate(name: &str, image: impl Display) -> Fault {
    Fault::new("InvalidAMIName.Duplicate", format!("AMI name {name} is already in use by AMI {image}"))
}

/// `InvalidPermissionID.NotFound`
pub(crate) fn invalid_permission_id_not_found(id: &str) -> Fault {
    Fault::new("InvalidPermissionID.NotFound", format!("The permission ID '{id}' does not exist"))
}

/// `InvalidAMIName.Malformed`
pub(crate) fn invalid_ami_name_malformed() -> Fault {
    Fault::new(
        "InvalidAMIName.Malformed",
        "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, spaces and \
         ( ) [ ] . / - ' @ _",
    )
}
