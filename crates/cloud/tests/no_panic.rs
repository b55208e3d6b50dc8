//! Whatever well-formed requests come in whatever order: every operation answers or refuses, none panics, a refusal
//! changes nothing, and the world that results can be compiled and described.
//!
//! Requests are drawn from the schemas, so that every operation is covered, also those that are added later. Values are
//! drawn from a pool of plausible ones and of ids that earlier answers gave, so that many requests succeed.

mod harness;

use enishi_api::ec2::{
    CreateNetworkInterfaceRequest, CreateSubnetRequest, CreateVpcRequest, RunInstancesRequest, ops,
};
use enishi_state::{Entropy, Read};
use enishi_wire::schema::{Kind, Service, ShapeId};
use enishi_wire::{Blob, Timestamp, Value};
use harness::{Counting, Harness, text};

const STEPS: usize = 3_000;

const TEXTS: &[&str] = &[
    "",
    "a",
    "*",
    "?",
    "\\",
    "default",
    "web",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.1.0/28",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "172.31.0.0/20",
    "10.0.1.5",
    "10.0.1.0",
    "255.255.255.255",
    "::/0",
    "fe80::1",
    "tcp",
    "udp",
    "icmp",
    "-1",
    "6",
    "58",
    "300",
    "allow",
    "deny",
    "prefix",
    "explicit",
    "vpc",
    "subnet",
    "instance",
    "us-east-1a",
    "use1-az2",
    "us-east-1",
    "t3.micro",
    "ami-0123456789abcdef0",
    "vpc-id",
    "tag:Name",
    "tag-key",
    "state",
    "true",
    "false",
    "public",
    "private",
    "enableDnsSupport",
    "-",
    "vpc-",
    "sg-1",
    "i-0123456789abcdef0",
    "日本語",
    "\u{0}",
    "aws:x",
    "vpc/L-F678F1CE",
    "L-F678F1CE",
    "ec2",
    "arn:aws:iam::123456789012:role/app",
    "session",
    "9223372036854775807",
    "test-token",
];
const INTEGERS: &[i64] = &[
    0,
    1,
    -1,
    2,
    5,
    8,
    22,
    80,
    100,
    443,
    1000,
    32766,
    32767,
    65535,
    65536,
    i32::MAX as i64,
    i32::MIN as i64,
];

/// Members that ask for what is not supported, or that hardly any value fits: rarely, else nearly all is refused.
const RARE: &[&str] = &[
    "Ipv6",
    "Ipam",
    "Ipv4Netmask",
    "Outpost",
    "PrefixList",
    "PublicIpv4Pool",
    "EncryptionControl",
    "Carrier",
    "NextToken",
    "Filter",
    "AvailabilityZone",
    "TagSpecification",
    "VpcEndpoint",
    "TransitGateway",
    "Peering",
    "EgressOnly",
    "CoreNetwork",
    "OdbNetwork",
    "LocalGateway",
    "GroupName",
    "UserId",
    "OwnerId",
];

struct Random {
    entropy: Counting,
    ids: Vec<String>,
    /// Of ten optional members, how many a request has.
    density: usize,
}

impl Random {
    fn below(&mut self, n: usize) -> usize {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        usize::try_from(u64::from_be_bytes(bytes) % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    fn pick<'p, T>(&mut self, from: &'p [T]) -> &'p T {
        &from[self.below(from.len())]
    }

    fn text(&mut self, values: &[&str]) -> String {
        match self.below(10) {
            0..=5 if !values.is_empty() => (*self.pick(values)).to_owned(),
            0..=4 if !self.ids.is_empty() => {
                let at = self.below(self.ids.len());
                self.ids[at].clone()
            }
            _ => (*self.pick(TEXTS)).to_owned(),
        }
    }

