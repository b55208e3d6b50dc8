//! AWS CLI commands as typed requests: options become members by the service's schema. What the CLI itself adds to the API
//! (`--port`, `--associate-public-ip-address`, …) is rewritten first.

use enishi_wire::Value;
use enishi_wire::schema::{Kind, Operation, Service, ShapeId, Structure};
use serde_json::{Map, Value as Json};

use super::query::Query;
use super::shorthand;

/// A command, ready to be dispatched.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) service: &'static Service,
    pub(super) operation: &'static Operation,
    pub(super) input: Value,
    pub(super) query: Option<Query>,
}

/// An option and the words after it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Argument {
    name: String,
    words: Vec<String>,
}

impl Argument {
    fn new(name: &str, words: &[&str]) -> Self {
        Argument { name: name.to_owned(), words: words.iter().map(|word| (*word).to_owned()).collect() }
    }

    /// Its only word.
    fn word(&self) -> Result<&str, String> {
        match self.words.as_slice() {
            [word] => Ok(word),
            words => Err(format!("--{} has {} values", self.name, words.len())),
        }
    }
}

/// Reads a command, the words after `aws`.
///
/// # Errors
/// Of services, operations and options that the schema does not have.
pub(super) fn parse(words: &[String]) -> Result<Request, String> {
    let [service, operation, rest @ ..] = words else { return Err("a service and an operation".to_owned()) };
    let service: &'static Service = enishi_api::SERVICES
        .iter()
        .copied()
        .find(|known| known.name == service)
        .ok_or(format!("there is no service {service}"))?;
    let operation = service
        .operations
        .iter()
        .find(|known| same_name(known.name, operation))
        .ok_or(format!("{} has no operation {operation}", service.name))?;
    let mut arguments = split(rest)?;
    let query = take(&mut arguments, "query").map(|query| Query::parse(&query.words.concat())).transpose()?;
    customise(operation.name, &mut arguments)?;
    let input = input(service, operation, &arguments)?;
    Ok(Request { service, operation, input, query })
}

/// Whether a name of the model, `CidrBlock`, is that of an option, `cidr-block`.
fn same_name(model: &str, option: &str) -> bool {
    let letters = option.bytes().filter(|byte| *byte != b'-');
    model.bytes().map(|byte| byte.to_ascii_lowercase()).eq(letters)
}

fn split(words: &[String]) -> Result<Vec<Argument>, String> {
    let mut arguments: Vec<Argument> = Vec::new();
    for word in words {
        match (word.strip_prefix("--"), arguments.last_mut()) {
            (Some(name), _) => arguments.push(Argument::new(name, &[])),
            (None, Some(argument)) => argument.words.push(word.clone()),
            (None, None) => return Err(format!("{word:?} belongs to no option")),
        }
    }
    Ok(arguments)
}

fn take(arguments: &mut Vec<Argument>, name: &str) -> Option<Argument> {
    let index = arguments.iter().position(|argument| argument.name == name)?;
    Some(arguments.remove(index))
}

fn take_word(arguments: &mut Vec<Argument>, name: &str) -> Result<Option<String>, String> {
    take(arguments, name).map(|argument| argument.word().map(str::to_owned)).transpose()
}

/// Rewrites the options that only the CLI has.
fn customise(operation: &str, arguments: &mut Vec<Argument>) -> Result<(), String> {
    match operation {
        "RunInstances" => customise_launch(arguments),
        _ if operation.contains("SecurityGroup") => customise_permission(arguments),
        _ if operation.contains("NetworkAclEntry") => customise_entry(arguments),
        _ => Ok(()),
    }
}

/// `--count 1`; `--associate-public-ip-address`, which moves what the interface has into a specification of it.
fn customise_launch(arguments: &mut Vec<Argument>) -> Result<(), String> {
    if let Some(count) = take_word(arguments, "count")? {
        arguments.push(Argument::new("min-count", &[&count]));
        arguments.push(Argument::new("max-count", &[&count]));
    }
    let wanted = take(arguments, "associate-public-ip-address").map(|_| true);
    let unwanted = take(arguments, "no-associate-public-ip-address").map(|_| false);
    let Some(public) = wanted.or(unwanted) else { return Ok(()) };
    let mut specification = Map::new();
    specification.insert("DeviceIndex".to_owned(), 0.into());
    specification.insert("AssociatePublicIpAddress".to_owned(), public.into());
    for (option, member) in [("subnet-id", "SubnetId"), ("private-ip-address", "PrivateIpAddress")] {
        if let Some(word) = take_word(arguments, option)? {
            specification.insert(member.to_owned(), word.into());
        }
    }
    if let Some(groups) = take(arguments, "security-group-ids") {
        specification.insert("Groups".to_owned(), groups.words.into());
    }
    arguments.push(Argument::new("network-interfaces", &[&Json::Object(specification).to_string()]));
    Ok(())
}

