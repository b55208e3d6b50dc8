//! Instances as responses show them.

use std::collections::BTreeMap;

use enishi_api::ec2::{
    self as api, CapacityReservationSpecificationResponse, CpuOptions, EnclaveOptions, HibernationOptions,
    IamInstanceProfile, InstanceMaintenanceOptions, InstanceNetworkPerformanceOptions, Monitoring,
    OperatorResponse, Placement, PrivateDnsNameOptionsResponse, Reservation, StateReason,
};
use enishi_state::World;
use enishi_state::ec2::{Image, Instance, InstanceState, NetworkInterface, StateReasonCode, Subnet, Tenancy};
use enishi_wire::Timestamp;

use super::super::address::association::public_of;
use super::super::instance_type::table;
use super::super::network_interface::shape as interface_shape;
use super::super::{image, tag, volume};
use super::lifecycle::state;
use super::metadata;

/// The interfaces of an instance, the primary first.
pub(super) fn interfaces<'w>(world: &'w World, row: &Instance) -> Vec<&'w NetworkInterface> {
    let mut interfaces: Vec<_> = world.by::<NetworkInterface>("instance", row.id.as_str()).collect();
    interfaces
        .sort_by_key(|interface| interface.attachment.as_ref().map(|attachment| attachment.device_index));
    interfaces
}

/// The instances by reservation, in the order of the first of each.
pub(super) fn reservations(world: &World, rows: Vec<&Instance>) -> Vec<Reservation> {
    let mut order = Vec::new();
    let mut by_reservation: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for row in rows {
        let members = by_reservation.entry(row.reservation.as_str()).or_default();
        if members.is_empty() {
            order.push(row.reservation.as_str());
        }
        members.push(row);
    }
    let reservation = |id: &str| {
        let members = by_reservation.get(id).map(Vec::as_slice).unwrap_or_default();
        let mut members = members.to_vec();
        members.sort_by_key(|row| row.launch_index);
        Reservation {
            reservation_id: Some(id.to_owned()),
            owner_id: members.first().map(|row| row.scope.account.to_string()),
            requester_id: None,
            groups: Some(vec![]),
            instances: Some(members.into_iter().map(|row| instance(world, row)).collect()),
        }
    };
    order.into_iter().map(reservation).collect()
}

/// As `DescribeInstances` shows it. A terminated instance has no network any more.
pub(super) fn instance(world: &World, row: &Instance) -> api::Instance {
    let interfaces = interfaces(world, row);
    let primary = interfaces.first().copied();
    let root_device = root_device_name(world, row);
    api::Instance {
        architecture: Some(architecture(world, row)),
        block_device_mappings: Some(volume::mappings(world, row)),
        client_token: Some(row.client_token.clone().unwrap_or_default()),
        ebs_optimized: Some(row.ebs_optimized),
        ena_support: Some(true),
        hypervisor: Some("xen".to_owned()),
        iam_instance_profile: row
            .instance_profile
            .as_ref()
            .map(|arn| IamInstanceProfile { arn: Some(arn.clone()), id: None }),
        network_interfaces: Some(
            interfaces.iter().map(|eni| interface_shape::of_instance(world, eni)).collect(),
        ),
        root_device_name: Some(root_device),
        root_device_type: Some("ebs".to_owned()),
        security_groups: Some(
            primary.map_or_else(Vec::new, |eni| interface_shape::groups(world, &eni.groups)),
        ),
        source_dest_check: primary.map(|eni| eni.source_dest_check),
        state_reason: state_reason(row),
        tags: tag::of(world, row.id.as_str()),
        virtualization_type: Some("hvm".to_owned()),
        cpu_options: Some(cpu_options(row)),
        capacity_reservation_specification: Some(CapacityReservationSpecificationResponse {
            capacity_reservation_preference: Some("open".to_owned()),
            ..Default::default()
        }),
        hibernation_options: Some(HibernationOptions { configured: Some(false) }),
        metadata_options: Some(metadata::shape(&row.metadata)),
        enclave_options: Some(EnclaveOptions { enabled: Some(false) }),
        platform_details: Some("Linux/UNIX".to_owned()),
        usage_operation: Some("RunInstances".to_owned()),
        usage_operation_update_time: Some(Timestamp::from_millis(row.launched.0)),
        private_dns_name_options: Some(private_dns_name_options(world, row)),
        maintenance_options: Some(InstanceMaintenanceOptions {
            auto_recovery: Some("default".to_owned()),
            reboot_migration: Some("default".to_owned()),
        }),
        current_instance_boot_mode: Some("legacy-bios".to_owned()),
        network_performance_options: Some(InstanceNetworkPerformanceOptions {
            bandwidth_weighting: Some("default".to_owned()),
        }),
        operator: Some(OperatorResponse { managed: Some(false), ..Default::default() }),
        instance_id: Some(row.id.to_string()),
        image_id: Some(row.image.to_string()),
        state: Some(state(row.state)),
        private_dns_name: Some(row.private_dns_name.clone()),
        public_dns_name: Some(public_dns_name(world, primary)),
        state_transition_reason: Some(row.state_transition_reason.clone()),
        key_name: row.key_name.clone(),
        ami_launch_index: i32::try_from(row.launch_index).ok(),
        product_codes: Some(vec![]),
        instance_type: Some(row.instance_type.clone()),
        launch_time: Some(Timestamp::from_millis(row.launched.0)),
        placement: Some(placement(world, row)),
        monitoring: Some(monitoring(row)),
        subnet_id: primary.map(|eni| eni.subnet.to_string()),
        vpc_id: primary.map(|eni| eni.vpc.to_string()),
        private_ip_address: primary.map(|eni| eni.primary_ip().to_string()),
        public_ip_address: primary
            .and_then(|eni| public_of(world, eni, eni.primary_ip()))
            .map(|public| public.ip().to_string()),
        ..Default::default()
    }
}

