//! Every operation of every model, called over HTTP with values that make no sense: AWS's error, never a server's.

use enishi_api::SERVICES;
use enishi_wire::schema::{Kind, Operation, Protocol, Service, ShapeId};

use crate::harness::Daemon;

/// What stands where a text is expected: nothing, ids of nothing, ids of another kind, too much, no text.
const TEXTS: [&str; 12] = [
    "",
    "-",
    "nonsense",
    "vpc-0123456789abcdef0",
    "i-0123456789abcdef0",
    "sg-99999999999999999999999999999",
    "subnet-日本語",
    "eni-0123456789abcdef0",
    "10.0.0.0/33",
    "999.0.0.1",
    "arn:aws:ec2:::",
    "\u{1}\u{2}&<>\"'",
];

const NUMBERS: [&str; 4] = ["-1", "0", "65536", "9223372036854775807"];

/// One round of values.
struct Nonsense {
    round: usize,
    /// Whether members that are not required are given.
    optional: bool,
}

impl Nonsense {
    fn text(&self) -> &'static str {
        TEXTS[self.round % TEXTS.len()]
    }

    /// The parameters of an operation of the query protocols.
    fn form(&self, service: &'static Service, operation: &Operation) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", operation.name).append_pair("Version", service.version);
        if let Some(input) = operation.input {
            let mut pairs = Vec::new();
            self.parameters(service, input, String::new(), 0, &mut pairs);
            form.extend_pairs(pairs);
        }
        form.finish()
    }

    fn parameters(
        &self,
        service: &'static Service,
        shape: ShapeId,
        name: String,
        depth: usize,
        pairs: &mut Vec<(String, String)>,
    ) {
        let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
        match &service.shape(shape).kind {
            Kind::Structure(structure) => {
                let given = |required: bool| required || self.optional && depth < 4;
                // A dry run refuses before anything is looked at.
                let members = structure
                    .members
                    .iter()
                    .filter(|member| given(member.required) && member.name != "DryRun");
                let is_ec2 = service.protocols.contains(&Protocol::Ec2Query);
                for member in members {
                    let part = if is_ec2 { member.query_name } else { member.wire_name };
                    self.parameters(service, member.target, below(part), depth + 1, pairs);
                }
            }
            Kind::List(list) => {
                let item = if service.protocols.contains(&Protocol::Ec2Query) { "1" } else { "member.1" };
                self.parameters(service, list.item, below(item), depth + 1, pairs);
            }
            Kind::Map(_) => pairs.push((below("entry.1.key"), self.text().to_owned())),
            Kind::Boolean => pairs.push((name, ["true", "maybe"][self.round % 2].to_owned())),
            Kind::Integer | Kind::Long | Kind::Float | Kind::Double => {
                pairs.push((name, NUMBERS[self.round % NUMBERS.len()].to_owned()));
            }
            Kind::String(values) if self.round % 3 == 2 && !values.is_empty() => {
                pairs.push((name, values[0].to_owned()))
            }
            _ => pairs.push((name, self.text().to_owned())),
        }
    }

    /// The same for the JSON protocols, flat: what is nested is of the wrong type.
    fn json(&self, service: &'static Service, operation: &Operation) -> String {
        let Some(Kind::Structure(structure)) = operation.input.map(|input| &service.shape(input).kind) else {
            return "{}".to_owned();
        };
        let members = structure.members.iter().filter(|member| member.required || self.optional);
        let object: serde_json::Map<String, serde_json::Value> =
            members.map(|member| (member.wire_name.to_owned(), self.text().into())).collect();
        serde_json::Value::Object(object).to_string()
    }
}

#[test]
fn nonsense_is_refused_by_every_operation() {
    let daemon = Daemon::start();
    let mut refused = 0;
    for round in 0..2 * TEXTS.len() {
        let nonsense = Nonsense { round, optional: round >= TEXTS.len() };
        for service in SERVICES {
            for operation in service.operations {
                let target = format!("{}.{}", service.target_prefix, operation.name);
                let is_json = !service.target_prefix.is_empty();
                let (headers, body) = if is_json {
                    let headers = vec![
                        ("content-type", "application/x-amz-json-1.1"),
                        ("x-amz-target", target.as_str()),
                    ];
                    (headers, nonsense.json(service, operation))
                } else {
                    (vec![], nonsense.form(service, operation))
                };
                let answer = daemon.send("POST", "/", &headers, body.as_bytes());
                let said = answer.text();
                assert!(answer.status < 500, "{body}: {} {said}", answer.status);
                if answer.status >= 400 {
                    refused += 1;
                    assert!(said.contains("<Code>") || said.contains("__type"), "{body}: {said}");
                    assert!(
                        !said.contains("InternalError") && !said.contains("InternalFailure"),
                        "{body}: {said}"
                    );
                }
            }
        }
    }
    assert!(refused > 1_000, "only {refused} were refused");
    let health = daemon.get("/_enishi/health").json();
    assert_eq!((&health["durable"], &health["network"]), (&true.into(), &true.into()));
    daemon.settle();
}

#[test]
fn operations_that_are_not_served_say_so() {
    let daemon = Daemon::start();
    for service in SERVICES.iter().filter(|service| service.target_prefix.is_empty()) {
        let served = |name: &str| service.operation(name).is_some();
        for name in service.operation_names.iter().filter(|name| !served(name)) {
            let answer = daemon.ec2(&format!("Action={name}&Version={}", service.version));
            assert!(
                (400..=501).contains(&answer.status) && answer.status != 500,
                "{name}: {}",
                answer.text()
            );
            assert!(answer.text().contains("<Code>"), "{name}: {}", answer.text());
        }
    }
}
