//! `TestDNSAnswer`: what the name servers would answer a resolver, without asking them over the network.
//! [API_TestDNSAnswer](https://docs.aws.amazon.com/Route53/latest/APIReference/API_TestDNSAnswer.html)
//!
//! The daemon supplies the answer, from the very snapshot that its name servers answer from. A resolver that is not named is
//! one of `us-east-1`'s, as AWS documents.

use std::net::IpAddr;

use enishi_api::route53::{TestDNSAnswerRequest, TestDNSAnswerResponse, ops};
use enishi_fabric::dns::{Name, RecordType};
use enishi_state::Read;
use enishi_wire::Fault;

use super::{bare, faults, own_zone};
use crate::outside::{DnsQuestion, Supply, Want};
use crate::registry::Registry;

/// Bits of the client's address that a resolver passes on unless the request says how many.
const USUAL_V4: u8 = 24;
const USUAL_V6: u8 = 64;

pub(super) fn register(on: &mut Registry) {
    on.read_with::<ops::TestDNSAnswer>(want, test_dns_answer);
}

fn want(input: TestDNSAnswerRequest) -> Option<Want> {
    question(&input).ok().map(Want::DnsAnswer)
}

fn test_dns_answer(
    read: &Read<'_>,
    input: TestDNSAnswerRequest,
    supply: &Supply,
) -> Result<TestDNSAnswerResponse, Fault> {
    let zone = own_zone(read.world, &read.caller.scope.account, &input.hosted_zone_id)?;
    let question = question(&input)?;
    if zone.is_private {
        return Err(faults::invalid_input("TestDNSAnswer supports public hosted zones only."));
    }
    if !question.name.is_within(&zone.name) {
        return Err(faults::invalid_input(format!(
            "The record name {} is not in the hosted zone {}",
            question.name, zone.name
        )));
    }
    let answer =
        supply.dns_answer.as_ref().ok_or_else(|| Fault::internal("the name servers did not answer"))?;
    Ok(TestDNSAnswerResponse {
        nameserver: zone.name_servers.first().cloned().unwrap_or_default(),
        record_name: input.record_name,
        record_type: input.record_type,
        record_data: answer.data.clone(),
        response_code: answer.rcode.clone(),
        protocol: "UDP".to_owned(),
    })
}

/// What is to be asked.
fn question(input: &TestDNSAnswerRequest) -> Result<DnsQuestion, Fault> {
    let name = Name::parse(&input.record_name)
        .map_err(|_| faults::invalid_input(format!("Invalid domain name: {}", input.record_name)))?;
    let record_type: RecordType = input
        .record_type
        .parse()
        .map_err(|_| faults::invalid_input(format!("Invalid record type: {}", input.record_type)))?;
    let resolver = match input.resolver_ip.as_deref() {
        Some(text) => address(text)?,
        None => IpAddr::V4(enishi_plan::region_address("us-east-1")),
    };
    let (address, prefix) = match (input.edns0_client_subnet_ip.as_deref(), &input.edns0_client_subnet_mask) {
        (Some(text), mask) => subnet(address(text)?, mask.as_deref())?,
        (None, Some(_)) => {
            return Err(faults::invalid_input("EDNS0ClientSubnetMask needs an EDNS0ClientSubnetIP."));
        }
        (None, None) => (resolver, if resolver.is_ipv4() { 32 } else { 128 }),
    };
    Ok(DnsQuestion { zone: bare(&input.hosted_zone_id).to_owned(), name, record_type, address, prefix })
}

fn address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| faults::invalid_input(format!("Invalid IP address: {text}")))
}

fn subnet(address: IpAddr, mask: Option<&str>) -> Result<(IpAddr, u8), Fault> {
    let (usual, longest) = if address.is_ipv4() { (USUAL_V4, 32) } else { (USUAL_V6, 128) };
    let prefix = match mask {
        None => usual,
        Some(text) => text
            .parse()
            .ok()
            .filter(|prefix| *prefix <= longest)
            .ok_or_else(|| faults::invalid_input(format!("Invalid EDNS0 client subnet mask: {text}")))?,
    };
    Ok((address, prefix))
}
