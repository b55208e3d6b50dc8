//! `RunInstances`, the life of an instance, and what is described of it.

mod harness;
mod lab;

use enishi_api::ec2::{
    AttributeBooleanValue, AttributeValue, DescribeInstanceAttributeRequest, DescribeInstanceStatusRequest,
    DescribeInstancesRequest, DescribeNetworkInterfacesRequest, Filter, GetConsoleOutputRequest,
    InstanceMetadataOptionsRequest, InstanceNetworkInterfaceSpecification, ModifyInstanceAttributeRequest,
    ModifyInstanceMetadataOptionsRequest, ModifySubnetAttributeRequest, Placement, RebootInstancesRequest,
    RunInstancesRequest, StartInstancesRequest, StopInstancesRequest, Tag, TagSpecification,
    TerminateInstancesRequest, ops,
};
use enishi_cloud::outside::{Console, Supply, Want};
use enishi_cloud::tick::{self, Process};
use enishi_state::Read;
use enishi_wire::{Blob, Operation, Shape};
use harness::{Harness, text};
use lab::{AMI, Lab, launch};

fn ids(id: &str) -> Vec<String> {
    vec![id.to_owned()]
}

fn stop(lab: &mut Lab, id: &str) -> (String, String) {
    let input = StopInstancesRequest { instance_ids: ids(id), ..Default::default() };
    let change = lab.h.ok::<ops::StopInstances>(input).stopping_instances.unwrap().remove(0);
    (change.previous_state.unwrap().name.unwrap(), change.current_state.unwrap().name.unwrap())
}

fn start(lab: &mut Lab, id: &str) -> (String, String) {
    let input = StartInstancesRequest { instance_ids: ids(id), ..Default::default() };
    let change = lab.h.ok::<ops::StartInstances>(input).starting_instances.unwrap().remove(0);
    (change.previous_state.unwrap().name.unwrap(), change.current_state.unwrap().name.unwrap())
}

