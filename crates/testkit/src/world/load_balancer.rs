//! Random changes of load balancers, by the operations that users have: what AWS would refuse changes nothing.

use enishi_api::elbv2 as api;
use enishi_cloud::Cloud;
use enishi_cloud::elbv2::health::{Observation, observe};
use enishi_cloud::tick::{Facts, tick};
use enishi_state::ec2::{Instance, SecurityGroup, Subnet, Vpc, VpcId};
use enishi_state::elbv2::{
    HealthReason, Listener, ListenerProtocol, LoadBalancer, LoadBalancerKind, Rule, Target, TargetGroup,
    TargetHealth,
};
use enishi_state::{Holds, Row, Tx, World};
use enishi_wire::{Operation, Shape};

use super::WorldBuilder;
use super::resolver::separate_slots;
use crate::Random;

/// One random change of load balancers, target groups, listeners, rules, targets or their health, or that earlier ones come
/// into force.
pub fn random_load_balancer_step(builder: &mut WorldBuilder, random: &mut Random, cloud: &Cloud) {
    let realised_generation = builder.world.generation;
    builder.attempt(|tx| {
        if random.chance(20) {
            tick(tx, &Facts { realised_generation, ..Facts::default() });
            return true;
        }
        separate_slots(tx);
        Balancing { tx, cloud, r: random }.step().unwrap_or(false)
    });
}

struct Balancing<'a, 't> {
    tx: &'a mut Tx<'t>,
    cloud: &'a Cloud,
    r: &'a mut Random,
}

impl Balancing<'_, '_> {
    /// Whether the operation succeeded; `None` where there is nothing yet to do it with.
    fn step(&mut self) -> Option<bool> {
        match self.r.below(14) {
            0 | 1 => self.create_load_balancer(),
            2 => self.create_target_group(),
            3 | 4 => self.create_listener(),
            5 => self.create_rule(),
            6..=8 => self.register(),
            9 => self.deregister(),
            10 | 11 => self.observe(),
            12 => self.set_cross_zone(),
            _ => self.delete(),
        }
    }

    fn run<O: Operation>(&mut self, input: O::Input) -> Option<bool> {
        let answer = self.cloud.dispatch_write(self.tx, O::SERVICE.name, O::NAME, input.into_value());
        Some(answer.is_ok())
    }

    fn any<R: Row>(&mut self) -> Option<R>
    where
        World: Holds<R>,
    {
        let rows: Vec<R> = self.tx.world().all::<R>().cloned().collect();
        self.r.pick_any(&rows)
    }

    /// A name that nothing has yet.
    fn name(&self) -> String {
        format!("n{}", self.tx.next_generation())
    }

    /// A subnet of every zone that the VPC has one in.
    fn subnets(&self, vpc: &VpcId) -> Vec<String> {
        let mut zones = std::collections::BTreeMap::new();
        for subnet in self.tx.world().by::<Subnet>("vpc", vpc.as_str()) {
            zones.entry(subnet.zone.clone()).or_insert_with(|| subnet.id.to_string());
        }
        zones.into_values().collect()
    }

    fn create_load_balancer(&mut self) -> Option<bool> {
        let vpc = self.any::<Vpc>()?.id;
        let groups: Vec<_> =
            self.tx.world().by::<SecurityGroup>("vpc", vpc.as_str()).map(|row| row.id.to_string()).collect();
        let network = self.r.chance(60);
        let grouped = !network || self.r.chance(50);
        let groups = self.r.pick_any(&groups).filter(|_| grouped);
        let input = api::CreateLoadBalancerInput {
            name: self.name(),
            r#type: Some(if network { "network" } else { "application" }.to_owned()),
            scheme: Some(self.r.pick(&["internal", "internet-facing"]).to_owned()),
            subnets: Some(self.subnets(&vpc)),
            security_groups: groups.map(|group| vec![group]),
            ..Default::default()
        };
        self.run::<api::ops::CreateLoadBalancer>(input)
    }

    fn create_target_group(&mut self) -> Option<bool> {
        let vpc = self.any::<Vpc>()?.id;
        let input = api::CreateTargetGroupInput {
            name: self.name(),
            protocol: Some(self.r.pick(&["HTTP", "TCP", "TCP", "UDP", "TCP_UDP"]).to_owned()),
            port: Some(self.r.pick(&[80, 443, 53])),
            vpc_id: Some(vpc.to_string()),
            target_type: Some(self.r.pick(&["instance", "instance", "ip"]).to_owned()),
            ..Default::default()
        };
        self.run::<api::ops::CreateTargetGroup>(input)
    }

