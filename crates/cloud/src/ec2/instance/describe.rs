//! `DescribeInstances` and its filters.

use enishi_api::ec2::{DescribeInstancesRequest, DescribeInstancesResult, ops};
use enishi_state::ec2::{Instance, NetworkInterface, SecurityGroup, Subnet, Tenancy};
use enishi_state::{Read, World};
use enishi_wire::Fault;

use super::super::address::association::{elastic_of, public_of};
use super::super::describe::describe;
use super::super::filter::{Field, Values, field};
use super::super::network_interface::shape as interface_shape;
use super::super::page::{self, Page};
use super::super::{faults, volume};
use super::shape;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeInstances>(describe_instances);
}

fn describe_instances(
    read: &Read<'_>,
    input: DescribeInstancesRequest,
) -> Result<DescribeInstancesResult, Fault> {
    if input.max_results.is_some() && !input.instance_ids.is_empty() {
        return Err(faults::invalid_parameter_combination(
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.instance_ids, input.filters, FILTERS, &page)?;
    Ok(DescribeInstancesResult { reservations: Some(shape::reservations(read.world, rows)), next_token })
}

type Eni = NetworkInterface;

/// Adds a value for each interface of the instance.
fn each(world: &World, row: &Instance, values: &mut Values, add: impl Fn(&Eni, &mut Values)) {
    for interface in world.by::<Eni>("instance", row.id.as_str()) {
        add(interface, values);
    }
}

/// Adds a value for the primary interface of the instance.
fn primary(world: &World, row: &Instance, values: &mut Values, add: impl Fn(&Eni, &mut Values)) {
    if let Some(interface) = super::launch::primary_interface(world, row) {
        add(interface, values);
    }
}

fn group_names(world: &World, interface: &Eni, values: &mut Values) {
    for id in &interface.groups {
        values.maybe(world.get::<SecurityGroup>(id).map(|group| &group.name));
    }
}

fn time(at: enishi_state::Timestamp) -> String {
    enishi_wire::Timestamp::from_millis(at.0).date_time_millis()
}

fn word(on: bool, yes: &'static str, no: &'static str) -> &'static str {
    if on { yes } else { no }
}

pub(super) const FILTERS: &[Field<Instance>] = &[
    field("affinity", |_, _, values| values.add("default")),
    field("architecture", |world, row, values| values.add(shape::architecture(world, row))),
    field("availability-zone", |_, row, values| values.add(&row.zone)),
    field("availability-zone-id", |world, row, values| {
        values.maybe(world.get::<Subnet>(&row.subnet).map(|subnet| &subnet.zone_id));
    }),
    field("block-device-mapping.attach-time", |world, row, values| {
        volume::of_instance(world, &row.id)
            .iter()
            .for_each(|(_, attachment)| values.add(time(attachment.since)));
    }),
    field("block-device-mapping.delete-on-termination", |world, row, values| {
        volume::of_instance(world, &row.id)
            .iter()
            .for_each(|(_, attachment)| values.add(attachment.delete_on_termination));
    }),
    field("block-device-mapping.device-name", |world, row, values| {
        volume::of_instance(world, &row.id).iter().for_each(|(_, attachment)| values.add(&attachment.device));
    }),
    field("block-device-mapping.status", |world, row, values| {
        volume::of_instance(world, &row.id).iter().for_each(|_| values.add("attached"));
    }),
    field("block-device-mapping.volume-id", |world, row, values| {
        volume::of_instance(world, &row.id).iter().for_each(|(volume, _)| values.add(&volume.id));
    }),
    field("boot-mode", |_, _, _| {}),
    field("capacity-reservation-id", |_, _, _| {}),
    field("client-token", |_, row, values| values.maybe(row.client_token.as_ref())),
    field("current-instance-boot-mode", |_, _, values| values.add("legacy-bios")),
    field("dns-name", |world, row, values| {
        primary(world, row, values, |eni, values| {
            if interface_shape::has_dns_names(world, eni) {
                let public = public_of(world, eni, eni.primary_ip());
                values.maybe(
                    public.map(|public| interface_shape::public_dns_name(&eni.scope.region, public.ip())),
                );
            }
        });
    }),
    field("ebs-optimized", |_, row, values| values.add(row.ebs_optimized)),
    field("ena-support", |_, _, values| values.add(true)),
    field("enclave-options.enabled", |_, _, values| values.add(false)),
    field("hibernation-options.configured", |_, _, values| values.add(false)),
    field("host-id", |_, _, _| {}),
    field("hypervisor", |_, _, values| values.add("xen")),
    field("iam-instance-profile.arn", |_, row, values| values.maybe(row.instance_profile.as_ref())),
    field("iam-instance-profile.name", |_, row, values| {
        values.maybe(row.instance_profile.as_ref().and_then(|arn| arn.rsplit('/').next()));
    }),
    field("image-id", |_, row, values| values.add(&row.image)),
    field("instance-id", |_, row, values| values.add(&row.id)),
    field("instance-lifecycle", |_, _, _| {}),
    field("instance-state-code", |_, row, values| values.add(row.state.code())),
    field("instance-state-name", |_, row, values| values.add(row.state.name())),
    field("instance-type", |_, row, values| values.add(&row.instance_type)),
    field("instance.group-id", |world, row, values| {
        primary(world, row, values, |eni, values| eni.groups.iter().for_each(|group| values.add(group)));
    }),
    field("instance.group-name", |world, row, values| {
        primary(world, row, values, |eni, values| group_names(world, eni, values));
    }),
    field("ip-address", |world, row, values| {
        primary(world, row, values, |eni, values| {
            values.maybe(public_of(world, eni, eni.primary_ip()).map(|public| public.ip()));
        });
    }),
    field("ipv6-address", |_, _, _| {}),
    field("kernel-id", |_, _, _| {}),
    field("key-name", |_, row, values| values.maybe(row.key_name.as_ref())),
    field("launch-index", |_, row, values| values.add(row.launch_index)),
    field("launch-time", |_, row, values| values.add(time(row.launched))),
    field("metadata-options.http-endpoint", |_, row, values| {
        values.add(word(row.metadata.enabled, "enabled", "disabled"));
    }),
    field("metadata-options.http-put-response-hop-limit", |_, row, values| {
        values.add(row.metadata.hop_limit)
    }),
    field("metadata-options.http-tokens", |_, row, values| {
        values.add(word(row.metadata.tokens_required, "required", "optional"));
    }),
    field("metadata-options.instance-metadata-tags", |_, row, values| {
        values.add(word(row.metadata.instance_tags, "enabled", "disabled"));
    }),
    field("metadata-options.state", |_, _, values| values.add("applied")),
    field("monitoring-state", |_, row, values| values.add(word(row.monitoring, "enabled", "disabled"))),
    field("network-interface.addresses.association.allocation-id", |world, row, values| {
        each(world, row, values, |eni, values| {
            elastic_of(world, eni).for_each(|(address, _)| values.add(&address.id));
        });
    }),
    field("network-interface.addresses.association.association-id", |world, row, values| {
        each(world, row, values, |eni, values| {
            elastic_of(world, eni).for_each(|(_, association)| values.add(&association.id));
        });
    }),
    field("network-interface.addresses.association.ip-owner-id", |world, row, values| {
        each(world, row, values, |eni, values| {
            for private in &eni.addresses {
                values.maybe(public_of(world, eni, private.ip).map(|public| public.owner().to_owned()));
            }
        });
    }),
    field("network-interface.addresses.association.public-ip", |world, row, values| {
        each(world, row, values, |eni, values| {
            for private in &eni.addresses {
                values.maybe(public_of(world, eni, private.ip).map(|public| public.ip()));
            }
        });
    }),
    field("network-interface.addresses.primary", |world, row, values| {
        each(world, row, values, |eni, values| {
            eni.addresses.iter().for_each(|private| values.add(private.ip == eni.primary_ip()));
        });
    }),
    field("network-interface.addresses.private-ip-address", |world, row, values| {
        each(world, row, values, |eni, values| {
            eni.addresses.iter().for_each(|private| values.add(private.ip))
        });
    }),
    field("network-interface.association.public-ip", |world, row, values| {
        each(world, row, values, |eni, values| {
            values.maybe(public_of(world, eni, eni.primary_ip()).map(|public| public.ip()));
        });
    }),
    field("network-interface.attachment.attachment-id", |world, row, values| {
        each(world, row, values, |eni, values| values.maybe(eni.attachment.as_ref().map(|found| &found.id)));
    }),
    field("network-interface.attachment.delete-on-termination", |world, row, values| {
        each(world, row, values, |eni, values| {
            values.maybe(eni.attachment.as_ref().map(|found| found.delete_on_termination));
        });
    }),
    field("network-interface.attachment.device-index", |world, row, values| {
        each(world, row, values, |eni, values| {
            values.maybe(eni.attachment.as_ref().map(|found| found.device_index))
        });
    }),
    field("network-interface.attachment.instance-id", |_, row, values| values.add(&row.id)),
    field("network-interface.attachment.instance-owner-id", |_, row, values| values.add(&row.scope.account)),
    field("network-interface.attachment.status", |_, _, values| values.add("attached")),
    field("network-interface.availability-zone", |_, row, values| values.add(&row.zone)),
    field("network-interface.description", |world, row, values| {
        each(world, row, values, |eni, values| values.add(&eni.description));
    }),
    field("network-interface.group-id", |world, row, values| {
        each(world, row, values, |eni, values| eni.groups.iter().for_each(|group| values.add(group)));
    }),
    field("network-interface.group-name", |world, row, values| {
        each(world, row, values, |eni, values| group_names(world, eni, values));
    }),
    field("network-interface.mac-address", |world, row, values| {
        each(world, row, values, |eni, values| values.add(eni.mac));
    }),
    field("network-interface.network-interface-id", |world, row, values| {
        each(world, row, values, |eni, values| values.add(&eni.id));
    }),
    field("network-interface.owner-id", |_, row, values| values.add(&row.scope.account)),
    field("network-interface.private-dns-name", |world, row, values| {
        each(world, row, values, |eni, values| {
            if interface_shape::has_dns_names(world, eni) {
                values.add(interface_shape::private_dns_name(&eni.scope.region, eni.primary_ip()));
            }
        });
    }),
    field("network-interface.requester-id", |_, _, _| {}),
    field("network-interface.requester-managed", |_, _, values| values.add(false)),
    field("network-interface.source-dest-check", |world, row, values| {
        each(world, row, values, |eni, values| values.add(eni.source_dest_check));
    }),
    field("network-interface.status", |world, row, values| {
        each(world, row, values, |_, values| values.add("in-use"))
    }),
    field("network-interface.subnet-id", |world, row, values| {
        each(world, row, values, |eni, values| values.add(&eni.subnet));
    }),
    field("network-interface.vpc-id", |world, row, values| {
        each(world, row, values, |eni, values| values.add(&eni.vpc));
    }),
    field("network-performance-options.bandwidth-weighting", |_, _, values| values.add("default")),
    field("operator.managed", |_, _, values| values.add(false)),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("placement-group-name", |_, _, _| {}),
    field("placement-partition-number", |_, _, _| {}),
    field("platform", |_, _, _| {}),
    field("platform-details", |_, _, values| values.add("Linux/UNIX")),
    field("private-dns-name", |_, row, values| values.add(&row.private_dns_name)),
    field("private-ip-address", |world, row, values| {
        primary(world, row, values, |eni, values| values.add(eni.primary_ip()));
    }),
    field("product-code", |_, _, _| {}),
    field("ramdisk-id", |_, _, _| {}),
    field("reason", |_, row, values| values.add(&row.state_transition_reason)),
    field("requester-id", |_, _, _| {}),
    field("reservation-id", |_, row, values| values.add(&row.reservation)),
    field("root-device-name", |world, row, values| values.add(shape::root_device_name(world, row))),
    field("root-device-type", |_, _, values| values.add("ebs")),
    field("source-dest-check", |world, row, values| {
        primary(world, row, values, |eni, values| values.add(eni.source_dest_check));
    }),
    field("spot-instance-request-id", |_, _, _| {}),
    field("state-reason-code", |_, row, values| {
        values.maybe(row.state_reason.as_ref().map(|reason| shape::reason_code(reason.code)));
    }),
    field("state-reason-message", |_, row, values| {
        values.maybe(row.state_reason.as_ref().map(|reason| &reason.message));
    }),
    field("subnet-id", |world, row, values| {
        primary(world, row, values, |eni, values| values.add(&eni.subnet))
    }),
    field("tenancy", |_, row, values| {
        values.add(match row.tenancy {
            Tenancy::Default => "default",
            Tenancy::Dedicated => "dedicated",
            Tenancy::Host => "host",
        });
    }),
    field("usage-operation", |_, _, values| values.add("RunInstances")),
    field("virtualization-type", |_, _, values| values.add("hvm")),
    field("vpc-id", |world, row, values| primary(world, row, values, |eni, values| values.add(&eni.vpc))),
];
