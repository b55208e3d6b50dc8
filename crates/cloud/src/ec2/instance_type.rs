//! Instance types: `DescribeInstanceTypes`, `DescribeInstanceTypeOfferings`.
//! [Instance types](https://docs.aws.amazon.com/ec2/latest/instancetypes/)
//!
//! Answered from the [`table`] of the common families; every region and zone offers all of them.

pub(crate) mod table;

use enishi_api::ec2::{
    DescribeInstanceTypeOfferingsRequest, DescribeInstanceTypeOfferingsResult, DescribeInstanceTypesRequest,
    DescribeInstanceTypesResult, EbsInfo, InstanceTypeInfo, InstanceTypeOffering, MemoryInfo,
    NetworkCardInfo, NetworkInfo, PlacementGroupInfo, ProcessorInfo, VCpuInfo, ops,
};
use enishi_state::Read;
use enishi_wire::Fault;

use self::table::{Architecture, InstanceType};
use super::faults;
use super::filter::{Field, Filters, field};
use super::page::Page;
use crate::region;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::DescribeInstanceTypes>(describe_instance_types);
    on.stored_read::<ops::DescribeInstanceTypeOfferings>(describe_instance_type_offerings);
}

/// An item of an answer that is no row: what its filters look at.
const TYPE_FILTERS: &[Field<InstanceType>] = &[
    field("auto-recovery-supported", |_, _, values| values.add(true)),
    field("bare-metal", |_, _, values| values.add(false)),
    field("burstable-performance-supported", |_, found, values| values.add(found.family.burstable)),
    field("current-generation", |_, _, values| values.add(true)),
    field("dedicated-hosts-supported", |_, found, values| values.add(!found.family.burstable)),
    field("ebs-info.ebs-optimized-support", |_, found, values| values.add(ebs_support(*found))),
    field("ebs-info.encryption-support", |_, _, values| values.add("supported")),
    field("ebs-info.nvme-support", |_, found, values| values.add(nvme_support(*found))),
    field("free-tier-eligible", |_, found, values| values.add(found.free_tier())),
    field("hibernation-supported", |_, _, values| values.add(false)),
    field("hypervisor", |_, found, values| values.add(found.family.hypervisor)),
    field("instance-storage-supported", |_, _, values| values.add(false)),
    field("instance-type", |_, found, values| values.add(found.name())),
    field("memory-info.size-in-mib", |_, found, values| values.add(found.memory_mib())),
    field("network-info.efa-supported", |_, _, values| values.add(false)),
    field("network-info.ena-support", |_, found, values| values.add(ena_support(*found))),
    field("network-info.ipv4-addresses-per-interface", |_, found, values| {
        values.add(found.limits().addresses)
    }),
    field("network-info.ipv6-addresses-per-interface", |_, found, values| {
        values.add(found.limits().addresses)
    }),
    field("network-info.ipv6-supported", |_, _, values| values.add(true)),
    field("network-info.maximum-network-cards", |_, _, values| values.add(1)),
    field("network-info.maximum-network-interfaces", |_, found, values| {
        values.add(found.limits().interfaces)
    }),
    field("network-info.network-performance", |_, found, values| values.add(found.network())),
    field("processor-info.supported-architecture", |_, found, values| {
        values.add(found.family.architecture.name())
    }),
    field("processor-info.sustained-clock-speed-in-ghz", |_, found, values| {
        values.add(found.family.clock_ghz)
    }),
    field("supported-boot-mode", |_, found, values| {
        boot_modes(*found).iter().for_each(|mode| values.add(mode))
    }),
    field("supported-root-device-type", |_, _, values| values.add("ebs")),
    field("supported-usage-class", |_, _, values| values.add("on-demand")),
    field("supported-virtualization-type", |_, _, values| values.add("hvm")),
    field("vcpu-info.default-cores", |_, found, values| values.add(cores(*found))),
    field("vcpu-info.default-threads-per-core", |_, found, values| values.add(found.family.threads_per_core)),
    field("vcpu-info.default-vcpus", |_, found, values| values.add(found.vcpus())),
];

fn describe_instance_types(
    read: &Read<'_>,
    input: DescribeInstanceTypesRequest,
) -> Result<DescribeInstanceTypesResult, Fault> {
    let unknown: Vec<&str> =
        input.instance_types.iter().map(String::as_str).filter(|name| table::find(name).is_none()).collect();
    if !unknown.is_empty() {
        return Err(faults::invalid_instance_type(&unknown.join(", ")));
    }
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 5..=100)?;
    let filters = Filters::parse(input.filters, TYPE_FILTERS)?;
    let mut found: Vec<InstanceType> = table::all()
        .filter(|found| input.instance_types.is_empty() || input.instance_types.contains(&found.name()))
        .filter(|found| filters.accept(read.world, "", found))
        .collect();
    found.sort_by_key(|found| found.name());
    let (found, next_token) = page.of(found, |found| found.name());
    let instance_types = Some(found.into_iter().map(info).collect());
    Ok(DescribeInstanceTypesResult { instance_types, next_token })
}

const OFFERING_FILTERS: &[Field<InstanceTypeOffering>] = &[
    field("instance-type", |_, offering, values| values.maybe(offering.instance_type.as_ref())),
    field("location", |_, offering, values| values.maybe(offering.location.as_ref())),
];

