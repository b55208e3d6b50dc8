//! The common instance families as a table: what `DescribeInstanceTypes` answers, and the limits that are enforced.
//! [Instance types](https://docs.aws.amazon.com/ec2/latest/instancetypes/), with their
//! [addresses per network interface](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html)
//!
//! No packet depends on processors and memory: every instance runs on the host. The number of network interfaces and of
//! addresses on each is enforced.

use enishi_wire::schema::Kind;

/// A processor architecture of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Intel's and AMD's.
    X86,
    /// AWS Graviton.
    Arm,
}

impl Architecture {
    /// AWS's word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Architecture::X86 => "x86_64",
            Architecture::Arm => "arm64",
        }
    }
}

/// What the types of a family have in common.
#[derive(Debug)]
pub(crate) struct Family {
    /// The part of the type's name before the dot.
    pub(crate) name: &'static str,
    /// Who makes the processor.
    pub(crate) manufacturer: &'static str,
    /// The processor's architecture.
    pub(crate) architecture: Architecture,
    /// Sustained clock in GHz.
    pub(crate) clock_ghz: f64,
    /// Threads of a core.
    pub(crate) threads_per_core: u32,
    /// Whether CPU time is earned as credits.
    pub(crate) burstable: bool,
    /// The hypervisor: `nitro` or `xen`.
    pub(crate) hypervisor: &'static str,
    sizes: &'static [Size],
}

/// A size of a family.
#[derive(Debug)]
struct Size {
    name: &'static str,
    vcpus: u32,
    memory_mib: i64,
    limits: Limits,
    network: &'static str,
}

/// How many network interfaces an instance can have, and how many IPv4 addresses each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Network interfaces, the primary one included.
    pub(crate) interfaces: usize,
    /// IPv4 addresses of an interface, the primary one included.
    pub(crate) addresses: usize,
}

/// An instance type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstanceType {
    /// Its family.
    pub(crate) family: &'static Family,
    size: &'static Size,
}

impl InstanceType {
    /// `t3.micro`
    pub(crate) fn name(self) -> String {
        format!("{}.{}", self.family.name, self.size.name)
    }

    /// Virtual processors.
    pub(crate) fn vcpus(self) -> u32 {
        self.size.vcpus
    }

    /// Memory in MiB.
    pub(crate) fn memory_mib(self) -> i64 {
        self.size.memory_mib
    }

    /// Its limits.
    pub(crate) fn limits(self) -> Limits {
        self.size.limits
    }

    /// AWS's words for its bandwidth.
    pub(crate) fn network(self) -> &'static str {
        self.size.network
    }

    /// Whether AWS lists it in the free tier.
    pub(crate) fn free_tier(self) -> bool {
        matches!((self.family.name, self.size.name), ("t2" | "t3", "micro"))
    }
}

const fn size(
    name: &'static str,
    vcpus: u32,
    memory_mib: i64,
    interfaces: usize,
    addresses: usize,
    network: &'static str,
) -> Size {
    Size { name, vcpus, memory_mib, limits: Limits { interfaces, addresses }, network }
}

const T2: &[Size] = &[
    size("nano", 1, 512, 2, 2, "Low to Moderate"),
    size("micro", 1, 1024, 2, 2, "Low to Moderate"),
    size("small", 1, 2048, 3, 4, "Low to Moderate"),
    size("medium", 2, 4096, 3, 6, "Low to Moderate"),
    size("large", 2, 8192, 3, 12, "Low to Moderate"),
    size("xlarge", 4, 16_384, 3, 15, "Moderate"),
    size("2xlarge", 8, 32_768, 3, 15, "Moderate"),
];

const T3: &[Size] = &[
    size("nano", 2, 512, 2, 2, "Up to 5 Gigabit"),
    size("micro", 2, 1024, 2, 2, "Up to 5 Gigabit"),
    size("small", 2, 2048, 3, 4, "Up to 5 Gigabit"),
    size("medium", 2, 4096, 3, 6, "Up to 5 Gigabit"),
    size("large", 2, 8192, 3, 12, "Up to 5 Gigabit"),
    size("xlarge", 4, 16_384, 4, 15, "Up to 5 Gigabit"),
    size("2xlarge", 8, 32_768, 4, 15, "Up to 5 Gigabit"),
];