/// `--protocol tcp --port 80-90 --cidr 10.0.0.0/8` and `--source-group sg-…`.
fn customise_permission(arguments: &mut Vec<Argument>) -> Result<(), String> {
    let Some(protocol) = take_word(arguments, "protocol")? else { return Ok(()) };
    let mut permission = Map::new();
    permission.insert("IpProtocol".to_owned(), protocol.into());
    if let Some(port) = take_word(arguments, "port")? {
        let (from, to) = port.split_once('-').unwrap_or((&port, &port));
        permission.insert("FromPort".to_owned(), from.into());
        permission.insert("ToPort".to_owned(), to.into());
    }
    let peers = [("cidr", "IpRanges", "CidrIp"), ("source-group", "UserIdGroupPairs", "GroupId")];
    for (option, member, inner) in peers {
        if let Some(word) = take_word(arguments, option)? {
            permission.insert(member.to_owned(), serde_json::json!([{ inner: word }]));
        }
    }
    arguments.push(Argument::new("ip-permissions", &[&Json::Object(permission).to_string()]));
    Ok(())
}

/// Protocols by name, and `--ingress` as the opposite of `--egress`.
fn customise_entry(arguments: &mut [Argument]) -> Result<(), String> {
    for argument in arguments {
        match argument.name.as_str() {
            "protocol" => {
                let number = match argument.word()? {
                    "icmp" => "1",
                    "tcp" => "6",
                    "udp" => "17",
                    "all" => "-1",
                    other => other,
                };
                *argument = Argument::new("protocol", &[number]);
            }
            "ingress" => *argument = Argument::new("no-egress", &[]),
            _ => {}
        }
    }
    Ok(())
}

fn input(
    service: &'static Service,
    operation: &'static Operation,
    arguments: &[Argument],
) -> Result<Value, String> {
    let Some(shape) = operation.input else { return Ok(Value::empty()) };
    let Kind::Structure(structure) = &service.shape(shape).kind else { return Ok(Value::empty()) };
    let mut members = Vec::new();
    for argument in arguments {
        let (index, value) = member(service, structure, argument)
            .map_err(|message| format!("{} --{}: {message}", operation.name, argument.name))?;
        members.push((index, value));
    }
    for (member, index) in structure.members.iter().zip(0u16..) {
        if member.required && !members.iter().any(|(given, _)| *given == index) {
            return Err(format!("{} lacks {}", operation.name, member.name));
        }
    }
    members.sort_by_key(|(index, _)| *index);
    Ok(Value::Structure(members))
}

fn member(
    service: &'static Service,
    structure: &'static Structure,
    argument: &Argument,
) -> Result<(u16, Value), String> {
    let find =
        |name: &str| structure.members.iter().zip(0u16..).find(|(member, _)| same_name(member.name, name));
    let no = argument.name.strip_prefix("no-").and_then(find);
    let (found, negated) = match find(&argument.name) {
        Some(found) => (found, false),
        None => (no.ok_or("there is no such option")?, true),
    };
    let (member, index) = found;
    Ok((index, member_value(service, member.target, &argument.words, negated)?))
}

fn member_value(
    service: &'static Service,
    shape: ShapeId,
    words: &[String],
    negated: bool,
) -> Result<Value, String> {
    match &service.shape(shape).kind {
        Kind::Boolean if words.is_empty() => Ok(Value::Bool(!negated)),
        // `--source-dest-check`: a structure around one value, which the CLI hides.
        Kind::Structure(Structure { members: [member], .. }) if member.name == "Value" => {
            Ok(Value::Structure(vec![(0, member_value(service, member.target, words, negated)?)]))
        }
        Kind::List(list) => {
            let mut items = Vec::new();
            for word in words {
                match word.starts_with('[') {
                    true => match shorthand::typed(service, shape, word)? {
                        Value::List(more) => items.extend(more),
                        other => items.push(other),
                    },
                    false => items.push(shorthand::typed(service, list.item, word)?),
                }
            }
            Ok(Value::List(items))
        }
        _ => match words {
            [word] => shorthand::typed(service, shape, word),
            _ => Err(format!("{} values", words.len())),
        },
    }
}

