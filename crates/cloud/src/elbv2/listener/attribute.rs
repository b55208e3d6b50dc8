//! `ModifyListenerAttributes`, `DescribeListenerAttributes`.
//! [ListenerAttribute](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html)

use enishi_api::elbv2::{
    self as api, DescribeListenerAttributesInput, DescribeListenerAttributesOutput,
    ModifyListenerAttributesInput, ModifyListenerAttributesOutput, ops,
};
use enishi_state::elbv2::{Listener, ListenerProtocol, attribute};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::attribute::{Kind, Values};
use super::super::{faults, find_listener};
use super::protocol_name;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifyListenerAttributes>(modify_listener_attributes);
    on.read::<ops::DescribeListenerAttributes>(describe_listener_attributes);
}

fn kind_of(row: &Listener) -> Kind {
    let defaults = match row.protocol {
        ListenerProtocol::Http => attribute::HTTP_LISTENER,
        ListenerProtocol::Https => attribute::HTTPS_LISTENER,
        ListenerProtocol::Tcp => attribute::TCP_LISTENER,
        ListenerProtocol::Tls | ListenerProtocol::Udp | ListenerProtocol::TcpUdp => &[],
    };
    Kind { noun: "Listener", defaults, values }
}

fn values(key: &str) -> Values {
    match key {
        "tcp.idle_timeout.seconds" => Values::Number(60, 6000),
        "routing.http.response.server.enabled" => Values::Flag,
        "routing.http.response.access_control_allow_credentials.header_value" => Values::Word(&["", "true"]),
        "routing.http.response.x_content_type_options.header_value" => Values::Word(&["", "nosniff"]),
        "routing.http.response.x_frame_options.header_value" => Values::Word(&["", "DENY", "SAMEORIGIN"]),
        // Names and values of headers.
        _ => Values::Text(1024),
    }
}

fn shapes(row: &Listener) -> Vec<api::ListenerAttribute> {
    let shape = |(key, value): (&str, &str)| api::ListenerAttribute {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    kind_of(row).all(&row.attributes).into_iter().map(shape).collect()
}

fn modify_listener_attributes(
    tx: &mut Tx<'_>,
    input: ModifyListenerAttributesInput,
) -> Result<ModifyListenerAttributesOutput, Fault> {
    let mut row = find_listener(tx.world(), &tx.caller().scope, &input.listener_arn)?.clone();
    let kind = kind_of(&row);
    if kind.defaults.is_empty() {
        return Err(faults::invalid_configuration_request(format!(
            "Listener attributes are not supported for {} listeners",
            protocol_name(row.protocol)
        )));
    }
    let change = |attribute: api::ListenerAttribute| {
        (attribute.key.unwrap_or_default(), attribute.value.unwrap_or_default())
    };
    let changes: Vec<(String, String)> = input.attributes.into_iter().map(change).collect();
    changes.iter().try_for_each(|(key, value)| check_header(key, value))?;
    kind.set(&mut row.attributes, changes)?;
    let attributes = shapes(&row);
    tx.put(row);
    Ok(ModifyListenerAttributesOutput { attributes: Some(attributes) })
}

/// Refuses what could not be in the head of a message: names are tokens of at most 40 characters, values are visible text.
fn check_header(key: &str, value: &str) -> Result<(), Fault> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let fits = match key.ends_with(".header_name") {
        true => value.len() <= 40 && value.bytes().all(is_token),
        false => value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()),
    };
    match fits {
        true => Ok(()),
        false => Err(faults::validation_error(format!(
            "The value of '{key}' contains characters that are not allowed in a header"
        ))),
    }
}

fn describe_listener_attributes(
    read: &Read<'_>,
    input: DescribeListenerAttributesInput,
) -> Result<DescribeListenerAttributesOutput, Fault> {
    let row = find_listener(read.world, &read.caller.scope, &input.listener_arn)?;
    Ok(DescribeListenerAttributesOutput { attributes: Some(shapes(row)) })
}
