//! What a client renders, the codecs read back as the same value, and the other way round: for every operation of every
//! service, over values that the model allows.

mod support;

use enishi_api::{SERVICES, ec2};
use enishi_wire::routing::Router;
use enishi_wire::schema::{Kind, Operation, Protocol, Service};
use enishi_wire::{Request, Shape, Timestamp, Value};
use proptest::prelude::*;

use support::client;
use support::entropy::Entropy;
use support::xml::Element;

/// One operation and a value for its input or output.
fn pick(
    bytes: &[u8],
    shape_of: fn(&Operation) -> Option<enishi_wire::schema::ShapeId>,
) -> (&'static Service, &'static Operation, Value) {
    // The client of these tests speaks forms, JSON and CBOR; restXml has the published cases.
    let mut operations = support::operations();
    operations.retain(|(service, _)| service.protocols[0] != Protocol::RestXml);
    let mut entropy = Entropy::new(bytes);
    let (service, operation) = operations[entropy.below(operations.len())];
    let value = match shape_of(operation) {
        Some(id) => entropy.value(service, id, 0),
        None => Value::empty(),
    };
    (service, operation, value)
}

fn decoded(service: &'static Service, operation: &'static Operation, input: &Value) -> Result<Value, String> {
    let sent = client::send(service, operation, input);
    let request =
        Request { method: "POST", path: &sent.path, query: "", headers: &sent.headers, body: &sent.body };
    let call = Router::new(SERVICES).route(&request, None).map_err(|refusal| refusal.fault().to_string())?;
    assert_eq!(call.operation.name, operation.name);
    assert_eq!(call.service.name, service.name);
    call.decode().map_err(|fault| fault.to_string())
}

fn response(service: &'static Service, operation: &'static Operation, output: Value) -> Vec<u8> {
    let mut entropy = Entropy::new(&[]);
    let input = operation.input.map_or_else(Value::empty, |id| entropy.value(service, id, 0));
    let sent = client::send(service, operation, &input);
    let request =
        Request { method: "POST", path: &sent.path, query: "", headers: &sent.headers, body: &sent.body };
    let router = Router::new(SERVICES);
    let call = router.route(&request, None).expect("a call");
    call.respond(&Ok(output), "request-id").body
}