/// Detailed monitoring, as responses show it.
pub(super) fn monitoring(row: &Instance) -> Monitoring {
    let state = if row.monitoring { "enabled" } else { "disabled" };
    Monitoring { state: Some(state.to_owned()), ..Default::default() }
}

/// The name of its root device, from its image.
pub(super) fn root_device_name(world: &World, row: &Instance) -> String {
    let of_image = world.get::<Image>(&row.image).map(|found| found.root_device_name.clone());
    of_image.unwrap_or_else(|| image::public_root_device(&row.image).to_owned())
}

/// The architecture of its image; the host's image has the type's.
pub(super) fn architecture(world: &World, row: &Instance) -> String {
    let of_image = world.get::<Image>(&row.image).map(|found| found.architecture.clone());
    of_image.unwrap_or_else(|| table::architecture(&row.instance_type).name().to_owned())
}

fn public_dns_name(world: &World, primary: Option<&NetworkInterface>) -> String {
    let name = |eni: &NetworkInterface| {
        let public = public_of(world, eni, eni.primary_ip())?;
        interface_shape::has_dns_names(world, eni)
            .then(|| interface_shape::public_dns_name(&eni.scope.region, public.ip()))
    };
    primary.and_then(name).unwrap_or_default()
}

fn cpu_options(row: &Instance) -> CpuOptions {
    let (cores, threads) = table::find(&row.instance_type).map_or((1, 1), |found| {
        let threads = found.family.threads_per_core;
        ((found.vcpus() / threads).max(1), threads)
    });
    CpuOptions {
        core_count: i32::try_from(cores).ok(),
        threads_per_core: i32::try_from(threads).ok(),
        ..Default::default()
    }
}

fn private_dns_name_options(world: &World, row: &Instance) -> PrivateDnsNameOptionsResponse {
    let by_resource = row.private_dns_name.starts_with("i-");
    let hostname_type = if by_resource { "resource-name" } else { "ip-name" };
    let subnet = world.get::<Subnet>(&row.subnet);
    PrivateDnsNameOptionsResponse {
        hostname_type: Some(hostname_type.to_owned()),
        enable_resource_name_dns_a_record: Some(subnet.is_some_and(|subnet| subnet.resource_name_dns_a)),
        enable_resource_name_dns_aaaa_record: Some(false),
    }
}

fn placement(world: &World, row: &Instance) -> Placement {
    let tenancy = match row.tenancy {
        Tenancy::Default => "default",
        Tenancy::Dedicated => "dedicated",
        Tenancy::Host => "host",
    };
    Placement {
        availability_zone: Some(row.zone.clone()),
        availability_zone_id: world.get::<Subnet>(&row.subnet).map(|subnet| subnet.zone_id.clone()),
        group_name: Some(String::new()),
        tenancy: Some(tenancy.to_owned()),
        ..Default::default()
    }
}

fn state_reason(row: &Instance) -> Option<StateReason> {
    if row.state == InstanceState::Pending {
        return Some(StateReason { code: Some("pending".to_owned()), message: Some("pending".to_owned()) });
    }
    let reason = row.state_reason.as_ref()?;
    Some(StateReason {
        code: Some(reason_code(reason.code).to_owned()),
        message: Some(reason.message.clone()),
    })
}

/// AWS's code of a reason.
pub(super) fn reason_code(code: StateReasonCode) -> &'static str {
    match code {
        StateReasonCode::UserInitiated => "Client.UserInitiatedShutdown",
        StateReasonCode::InstanceInitiated => "Client.InstanceInitiatedShutdown",
        StateReasonCode::InternalError => "Server.InternalError",
    }
}