fn describe_instance_type_offerings(
    read: &Read<'_>,
    input: DescribeInstanceTypeOfferingsRequest,
) -> Result<DescribeInstanceTypeOfferingsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 5..=1000)?;
    let filters = Filters::parse(input.filters, OFFERING_FILTERS)?;
    let region = &read.caller.scope.region;
    let location_type = input.location_type.unwrap_or_else(|| "region".to_owned());
    let locations: Vec<String> = match location_type.as_str() {
        "region" => vec![region.to_string()],
        "availability-zone" => region::zones(region).into_iter().map(|zone| zone.name).collect(),
        "availability-zone-id" => region::zones(region).into_iter().map(|zone| zone.id).collect(),
        "outpost" => vec![],
        other => return Err(faults::invalid_enum(other, "LocationType")),
    };
    let offering = |name: String, location: &String| InstanceTypeOffering {
        instance_type: Some(name),
        location_type: Some(location_type.clone()),
        location: Some(location.clone()),
    };
    let mut offerings: Vec<InstanceTypeOffering> = table::all()
        .flat_map(|found| locations.iter().map(move |location| (found, location)))
        .map(|(found, location)| offering(found.name(), location))
        .filter(|offering| filters.accept(read.world, "", offering))
        .collect();
    let key =
        |offering: &InstanceTypeOffering| format!("{:?} {:?}", offering.instance_type, offering.location);
    offerings.sort_by_key(key);
    let (offerings, next_token) = page.of(offerings, key);
    Ok(DescribeInstanceTypeOfferingsResult { instance_type_offerings: Some(offerings), next_token })
}

fn cores(found: InstanceType) -> u32 {
    (found.vcpus() / found.family.threads_per_core).max(1)
}

fn boot_modes(found: InstanceType) -> &'static [&'static str] {
    match (found.family.architecture, found.family.hypervisor) {
        (Architecture::Arm, _) => &["uefi"],
        (Architecture::X86, "xen") => &["legacy-bios"],
        (Architecture::X86, _) => &["legacy-bios", "uefi"],
    }
}

fn ebs_support(found: InstanceType) -> &'static str {
    if found.family.name == "t2" { "unsupported" } else { "default" }
}

fn nvme_support(found: InstanceType) -> &'static str {
    if found.family.hypervisor == "nitro" { "required" } else { "unsupported" }
}

fn ena_support(found: InstanceType) -> &'static str {
    if found.family.hypervisor == "nitro" { "required" } else { "unsupported" }
}

fn strings(of: &[&str]) -> Option<Vec<String>> {
    Some(of.iter().map(|text| (*text).to_owned()).collect())
}

fn int(of: impl TryInto<i32>) -> Option<i32> {
    of.try_into().ok()
}

fn info(found: InstanceType) -> InstanceTypeInfo {
    let family = found.family;
    let architectures: &[&str] = match (family.architecture, family.name) {
        (Architecture::X86, "t2") => &["i386", "x86_64"],
        (Architecture::X86, _) => &["x86_64"],
        (Architecture::Arm, _) => &["arm64"],
    };
    InstanceTypeInfo {
        instance_type: Some(found.name()),
        current_generation: Some(true),
        free_tier_eligible: Some(found.free_tier()),
        supported_usage_classes: strings(&["on-demand"]),
        supported_root_device_types: strings(&["ebs"]),
        supported_virtualization_types: strings(&["hvm"]),
        bare_metal: Some(false),
        hypervisor: Some(family.hypervisor.to_owned()),
        processor_info: Some(ProcessorInfo {
            supported_architectures: strings(architectures),
            sustained_clock_speed_in_ghz: Some(family.clock_ghz),
            manufacturer: Some(family.manufacturer.to_owned()),
            ..Default::default()
        }),
        vcpu_info: Some(VCpuInfo {
            default_vcpus: int(found.vcpus()),
            default_cores: int(cores(found)),
            default_threads_per_core: int(family.threads_per_core),
            valid_cores: None,
            valid_threads_per_core: None,
        }),
        memory_info: Some(MemoryInfo { size_in_mib: Some(found.memory_mib()) }),
        instance_storage_supported: Some(false),
        ebs_info: Some(EbsInfo {
            ebs_optimized_support: Some(ebs_support(found).to_owned()),
            encryption_support: Some("supported".to_owned()),
            nvme_support: Some(nvme_support(found).to_owned()),
            ..Default::default()
        }),
        network_info: Some(network(found)),
        placement_group_info: Some(PlacementGroupInfo {
            supported_strategies: strings(&["partition", "spread"]),
        }),
        hibernation_supported: Some(false),
        burstable_performance_supported: Some(family.burstable),
        dedicated_hosts_supported: Some(!family.burstable),
        auto_recovery_supported: Some(true),
        supported_boot_modes: strings(boot_modes(found)),
        nitro_enclaves_support: Some("unsupported".to_owned()),
        nitro_tpm_support: Some("unsupported".to_owned()),
        phc_support: Some("unsupported".to_owned()),
        supported_in_region: Some(true),
        ..Default::default()
    }
}

fn network(found: InstanceType) -> NetworkInfo {
    let limits = found.limits();
    let performance = Some(found.network().to_owned());
    NetworkInfo {
        network_performance: performance.clone(),
        maximum_network_interfaces: int(limits.interfaces),
        maximum_network_cards: Some(1),
        default_network_card_index: Some(0),
        network_cards: Some(vec![NetworkCardInfo {
            network_card_index: Some(0),
            network_performance: performance,
            maximum_network_interfaces: int(limits.interfaces),
            ..Default::default()
        }]),
        ipv4_addresses_per_interface: int(limits.addresses),
        ipv6_addresses_per_interface: int(limits.addresses),
        ipv6_supported: Some(true),
        ena_support: Some(ena_support(found).to_owned()),
        efa_supported: Some(false),
        encryption_in_transit_supported: Some(false),
        ena_srd_supported: Some(false),
        ..Default::default()
    }
}
