//! Random changes of Route 53 Resolver's resources, by the operations that users have: what AWS would refuse changes
//! nothing.

use enishi_api::{logs, route53resolver as api};
use enishi_cloud::Cloud;
use enishi_cloud::tick::{Facts, tick};
use enishi_state::ec2::{Counter, CounterKey, SecurityGroup, Subnet, Vpc, VpcId};
use enishi_state::route53resolver::{
    QueryLogConfig, ResolverEndpoint, ResolverRule, ResolverRuleAssociation,
};
use enishi_state::{Holds, Row, Tx, World};
use enishi_wire::{Operation, Shape};

use super::{Step, WorldBuilder};
use crate::Random;

/// In each other, so that rules of one VPC nest and meet.
const DOMAINS: [&str; 4] = ["corp.example", "a.corp.example", "example", "."];
const TARGETS: [&str; 3] = ["192.0.2.53", "10.0.0.53", "198.18.0.53"];

/// One random change of resolver endpoints, rules, query logging or configurations, or that earlier ones come into force.
pub fn random_resolver_step(builder: &mut WorldBuilder, random: &mut Random, cloud: &Cloud) {
    let realised_generation = builder.world.generation;
    builder.attempt(|tx| {
        if random.chance(30) {
            tick(tx, &Facts { realised_generation, ..Facts::default() });
            return true;
        }
        separate_slots(tx);
        Resolver { tx, cloud, r: random }.step()
    });
}

/// The builder counts the slots of interfaces by itself; operations count on from far above.
pub(super) fn separate_slots(tx: &mut Tx<'_>) {
    let name = CounterKey::new("network_interface");
    if tx.world().get::<Counter>(&name).is_none() {
        tx.put(Counter { name, next: 1 << 20 });
    }
}

impl WorldBuilder {
    /// Carries out a transaction, unless it says that it failed.
    pub(super) fn attempt(&mut self, change: impl FnOnce(&mut Tx<'_>) -> bool) {
        let mut tx = Tx::new(&self.world, &self.caller, self.now(), &mut self.random);
        if !change(&mut tx) {
            return;
        }
        let commit = tx.commit().expect("the world stays valid");
        let before = std::mem::replace(&mut self.world, commit.world);
        self.steps.push(Step { before, after: self.world.clone(), delta: commit.delta });
    }
}

struct Resolver<'a, 't> {
    tx: &'a mut Tx<'t>,
    cloud: &'a Cloud,
    r: &'a mut Random,
}

impl Resolver<'_, '_> {
    fn step(&mut self) -> bool {
        self.try_step().unwrap_or(false)
    }