/// XML readers see a lone carriage return as one only if it was escaped; empty text and absent text are the same.
fn read_back(service: &'static Service, operation: &'static Operation, body: &[u8]) -> Value {
    let Some(Kind::Structure(structure)) = operation.output.map(|id| &service.shape(id).kind) else {
        return Value::empty();
    };
    let root = Element::parse(std::str::from_utf8(body).expect("UTF-8"));
    match service.protocols[0] {
        Protocol::Ec2Query => client::read(service, structure, &root),
        _ => {
            let wrapper = operation.result_wrapper.expect("a wrapper");
            client::read(service, structure, root.child(wrapper).expect("the result"))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_are_read_as_they_were_meant(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let (service, operation, input) = pick(&bytes, |o| o.input);
        prop_assert_eq!(decoded(service, operation, &input), Ok(input), "{} {}", service.name, operation.name);
    }

    #[test]
    fn responses_say_what_was_meant(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let (service, operation, output) = pick(&bytes, |o| o.output);
        let body = response(service, operation, output.clone());
        // Read with the input's reader: the operation turned round.
        let turned = Operation { input: operation.output, errors: &[], ..*operation };
        match service.protocols[0] {
            Protocol::RpcV2Cbor => {
                let read = enishi_wire::rpc_v2_cbor::decode(service, &turned, &body);
                prop_assert_eq!(read, Ok(output), "{}", operation.name);
            }
            Protocol::AwsJson10 | Protocol::AwsJson11 => {
                let read = enishi_wire::aws_json::decode(service, &turned, &body);
                prop_assert_eq!(read, Ok(output), "{}", operation.name);
            }
            _ => {
                let read = read_back(service, operation, &body);
                prop_assert_eq!(read, output, "{}", String::from_utf8_lossy(&body));
            }
        }
    }
}

/// Each `$operation`'s input and output survive the way through their Rust types.
macro_rules! typed {
    ($($operation:ident),* $(,)?) => {$({
        use enishi_wire::Operation as _;
        type Input = <ec2::ops::$operation as enishi_wire::Operation>::Input;
        type Output = <ec2::ops::$operation as enishi_wire::Operation>::Output;
        let schema = ec2::ops::$operation::SCHEMA;
        assert_eq!(schema.name, ec2::ops::$operation::NAME);
        for seed in 0..64_u64 {
            let bytes: Vec<u8> = (0..400_u64).map(|n| (n.wrapping_mul(seed * 2 + 1) >> 3) as u8).collect();
            if let Some(id) = schema.input {
                let value = Entropy::new(&bytes).value(&ec2::SERVICE, id, 0);
                let typed = Input::from_value(value.clone()).expect("typed");
                assert_eq!(without_empty_lists(typed.into_value()), value);
            }
            if let Some(id) = schema.output {
                let value = Entropy::new(&bytes).value(&ec2::SERVICE, id, 0);
                assert_eq!(Output::from_value(value.clone()).expect("typed").into_value(), value);
            }
        }
    })*};
}

/// A request-only list is a plain `Vec`: absent comes back as empty. The values here hold no empty list of their own.
fn without_empty_lists(value: Value) -> Value {
    match value {
        Value::Structure(members) => {
            let kept = members.into_iter().filter(|(_, v)| *v != Value::List(Vec::new()));
            Value::Structure(kept.map(|(index, v)| (index, without_empty_lists(v))).collect())
        }
        Value::List(items) => Value::List(items.into_iter().map(without_empty_lists).collect()),
        other => other,
    }
}

#[test]
fn typed_structures_keep_every_member() {
    typed!(
        DescribeVpcs,
        CreateSubnet,
        DescribeRouteTables,
        DescribeSecurityGroups,
        DescribeInstances,
        DescribeAddresses
    );
}

#[test]
fn a_response_looks_as_ec2_writes_it() {
    let vpc = ec2::Vpc {
        vpc_id: Some("vpc-1".to_owned()),
        cidr_block: Some("10.0.0.0/16".to_owned()),
        is_default: Some(false),
        tags: Some(vec![ec2::Tag { key: Some("Name".to_owned()), value: Some("a&b".to_owned()) }]),
        cidr_block_association_set: Some(vec![]),
        ..Default::default()
    };
    let output = ec2::DescribeVpcsResult { vpcs: Some(vec![vpc]), next_token: None };
    let operation = ec2::SERVICE.operation("DescribeVpcs").expect("an operation");
    let body = response(&ec2::SERVICE, operation, output.into_value());
    assert_eq!(
        String::from_utf8(body).expect("UTF-8"),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>request-id</requestId>\
         <vpcSet><item><cidrBlockAssociationSet/><isDefault>false</isDefault>\
         <tagSet><item><key>Name</key><value>a&amp;b</value></item></tagSet>\
         <vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet></DescribeVpcsResponse>"
    );
}

#[test]
fn an_operation_without_a_result_answers_true() {
    let operation = ec2::SERVICE.operation("DeleteVpc").expect("an operation");
    let body = String::from_utf8(response(&ec2::SERVICE, operation, Value::empty())).expect("UTF-8");
    assert!(
        body.contains("<requestId>request-id</requestId><return>true</return></DeleteVpcResponse>"),
        "{body}"
    );
}

#[test]
fn ec2_writes_times_with_milliseconds() {
    let output = ec2::CreateNatGatewayResult {
        nat_gateway: Some(ec2::NatGateway {
            create_time: Some(Timestamp::from_seconds(0)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let operation = ec2::SERVICE.operation("CreateNatGateway").expect("an operation");
    let body = String::from_utf8(response(&ec2::SERVICE, operation, output.into_value())).expect("UTF-8");
    assert!(body.contains("<createTime>1970-01-01T00:00:00.000Z</createTime>"), "{body}");
}
