//! `ModifyInstanceMetadataOptions`, and the options of a launch.
//! [Configure instance metadata options](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html)

use enishi_api::ec2::{
    InstanceMetadataOptionsRequest, InstanceMetadataOptionsResponse, ModifyInstanceMetadataOptionsRequest,
    ModifyInstanceMetadataOptionsResult, ops,
};
use enishi_state::Tx;
use enishi_state::ec2::{Instance, InstanceState, MetadataOptions};
use enishi_wire::Fault;

use super::super::{faults, ids};
use crate::registry::Registry;

/// What AWS gives an instance whose launch says nothing.
const DEFAULT: MetadataOptions =
    MetadataOptions { tokens_required: false, enabled: true, hop_limit: 1, instance_tags: false };

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifyInstanceMetadataOptions>(modify_instance_metadata_options);
}

/// The options of a launch.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn requested(request: Option<&InstanceMetadataOptionsRequest>) -> Result<MetadataOptions, Fault> {
    request.map_or(Ok(DEFAULT), |request| changed(&DEFAULT, request))
}

/// The options with what the request changes.
fn changed(
    current: &MetadataOptions,
    request: &InstanceMetadataOptionsRequest,
) -> Result<MetadataOptions, Fault> {
    let mut options = current.clone();
    if let Some(tokens) = given(&request.http_tokens) {
        options.tokens_required = one_of(tokens, "required", "optional", "HttpTokens")?;
    }
    if let Some(endpoint) = given(&request.http_endpoint) {
        options.enabled = one_of(endpoint, "enabled", "disabled", "HttpEndpoint")?;
    }
    if let Some(tags) = given(&request.instance_metadata_tags) {
        options.instance_tags = one_of(tags, "enabled", "disabled", "InstanceMetadataTags")?;
    }
    if given(&request.http_protocol_ipv6).is_some_and(|ipv6| ipv6 != "disabled") {
        return Err(faults::unsupported_operation("IPv6 addresses are not supported by Enishi yet."));
    }
    if let Some(limit) = request.http_put_response_hop_limit {
        options.hop_limit =
            u8::try_from(limit).ok().filter(|limit| (1..=64).contains(limit)).ok_or_else(|| {
                faults::invalid_parameter_value(
                    "The HttpPutResponseHopLimit must be an integer between 1 and 64".to_owned()
                        + &format!(", not {limit}."),
                )
            })?;
    }
    Ok(options)
}

/// Some clients send empty text for what they leave as it is.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn one_of(value: &str, yes: &str, no: &str, parameter: &str) -> Result<bool, Fault> {
    match value {
        value if value == yes => Ok(true),
        value if value == no => Ok(false),
        other => Err(faults::invalid_enum(other, parameter)),
    }
}

fn modify_instance_metadata_options(
    tx: &mut Tx<'_>,
    input: ModifyInstanceMetadataOptionsRequest,
) -> Result<ModifyInstanceMetadataOptionsResult, Fault> {
    let mut row = ids::find::<Instance>(tx.world(), &tx.caller().scope, &input.instance_id)?.clone();
    if matches!(row.state, InstanceState::ShuttingDown | InstanceState::Terminated) {
        return Err(faults::incorrect_instance_state(format!(
            "The instance '{}' is not in a valid state for this operation.",
            row.id
        )));
    }
    let request = InstanceMetadataOptionsRequest {
        http_tokens: input.http_tokens,
        http_put_response_hop_limit: input.http_put_response_hop_limit,
        http_endpoint: input.http_endpoint,
        http_protocol_ipv6: input.http_protocol_ipv6,
        instance_metadata_tags: input.instance_metadata_tags,
    };
    if request == InstanceMetadataOptionsRequest::default() {
        return Err(faults::missing_parameter("HttpTokens"));
    }
    row.metadata = changed(&row.metadata, &request)?;
    let instance_metadata_options = Some(shape(&row.metadata));
    tx.put(row);
    Ok(ModifyInstanceMetadataOptionsResult {
        instance_id: Some(input.instance_id),
        instance_metadata_options,
    })
}

/// As responses show them.
pub(super) fn shape(options: &MetadataOptions) -> InstanceMetadataOptionsResponse {
    let word = |on: bool, yes: &str, no: &str| Some((if on { yes } else { no }).to_owned());
    InstanceMetadataOptionsResponse {
        state: Some("applied".to_owned()),
        http_tokens: word(options.tokens_required, "required", "optional"),
        http_put_response_hop_limit: Some(options.hop_limit.into()),
        http_endpoint: word(options.enabled, "enabled", "disabled"),
        http_protocol_ipv6: Some("disabled".to_owned()),
        instance_metadata_tags: word(options.instance_tags, "enabled", "disabled"),
    }
}