fn terminate(lab: &mut Lab, id: &str) -> (String, String) {
    let input = TerminateInstancesRequest { instance_ids: ids(id), ..Default::default() };
    let change = lab.h.ok::<ops::TerminateInstances>(input).terminating_instances.unwrap().remove(0);
    (change.previous_state.unwrap().name.unwrap(), change.current_state.unwrap().name.unwrap())
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

fn map_public_ip(lab: &mut Lab) {
    lab.h.ok::<ops::ModifySubnetAttribute>(ModifySubnetAttributeRequest {
        subnet_id: lab.subnet.clone(),
        map_public_ip_on_launch: Some(AttributeBooleanValue { value: Some(true) }),
        ..Default::default()
    });
}

#[test]
fn a_launch_without_a_subnet_goes_to_the_default_vpc_and_gets_a_public_address() {
    let mut h = Harness::new();
    let reservation = h.ok::<ops::RunInstances>(launch());
    assert_eq!(reservation.owner_id.as_deref(), Some("123456789012"));
    let instance = reservation.instances.unwrap().remove(0);
    assert_eq!(instance.state.unwrap().name.as_deref(), Some("pending"));
    assert_eq!(instance.image_id.as_deref(), Some(AMI));
    assert_eq!(instance.placement.unwrap().availability_zone.as_deref(), Some("us-east-1a"));
    assert!(instance.private_ip_address.unwrap().starts_with("172.31."));
    assert_eq!(instance.public_ip_address.as_deref(), Some("198.18.1.0"));
    assert_eq!(instance.public_dns_name.as_deref(), Some("ec2-198-18-1-0.compute-1.amazonaws.com"));
    let groups = instance.security_groups.unwrap();
    assert_eq!(groups[0].group_name.as_deref(), Some("default"));
    let interface = &instance.network_interfaces.unwrap()[0];
    let association = interface.association.as_ref().unwrap();
    assert_eq!(association.ip_owner_id.as_deref(), Some("amazon"));
    assert_eq!(interface.attachment.as_ref().unwrap().delete_on_termination, Some(true));
}

#[test]
fn an_instance_runs_when_its_generation_is_realised_and_its_processes_run() {
    let mut lab = Lab::new();
    let input = lab.launch();
    let id = lab.run(input).remove(0);
    let mut facts = lab.facts();
    facts.realised_generation -= 1;
    assert!(!tick::needs_tick(&lab.h.world, &facts, lab.h.now));
    lab.tick(&facts);
    assert_eq!(lab.state(&id), "pending");

    let mut facts = lab.facts();
    facts.instances.clear();
    assert!(!tick::needs_tick(&lab.h.world, &facts, lab.h.now));

    let facts = lab.facts();
    assert!(tick::needs_tick(&lab.h.world, &facts, lab.h.now));
    lab.tick(&facts);
    assert_eq!(lab.state(&id), "running");
    assert!(!tick::needs_tick(&lab.h.world, &lab.facts(), lab.h.now));
}

#[test]
fn stop_frees_the_public_address_and_start_draws_another() {
    let mut lab = Lab::with_gateway();
    map_public_ip(&mut lab);
    let id = lab.running();
    let before = lab.instance(&id);
    assert_eq!(before.public_ip_address.as_deref(), Some("198.18.1.0"));

    assert_eq!(stop(&mut lab, &id), pair("running", "stopping"));
    assert_eq!(lab.instance(&id).public_ip_address, None);
    lab.settle();
    let stopped = lab.instance(&id);
    assert_eq!(stopped.state.unwrap().name.as_deref(), Some("stopped"));
    assert_eq!(stopped.private_ip_address, before.private_ip_address);
    assert_eq!(stopped.state_transition_reason.as_deref(), Some("User initiated (2026-01-02 03:04:05 GMT)"));
    assert_eq!(stopped.state_reason.unwrap().code.as_deref(), Some("Client.UserInitiatedShutdown"));
    assert_eq!(stop(&mut lab, &id), pair("stopped", "stopped"));

    assert_eq!(start(&mut lab, &id), pair("stopped", "pending"));
    lab.settle();
    let after = lab.instance(&id);
    assert_eq!(after.state.unwrap().name.as_deref(), Some("running"));
    assert_eq!(after.public_ip_address.as_deref(), Some("198.18.1.1"));
    assert_eq!(after.private_ip_address, before.private_ip_address);
    assert_eq!(lab.row(&id).boot, 2);
    assert_eq!(start(&mut lab, &id), pair("running", "running"));
}

#[test]
fn terminate_deletes_the_interface_and_the_instance_is_forgotten_after_an_hour() {
    let mut lab = Lab::new();
    let id = lab.running();
    let eni = lab.primary(&id);
    assert_eq!(terminate(&mut lab, &id), pair("running", "shutting-down"));
    lab.settle();
    let gone = lab.instance(&id);
    assert_eq!(gone.state.unwrap().name.as_deref(), Some("terminated"));
    assert_eq!(gone.network_interfaces, Some(vec![]));
    assert_eq!((gone.vpc_id, gone.private_ip_address), (None, None));
    let input = DescribeNetworkInterfacesRequest { network_interface_ids: ids(&eni), ..Default::default() };
    lab.h.message::<ops::DescribeNetworkInterfaces>(
        input,
        "InvalidNetworkInterfaceID.NotFound",
        &format!("The networkInterface ID '{eni}' does not exist"),
    );
    assert_eq!(terminate(&mut lab, &id), pair("terminated", "terminated"));

    let deadline = tick::next_deadline(&lab.h.world).unwrap();
    assert_eq!(deadline, lab.h.now.plus_seconds(3600));
    lab.h.now = deadline;
    lab.settle();
    let input = DescribeInstancesRequest { instance_ids: ids(&id), ..Default::default() };
    lab.h.message::<ops::DescribeInstances>(
        input,
        "InvalidInstanceID.NotFound",
        &format!("The instance ID '{id}' does not exist"),
    );
    assert_eq!(tick::next_deadline(&lab.h.world), None);
}

#[test]
fn an_instance_that_shuts_itself_down_stops_or_terminates_as_it_was_told() {
    for (behavior, state) in [("stop", "stopped"), ("terminate", "terminated")] {
        let mut lab = Lab::new();
        let input =
            RunInstancesRequest { instance_initiated_shutdown_behavior: text(behavior), ..lab.launch() };
        let id = lab.run(input).remove(0);
        lab.settle();
        lab.observe(&id, 7, Process::Exited { by_itself: true });
        assert_eq!(lab.state(&id), "running", "another boot's end says nothing");
        lab.observe(&id, 1, Process::Exited { by_itself: true });
        assert_eq!(lab.state(&id), state);
        let reason = lab.instance(&id).state_reason.unwrap();
        assert_eq!(reason.code.as_deref(), Some("Client.InstanceInitiatedShutdown"));
    }
}

#[test]
fn an_instance_that_cannot_start_is_terminated_or_stopped_again() {
    let mut lab = Lab::new();
    let input = lab.launch();
    let never = lab.run(input).remove(0);
    lab.observe(&never, 1, Process::Failed("no such root".to_owned()));
    assert_eq!(lab.state(&never), "terminated");
    let reason = lab.instance(&never).state_reason.unwrap();
    assert_eq!(reason.code.as_deref(), Some("Server.InternalError"));
    assert!(reason.message.unwrap().ends_with("no such root"));

    let id = lab.running();
    stop(&mut lab, &id);
    lab.settle();
    start(&mut lab, &id);
    lab.observe(&id, 2, Process::Failed("disk full".to_owned()));
    assert_eq!(lab.state(&id), "stopped");
}

#[test]
fn states_refuse_what_aws_refuses() {
    let mut lab = Lab::new();
    let input = lab.launch();
    let id = lab.run(input).remove(0);
    lab.h.message::<ops::StopInstances>(
        StopInstancesRequest { instance_ids: ids(&id), ..Default::default() },
        "IncorrectInstanceState",
        &format!("Instance '{id}' cannot be stopped as it has never reached the 'running' state."),
    );
    lab.settle();
    terminate(&mut lab, &id);
    lab.h.message::<ops::StartInstances>(
        StartInstancesRequest { instance_ids: ids(&id), ..Default::default() },
        "IncorrectInstanceState",
        &format!("The instance '{id}' is not in a state from which it can be started."),
    );
    let reboot = RebootInstancesRequest { instance_ids: ids(&id), ..Default::default() };
    lab.h.code::<ops::RebootInstances>(reboot, "IncorrectInstanceState");
    lab.h.message::<ops::StartInstances>(
        StartInstancesRequest { instance_ids: ids("i-1"), ..Default::default() },
        "InvalidInstanceID.Malformed",
        "Invalid id: \"i-1\"",
    );
}

#[test]
fn an_operation_on_several_instances_is_all_or_nothing() {
    let mut lab = Lab::new();
    let running = lab.running();
    let input = lab.launch();
    let pending = lab.run(input).remove(0);
    let both = vec![running.clone(), pending];
    let input = StopInstancesRequest { instance_ids: both, ..Default::default() };
    lab.h.code::<ops::StopInstances>(input, "IncorrectInstanceState");
    assert_eq!(lab.state(&running), "running");
}

#[test]
fn reboot_starts_another_boot() {
    let mut lab = Lab::new();
    let id = lab.running();
    let before = lab.row(&id).generation;
    lab.h.ok::<ops::RebootInstances>(RebootInstancesRequest { instance_ids: ids(&id), ..Default::default() });
    let row = lab.row(&id);
    assert_eq!((row.boot, row.state.name()), (2, "running"));
    assert!(row.generation > before);
}

#[test]
fn protected_instances_stay() {
    let mut lab = Lab::new();
    let input = RunInstancesRequest { disable_api_termination: Some(true), ..lab.launch() };
    let id = lab.run(input).remove(0);
    lab.settle();
    lab.h.message::<ops::TerminateInstances>(
        TerminateInstancesRequest { instance_ids: ids(&id), ..Default::default() },
        "OperationNotPermitted",
        &format!(
            "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try \
             again."
        ),
    );
    lab.h.ok::<ops::ModifyInstanceAttribute>(ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        disable_api_termination: Some(AttributeBooleanValue { value: Some(false) }),
        ..Default::default()
    });
    terminate(&mut lab, &id);
}

