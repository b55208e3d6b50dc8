//! What the types of volumes allow, and what they have by default.
//! [Amazon EBS volume types](https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html)

use std::ops::RangeInclusive;

use enishi_state::ec2::VolumeSpec;
use enishi_wire::Fault;

use super::super::faults;

/// What a request says of a volume.
#[derive(Debug, Default)]
pub(super) struct Asked<'r> {
    pub(super) kind: Option<&'r str>,
    pub(super) size: Option<i32>,
    pub(super) iops: Option<i32>,
    pub(super) throughput: Option<i32>,
}

/// A type of volume: its sizes in GiB, and the I/O operations and throughput that can be asked for.
struct Kind {
    name: &'static str,
    sizes: RangeInclusive<u32>,
    iops: Option<RangeInclusive<u32>>,
    throughput: Option<RangeInclusive<u32>>,
}

const KINDS: [Kind; 7] = [
    Kind { name: "gp3", sizes: 1..=65_536, iops: Some(3000..=80_000), throughput: Some(125..=2000) },
    Kind { name: "gp2", sizes: 1..=16_384, iops: None, throughput: None },
    Kind { name: "io1", sizes: 4..=16_384, iops: Some(100..=64_000), throughput: None },
    Kind { name: "io2", sizes: 4..=65_536, iops: Some(100..=256_000), throughput: None },
    Kind { name: "st1", sizes: 125..=16_384, iops: None, throughput: None },
    Kind { name: "sc1", sizes: 125..=16_384, iops: None, throughput: None },
    Kind { name: "standard", sizes: 1..=1024, iops: None, throughput: None },
];

/// What the request makes of a volume that would be `base`.
///
/// # Errors
/// `InvalidParameterValue`, `InvalidParameterCombination`, `MissingParameter`.
pub(super) fn resolve(asked: &Asked<'_>, base: &VolumeSpec) -> Result<VolumeSpec, Fault> {
    let name = asked.kind.filter(|name| !name.is_empty()).unwrap_or(&base.kind);
    let kind = KINDS
        .iter()
        .find(|kind| kind.name == name)
        .ok_or_else(|| faults::invalid_enum(name, "VolumeType"))?;
    let size = match asked.size {
        None => base.size,
        Some(size) => within("size", size, &kind.sizes)?,
    };
    let kept = base.kind == kind.name;
    let iops = number(kind, "iops", asked.iops, kind.iops.as_ref(), base.iops.filter(|_| kept))?;
    let throughput = number(
        kind,
        "throughput",
        asked.throughput,
        kind.throughput.as_ref(),
        base.throughput.filter(|_| kept),
    )?;
    let iops = match kind.name {
        "gp2" => Some((size.saturating_mul(3)).clamp(100, 16_000)),
        "gp3" => iops.or(Some(3000)),
        "io1" | "io2" if iops.is_none() => return Err(faults::missing_parameter("iops")),
        _ => iops,
    };
    let throughput = if kind.name == "gp3" { throughput.or(Some(125)) } else { throughput };
    Ok(VolumeSpec { kind: kind.name.to_owned(), size, iops, throughput })
}

fn number(
    kind: &Kind,
    parameter: &str,
    asked: Option<i32>,
    allowed: Option<&RangeInclusive<u32>>,
    before: Option<u32>,
) -> Result<Option<u32>, Fault> {
    // Some clients send 0 when they mean none.
    match (asked.filter(|number| *number != 0), allowed) {
        (None, _) => Ok(before),
        (Some(number), Some(allowed)) => within(parameter, number, allowed).map(Some),
        (Some(_), None) => Err(faults::invalid_parameter_combination(format!(
            "The parameter {parameter} is not supported for {} volumes.",
            kind.name
        ))),
    }
}

fn within(parameter: &str, value: i32, allowed: &RangeInclusive<u32>) -> Result<u32, Fault> {
    u32::try_from(value).ok().filter(|value| allowed.contains(value)).ok_or_else(|| {
        let why = format!("It must be between {} and {}.", allowed.start(), allowed.end());
        faults::invalid_value(parameter, value, &why)
    })
}