    fn forward(group: &TargetGroup) -> Vec<api::Action> {
        vec![api::Action {
            r#type: "forward".to_owned(),
            target_group_arn: Some(group.arn.to_string()),
            ..Default::default()
        }]
    }

    fn create_listener(&mut self) -> Option<bool> {
        let balancer = self.any::<LoadBalancer>()?;
        let group = self.any::<TargetGroup>()?;
        let protocol = match balancer.kind {
            LoadBalancerKind::Application => "HTTP",
            LoadBalancerKind::Network => self.r.pick(&["TCP", "UDP", "TCP_UDP"]),
        };
        let input = api::CreateListenerInput {
            load_balancer_arn: balancer.arn.to_string(),
            protocol: Some(protocol.to_owned()),
            port: Some(self.r.pick(&[80, 443, 53])),
            default_actions: Self::forward(&group),
            ..Default::default()
        };
        self.run::<api::ops::CreateListener>(input)
    }

    fn create_rule(&mut self) -> Option<bool> {
        let listener = self.any::<Listener>().filter(|row| row.protocol == ListenerProtocol::Http)?;
        let group = self.any::<TargetGroup>()?;
        let condition = api::RuleCondition {
            field: Some("path-pattern".to_owned()),
            values: Some(vec!["/a/*".to_owned()]),
            ..Default::default()
        };
        let input = api::CreateRuleInput {
            listener_arn: listener.arn.to_string(),
            conditions: vec![condition],
            priority: i32::try_from(self.r.between(1, 9)).ok()?,
            actions: Self::forward(&group),
            ..Default::default()
        };
        self.run::<api::ops::CreateRule>(input)
    }

    fn register(&mut self) -> Option<bool> {
        let group = self.any::<TargetGroup>()?;
        let instance = self.any::<Instance>()?;
        let description = api::TargetDescription {
            id: instance.id.to_string(),
            port: Some(self.r.pick(&[80, 8080])),
            ..Default::default()
        };
        let input =
            api::RegisterTargetsInput { target_group_arn: group.arn.to_string(), targets: vec![description] };
        self.run::<api::ops::RegisterTargets>(input)
    }

    fn deregister(&mut self) -> Option<bool> {
        let target = self.any::<Target>()?;
        let description = api::TargetDescription {
            id: target.target.clone(),
            port: Some(i32::from(target.port)),
            ..Default::default()
        };
        let input = api::DeregisterTargetsInput {
            target_group_arn: target.target_group.to_string(),
            targets: vec![description],
        };
        self.run::<api::ops::DeregisterTargets>(input)
    }

    fn observe(&mut self) -> Option<bool> {
        let target = self.any::<Target>()?.id();
        let health = match self.r.chance(70) {
            true => TargetHealth::Healthy,
            false => TargetHealth::Unhealthy {
                reason: HealthReason::Timeout,
                description: "Request timed out".to_owned(),
            },
        };
        observe(self.tx, [Observation { target, health }]);
        Some(true)
    }

    fn set_cross_zone(&mut self) -> Option<bool> {
        let group = self.any::<TargetGroup>()?;
        let attribute = api::TargetGroupAttribute {
            key: Some("load_balancing.cross_zone.enabled".to_owned()),
            value: Some(self.r.pick(&["true", "false", "use_load_balancer_configuration"]).to_owned()),
        };
        let input = api::ModifyTargetGroupAttributesInput {
            target_group_arn: group.arn.to_string(),
            attributes: vec![attribute],
        };
        self.run::<api::ops::ModifyTargetGroupAttributes>(input)
    }

    fn delete(&mut self) -> Option<bool> {
        match self.r.below(4) {
            0 => {
                let load_balancer_arn = self.any::<LoadBalancer>()?.arn.to_string();
                self.run::<api::ops::DeleteLoadBalancer>(api::DeleteLoadBalancerInput { load_balancer_arn })
            }
            1 => {
                let listener_arn = self.any::<Listener>()?.arn.to_string();
                self.run::<api::ops::DeleteListener>(api::DeleteListenerInput { listener_arn })
            }
            2 => {
                let rule_arn = self.any::<Rule>()?.arn.to_string();
                self.run::<api::ops::DeleteRule>(api::DeleteRuleInput { rule_arn })
            }
            _ => {
                let target_group_arn = self.any::<TargetGroup>()?.arn.to_string();
                self.run::<api::ops::DeleteTargetGroup>(api::DeleteTargetGroupInput { target_group_arn })
            }
        }
    }
}