const T3A: &[Size] = &[
    size("nano", 2, 512, 2, 2, "Up to 5 Gigabit"),
    size("micro", 2, 1024, 2, 2, "Up to 5 Gigabit"),
    size("small", 2, 2048, 2, 4, "Up to 5 Gigabit"),
    size("medium", 2, 4096, 3, 6, "Up to 5 Gigabit"),
    size("large", 2, 8192, 3, 12, "Up to 5 Gigabit"),
    size("xlarge", 4, 16_384, 4, 15, "Up to 5 Gigabit"),
    size("2xlarge", 8, 32_768, 4, 15, "Up to 5 Gigabit"),
];

/// The sizes of a family of the fifth generation, with that many GiB of memory for a virtual processor.
macro_rules! fifth_generation {
    ($gib:literal) => {
        &[
            size("large", 2, 2 * $gib * 1024, 3, 10, "Up to 10 Gigabit"),
            size("xlarge", 4, 4 * $gib * 1024, 4, 15, "Up to 10 Gigabit"),
            size("2xlarge", 8, 8 * $gib * 1024, 4, 15, "Up to 10 Gigabit"),
            size("4xlarge", 16, 16 * $gib * 1024, 8, 30, "Up to 10 Gigabit"),
            size("8xlarge", 32, 32 * $gib * 1024, 8, 30, "10 Gigabit"),
            size("12xlarge", 48, 48 * $gib * 1024, 8, 30, "12 Gigabit"),
            size("16xlarge", 64, 64 * $gib * 1024, 15, 50, "20 Gigabit"),
            size("24xlarge", 96, 96 * $gib * 1024, 15, 50, "25 Gigabit"),
        ]
    };
}

const C5: &[Size] = &[
    size("large", 2, 4096, 3, 10, "Up to 10 Gigabit"),
    size("xlarge", 4, 8192, 4, 15, "Up to 10 Gigabit"),
    size("2xlarge", 8, 16_384, 4, 15, "Up to 10 Gigabit"),
    size("4xlarge", 16, 32_768, 8, 30, "Up to 10 Gigabit"),
    size("9xlarge", 36, 73_728, 8, 30, "12 Gigabit"),
    size("12xlarge", 48, 98_304, 8, 30, "12 Gigabit"),
    size("18xlarge", 72, 147_456, 15, 50, "25 Gigabit"),
    size("24xlarge", 96, 196_608, 15, 50, "25 Gigabit"),
];

/// The sizes of an x86 family of the sixth or seventh generation, with that many GiB for a virtual processor.
macro_rules! sixth_generation {
    ($gib:literal) => {
        &[
            size("large", 2, 2 * $gib * 1024, 3, 10, "Up to 12.5 Gigabit"),
            size("xlarge", 4, 4 * $gib * 1024, 4, 15, "Up to 12.5 Gigabit"),
            size("2xlarge", 8, 8 * $gib * 1024, 4, 15, "Up to 12.5 Gigabit"),
            size("4xlarge", 16, 16 * $gib * 1024, 8, 30, "Up to 12.5 Gigabit"),
            size("8xlarge", 32, 32 * $gib * 1024, 8, 30, "12.5 Gigabit"),
            size("12xlarge", 48, 48 * $gib * 1024, 8, 30, "18.75 Gigabit"),
            size("16xlarge", 64, 64 * $gib * 1024, 15, 50, "25 Gigabit"),
            size("24xlarge", 96, 96 * $gib * 1024, 15, 50, "37.5 Gigabit"),
        ]
    };
}

/// The sizes of a Graviton family, with that many GiB for a virtual processor.
macro_rules! graviton {
    ($gib:literal) => {
        &[
            size("medium", 1, $gib * 1024, 2, 4, "Up to 12.5 Gigabit"),
            size("large", 2, 2 * $gib * 1024, 3, 10, "Up to 12.5 Gigabit"),
            size("xlarge", 4, 4 * $gib * 1024, 4, 15, "Up to 12.5 Gigabit"),
            size("2xlarge", 8, 8 * $gib * 1024, 4, 15, "Up to 15 Gigabit"),
            size("4xlarge", 16, 16 * $gib * 1024, 8, 30, "Up to 15 Gigabit"),
            size("8xlarge", 32, 32 * $gib * 1024, 8, 30, "15 Gigabit"),
            size("12xlarge", 48, 48 * $gib * 1024, 8, 30, "22.5 Gigabit"),
            size("16xlarge", 64, 64 * $gib * 1024, 15, 50, "30 Gigabit"),
        ]
    };
}