    /// Whether the operation succeeded; `None` where there is nothing yet to do it with.
    fn try_step(&mut self) -> Option<bool> {
        match self.r.below(12) {
            0..=2 => self.create_endpoint(),
            3 => self.associate_address(),
            4 => self.disassociate_address(),
            5 => self.delete_endpoint(),
            6 => self.create_rule(),
            7 | 8 => self.associate_rule(),
            9 => self.change_rule(),
            10 => self.log(),
            _ => self.configure(),
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

    fn subnet(&mut self, vpc: &VpcId) -> Option<String> {
        let subnets: Vec<_> =
            self.tx.world().by::<Subnet>("vpc", vpc.as_str()).map(|row| row.id.to_string()).collect();
        self.r.pick_any(&subnets)
    }

    fn request_id(&self) -> String {
        format!("generation {}", self.tx.next_generation())
    }

    fn create_endpoint(&mut self) -> Option<bool> {
        let vpc = self.any::<Vpc>()?.id;
        let groups: Vec<_> =
            self.tx.world().by::<SecurityGroup>("vpc", vpc.as_str()).map(|row| row.id.to_string()).collect();
        let address = |subnet_id| api::IpAddressRequest { subnet_id, ..Default::default() };
        let input = api::CreateResolverEndpointRequest {
            creator_request_id: self.request_id(),
            security_group_ids: vec![self.r.pick_any(&groups)?],
            direction: self.r.pick(&["INBOUND", "OUTBOUND", "OUTBOUND"]).to_owned(),
            ip_addresses: vec![address(self.subnet(&vpc)?), address(self.subnet(&vpc)?)],
            ..Default::default()
        };
        self.run::<api::ops::CreateResolverEndpoint>(input)
    }

    fn associate_address(&mut self) -> Option<bool> {
        let endpoint = self.any::<ResolverEndpoint>()?;
        let subnet_id = Some(self.subnet(&endpoint.vpc)?);
        self.run::<api::ops::AssociateResolverEndpointIpAddress>(
            api::AssociateResolverEndpointIpAddressRequest {
                resolver_endpoint_id: endpoint.id.to_string(),
                ip_address: api::IpAddressUpdate { subnet_id, ..Default::default() },
            },
        )
    }

    fn disassociate_address(&mut self) -> Option<bool> {
        let endpoint = self.any::<ResolverEndpoint>()?;
        let ip_id = Some(self.r.pick_any(&endpoint.addresses)?.id.to_string());
        self.run::<api::ops::DisassociateResolverEndpointIpAddress>(
            api::DisassociateResolverEndpointIpAddressRequest {
                resolver_endpoint_id: endpoint.id.to_string(),
                ip_address: api::IpAddressUpdate { ip_id, ..Default::default() },
            },
        )
    }

    fn delete_endpoint(&mut self) -> Option<bool> {
        let resolver_endpoint_id = self.any::<ResolverEndpoint>()?.id.to_string();
        self.run::<api::ops::DeleteResolverEndpoint>(api::DeleteResolverEndpointRequest {
            resolver_endpoint_id,
        })
    }

    fn target(&mut self) -> api::TargetAddress {
        api::TargetAddress { ip: Some(self.r.pick(&TARGETS).to_owned()), ..Default::default() }
    }

    fn create_rule(&mut self) -> Option<bool> {
        let mut input = api::CreateResolverRuleRequest {
            creator_request_id: self.request_id(),
            rule_type: "SYSTEM".to_owned(),
            domain_name: Some(self.r.pick(&DOMAINS).to_owned()),
            ..Default::default()
        };
        if self.r.chance(70) {
            input.rule_type = "FORWARD".to_owned();
            input.resolver_endpoint_id = Some(self.any::<ResolverEndpoint>()?.id.to_string());
            input.target_ips = Some(vec![self.target()]);
        }
        self.run::<api::ops::CreateResolverRule>(input)
    }

    fn associate_rule(&mut self) -> Option<bool> {
        let resolver_rule_id = self.any::<ResolverRule>()?.id.to_string();
        let vpc_id = self.any::<Vpc>()?.id.to_string();
        self.run::<api::ops::AssociateResolverRule>(api::AssociateResolverRuleRequest {
            resolver_rule_id,
            name: None,
            vpc_id,
        })
    }

    fn change_rule(&mut self) -> Option<bool> {
        let rule = self.any::<ResolverRule>()?;
        let resolver_rule_id = rule.id.to_string();
        match self.r.below(4) {
            0 => {
                self.run::<api::ops::DeleteResolverRule>(api::DeleteResolverRuleRequest { resolver_rule_id })
            }
            1 => {
                let row = self.any::<ResolverRuleAssociation>()?;
                self.run::<api::ops::DisassociateResolverRule>(api::DisassociateResolverRuleRequest {
                    vpc_id: row.vpc.to_string(),
                    resolver_rule_id: row.rule.to_string(),
                })
            }
            _ => {
                let target_ips = Some(vec![self.target()]);
                let config = api::ResolverRuleConfig { target_ips, ..Default::default() };
                self.run::<api::ops::UpdateResolverRule>(api::UpdateResolverRuleRequest {
                    resolver_rule_id,
                    config,
                })
            }
        }
    }

    fn log(&mut self) -> Option<bool> {
        let resource_id = self.any::<Vpc>()?.id.to_string();
        let Some(config) = self.any::<QueryLogConfig>() else { return self.create_log() };
        let resolver_query_log_config_id = config.id.to_string();
        match self.r.chance(50) {
            true => self.run::<api::ops::AssociateResolverQueryLogConfig>(
                api::AssociateResolverQueryLogConfigRequest { resolver_query_log_config_id, resource_id },
            ),
            false => self.run::<api::ops::DisassociateResolverQueryLogConfig>(
                api::DisassociateResolverQueryLogConfigRequest { resolver_query_log_config_id, resource_id },
            ),
        }
    }

    fn create_log(&mut self) -> Option<bool> {
        let group = logs::CreateLogGroupRequest { log_group_name: "dns".to_owned(), ..Default::default() };
        self.run::<logs::ops::CreateLogGroup>(group)?;
        let scope = self.tx.caller().scope.clone();
        self.run::<api::ops::CreateResolverQueryLogConfig>(api::CreateResolverQueryLogConfigRequest {
            name: "queries".to_owned(),
            destination_arn: format!("arn:aws:logs:{}:{}:log-group:dns", scope.region, scope.account),
            creator_request_id: self.request_id(),
            tags: None,
        })
    }

    fn configure(&mut self) -> Option<bool> {
        let resource_id = self.any::<Vpc>()?.id.to_string();
        let autodefined_reverse_flag = self.r.pick(&["ENABLE", "DISABLE"]).to_owned();
        self.run::<api::ops::UpdateResolverConfig>(api::UpdateResolverConfigRequest {
            resource_id,
            autodefined_reverse_flag,
        })
    }
}