#[test]
fn launches_are_refused_with_aws_s_faults() {
    let mut lab = Lab::new();
    let base = lab.launch();
    let cases: Vec<(RunInstancesRequest, &str, &str)> = vec![
        (
            RunInstancesRequest { image_id: None, ..base.clone() },
            "MissingParameter",
            "The request must contain the parameter ImageId",
        ),
        (
            RunInstancesRequest { image_id: text("ubuntu"), ..base.clone() },
            "InvalidAMIID.Malformed",
            "Invalid id: \"ubuntu\" (expecting \"ami-...\")",
        ),
        (
            RunInstancesRequest { instance_type: text("t3.huge"), ..base.clone() },
            "InvalidParameterValue",
            "Invalid value 't3.huge' for InstanceType.",
        ),
        (
            RunInstancesRequest { key_name: text("absent"), ..base.clone() },
            "InvalidKeyPair.NotFound",
            "The key pair 'absent' does not exist",
        ),
        (
            RunInstancesRequest { private_ip_address: text("10.0.2.9"), ..base.clone() },
            "InvalidParameterValue",
            "Address 10.0.2.9 does not fall within the subnet's address range",
        ),
        (
            RunInstancesRequest { private_ip_address: text("10.0.1.3"), ..base.clone() },
            "InvalidParameterValue",
            "Address 10.0.1.3 is in subnet's reserved address range",
        ),
        (
            RunInstancesRequest { user_data: text("not base64!"), ..base.clone() },
            "InvalidParameterValue",
            "Invalid BASE64 encoding of user data.",
        ),
        (
            RunInstancesRequest { user_data: Some("QUJD".repeat(5462)), ..base.clone() },
            "InvalidParameterValue",
            "User data is limited to 16384 bytes",
        ),
        (
            RunInstancesRequest { security_groups: ids("web"), ..base.clone() },
            "InvalidParameterCombination",
            "The parameter groupName cannot be used with the parameter subnet",
        ),
    ];
    for (input, code, message) in cases {
        lab.h.message::<ops::RunInstances>(input, code, message);
    }
    lab.h.code::<ops::RunInstances>(
        RunInstancesRequest { min_count: 0, ..base.clone() },
        "InvalidParameterValue",
    );
    let reversed = RunInstancesRequest { min_count: 2, ..base.clone() };
    lab.h.code::<ops::RunInstances>(reversed, "InvalidParameterValue");
    let elsewhere = Placement { availability_zone: text("us-east-1b"), ..Default::default() };
    let input = RunInstancesRequest { placement: Some(elsewhere), ..base };
    lab.h.code::<ops::RunInstances>(input, "InvalidParameterCombination");
}