const fn intel(name: &'static str, clock_ghz: f64, sizes: &'static [Size]) -> Family {
    Family {
        name,
        manufacturer: "Intel",
        architecture: Architecture::X86,
        clock_ghz,
        threads_per_core: 2,
        burstable: false,
        hypervisor: "nitro",
        sizes,
    }
}

const fn amd(name: &'static str, clock_ghz: f64, sizes: &'static [Size]) -> Family {
    Family { manufacturer: "AMD", ..intel(name, clock_ghz, sizes) }
}

const fn arm(name: &'static str, clock_ghz: f64, sizes: &'static [Size]) -> Family {
    Family {
        manufacturer: "AWS",
        architecture: Architecture::Arm,
        threads_per_core: 1,
        ..intel(name, clock_ghz, sizes)
    }
}

const FAMILIES: &[Family] = &[
    intel("c5", 3.4, C5),
    arm("c6g", 2.5, graviton!(2)),
    intel("c6i", 3.5, sixth_generation!(2)),
    arm("c7g", 2.6, graviton!(2)),
    intel("c7i", 3.2, sixth_generation!(2)),
    intel("m5", 3.1, fifth_generation!(4)),
    amd("m5a", 2.5, fifth_generation!(4)),
    amd("m6a", 3.6, sixth_generation!(4)),
    arm("m6g", 2.5, graviton!(4)),
    intel("m6i", 3.5, sixth_generation!(4)),
    arm("m7g", 2.6, graviton!(4)),
    intel("m7i", 3.2, sixth_generation!(4)),
    intel("r5", 3.1, fifth_generation!(8)),
    arm("r6g", 2.5, graviton!(8)),
    intel("r6i", 3.5, sixth_generation!(8)),
    arm("r7g", 2.6, graviton!(8)),
    intel("r7i", 3.2, sixth_generation!(8)),
    Family { threads_per_core: 1, burstable: true, hypervisor: "xen", ..intel("t2", 2.5, T2) },
    Family { burstable: true, ..intel("t3", 2.5, T3) },
    Family { burstable: true, ..amd("t3a", 2.2, T3A) },
    Family { burstable: true, ..arm("t4g", 2.5, T3) },
];

/// Every type of the table, by family.
pub(crate) fn all() -> impl Iterator<Item = InstanceType> {
    FAMILIES.iter().flat_map(|family| family.sizes.iter().map(move |size| InstanceType { family, size }))
}

/// The type of that name, if the table has it.
pub(crate) fn find(name: &str) -> Option<InstanceType> {
    let (family, size) = name.split_once('.')?;
    let family = FAMILIES.iter().find(|candidate| candidate.name == family)?;
    let size = family.sizes.iter().find(|candidate| candidate.name == size)?;
    Some(InstanceType { family, size })
}

/// Whether AWS has a type of that name, in the table or not.
pub(crate) fn exists(name: &str) -> bool {
    find(name).is_some() || modelled().contains(&name)
}

/// The limits of a type; one that the table does not have gets those of a `large` one.
pub(crate) fn limits(name: &str) -> Limits {
    find(name).map_or(Limits { interfaces: 3, addresses: 10 }, InstanceType::limits)
}

/// The architecture of a type; `x86_64` for one that the table does not have.
pub(crate) fn architecture(name: &str) -> Architecture {
    find(name).map_or(Architecture::X86, |found| found.family.architecture)
}

/// The names in the service model.
fn modelled() -> &'static [&'static str] {
    let shape = enishi_api::ec2::SERVICE.shapes.iter().find(|shape| shape.name == "InstanceType");
    match shape.map(|shape| &shape.kind) {
        Some(Kind::String(values)) => values,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_table_is_aws_s() {
        let modelled = modelled();
        for found in all() {
            assert!(modelled.contains(&found.name().as_str()), "{}", found.name());
        }
    }

    #[test]
    fn limits_are_those_of_the_documentation() {
        assert_eq!(limits("t3.micro"), Limits { interfaces: 2, addresses: 2 });
        assert_eq!(limits("m5.large"), Limits { interfaces: 3, addresses: 10 });
        assert_eq!(limits("c5.18xlarge"), Limits { interfaces: 15, addresses: 50 });
        assert_eq!(find("r6i.xlarge").unwrap().memory_mib(), 32_768);
        assert!(exists("p4d.24xlarge") && !exists("t3.huge") && !exists("t3"));
    }
}
