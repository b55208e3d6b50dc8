//! `RunInstances`. [Launch your instance](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/LaunchingAndUsingInstances.html)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enishi_api::ec2::{IamInstanceProfileSpecification, Placement, Reservation, RunInstancesRequest, ops};
use enishi_state::ec2::{
    Image, ImageId, Instance, InstanceId, InstanceState, KeyPair, MetadataOptions, NetworkInterface,
    ReservationId, Subnet, Tenancy, Vpc,
};
use enishi_state::{Tx, World};
use enishi_wire::Fault;

use super::super::instance_type::table;
use super::super::network_interface::shape::private_dns_name;
use super::super::tag::NewTags;
use super::super::volume::launch::Volumes;
use super::super::{client_token, faults, ids, image, key_pair};
use super::interfaces::Plan;
use super::{credit, metadata, shape};
use crate::region;
use crate::registry::Registry;

/// The type of an instance when the request names none, from the days when there was only one.
const DEFAULT_TYPE: &str = "m1.small";
/// Bytes of user data, decoded.
const USER_DATA_LIMIT: usize = 16_384;
/// Instances of one request.
const COUNT_LIMIT: i32 = 1000;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::RunInstances>(run_instances);
}

fn run_instances(tx: &mut Tx<'_>, input: RunInstancesRequest) -> Result<Reservation, Fault> {
    let token = input.client_token.clone();
    let made = client_token::once(tx, "RunInstances", token.as_deref(), &input, |tx| launch(tx, &input))?;
    let scope = &tx.caller().scope;
    let rows =
        made.iter().map(|id| ids::find::<Instance>(tx.world(), scope, id)).collect::<Result<Vec<_>, _>>()?;
    let reservation = shape::reservations(tx.world(), rows).into_iter().next();
    reservation.ok_or_else(|| Fault::internal("a launch made no instance"))
}

/// What all instances of a launch have in common.
struct Launch {
    reservation: ReservationId,
    image: ImageId,
    instance_type: String,
    key: Option<KeyPair>,
    user_data: Option<Vec<u8>>,
    metadata: MetadataOptions,
    tenancy: Tenancy,
    shutdown_terminates: bool,
    instance_profile: Option<String>,
    cpu_credits: Option<String>,
    resource_names: bool,
    subnet: Subnet,
    volumes: Volumes,
}

fn launch(tx: &mut Tx<'_>, input: &RunInstancesRequest) -> Result<Vec<String>, Fault> {
    refuse_unsupported(input)?;
    let (least, most) = counts(input)?;
    let tags = NewTags::parse(
        input.tag_specifications.clone(),
        &["instance", "network-interface", "volume", "spot-instances-request"],
    )?;
    let plan = Plan::parse(tx, input)?;
    let launch = check(tx, input, &plan)?;
    plan.check_limits(tx.world(), &launch.instance_type)?;
    let count = plan.count(tx.world(), least, most)?;
    let mut made = Vec::with_capacity(count);
    for index in 0..count {
        let row = instance(tx, input, &launch, index);
        tx.put(row.clone());
        let interfaces = plan.carry_out(tx, &row)?;
        let name = host_name(tx.world(), &row, launch.resource_names);
        tx.modify::<Instance>(&row.id, |row| row.private_dns_name = name);
        tags.attach(tx, "instance", row.id.as_str());
        for interface in &interfaces {
            tags.attach(tx, "network-interface", interface.as_str());
        }
        for volume in launch.volumes.carry_out(tx, &row) {
            tags.attach(tx, "volume", volume.as_str());
        }
        made.push(row.id.to_string());
    }
    Ok(made)
}

/// Refuses what would make another network or another bill, and is not there.
fn refuse_unsupported(input: &RunInstancesRequest) -> Result<(), Fault> {
    let refused = [
        ("Launch templates", input.launch_template.is_some()),
        ("Spot Instances", input.instance_market_options.is_some()),
        ("IPv6 addresses", !input.ipv6_addresses.is_empty() || input.ipv6_address_count.unwrap_or(0) != 0),
        ("Secondary networks", !input.secondary_interfaces.is_empty()),
        ("Elastic accelerators", !input.elastic_inference_accelerators.is_empty()),
        ("Elastic graphics", !input.elastic_gpu_specification.is_empty()),
    ];
    match refused.iter().find(|(_, asked)| *asked) {
        Some((what, _)) => Err(faults::unsupported_operation(format!("{what} are not supported by Enishi."))),
        None => Ok(()),
    }
}