#[test]
fn a_full_subnet_takes_what_fits_and_then_none() {
    let mut lab = Lab::new();
    lab.subnet = lab.add_subnet("10.0.9.0/28", "us-east-1a");
    let input = RunInstancesRequest { min_count: 2, max_count: 20, ..lab.launch() };
    assert_eq!(lab.run(input).len(), 11);
    let subnet = lab.subnet.clone();
    let input = lab.launch();
    lab.h.message::<ops::RunInstances>(
        input,
        "InsufficientFreeAddressesInSubnet",
        &format!("There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."),
    );
}

#[test]
fn the_same_token_launches_once() {
    let mut lab = Lab::new();
    let input = RunInstancesRequest { client_token: text("once"), max_count: 2, ..lab.launch() };
    let first = lab.run(input.clone());
    assert_eq!(lab.run(input.clone()), first);
    assert_eq!(first.len(), 2);
    let other = RunInstancesRequest { instance_type: text("t3.small"), ..input };
    lab.h.code::<ops::RunInstances>(other, "IdempotentParameterMismatch");
}

#[test]
fn interfaces_are_made_as_specified() {
    let mut lab = Lab::new();
    let second = lab.add_subnet("10.0.2.0/24", "us-east-1a");
    let interface = |index, subnet: &str| InstanceNetworkInterfaceSpecification {
        device_index: Some(index),
        subnet_id: text(subnet),
        ..Default::default()
    };
    let primary = InstanceNetworkInterfaceSpecification {
        private_ip_address: text("10.0.1.50"),
        secondary_private_ip_address_count: Some(1),
        description: text("first"),
        ..interface(0, &lab.subnet)
    };
    let input = RunInstancesRequest {
        network_interfaces: vec![interface(1, &second), primary],
        subnet_id: None,
        ..lab.launch()
    };
    let id = lab.run(input.clone()).remove(0);
    let interfaces = lab.instance(&id).network_interfaces.unwrap();
    assert_eq!(interfaces.len(), 2);
    assert_eq!(interfaces[0].private_ip_address.as_deref(), Some("10.0.1.50"));
    assert_eq!(interfaces[0].private_ip_addresses.as_ref().unwrap().len(), 2);
    assert_eq!(interfaces[1].subnet_id.as_deref(), Some(second.as_str()));
    assert_eq!(interfaces[1].attachment.as_ref().unwrap().device_index, Some(1));

    lab.h.message::<ops::RunInstances>(
        input.clone(),
        "InvalidIPAddress.InUse",
        "Address 10.0.1.50 is in use.",
    );
    let three = RunInstancesRequest {
        network_interfaces: (0..3).map(|index| interface(index, &lab.subnet)).collect(),
        ..input.clone()
    };
    lab.h.message::<ops::RunInstances>(
        three,
        "AttachmentLimitExceeded",
        "Interface count 3 exceeds the limit for t3.micro",
    );
    let no_primary = RunInstancesRequest { network_interfaces: vec![interface(1, &second)], ..input.clone() };
    lab.h.message::<ops::RunInstances>(
        no_primary,
        "InvalidParameterCombination",
        "When specifying network interfaces, you must include a device at index 0.",
    );
    let both = RunInstancesRequest { subnet_id: Some(second), ..input };
    lab.h.message::<ops::RunInstances>(
        both,
        "InvalidParameterCombination",
        "Network interfaces and an instance-level subnet ID may not be specified on the same request",
    );
}