    /// A value of the shape, as a codec could have decoded it.
    fn value(&mut self, service: &'static Service, shape: ShapeId, name: &str, depth: usize) -> Value {
        let shape = service.shape(shape);
        match &shape.kind {
            Kind::Structure(structure) => {
                let mut members = Vec::new();
                for (index, member) in structure.members.iter().enumerate() {
                    let rare = RARE.iter().any(|part| member.name.contains(part));
                    let optional = depth < 5 && self.below(10) < self.density;
                    let wanted = member.required || (optional && (!rare || self.below(30) == 0));
                    // A dry run answers the same fault whatever happens: rarely.
                    if wanted && (member.name != "DryRun" || self.below(20) == 0) {
                        let value = self.value(service, member.target, member.name, depth + 1);
                        members.push((u16::try_from(index).unwrap(), value));
                    }
                }
                Value::Structure(members)
            }
            Kind::List(list) => {
                let length = 1 + self.below(2);
                Value::List((0..length).map(|_| self.value(service, list.item, name, depth + 1)).collect())
            }
            Kind::Map(map) => {
                Value::Map(vec![(self.text(&[]), self.value(service, map.value, name, depth + 1))])
            }
            Kind::String(values) => Value::String(self.named(name, values)),
            Kind::Boolean => Value::Bool(self.below(2) == 0),
            Kind::Integer | Kind::Long => {
                let value = match name {
                    "FromPort" | "From" if self.below(4) > 0 => 22,
                    "ToPort" | "To" if self.below(4) > 0 => *self.pick(&[22, 443, 65535]),
                    _ => *self.pick(INTEGERS),
                };
                Value::Int(value.clamp(
                    shape.min.unwrap_or(i64::MIN),
                    shape.max.unwrap_or(i64::MAX).max(shape.min.unwrap_or(0)),
                ))
            }
            Kind::Float | Kind::Double => {
                Value::Float(*self.pick(&[0.0, 1.0, 10.0, -1.0, f64::MAX, f64::NAN]))
            }
            Kind::Blob => Value::Blob(Blob(self.text(&[]).into_bytes())),
            Kind::Timestamp(_) => Value::Timestamp(Timestamp::from_seconds(1_767_323_045)),
            Kind::Document => Value::Document(Default::default()),
        }
    }

    /// A text for a member: half the time an id of the kind that its name asks for.
    fn named(&mut self, name: &str, values: &[&str]) -> String {
        let prefix = match name {
            n if n.contains("VpcId") => "vpc-",
            n if n.contains("SubnetId") => "subnet-",
            n if n.contains("RouteTableId") => "rtb-",
            n if n.contains("GatewayId") && n.contains("Nat") => "nat-",
            n if n.contains("GatewayId") => "igw-",
            n if n.contains("NetworkInterfaceId") => "eni-",
            n if n.contains("InstanceId") => "i-",
            n if n.contains("AllocationId") => "eipalloc-",
            n if n.contains("NetworkAclId") => "acl-",
            n if n.contains("GroupId") || n.contains("Groups") => "sg-",
            n if n.contains("RuleId") => "sgr-",
            n if n.contains("AssociationId") => "assoc-",
            n if n.contains("AttachmentId") => "eni-attach-",
            n if n.contains("Cidr") => "10.",
            n if n.contains("Protocol") && self.below(3) > 0 => {
                return (*self.pick(&["tcp", "udp", "-1", "6", "50"])).to_owned();
            }
            _ => return self.text(values),
        };
        let fitting: Vec<String> = match prefix {
            "10." => TEXTS.iter().filter(|text| text.contains('/')).map(|text| (*text).to_owned()).collect(),
            _ => self.ids.iter().filter(|id| id.contains(prefix)).cloned().collect(),
        };
        match fitting.is_empty() || self.below(8) == 0 {
            true => self.text(values),
            false => self.pick(&fitting).clone(),
        }
    }