fn counts(input: &RunInstancesRequest) -> Result<(usize, usize), Fault> {
    let (least, most) = (input.min_count, input.max_count);
    if least < 1 {
        return Err(faults::invalid_value("minCount", least, "Minimum value is 1."));
    }
    if most < least {
        return Err(faults::invalid_value("maxCount", most, "It must not be less than minCount."));
    }
    if most > COUNT_LIMIT {
        return Err(faults::invalid_value("maxCount", most, "Maximum value is 1000."));
    }
    Ok((usize::try_from(least).unwrap_or(1), usize::try_from(most).unwrap_or(1)))
}

fn check(tx: &mut Tx<'_>, input: &RunInstancesRequest, plan: &Plan) -> Result<Launch, Fault> {
    let world = tx.world();
    let scope = &tx.caller().scope;
    let subnet = plan.subnet(world)?.clone();
    let image = requested_image(tx, input)?;
    let instance_type = input.instance_type.clone().unwrap_or_else(|| DEFAULT_TYPE.to_owned());
    if !table::exists(&instance_type) {
        return Err(faults::invalid_enum(&instance_type, "InstanceType"));
    }
    check_architecture(world, &image, &instance_type)?;
    let (device, kind) = image::root_volume(world, &image);
    let volumes = Volumes::parse(device, kind, &input.block_device_mappings)?;
    let key = match input.key_name.as_deref() {
        None | Some("") => None,
        Some(name) => Some(key_pair::by_name(world, scope, name)?.clone()),
    };
    let tenancy = tenancy(world, &subnet, input.placement.as_ref())?;
    let cpu_credits = credit::requested(&instance_type, input.credit_specification.as_ref())?;
    Ok(Launch {
        reservation: ReservationId::generate(tx.entropy()),
        image,
        instance_type,
        key,
        user_data: input.user_data.as_deref().map(decode_user_data).transpose()?,
        metadata: metadata::requested(input.metadata_options.as_ref())?,
        tenancy,
        shutdown_terminates: shutdown_terminates(input.instance_initiated_shutdown_behavior.as_deref())?,
        instance_profile: input.iam_instance_profile.as_ref().and_then(|profile| profile_arn(tx, profile)),
        cpu_credits,
        resource_names: has_resource_names(input, &subnet)?,
        subnet,
        volumes,
    })
}

/// The image: one that the caller may launch, or any well-formed id that nobody registered.
fn requested_image(tx: &Tx<'_>, input: &RunInstancesRequest) -> Result<ImageId, Fault> {
    let id = input.image_id.as_deref().ok_or_else(|| faults::missing_parameter("ImageId"))?;
    let parsed = ids::parse::<Image>(id)?;
    let registered = tx.world().get::<Image>(&parsed);
    match registered.is_none_or(|row| image::is_visible(row, &tx.caller().scope)) {
        true => Ok(parsed),
        false => Err(faults::invalid_amiid_not_found(id)),
    }
}

fn check_architecture(world: &World, image: &ImageId, instance_type: &str) -> Result<(), Fault> {
    let Some(image) = world.get::<Image>(image) else { return Ok(()) };
    let of_type = table::architecture(instance_type).name();
    match image.architecture == of_type {
        true => Ok(()),
        false => Err(faults::invalid_parameter_value(format!(
            "The architecture '{of_type}' of the specified instance type does not match the architecture '{}' of the \
             specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
            image.architecture
        ))),
    }
}

fn tenancy(world: &World, subnet: &Subnet, placement: Option<&Placement>) -> Result<Tenancy, Fault> {
    let zone = placement.and_then(|placement| placement.availability_zone.as_deref());
    if let Some(zone) = zone.filter(|zone| !zone.is_empty()) {
        if region::zone_by_name(&subnet.scope.region, zone).is_none() {
            return Err(faults::invalid_parameter_value(format!("Invalid availability zone: [{zone}]")));
        }
        if zone != subnet.zone {
            return Err(faults::invalid_parameter_combination(format!(
                "The availability zone '{zone}' does not match the zone '{}' of the subnet.",
                subnet.zone
            )));
        }
    }
    let of_vpc = world.get::<Vpc>(&subnet.vpc).map_or(Tenancy::Default, |vpc| vpc.tenancy);
    match placement.and_then(|placement| placement.tenancy.as_deref()) {
        None | Some("" | "default") => Ok(of_vpc),
        Some("dedicated") => Ok(Tenancy::Dedicated),
        Some("host") => Ok(Tenancy::Host),
        Some(other) => Err(faults::invalid_enum(other, "Tenancy")),
    }
}

