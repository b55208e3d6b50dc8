//! AWS's public images, as far as scripts look them up: by the name patterns that people paste, or by id.
//!
//! Each is the host's own root under another name: instances of it run what the host runs. The description says so. Ids
//! are made of the names, so they are the same in every run, account and region.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use enishi_api::ec2::Filter;
use enishi_state::ec2::{Image, ImageId};
use enishi_state::{AccountId, ResourceId, Scope, Timestamp};

use super::super::filter::matches;

/// The root device's name of what runs the host's root.
const HOST_ROOT_DEVICE: &str = "/dev/xvda";
/// 2026-01-15T00:00:00Z, when all of these were "published".
const PUBLISHED: Timestamp = Timestamp(1_768_435_200_000);
/// What takes the place of a wildcard in a name that nothing else fits.
const VERSION: &str = "20260115";

const AMAZON: &str = "137112412989";
const CANONICAL: &str = "099720109477";
const DEBIAN: &str = "136693071363";
const RED_HAT: &str = "309956199498";

/// Owner and name of the images that are looked up most.
const CATALOGUE: &[(&str, &str)] = &[
    (AMAZON, "al2023-ami-2023.10.20260115.0-kernel-6.1-arm64"),
    (AMAZON, "al2023-ami-2023.10.20260115.0-kernel-6.1-x86_64"),
    (AMAZON, "al2023-ami-2023.10.20260115.0-kernel-6.12-arm64"),
    (AMAZON, "al2023-ami-2023.10.20260115.0-kernel-6.12-x86_64"),
    (AMAZON, "al2023-ami-minimal-2023.10.20260115.0-kernel-6.1-x86_64"),
    (AMAZON, "amzn2-ami-hvm-2.0.20260115.0-arm64-gp2"),
    (AMAZON, "amzn2-ami-hvm-2.0.20260115.0-x86_64-ebs"),
    (AMAZON, "amzn2-ami-hvm-2.0.20260115.0-x86_64-gp2"),
    (AMAZON, "amzn2-ami-kernel-5.10-hvm-2.0.20260115.0-arm64-gp2"),
    (AMAZON, "amzn2-ami-kernel-5.10-hvm-2.0.20260115.0-x86_64-gp2"),
    (CANONICAL, "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260115"),
    (CANONICAL, "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20260115"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-focal-20.04-amd64-server-20260115"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260115"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-arm64-server-20260115"),
    (DEBIAN, "debian-12-amd64-20260115-1993"),
    (DEBIAN, "debian-12-arm64-20260115-1993"),
    (DEBIAN, "debian-13-amd64-20260115-1993"),
    (RED_HAT, "RHEL-9.6.0_HVM-20260115-x86_64-0-Hourly2-GP3"),
];

/// The catalogue by id.
static BY_ID: LazyLock<BTreeMap<ImageId, (&str, &str)>> = LazyLock::new(|| {
    CATALOGUE.iter().filter_map(|&(owner, name)| Some((id_of(name)?, (owner, name)))).collect()
});

/// The name of the root device of an image that nobody registered.
pub(crate) fn root_device(id: &ImageId) -> &'static str {
    BY_ID.get(id).map_or(HOST_ROOT_DEVICE, |(owner, _)| root_device_of(owner))
}

/// The name of an image of the catalogue.
pub(super) fn name_of(id: &ImageId) -> Option<&'static str> {
    BY_ID.get(id).map(|(_, name)| *name)
}

/// Canonical's images have another name for it.
fn root_device_of(owner: &str) -> &'static str {
    if owner == CANONICAL { "/dev/sda1" } else { HOST_ROOT_DEVICE }
}

/// The alias of the owner of a public image: AWS, or a provider that it verified.
pub(super) fn alias(row: &Image) -> Option<&'static str> {
    (row.root == "/" && row.public).then_some("amazon")
}

/// The public images that a request may mean: the catalogue, and for a request that names other owners than itself, an
/// image for each name pattern that nothing in the catalogue fits.
pub(super) fn matching(scope: &Scope, owners: &[String], filters: &[Filter]) -> Vec<Image> {
    let images = CATALOGUE.iter().filter_map(|(owner, name)| image(scope, owner, name));
    let mut images: Vec<Image> = images.collect();
    let account = scope.account.as_str();
    let foreign = owners.iter().find(|owner| *owner != "self" && *owner != account);
    let Some(foreign) = foreign else { return images };
    let owner = if AccountId::new(foreign).is_some() { foreign.as_str() } else { AMAZON };
    let patterns = filters.iter().filter(|filter| filter.name.as_deref() == Some("name"));
    for pattern in patterns.flat_map(|filter| &filter.values) {
        let known = |row: &Image| matches(pattern, &row.name) && row.scope.account.as_str() == owner;
        if images.iter().any(known) {
            continue;
        }
        images.extend(image(scope, owner, &pattern.replace('*', VERSION).replace('?', "0")));
    }
    images
}

/// The image of an id that nobody registered: one of the catalogue, or the host's root without another name.
pub(super) fn by_id(scope: &Scope, id: ImageId) -> Image {
    let known = BY_ID.get(&id).and_then(|(owner, name)| image(scope, owner, name));
    known.unwrap_or_else(|| host_image(scope, &format!("enishi-host-{id}"), id))
}

const DESCRIPTION: &str =
    "Runs the root file system of the host that Enishi runs on, not the image of this name.";

fn image(scope: &Scope, owner: &str, name: &str) -> Option<Image> {
    let account = AccountId::new(owner)?;
    let row = host_image(scope, name, id_of(name)?);
    Some(Image {
        scope: Scope { account, region: scope.region.clone() },
        root_device_name: root_device_of(owner).to_owned(),
        ..row
    })
}

fn host_image(scope: &Scope, name: &str, id: ImageId) -> Image {
    let arm = name.contains("arm64") || name.contains("aarch64");
    Image {
        id,
        scope: scope.clone(),
        name: name.to_owned(),
        description: DESCRIPTION.to_owned(),
        root: "/".to_owned(),
        architecture: if arm { "arm64" } else { "x86_64" }.to_owned(),
        root_device_name: HOST_ROOT_DEVICE.to_owned(),
        public: true,
        created: PUBLISHED,
    }
}

/// FNV-1a of the name: stable, and unlikely to be an id that a user pasted.
fn id_of(name: &str) -> Option<ImageId> {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    ImageId::parse(&format!("ami-0{hash:016x}")).ok()
}
