//! Images: `RegisterImage`, `DeregisterImage`, `DescribeImages`.
//! [Amazon Machine Images](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIs.html)
//!
//! An image here is a root directory on the host, which `RegisterImage` takes as its `ImageLocation`. Any other
//! well-formed id runs the host's own root, since users paste the ids of AWS's public images; [`public`] answers for
//! those, and says so in the description. Tested in `tests/image.rs`.

mod attribute;
mod public;

use enishi_api::ec2::{
    self as api, BlockDeviceMapping, DeregisterImageRequest, DeregisterImageResult, DescribeImagesRequest,
    DescribeImagesResult, EbsBlockDevice, RegisterImageRequest, RegisterImageResult, ops,
};
use enishi_state::ec2::{Image, ImageId};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::{Fault, Timestamp};

use super::filter::{Field, Filters, field};
use super::page::Page;
use super::tag::NewTags;
use super::volume::launch::ROOT_SIZE;
use super::{faults, ids, tag};
use crate::registry::Registry;

pub(crate) use public::root_device as public_root_device;

const DEFAULT_ROOT_DEVICE: &str = "/dev/sda1";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::RegisterImage>(register_image);
    on.write::<ops::DeregisterImage>(deregister_image);
    on.read::<ops::DescribeImages>(describe_images);
    attribute::register(on);
}

/// Whether the scope may see and launch the image: its own, or a public one of its region.
pub(crate) fn is_visible(row: &Image, scope: &Scope) -> bool {
    row.scope == *scope || (row.public && row.scope.region == scope.region)
}

/// The caller's own image.
///
/// # Errors
/// `InvalidAMIID.Malformed`, `InvalidAMIID.NotFound`, `AuthFailure` for a public image of someone else.
fn own<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w Image, Fault> {
    let parsed = ids::parse::<Image>(id)?;
    match world.get::<Image>(&parsed) {
        Some(row) if row.scope == *scope => Ok(row),
        Some(row) if is_visible(row, scope) => Err(faults::auth_failure()),
        _ => Err(faults::invalid_amiid_not_found(id)),
    }
}

fn register_image(tx: &mut Tx<'_>, input: RegisterImageRequest) -> Result<RegisterImageResult, Fault> {
    let scope = tx.caller().scope.clone();
    check_name(tx.world(), &scope, &input.name)?;
    let tags = NewTags::parse(input.tag_specifications, &["image", "snapshot"])?;
    let architecture = match input.architecture.as_deref() {
        None => "x86_64",
        Some(known @ ("x86_64" | "arm64")) => known,
        Some(other) => return Err(faults::invalid_enum(other, "architecture")),
    };
    let row = Image {
        id: ImageId::generate(tx.entropy()),
        scope,
        name: input.name,
        description: input.description.unwrap_or_default(),
        root: root_directory(input.image_location.as_deref())?,
        architecture: architecture.to_owned(),
        root_device_name: input.root_device_name.unwrap_or_else(|| DEFAULT_ROOT_DEVICE.to_owned()),
        public: false,
        created: tx.now(),
    };
    let id = row.id.to_string();
    tx.put(row);
    tags.attach(tx, "image", &id);
    Ok(RegisterImageResult { image_id: Some(id) })
}

/// 3 to 128 characters of AWS's alphabet, not used by another image of the owner.
fn check_name(world: &World, scope: &Scope, name: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ()[]./-'@_".contains(c);
    if !(3..=128).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(faults::invalid_ami_name_malformed());
    }
    match ids::in_scope::<Image>(world, scope).find(|row| row.name == name) {
        Some(row) => Err(faults::invalid_ami_name_duplicate(name, &row.id)),
        None => Ok(()),
    }
}

/// The absolute path of a directory on the host, without steps up. Whether it exists shows when an instance starts.
fn root_directory(location: Option<&str>) -> Result<String, Fault> {
    let location = location.ok_or_else(|| faults::missing_parameter("ImageLocation"))?;
    let steps_up = location.split('/').any(|part| part == "..");
    match location.starts_with('/') && !steps_up && !location.contains('\0') {
        true => Ok(location.to_owned()),
        false => Err(faults::invalid_value(
            "imageLocation",
            location,
            "In Enishi it is the absolute path of a root directory on the host.",
        )),
    }
}