/// Decodes user data of a request.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn decode_user_data(encoded: &str) -> Result<Vec<u8>, Fault> {
    let compact: String = encoded.split_ascii_whitespace().collect();
    let decoded = STANDARD
        .decode(compact)
        .map_err(|_| faults::invalid_parameter_value("Invalid BASE64 encoding of user data."))?;
    match decoded.len() > USER_DATA_LIMIT {
        true => Err(faults::invalid_parameter_value("User data is limited to 16384 bytes")),
        false => Ok(decoded),
    }
}

/// Whether a shutdown from inside terminates.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn shutdown_terminates(behavior: Option<&str>) -> Result<bool, Fault> {
    match behavior {
        None | Some("stop") => Ok(false),
        Some("terminate") => Ok(true),
        Some(other) => Err(faults::invalid_enum(other, "instanceInitiatedShutdownBehavior")),
    }
}

/// The ARN of the instance profile, if the request names one; some clients send an empty name when they mean none.
fn profile_arn(tx: &Tx<'_>, profile: &IamInstanceProfileSpecification) -> Option<String> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let by_name = |name| format!("arn:aws:iam::{}:instance-profile/{name}", tx.caller().scope.account);
    given(&profile.arn).or_else(|| given(&profile.name).map(by_name))
}

fn has_resource_names(input: &RunInstancesRequest, subnet: &Subnet) -> Result<bool, Fault> {
    let asked = input.private_dns_name_options.as_ref().and_then(|options| options.hostname_type.as_deref());
    match asked.unwrap_or(&subnet.hostname_type) {
        "ip-name" => Ok(false),
        "resource-name" => Ok(true),
        other => Err(faults::invalid_enum(other, "HostnameType")),
    }
}

/// `ip-10-0-0-5.ec2.internal`, or with resource names `i-0123456789abcdef0.ec2.internal`.
fn host_name(world: &World, row: &Instance, resource_names: bool) -> String {
    let region = &row.scope.region;
    if resource_names {
        return format!("{}.{}", row.id, region::private_domain(region));
    }
    let primary = primary_interface(world, row);
    primary.map_or_else(String::new, |interface| private_dns_name(region, interface.primary_ip()))
}

/// The interface with device index 0.
pub(super) fn primary_interface<'w>(world: &'w World, row: &Instance) -> Option<&'w NetworkInterface> {
    let is_primary = |interface: &&NetworkInterface| {
        interface.attachment.as_ref().is_some_and(|attachment| attachment.device_index == 0)
    };
    world.by::<NetworkInterface>("instance", row.id.as_str()).find(is_primary)
}

fn instance(tx: &mut Tx<'_>, input: &RunInstancesRequest, launch: &Launch, index: usize) -> Instance {
    Instance {
        id: InstanceId::generate(tx.entropy()),
        scope: tx.caller().scope.clone(),
        reservation: launch.reservation.clone(),
        launch_index: u32::try_from(index).unwrap_or(u32::MAX),
        image: launch.image.clone(),
        instance_type: launch.instance_type.clone(),
        key_name: launch.key.as_ref().map(|key| key.name.clone()),
        public_key: launch.key.as_ref().map(|key| key.public_key.clone()),
        vpc: launch.subnet.vpc.clone(),
        subnet: launch.subnet.id.clone(),
        zone: launch.subnet.zone.clone(),
        state: InstanceState::Pending,
        state_reason: None,
        state_transition_reason: String::new(),
        launched: tx.now(),
        terminated: None,
        boot: 1,
        generation: tx.next_generation(),
        user_data: launch.user_data.clone(),
        metadata: launch.metadata.clone(),
        disable_api_termination: input.disable_api_termination.unwrap_or(false),
        disable_api_stop: input.disable_api_stop.unwrap_or(false),
        shutdown_terminates: launch.shutdown_terminates,
        monitoring: input.monitoring.as_ref().is_some_and(|monitoring| monitoring.enabled),
        ebs_optimized: input.ebs_optimized.unwrap_or(false),
        instance_profile: launch.instance_profile.clone(),
        tenancy: launch.tenancy,
        client_token: input.client_token.clone(),
        cpu_credits: launch.cpu_credits.clone(),
        private_dns_name: String::new(),
    }
}