/// Where the answer of an operation has the id of what it made.
pub(super) fn primary(operation: &str) -> Result<Query, String> {
    let path = match operation {
        "AllocateAddress" => "AllocationId",
        "AssociateAddress" | "AssociateRouteTable" => "AssociationId",
        "AssociateResolverRule" => "ResolverRuleAssociation.Id",
        "AttachNetworkInterface" => "AttachmentId",
        "CreateInternetGateway" => "InternetGateway.InternetGatewayId",
        "CreateNatGateway" => "NatGateway.NatGatewayId",
        "CreateNetworkAcl" => "NetworkAcl.NetworkAclId",
        "CreateNetworkInterface" => "NetworkInterface.NetworkInterfaceId",
        "CreateResolverEndpoint" => "ResolverEndpoint.Id",
        "CreateResolverRule" => "ResolverRule.Id",
        "CreateRouteTable" => "RouteTable.RouteTableId",
        "CreateSecurityGroup" => "GroupId",
        "CreateSubnet" => "Subnet.SubnetId",
        "CreateVpc" => "Vpc.VpcId",
        "CreateManagedPrefixList" => "PrefixList.PrefixListId",
        "CreateVpcPeeringConnection" => "VpcPeeringConnection.VpcPeeringConnectionId",
        "ReplaceNetworkAclAssociation" | "ReplaceRouteTableAssociation" => "NewAssociationId",
        "RunInstances" => "Instances[0].InstanceId",
        _ => return Err(format!("{operation} makes nothing; say --query")),
    };
    Query::parse(path)
}

/// An answer as the CLI prints it.
pub(super) fn json(service: &'static Service, shape: ShapeId, value: &Value) -> Json {
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(structure), Value::Structure(members)) => {
            let named = members.iter().filter_map(|(index, value)| {
                let member = structure.members.get(usize::from(*index))?;
                Some((member.name.to_owned(), json(service, member.target, value)))
            });
            Json::Object(named.collect())
        }
        (Kind::List(list), Value::List(items)) => {
            items.iter().map(|item| json(service, list.item, item)).collect()
        }
        (_, Value::String(text)) => Json::String(text.clone()),
        (_, Value::Bool(value)) => Json::Bool(*value),
        (_, Value::Int(value)) => Json::from(*value),
        (_, Value::Float(value)) => Json::from(*value),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use enishi_api::ec2::{
        AuthorizeSecurityGroupIngressRequest, CreateNetworkAclEntryRequest, ModifyInstanceAttributeRequest,
        RunInstancesRequest,
    };
    use enishi_wire::Shape;

    use super::*;

    fn typed<S: Shape>(line: &str) -> S {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        S::from_value(parse(&words).expect(line).input).expect(line)
    }

    #[test]
    fn options_become_members() {
        let entry: CreateNetworkAclEntryRequest = typed(
            "ec2 create-network-acl-entry --network-acl-id acl-1 --rule-number 100 --ingress --protocol udp \
             --port-range From=53,To=54 --cidr-block 0.0.0.0/0 --rule-action allow",
        );
        assert_eq!((entry.rule_number, entry.egress, entry.protocol.as_str()), (100, false, "17"));
        assert_eq!(entry.port_range.and_then(|range| range.to), Some(54));
        let attribute: ModifyInstanceAttributeRequest =
            typed("ec2 modify-instance-attribute --instance-id i-1 --no-source-dest-check");
        assert_eq!(attribute.source_dest_check.and_then(|check| check.value), Some(false));
    }

    #[test]
    fn what_only_the_cli_has_is_rewritten() {
        let rule: AuthorizeSecurityGroupIngressRequest = typed(
            "ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 80-90 --source-group sg-2",
        );
        let permission = &rule.ip_permissions[0];
        assert_eq!((permission.from_port, permission.to_port), (Some(80), Some(90)));
        let pairs = permission.user_id_group_pairs.as_deref().unwrap_or_default();
        assert_eq!(pairs[0].group_id.as_deref(), Some("sg-2"));
        let launch: RunInstancesRequest = typed(
            "ec2 run-instances --image-id ami-1 --count 1 --subnet-id subnet-1 --security-group-ids sg-1 sg-2 \
             --no-associate-public-ip-address",
        );
        assert_eq!((launch.min_count, launch.max_count), (1, 1));
        let interface = &launch.network_interfaces[0];
        assert_eq!(interface.associate_public_ip_address, Some(false));
        assert_eq!(interface.groups.len(), 2);
    }

    #[test]
    fn what_nobody_has_is_refused() {
        for line in
            ["ec2 create-cloud", "ec2 create-vpc --colour blue", "ec2 create-subnet --cidr-block 10.0.0.0/24"]
        {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert!(parse(&words).is_err(), "{line}");
        }
    }
}