fn deregister_image(tx: &mut Tx<'_>, input: DeregisterImageRequest) -> Result<DeregisterImageResult, Fault> {
    let id = own(tx.world(), &tx.caller().scope, &input.image_id)?.id.clone();
    tag::remove_all(tx, id.as_str());
    tx.remove::<Image>(&id);
    Ok(DeregisterImageResult { r#return: Some(true), delete_snapshot_results: None })
}

fn time(at: enishi_state::Timestamp) -> String {
    Timestamp::from_millis(at.0).date_time_millis()
}

const FILTERS: &[Field<Image>] = &[
    field("architecture", |_, row, values| values.add(&row.architecture)),
    field("block-device-mapping.delete-on-termination", |_, _, values| values.add(true)),
    field("block-device-mapping.device-name", |_, row, values| values.add(&row.root_device_name)),
    field("block-device-mapping.encrypted", |_, _, values| values.add(false)),
    field("block-device-mapping.snapshot-id", |_, _, _| {}),
    field("block-device-mapping.volume-size", |_, _, values| values.add(ROOT_SIZE)),
    field("block-device-mapping.volume-type", |_, _, values| {
        values.add("gp3");
        values.add("gp2");
    }),
    field("boot-mode", |_, _, _| {}),
    field("creation-date", |_, row, values| values.add(time(row.created))),
    field("description", |_, row, values| values.add(&row.description)),
    field("ena-support", |_, _, values| values.add(true)),
    field("hypervisor", |_, _, values| values.add("xen")),
    field("image-allowed", |_, _, values| values.add(true)),
    field("image-id", |_, row, values| values.add(&row.id)),
    field("image-type", |_, _, values| values.add("machine")),
    field("imds-support", |_, _, _| {}),
    field("is-public", |_, row, values| values.add(row.public)),
    field("kernel-id", |_, _, _| {}),
    field("manifest-location", |_, row, values| values.add(&row.root)),
    field("name", |_, row, values| values.add(&row.name)),
    field("owner-alias", |_, row, values| values.maybe(public::alias(row))),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("platform", |_, _, _| {}),
    field("platform-details", |_, _, values| values.add("Linux/UNIX")),
    field("product-code", |_, _, _| {}),
    field("product-code.type", |_, _, _| {}),
    field("ramdisk-id", |_, _, _| {}),
    field("root-device-name", |_, row, values| values.add(&row.root_device_name)),
    field("root-device-type", |_, _, values| values.add("ebs")),
    field("state", |_, _, values| values.add("available")),
    field("state-reason-code", |_, _, _| {}),
    field("state-reason-message", |_, _, _| {}),
    field("sriov-net-support", |_, _, _| {}),
    field("usage-operation", |_, _, values| values.add("RunInstances")),
    field("virtualization-type", |_, _, values| values.add("hvm")),
];

fn describe_images(read: &Read<'_>, input: DescribeImagesRequest) -> Result<DescribeImagesResult, Fault> {
    if !input.image_ids.is_empty() && input.max_results.is_some() {
        return Err(faults::invalid_parameter_combination(
            "The parameter imagesSet cannot be used with the parameter maxResults",
        ));
    }
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 1..=1000)?;
    let mut rows = match input.image_ids.is_empty() {
        true => candidates(read, &input),
        false => by_id(read, &input.image_ids)?,
    };
    let filters = Filters::parse(input.filters, FILTERS)?;
    let scope = &read.caller.scope;
    rows.retain(|row| {
        filters.accept(read.world, row.id.as_str(), row)
            && is_owned_by(row, scope, &input.owners)
            && is_executable_by(row, scope, &input.executable_users)
    });
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows.dedup_by(|a, b| a.id == b.id);
    let (rows, next_token) = page.of(rows, |row| row.id.to_string());
    let images = rows.iter().map(|row| shape(read.world, row)).collect();
    Ok(DescribeImagesResult { next_token, images: Some(images) })
}

/// Registered images that the caller sees, and the public ones that the request may mean.
fn candidates(read: &Read<'_>, input: &DescribeImagesRequest) -> Vec<Image> {
    let scope = &read.caller.scope;
    let registered = read.world.all::<Image>().filter(|row| is_visible(row, scope)).cloned();
    let mut rows: Vec<Image> = registered.collect();
    rows.extend(public::matching(scope, &input.owners, &input.filters));
    rows
}

fn by_id(read: &Read<'_>, ids: &[String]) -> Result<Vec<Image>, Fault> {
    let scope = &read.caller.scope;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        let parsed = ids::parse::<Image>(id)?;
        match read.world.get::<Image>(&parsed) {
            Some(row) if is_visible(row, scope) => rows.push(row.clone()),
            Some(_) => return Err(faults::invalid_amiid_not_found(id)),
            None => rows.push(public::by_id(scope, parsed)),
        }
    }
    Ok(rows)
}

