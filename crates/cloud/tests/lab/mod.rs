//! What tests of instances start from: a VPC with subnets, instances in it, and a daemon that observes what it is told.
#![allow(dead_code)]

use std::collections::BTreeMap;

use enishi_api::ec2::{
    AllocateAddressRequest, AttachInternetGatewayRequest, CreateInternetGatewayRequest, CreateSubnetRequest,
    CreateVpcRequest, DescribeInstancesRequest, DescribeNetworkInterfacesRequest, Instance, NetworkInterface,
    RunInstancesRequest, ops,
};
use enishi_cloud::tick::{self, Facts, Observed, Process};
use enishi_state::Tx;
use enishi_state::ec2::{self as rows, InstanceId, InstanceState};

use crate::harness::{Harness, text};

/// A well-formed id that nobody registered.
pub const AMI: &str = "ami-0123456789abcdef0";

/// A VPC `10.0.0.0/16` with a subnet `10.0.1.0/24`.
pub struct Lab {
    pub h: Harness,
    pub vpc: String,
    pub subnet: String,
}

impl Lab {
    pub fn new() -> Self {
        let mut h = Harness::new();
        let vpc = h
            .ok::<ops::CreateVpc>(CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() });
        let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
        let mut lab = Lab { h, vpc, subnet: String::new() };
        lab.subnet = lab.add_subnet("10.0.1.0/24", "us-east-1a");
        lab
    }

    /// The same with an internet gateway.
    pub fn with_gateway() -> Self {
        let mut lab = Lab::new();
        lab.add_gateway();
        lab
    }

    pub fn add_subnet(&mut self, cidr: &str, zone: &str) -> String {
        let input = CreateSubnetRequest {
            vpc_id: self.vpc.clone(),
            cidr_block: text(cidr),
            availability_zone: text(zone),
            ..Default::default()
        };
        self.h.ok::<ops::CreateSubnet>(input).subnet.unwrap().subnet_id.unwrap()
    }

    pub fn add_gateway(&mut self) -> String {
        let made = self.h.ok::<ops::CreateInternetGateway>(CreateInternetGatewayRequest::default());
        let internet_gateway_id = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
        self.h.ok::<ops::AttachInternetGateway>(AttachInternetGatewayRequest {
            internet_gateway_id: internet_gateway_id.clone(),
            vpc_id: self.vpc.clone(),
            ..Default::default()
        });
        internet_gateway_id
    }

    /// A launch of one instance in the subnet.
    pub fn launch(&self) -> RunInstancesRequest {
        RunInstancesRequest { subnet_id: Some(self.subnet.clone()), ..launch() }
    }

    /// Launches, and answers the ids.
    #[track_caller]
    pub fn run(&mut self, input: RunInstancesRequest) -> Vec<String> {
        let instances = self.h.ok::<ops::RunInstances>(input).instances.unwrap();
        instances.into_iter().map(|instance| instance.instance_id.unwrap()).collect()
    }

    /// Launches one instance in the subnet and lets it run.
    #[track_caller]
    pub fn running(&mut self) -> String {
        let input = self.launch();
        let id = self.run(input).remove(0);
        self.settle();
        assert_eq!(self.state(&id), "running");
        id
    }

    /// What a daemon observes that has done all it should.
    pub fn facts(&self) -> Facts {
        let observed = |row: &rows::Instance| {
            let process = Process::Running;
            (row.id.clone(), Observed { boot: row.boot, process })
        };
        let up = self.h.world.all::<rows::Instance>().filter(|row| row.state.is_up());
        Facts {
            realised_generation: self.h.world.generation,
            instances: up.map(observed).collect(),
            ..Facts::default()
        }
    }

    /// The daemon does all it should, until nothing is due.
    pub fn settle(&mut self) {
        while tick::needs_tick(&self.h.world, &self.facts(), self.h.now) {
            let facts = self.facts();
            self.tick(&facts);
        }
    }

    /// One tick.
    pub fn tick(&mut self, facts: &Facts) {
        let mut tx = Tx::new(&self.h.world, &self.h.caller, self.h.now, &mut self.h.entropy);
        tick::tick(&mut tx, facts);
        let commit = tx.commit().expect("a tick keeps the invariants");
        self.h.accept(commit);
    }

    /// The daemon observed this of one instance of that boot, and nothing of others.
    pub fn observe(&mut self, instance: &str, boot: u32, process: Process) {
        let id = self.row(instance).id.clone();
        let facts = Facts {
            realised_generation: self.h.world.generation,
            instances: BTreeMap::from([(id, Observed { boot, process })]),
            ..Facts::default()
        };
        self.tick(&facts);
    }

    #[track_caller]
    pub fn row(&self, instance: &str) -> &rows::Instance {
        let id: InstanceId = enishi_state::ResourceId::parse(instance).unwrap();
        self.h.world.get::<rows::Instance>(&id).expect("the instance exists")
    }

    #[track_caller]
    pub fn state(&self, instance: &str) -> &'static str {
        InstanceState::name(self.row(instance).state)
    }

    #[track_caller]
    pub fn instance(&mut self, id: &str) -> Instance {
        let input = DescribeInstancesRequest { instance_ids: vec![id.to_owned()], ..Default::default() };
        let mut reservations = self.h.ok::<ops::DescribeInstances>(input).reservations.unwrap();
        reservations.remove(0).instances.unwrap().remove(0)
    }

    #[track_caller]
    pub fn interface(&mut self, id: &str) -> NetworkInterface {
        let input = DescribeNetworkInterfacesRequest {
            network_interface_ids: vec![id.to_owned()],
            ..Default::default()
        };
        self.h.ok::<ops::DescribeNetworkInterfaces>(input).network_interfaces.unwrap().remove(0)
    }

    /// The id of an instance's primary interface.
    #[track_caller]
    pub fn primary(&mut self, instance: &str) -> String {
        self.instance(instance).network_interfaces.unwrap().remove(0).network_interface_id.unwrap()
    }

    /// Allocates an Elastic IP: its allocation id and address.
    #[track_caller]
    pub fn allocate(&mut self) -> (String, String) {
        let made = self.h.ok::<ops::AllocateAddress>(AllocateAddressRequest::default());
        (made.allocation_id.unwrap(), made.public_ip.unwrap())
    }
}

/// A launch of one instance in the default VPC.
pub fn launch() -> RunInstancesRequest {
    RunInstancesRequest {
        image_id: text(AMI),
        instance_type: text("t3.micro"),
        min_count: 1,
        max_count: 1,
        ..Default::default()
    }
}
