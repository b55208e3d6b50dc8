//! What tests of Classic Load Balancers start from: a VPC with an internet gateway and subnets in two zones.
#![allow(dead_code)]

use enishi_api::ec2;
use enishi_api::elb::{
    CreateAccessPointInput, DeregisterEndPointsInput, DescribeAccessPointsInput, DescribeEndPointStateInput,
    Instance, Listener, LoadBalancerDescription, RegisterEndPointsInput, ops,
};
use enishi_cloud::elb::health::{self, Observation};
use enishi_state::ec2::InstanceId;
use enishi_state::elb::{LoadBalancerArn, RegistrationKey};
use enishi_state::{Delta, ResourceId, Tx, World};
use enishi_wire::Shape;

use crate::harness::text;
use crate::lab::Lab;

/// A VPC `10.0.0.0/16` with `10.0.1.0/24` in us-east-1a and `10.0.2.0/24` in us-east-1b, and an internet gateway.
pub struct Classic {
    pub lab: Lab,
    pub a: String,
    pub b: String,
}

/// A listener that sends to instances in the same protocol.
pub fn listener(protocol: &str, port: i32, instance_port: i32) -> Listener {
    Listener {
        protocol: protocol.to_owned(),
        load_balancer_port: port,
        instance_protocol: None,
        instance_port,
        ssl_certificate_id: None,
    }
}

/// An HTTP listener.
pub fn http(port: i32, instance_port: i32) -> Listener {
    listener("HTTP", port, instance_port)
}

/// An HTTPS listener on port 443.
pub fn secure(certificate: &str) -> Listener {
    Listener { ssl_certificate_id: text(certificate), ..listener("HTTPS", 443, 8080) }
}

impl Classic {
    pub fn new() -> Self {
        let mut lab = Lab::with_gateway();
        let a = lab.subnet.clone();
        let b = lab.add_subnet("10.0.2.0/24", "us-east-1b");
        Classic { lab, a, b }
    }

    /// A load balancer in both zones, port 80 to port 8080.
    pub fn input(&self, name: &str) -> CreateAccessPointInput {
        CreateAccessPointInput {
            load_balancer_name: name.to_owned(),
            listeners: vec![http(80, 8080)],
            subnets: Some(vec![self.a.clone(), self.b.clone()]),
            ..Default::default()
        }
    }

    /// Creates one; its DNS name.
    #[track_caller]
    pub fn create(&mut self, input: CreateAccessPointInput) -> String {
        self.lab.h.ok::<ops::CreateLoadBalancer>(input).dns_name.unwrap()
    }

    #[track_caller]
    pub fn describe(&mut self, name: &str) -> LoadBalancerDescription {
        let names = Some(vec![name.to_owned()]);
        let input = DescribeAccessPointsInput { load_balancer_names: names, ..Default::default() };
        self.lab.h.ok::<ops::DescribeLoadBalancers>(input).load_balancer_descriptions.unwrap().remove(0)
    }

    /// The network interfaces of its nodes.
    #[track_caller]
    pub fn nodes(&mut self, name: &str) -> Vec<ec2::NetworkInterface> {
        let values = vec![format!("ELB {name}")];
        let input = ec2::DescribeNetworkInterfacesRequest {
            filters: vec![ec2::Filter { name: text("description"), values }],
            ..Default::default()
        };
        self.lab.h.ok::<ec2::ops::DescribeNetworkInterfaces>(input).network_interfaces.unwrap()
    }

    pub fn registration(name: &str, ids: &[&String]) -> RegisterEndPointsInput {
        let instances = ids.iter().map(|id| Instance { instance_id: Some((*id).clone()) }).collect();
        RegisterEndPointsInput { load_balancer_name: name.to_owned(), instances }
    }

    #[track_caller]
    pub fn register(&mut self, name: &str, ids: &[&String]) -> Vec<Instance> {
        let input = Classic::registration(name, ids);
        self.lab.h.ok::<ops::RegisterInstancesWithLoadBalancer>(input).instances.unwrap()
    }

    #[track_caller]
    pub fn deregister(&mut self, name: &str, id: &str) -> Vec<Instance> {
        let instances = vec![Instance { instance_id: text(id) }];
        let input = DeregisterEndPointsInput { load_balancer_name: name.to_owned(), instances };
        self.lab.h.ok::<ops::DeregisterInstancesFromLoadBalancer>(input).instances.unwrap()
    }

    /// State, reason code and description of one instance.
    #[track_caller]
    pub fn state(&mut self, name: &str, id: &str) -> (&'static str, &'static str, &'static str) {
        let instances = Some(vec![Instance { instance_id: text(id) }]);
        let input = DescribeEndPointStateInput { load_balancer_name: name.to_owned(), instances };
        let state = self.lab.h.ok::<ops::DescribeInstanceHealth>(input).instance_states.unwrap().remove(0);
        let leak = |text: Option<String>| -> &'static str { text.unwrap().leak() };
        (leak(state.state), leak(state.reason_code), leak(state.description))
    }

    /// Carries an operation out; answers the world before it and what it changed.
    pub fn change<I: Shape>(&mut self, operation: &str, input: I) -> (World, Delta) {
        self.change_of("elb", operation, input)
    }

    /// The same for any service.
    pub fn change_of<I: Shape>(&mut self, service: &str, operation: &str, input: I) -> (World, Delta) {
        let h = &mut self.lab.h;
        let before = h.world.clone();
        let mut tx = Tx::new(&before, &h.caller, h.now, &mut h.entropy);
        h.cloud.dispatch_write(&mut tx, service, operation, input.into_value()).expect("it succeeds");
        let commit = tx.commit().expect("operations keep the invariants");
        h.world = commit.world;
        (before, commit.delta)
    }

    /// Probes found out whether an instance is well.
    pub fn observe(&mut self, name: &str, id: &str, is_healthy: Option<bool>) {
        let h = &mut self.lab.h;
        let arn = LoadBalancerArn::of(&h.caller.scope, name);
        let registration = RegistrationKey::of(&arn, &InstanceId::parse(id).unwrap());
        let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
        health::observe(&mut tx, [Observation { registration, is_healthy }]);
        let commit = tx.commit().expect("observing keeps the invariants");
        h.accept(commit);
    }
}