#[test]
fn tags_come_with_the_launch() {
    let mut lab = Lab::new();
    let specification = |kind: &str| TagSpecification {
        resource_type: text(kind),
        tags: vec![Tag { key: text("Name"), value: text(kind) }],
    };
    let input = RunInstancesRequest {
        tag_specifications: vec![specification("instance"), specification("network-interface")],
        ..lab.launch()
    };
    let id = lab.run(input).remove(0);
    assert_eq!(lab.instance(&id).tags.unwrap()[0].value.as_deref(), Some("instance"));
    let eni = lab.primary(&id);
    assert_eq!(lab.interface(&eni).tag_set.unwrap()[0].value.as_deref(), Some("network-interface"));

    let named = |value: &str| DescribeInstancesRequest {
        filters: vec![Filter { name: text("tag:Name"), values: ids(value) }],
        ..Default::default()
    };
    assert_eq!(lab.h.ok::<ops::DescribeInstances>(named("inst*")).reservations.unwrap().len(), 1);
    assert_eq!(lab.h.ok::<ops::DescribeInstances>(named("other")).reservations.unwrap().len(), 0);
}

#[test]
fn filters_find_by_state_subnet_and_address() {
    let mut lab = Lab::new();
    let id = lab.running();
    let address = lab.instance(&id).private_ip_address.unwrap();
    let subnet = lab.subnet.clone();
    for (name, value, found) in [
        ("instance-state-name", "running", 1),
        ("instance-state-name", "stopped", 0),
        ("subnet-id", subnet.as_str(), 1),
        ("private-ip-address", address.as_str(), 1),
        ("network-interface.addresses.private-ip-address", address.as_str(), 1),
        ("instance-type", "t3.*", 1),
        ("instance.group-name", "default", 1),
    ] {
        let filters = vec![Filter { name: text(name), values: ids(value) }];
        let input = DescribeInstancesRequest { filters, ..Default::default() };
        assert_eq!(
            lab.h.ok::<ops::DescribeInstances>(input).reservations.unwrap().len(),
            found,
            "{name}={value}"
        );
    }
    let filters = vec![Filter { name: text("colour"), values: ids("red") }];
    let input = DescribeInstancesRequest { filters, ..Default::default() };
    lab.h.message::<ops::DescribeInstances>(input, "InvalidParameterValue", "The filter 'colour' is invalid");
}

#[test]
fn status_lists_running_instances_unless_asked_for_all() {
    let mut lab = Lab::new();
    let running = lab.running();
    let input = lab.launch();
    lab.run(input);
    let statuses = lab.h.ok::<ops::DescribeInstanceStatus>(DescribeInstanceStatusRequest::default());
    let statuses = statuses.instance_statuses.unwrap();
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0].instance_id.as_deref(), Some(running.as_str()));
    assert_eq!(statuses[0].system_status.as_ref().unwrap().status.as_deref(), Some("ok"));
    let all = DescribeInstanceStatusRequest { include_all_instances: Some(true), ..Default::default() };
    assert_eq!(lab.h.ok::<ops::DescribeInstanceStatus>(all).instance_statuses.unwrap().len(), 2);
}