    /// Remembers the ids in an answer.
    fn learn(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.contains('-') && text.len() < 64 && !self.ids.contains(text) => {
                self.ids.push(text.clone());
                // The oldest are often gone from the world.
                if self.ids.len() > 400 {
                    self.ids.remove(0);
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Structure(members) => members.iter().for_each(|(_, member)| self.learn(member)),
            _ => {}
        }
    }
}

/// One of each, so that the first requests have something to name.
fn furnish(harness: &mut Harness, random: &mut Random) {
    let vpc = CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    let vpc = harness.ok::<ops::CreateVpc>(vpc).vpc.unwrap().vpc_id.unwrap();
    let subnet =
        CreateSubnetRequest { vpc_id: vpc.clone(), cidr_block: text("10.0.1.0/24"), ..Default::default() };
    let subnet = harness.ok::<ops::CreateSubnet>(subnet).subnet.unwrap().subnet_id.unwrap();
    let interface = CreateNetworkInterfaceRequest { subnet_id: subnet.clone(), ..Default::default() };
    let interface = harness.ok::<ops::CreateNetworkInterface>(interface).network_interface.unwrap();
    let address = harness.ok::<ops::AllocateAddress>(Default::default());
    let instances = RunInstancesRequest {
        image_id: text("ami-0123456789abcdef0"),
        min_count: 1,
        max_count: 2,
        subnet_id: Some(subnet.clone()),
        ..Default::default()
    };
    let instances = harness.ok::<ops::RunInstances>(instances).instances.unwrap();
    let groups = harness.ok::<ops::DescribeSecurityGroups>(Default::default()).security_groups.unwrap();
    random.ids.extend([vpc, subnet]);
    random.ids.extend(interface.network_interface_id);
    random.ids.extend(address.allocation_id);
    random.ids.extend(instances.into_iter().filter_map(|instance| instance.instance_id));
    random.ids.extend(groups.into_iter().filter_map(|group| group.group_id));
}

fn run(seed: u64) -> (usize, usize) {
    let mut harness = Harness::new();
    let mut random = Random { entropy: Counting::seeded(seed), ids: Vec::new(), density: 0 };
    furnish(&mut harness, &mut random);
    let operations: Vec<(&'static Service, &'static enishi_wire::schema::Operation)> = enishi_api::SERVICES
        .iter()
        .flat_map(|service| service.operations.iter().map(move |operation| (*service, operation)))
        .collect();
    let (mut done, mut refused) = (0, 0);
    for _ in 0..STEPS {
        let (service, operation) = *random.pick(&operations);
        // What is there must be found again, else most requests name nothing; deletions would empty the world.
        if operation.name.starts_with("Delete") && random.below(3) > 0 {
            continue;
        }
        random.density = *random.pick(&[1, 3, 6, 9]);
        let input = operation.input.map_or(Value::empty(), |input| random.value(service, input, "", 0));
        // Not supplied here: such an operation answers that it lacks what it wants.
        let read = Read { world: &harness.world, caller: &harness.caller, now: harness.now };
        let lacks = !matches!(harness.cloud.wants(&read, service.name, operation.name, &input), Ok(None));
        let before = harness.world.clone();
        match harness.run_value(service.name, operation.name, input) {
            Ok(output) => {
                done += 1;
                random.learn(&output);
            }
            Err(fault) => {
                refused += 1;
                assert!(!fault.code().is_empty() && fault.status() >= 400, "{fault}");
                assert!(lacks || fault.code() != "InternalError", "{}: {fault}", operation.name);
                assert!(harness.world == before, "{} was refused and changed the world", operation.name);
            }
        }
    }
    // The world that came of it can be compiled.
    let _ = enishi_plan::plan(&harness.world);
    (done, refused)
}

#[test]
fn no_request_panics() {
    for seed in 1..=4 {
        let (done, refused) = run(seed);
        assert!(done > STEPS / 20, "only {done} of {STEPS} requests succeeded: the pool is too poor");
        assert!(refused > STEPS / 20, "only {refused} of {STEPS} requests were refused");
    }
}
