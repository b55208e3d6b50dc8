//! What tests of load balancers start from: a VPC with an internet gateway and subnets in two zones.
#![allow(dead_code)]

use enishi_api::ec2;
use enishi_api::elbv2::{
    Action, CreateListenerInput, CreateLoadBalancerInput, CreateTargetGroupInput, DescribeLoadBalancersInput,
    DescribeTargetHealthInput, Listener, LoadBalancer, RegisterTargetsInput, TargetDescription, TargetGroup,
    TargetHealthDescription, ops,
};
use enishi_cloud::elbv2::health::{self, Observation};
use enishi_state::Tx;
use enishi_state::elbv2::{TargetGroupArn, TargetHealth, TargetKey};

use crate::harness::text;
use crate::lab::Lab;

/// A VPC `10.0.0.0/16` with `10.0.1.0/24` in us-east-1a and `10.0.2.0/24` in us-east-1b, and an internet gateway.
pub struct Balancing {
    pub lab: Lab,
    pub a: String,
    pub b: String,
}

impl Balancing {
    pub fn new() -> Self {
        let mut lab = Lab::with_gateway();
        let a = lab.subnet.clone();
        let b = lab.add_subnet("10.0.2.0/24", "us-east-1b");
        Balancing { lab, a, b }
    }

    /// An Application Load Balancer in both zones.
    pub fn application(&self, name: &str) -> CreateLoadBalancerInput {
        CreateLoadBalancerInput {
            name: name.to_owned(),
            subnets: Some(vec![self.a.clone(), self.b.clone()]),
            ..Default::default()
        }
    }

    /// A Network Load Balancer in both zones.
    pub fn network(&self, name: &str) -> CreateLoadBalancerInput {
        CreateLoadBalancerInput { r#type: text("network"), ..self.application(name) }
    }

    #[track_caller]
    pub fn create(&mut self, input: CreateLoadBalancerInput) -> LoadBalancer {
        self.lab.h.ok::<ops::CreateLoadBalancer>(input).load_balancers.unwrap().remove(0)
    }

    /// Creates a load balancer and lets it become active; its ARN.
    #[track_caller]
    pub fn active(&mut self, input: CreateLoadBalancerInput) -> String {
        let arn = self.create(input).load_balancer_arn.unwrap();
        self.lab.settle();
        arn
    }

    #[track_caller]
    pub fn describe(&mut self, arn: &str) -> LoadBalancer {
        let input = DescribeLoadBalancersInput {
            load_balancer_arns: Some(vec![arn.to_owned()]),
            ..Default::default()
        };
        self.lab.h.ok::<ops::DescribeLoadBalancers>(input).load_balancers.unwrap().remove(0)
    }

    /// The network interfaces of a load balancer's nodes, in the order of zones.
    #[track_caller]
    pub fn nodes(&mut self, arn: &str) -> Vec<ec2::NetworkInterface> {
        let id = arn.split_once(":loadbalancer/").unwrap().1;
        let values = vec![format!("ELB {id}")];
        let input = ec2::DescribeNetworkInterfacesRequest {
            filters: vec![ec2::Filter { name: text("description"), values }],
            ..Default::default()
        };
        let found = self.lab.h.ok::<ec2::ops::DescribeNetworkInterfaces>(input);
        let mut nodes = found.network_interfaces.unwrap();
        nodes.sort_by(|a, b| a.availability_zone.cmp(&b.availability_zone));
        nodes
    }

    /// A target group of the protocol at port 80.
    pub fn group(&self, name: &str, protocol: &str) -> CreateTargetGroupInput {
        CreateTargetGroupInput {
            name: name.to_owned(),
            protocol: text(protocol),
            port: Some(80),
            vpc_id: Some(self.lab.vpc.clone()),
            ..Default::default()
        }
    }

    #[track_caller]
    pub fn create_group(&mut self, input: CreateTargetGroupInput) -> TargetGroup {
        self.lab.h.ok::<ops::CreateTargetGroup>(input).target_groups.unwrap().remove(0)
    }

    /// A target group of the protocol at port 80; its ARN.
    #[track_caller]
    pub fn target_group(&mut self, name: &str, protocol: &str) -> String {
        let input = self.group(name, protocol);
        self.create_group(input).target_group_arn.unwrap()
    }

    #[track_caller]
    pub fn create_listener(&mut self, input: CreateListenerInput) -> Listener {
        self.lab.h.ok::<ops::CreateListener>(input).listeners.unwrap().remove(0)
    }

    /// A listener that forwards; its ARN.
    #[track_caller]
    pub fn listen(&mut self, balancer: &str, protocol: &str, port: i32, group: &str) -> String {
        let input = listener(balancer, protocol, port, forward(group));
        self.create_listener(input).listener_arn.unwrap()
    }

    #[track_caller]
    pub fn register(&mut self, group: &str, targets: Vec<TargetDescription>) {
        let input = RegisterTargetsInput { target_group_arn: group.to_owned(), targets };
        self.lab.h.ok::<ops::RegisterTargets>(input);
    }

    #[track_caller]
    pub fn health(&mut self, group: &str) -> Vec<TargetHealthDescription> {
        let input = DescribeTargetHealthInput { target_group_arn: group.to_owned(), ..Default::default() };
        self.lab.h.ok::<ops::DescribeTargetHealth>(input).target_health_descriptions.unwrap()
    }

    /// State and reason of every target of the group.
    #[track_caller]
    pub fn states(&mut self, group: &str) -> Vec<(String, String)> {
        let states = self.health(group).into_iter().map(|description| {
            let health = description.target_health.unwrap();
            (health.state.unwrap(), health.reason.unwrap_or_default())
        });
        states.collect()
    }

    /// Probes found out about a target.
    #[track_caller]
    pub fn observe(&mut self, group: &str, target: &str, port: u16, health: TargetHealth) -> bool {
        let target = TargetKey::of(&TargetGroupArn::new(group), target, port);
        let observation = Observation { target, health };
        let h = &mut self.lab.h;
        let is_news = health::is_news(&h.world, &observation);
        let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
        health::observe(&mut tx, [observation]);
        let commit = tx.commit().expect("an observation keeps the invariants");
        assert_eq!(!commit.delta.is_empty(), is_news);
        h.accept(commit);
        is_news
    }
}

/// A target at the group's port.
pub fn target(id: &str) -> TargetDescription {
    TargetDescription { id: id.to_owned(), ..Default::default() }
}

/// A target at a port of its own.
pub fn target_at(id: &str, port: i32) -> TargetDescription {
    TargetDescription { port: Some(port), ..target(id) }
}

pub fn forward(group: &str) -> Vec<Action> {
    vec![Action { r#type: "forward".to_owned(), target_group_arn: text(group), ..Default::default() }]
}

pub fn listener(balancer: &str, protocol: &str, port: i32, actions: Vec<Action>) -> CreateListenerInput {
    CreateListenerInput {
        load_balancer_arn: balancer.to_owned(),
        protocol: text(protocol),
        port: Some(port),
        default_actions: actions,
        ..Default::default()
    }
}