#[test]
fn attributes_are_read_and_changed() {
    let mut lab = Lab::new();
    let input = RunInstancesRequest { user_data: text("IyEvYmluL3NoCg=="), ..lab.launch() };
    let id = lab.run(input).remove(0);
    lab.settle();
    let attribute = |name: &str| DescribeInstanceAttributeRequest {
        instance_id: id.clone(),
        attribute: name.to_owned(),
        ..Default::default()
    };
    let answer = lab.h.ok::<ops::DescribeInstanceAttribute>(attribute("userData"));
    assert_eq!(answer.user_data.unwrap().value.as_deref(), Some("IyEvYmluL3NoCg=="));
    assert_eq!(lab.row(&id).user_data.as_deref(), Some(b"#!/bin/sh\n".as_slice()));

    let resize = ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        instance_type: Some(AttributeValue { value: text("m5.large") }),
        ..Default::default()
    };
    lab.h.message::<ops::ModifyInstanceAttribute>(
        resize.clone(),
        "IncorrectInstanceState",
        &format!("The instance '{id}' is not in the 'stopped' state."),
    );
    stop(&mut lab, &id);
    lab.settle();
    lab.h.ok::<ops::ModifyInstanceAttribute>(resize);
    let data = Some(enishi_api::ec2::SecureBlobAttributeValue { value: Some(Blob(b"new".to_vec())) });
    let input =
        ModifyInstanceAttributeRequest { instance_id: id.clone(), user_data: data, ..Default::default() };
    lab.h.ok::<ops::ModifyInstanceAttribute>(input);
    assert_eq!(lab.row(&id).instance_type, "m5.large");
    assert_eq!(lab.row(&id).user_data.as_deref(), Some(b"new".as_slice()));

    let unchecked = ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        source_dest_check: Some(AttributeBooleanValue { value: Some(false) }),
        ..Default::default()
    };
    lab.h.ok::<ops::ModifyInstanceAttribute>(unchecked);
    assert_eq!(lab.instance(&id).source_dest_check, Some(false));
}

#[test]
fn metadata_options_are_checked_and_changed() {
    let mut lab = Lab::new();
    let options = |limit| InstanceMetadataOptionsRequest {
        http_tokens: text("required"),
        http_put_response_hop_limit: Some(limit),
        ..Default::default()
    };
    let input = RunInstancesRequest { metadata_options: Some(options(65)), ..lab.launch() };
    lab.h.code::<ops::RunInstances>(input, "InvalidParameterValue");
    let input = RunInstancesRequest { metadata_options: Some(options(2)), ..lab.launch() };
    let id = lab.run(input).remove(0);
    let shown = lab.instance(&id).metadata_options.unwrap();
    assert_eq!(
        (shown.http_tokens.as_deref(), shown.http_put_response_hop_limit),
        (Some("required"), Some(2))
    );
    let input = ModifyInstanceMetadataOptionsRequest {
        instance_id: id.clone(),
        http_endpoint: text("disabled"),
        ..Default::default()
    };
    lab.h.ok::<ops::ModifyInstanceMetadataOptions>(input);
    let metadata = &lab.row(&id).metadata;
    assert!(metadata.tokens_required && !metadata.enabled);
}

#[test]
fn console_output_comes_from_outside() {
    let mut lab = Lab::new();
    let id = lab.running();
    let input = GetConsoleOutputRequest { instance_id: id.clone(), ..Default::default() }.into_value();
    let read = Read { world: &lab.h.world, caller: &lab.h.caller, now: lab.h.now };
    let wanted = lab.h.cloud.wants(&read, "ec2", ops::GetConsoleOutput::NAME, &input);
    assert_eq!(wanted, Ok(Some(Want::Console(lab.row(&id).id.clone()))));
    let console = Console { output: b"Linux\n".to_vec(), written: lab.h.now };
    let supply = Supply { console: Some(console), ..Default::default() };
    let output = lab.h.cloud.dispatch_read_with(&read, "ec2", "GetConsoleOutput", input, &supply).unwrap();
    let output = <ops::GetConsoleOutput as Operation>::Output::from_value(output).unwrap();
    assert_eq!(output.output.as_deref(), Some("TGludXgK"));
}

#[test]
fn other_accounts_do_not_see_it() {
    let mut lab = Lab::new();
    let id = lab.running();
    lab.h.act_as("111111111111", "us-east-1");
    let input = DescribeInstancesRequest { instance_ids: ids(&id), ..Default::default() };
    lab.h.code::<ops::DescribeInstances>(input, "InvalidInstanceID.NotFound");
    let all = lab.h.ok::<ops::DescribeInstances>(DescribeInstancesRequest::default());
    assert_eq!(all.reservations, Some(vec![]));
}
