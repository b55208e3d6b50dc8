//! DHCP option sets.

mod harness;

use enishi_api::ec2::{
    AssociateDhcpOptionsRequest, CreateDhcpOptionsRequest, CreateVpcRequest, DeleteDhcpOptionsRequest,
    DeleteVpcRequest, DescribeDhcpOptionsRequest, DescribeVpcsRequest, Filter, NewDhcpConfiguration, ops,
};
use harness::{Harness, text};

fn option(key: &str, values: &[&str]) -> NewDhcpConfiguration {
    NewDhcpConfiguration { key: text(key), values: values.iter().map(ToString::to_string).collect() }
}

fn create(options: Vec<NewDhcpConfiguration>) -> CreateDhcpOptionsRequest {
    CreateDhcpOptionsRequest { dhcp_configurations: options, ..Default::default() }
}

fn made(h: &mut Harness) -> String {
    let options =
        vec![option("domain-name", &["corp.example"]), option("domain-name-servers", &["10.0.0.2,10.0.0.3"])];
    h.ok::<ops::CreateDhcpOptions>(create(options)).dhcp_options.unwrap().dhcp_options_id.unwrap()
}

fn vpc(h: &mut Harness) -> String {
    let input = CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    h.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
}

fn associate(options: &str, vpc: &str) -> AssociateDhcpOptionsRequest {
    AssociateDhcpOptionsRequest {
        dhcp_options_id: options.to_owned(),
        vpc_id: vpc.to_owned(),
        ..Default::default()
    }
}

fn delete(id: &str) -> DeleteDhcpOptionsRequest {
    DeleteDhcpOptionsRequest { dhcp_options_id: id.to_owned(), ..Default::default() }
}

fn of_vpc(h: &mut Harness, vpc: &str) -> String {
    let input = DescribeVpcsRequest { vpc_ids: vec![vpc.to_owned()], ..Default::default() };
    h.ok::<ops::DescribeVpcs>(input).vpcs.unwrap().remove(0).dhcp_options_id.unwrap()
}

#[test]
fn a_set_is_made_associated_and_deleted_when_free() {
    let mut h = Harness::new();
    let (id, vpc) = (made(&mut h), vpc(&mut h));
    let filter = Filter { name: text("value"), values: vec!["10.0.0.3".to_owned()] };
    let input = DescribeDhcpOptionsRequest { filters: vec![filter], ..Default::default() };
    let found = h.ok::<ops::DescribeDhcpOptions>(input).dhcp_options.unwrap();
    assert_eq!(found.len(), 1, "values joined by commas are several");

    h.ok::<ops::AssociateDhcpOptions>(associate(&id, &vpc));
    assert_eq!(of_vpc(&mut h, &vpc), id);
    // The wording is that of every resource of a VPC.
    let fault = h.fault::<ops::DeleteDhcpOptions>(delete(&id));
    assert_eq!(fault.code(), "DependencyViolation");
    assert_eq!(fault.message(), format!("The dhcpOptions '{id}' has dependencies and cannot be deleted."));

    h.ok::<ops::AssociateDhcpOptions>(associate("default", &vpc));
    assert_eq!(of_vpc(&mut h, &vpc), "default");
    h.ok::<ops::DeleteDhcpOptions>(delete(&id));
    assert_eq!(h.fault::<ops::DeleteDhcpOptions>(delete(&id)).code(), "InvalidDhcpOptionID.NotFound");
    h.ok::<ops::DeleteVpc>(DeleteVpcRequest { vpc_id: vpc, ..Default::default() });
}

#[test]
fn options_and_values_are_checked() {
    let mut h = Harness::new();
    for wrong in [
        option("domain", &["corp.example"]),
        option("domain-name-servers", &["not an address"]),
        option("domain-name-servers", &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]),
        option("netbios-node-type", &["3"]),
        option("ntp-servers", &[]),
    ] {
        assert_eq!(h.fault::<ops::CreateDhcpOptions>(create(vec![wrong])).code(), "InvalidParameterValue");
    }
    assert_eq!(h.fault::<ops::CreateDhcpOptions>(create(vec![])).code(), "MissingParameter");
    let vpc = vpc(&mut h);
    let fault = h.fault::<ops::AssociateDhcpOptions>(associate("dopt-0123456789abcdef0", &vpc));
    assert_eq!(fault.code(), "InvalidDhcpOptionID.NotFound");
}