fn is_owned_by(row: &Image, scope: &Scope, owners: &[String]) -> bool {
    let owner = row.scope.account.as_str();
    let is = |wanted: &String| match wanted.as_str() {
        "self" => row.scope.account == scope.account,
        "amazon" | "aws-marketplace" => public::alias(row).is_some(),
        account => account == owner,
    };
    owners.is_empty() || owners.iter().any(is)
}

fn is_executable_by(row: &Image, scope: &Scope, users: &[String]) -> bool {
    let is = |user: &String| match user.as_str() {
        "all" => row.public,
        "self" => row.scope.account != scope.account && row.public,
        _ => false,
    };
    users.is_empty() || users.iter().any(is)
}

/// The root device of instances of the image and the type of its volume.
pub(crate) fn root_volume<'w>(world: &'w World, id: &ImageId) -> (&'w str, &'static str) {
    match world.get::<Image>(id) {
        Some(row) => (&row.root_device_name, volume_kind(&row.name)),
        None => (public::root_device(id), public::name_of(id).map_or("gp3", volume_kind)),
    }
}

/// AWS's public images tell the type of their root volume by their name.
fn volume_kind(name: &str) -> &'static str {
    if name.ends_with("gp2") || name.contains("hvm-ssd/") { "gp2" } else { "gp3" }
}

/// There is no snapshot behind it.
fn root_mapping(row: &Image) -> BlockDeviceMapping {
    BlockDeviceMapping {
        device_name: Some(row.root_device_name.clone()),
        ebs: Some(EbsBlockDevice {
            delete_on_termination: Some(true),
            volume_size: i32::try_from(ROOT_SIZE).ok(),
            volume_type: Some(volume_kind(&row.name).to_owned()),
            encrypted: Some(false),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn shape(world: &World, row: &Image) -> api::Image {
    api::Image {
        platform_details: Some("Linux/UNIX".to_owned()),
        usage_operation: Some("RunInstances".to_owned()),
        block_device_mappings: Some(vec![root_mapping(row)]),
        description: Some(row.description.clone()),
        ena_support: Some(true),
        hypervisor: Some("xen".to_owned()),
        image_owner_alias: public::alias(row).map(str::to_owned),
        name: Some(row.name.clone()),
        root_device_name: Some(row.root_device_name.clone()),
        root_device_type: Some("ebs".to_owned()),
        sriov_net_support: Some("simple".to_owned()),
        tags: tag::of(world, row.id.as_str()),
        virtualization_type: Some("hvm".to_owned()),
        deregistration_protection: Some("disabled".to_owned()),
        image_id: Some(row.id.to_string()),
        image_location: Some(row.root.clone()),
        state: Some("available".to_owned()),
        owner_id: Some(row.scope.account.to_string()),
        creation_date: Some(time(row.created)),
        public: Some(row.public),
        product_codes: Some(vec![]),
        architecture: Some(row.architecture.clone()),
        image_type: Some("machine".to_owned()),
        ..Default::default()
    }
}
