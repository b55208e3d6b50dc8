//! What happens by itself: states that move on when the data plane or an instance's processes did, and rows whose time
//! is over.
//!
//! The daemon observes, puts what it saw into [`Facts`], and calls [`tick`] in a transaction when [`needs_tick`] says that
//! it would do something. What is to be done is decided in one place, as [`Step`]s of a world, so the two cannot disagree.
//! Deciding looks only at rows that are on their way somewhere (through indexes) and at short-lived ones.
//!
//! | row | becomes | when |
//! |---|---|---|
//! | instance pending | running | its processes of this boot run, and its generation is realised |
//! | instance pending | stopped, or terminated at its first boot | its processes could not be started |
//! | instance pending or running | stopped or terminated | its processes ended by themselves |
//! | instance stopping | stopped | its processes are gone |
//! | instance shutting-down | terminated | its processes are gone |
//! | instance terminated | forgotten | an hour later |
//! | NAT gateway pending, deleting | available, deleted | its generation is realised |
//! | NAT gateway failed, deleted | forgotten | an hour later |
//! | VPC peering connection pending | expired | a week later |
//! | VPC peering connection that is over | forgotten | when no side is shown it any more |
//! | Route 53 change pending | in sync | its generation is realised |
//! | Route 53 change | forgotten | 30 days later |
//! | domain, operation on one | see [`route53domains`] | its generation is realised, its deadline passes |
//! | resolver endpoint, rule, association | the next state of its life | its generation is realised |
//! | ACM certificate pending | see [`acm::settle`] | its records are found, its time is over |
//! | load balancer provisioning | active | its generation is realised |
//! | target, instance of a Classic Load Balancer draining | gone | its deregistration delay is over |
//! | entry of an alarm's history | forgotten | 30 days later |
//! | STS session | forgotten | it expired |
//! | client token | forgotten | a day later |

use std::collections::BTreeMap;

use enishi_state::cloudwatch::{AlarmHistory, AlarmHistoryId};
use enishi_state::ec2::{
    ClientToken, ClientTokenKey, Instance, InstanceId, InstanceState, NatGateway, NatGatewayId,
    NatGatewayState, StateReason, StateReasonCode,
};
use enishi_state::route53::{Change, ChangeId, ChangeState};
use enishi_state::sts::{Session, SessionKey};
use enishi_state::{Row, Timestamp, Tx, World};

use crate::{acm, cloudwatch, ec2, elb, elbv2, route53, route53domains, route53resolver};

/// How long ended instances and NAT gateways are listed.
const ENDED_SECONDS: i64 = 3600;
/// How long a client token is remembered. AWS says at least 24 hours for most operations.
const TOKEN_SECONDS: i64 = 24 * 3600;

/// What the daemon observed.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The newest generation that the data plane has realised.
    pub realised_generation: u64,
    /// What the processes of instances do. An instance that is not in here has none.
    pub instances: BTreeMap<InstanceId, Observed>,
    /// What was found out about certificates that [await](acm::awaiting) a proof.
    pub certificates: Vec<acm::Proof>,
}

/// What the processes of one instance do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The boot they were started for, see [`Instance::boot`].
    pub boot: u32,
    /// What they do.
    pub process: Process,
}

/// What processes do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Process {
    /// They run, or are about to, or are being ended.
    Running,
    /// They are gone.
    Exited {
        /// The instance shut itself down; nobody asked for it.
        by_itself: bool,
    },
    /// They could not be started, and why.
    Failed(String),
}

/// One thing that is due.
enum Step {
    Runs(InstanceId),
    Ended(InstanceId, Ending),
    Stopped(InstanceId),
    Terminated(InstanceId),
    ForgetInstance(InstanceId),
    GatewayAvailable(NatGatewayId),
    GatewayDeleted(NatGatewayId),
    ForgetGateway(NatGatewayId),
    Peering(ec2::peering::Step),
    ChangeInSync(ChangeId),
    ForgetChange(ChangeId),
    Domain(route53domains::Due),
    Resolver(route53resolver::settle::Step),
    Certificate(acm::settle::Step),
    LoadBalancing(elbv2::settle::Step),
    ClassicDrained(elb::settle::Drained),
    ForgetAlarmHistory(AlarmHistoryId),
    ForgetSession(SessionKey),
    ForgetToken(ClientTokenKey),
}

/// How an instance ended that nobody asked to end.
struct Ending {
    terminates: bool,
    reason: StateReason,
}

/// Whether [`tick`] would change something now.
pub fn needs_tick(world: &World, facts: &Facts, now: Timestamp) -> bool {
    let mut found = false;
    due(world, facts, now, &mut |_| found = true);
    found
}

/// When something is due next that only time brings; `None` when nothing is.
pub fn next_deadline(world: &World) -> Option<Timestamp> {
    let instances = ended_instances(world).map(|(_, at)| at);
    let gateways = ended_gateways(world).map(|(_, at)| at);
    let sessions = world.all::<Session>().map(|row| row.expires);
    let tokens = world.all::<ClientToken>().map(token_deadline);
    let fixed = instances.chain(gateways).chain(sessions).chain(tokens).chain(route53::next_to_forget(world));
    let fixed = fixed.chain(ec2::peering::next_deadline(world));
    let balancing = elbv2::settle::next_deadline(world).chain(elb::settle::next_deadline(world));
    let named = fixed.chain(route53domains::next_deadline(world)).chain(acm::settle::next_deadline(world));
    named.chain(balancing).chain(cloudwatch::next_to_forget(world)).min()
}

/// Does everything that is due.
pub fn tick(tx: &mut Tx<'_>, facts: &Facts) {
    let mut steps = Vec::new();
    due(tx.world(), facts, tx.now(), &mut |step| steps.push(step));
    for step in steps {
        take(tx, step);
    }
}

fn due(world: &World, facts: &Facts, now: Timestamp, found: &mut dyn FnMut(Step)) {
    due_instances(world, facts, found);
    due_gateways(world, facts, found);
    due_changes(world, facts, found);
    ec2::peering::due(world, now, &mut |step| found(Step::Peering(step)));
    route53resolver::settle::due(world, facts.realised_generation, &mut |step| found(Step::Resolver(step)));
    acm::settle::due(world, &facts.certificates, now, &mut |step| found(Step::Certificate(step)));
    elb::settle::due(world, now, &mut |drained| found(Step::ClassicDrained(drained)));
    elbv2::settle::due(world, facts.realised_generation, now, &mut |step| found(Step::LoadBalancing(step)));
    route53domains::due(world, facts.realised_generation, now, &mut |due| found(Step::Domain(due)));
    for (row, _) in ended_instances(world).filter(|(_, at)| *at <= now) {
        found(Step::ForgetInstance(row.id.clone()));
    }
    for (row, _) in ended_gateways(world).filter(|(_, at)| *at <= now) {
        found(Step::ForgetGateway(row.id.clone()));
    }
    for id in route53::to_forget(world, now) {
        found(Step::ForgetChange(id));
    }
    for id in cloudwatch::to_forget(world, now) {
        found(Step::ForgetAlarmHistory(id));
    }
    for row in world.all::<Session>().filter(|row| row.expires <= now) {
        found(Step::ForgetSession(row.id()));
    }
    for row in world.all::<ClientToken>().filter(|row| token_deadline(row) <= now) {
        found(Step::ForgetToken(row.id()));
    }
}

fn in_state(world: &World, state: InstanceState) -> impl Iterator<Item = &Instance> {
    world.by::<Instance>("state", state.name())
}

fn due_instances(world: &World, facts: &Facts, found: &mut dyn FnMut(Step)) {
    // Observations say what ended; they are few, while most instances just run.
    for (id, observed) in &facts.instances {
        if let Some(row) =
            world.get::<Instance>(id).filter(|row| row.state.is_up() && row.boot == observed.boot)
        {
            due_of_observed(row, &observed.process, facts, found);
        }
    }
    let is_gone = |row: &&Instance| {
        facts.instances.get(&row.id).is_none_or(|observed| observed.process != Process::Running)
    };
    for row in in_state(world, InstanceState::Stopping).filter(is_gone) {
        found(Step::Stopped(row.id.clone()));
    }
    for row in in_state(world, InstanceState::ShuttingDown).filter(is_gone) {
        found(Step::Terminated(row.id.clone()));
    }
}

fn due_of_observed(row: &Instance, process: &Process, facts: &Facts, found: &mut dyn FnMut(Step)) {
    match process {
        Process::Running => {
            if row.state == InstanceState::Pending && facts.realised_generation >= row.generation {
                found(Step::Runs(row.id.clone()));
            }
        }
        Process::Exited { by_itself: true } => {
            let reason = StateReason {
                code: StateReasonCode::InstanceInitiated,
                message: "Client.InstanceInitiatedShutdown: Instance initiated shutdown".to_owned(),
            };
            found(Step::Ended(row.id.clone(), Ending { terminates: row.shutdown_terminates, reason }));
        }
        Process::Exited { by_itself: false } => {}
        Process::Failed(why) => {
            let reason = StateReason {
                code: StateReasonCode::InternalError,
                message: format!("Server.InternalError: Internal error on launch: {why}"),
            };
            // An instance that never ran is terminated, as AWS does; one that ran before keeps its file system.
            found(Step::Ended(row.id.clone(), Ending { terminates: row.boot <= 1, reason }));
        }
    }
}

fn due_gateways(world: &World, facts: &Facts, found: &mut dyn FnMut(Step)) {
    for row in world.by::<NatGateway>("unsettled", "") {
        match row.state {
            NatGatewayState::Pending { generation } if generation <= facts.realised_generation => {
                found(Step::GatewayAvailable(row.id.clone()));
            }
            NatGatewayState::Deleting { generation } if generation <= facts.realised_generation => {
                found(Step::GatewayDeleted(row.id.clone()));
            }
            _ => {}
        }
    }
}

fn due_changes(world: &World, facts: &Facts, found: &mut dyn FnMut(Step)) {
    for row in world.by::<Change>("unsettled", "") {
        if let ChangeState::Pending { generation } = row.state
            && generation <= facts.realised_generation
        {
            found(Step::ChangeInSync(row.id.clone()));
        }
    }
}

/// Terminated instances, and when each is forgotten.
fn ended_instances(world: &World) -> impl Iterator<Item = (&Instance, Timestamp)> {
    in_state(world, InstanceState::Terminated)
        .map(|row| (row, row.terminated.unwrap_or(row.launched).plus_seconds(ENDED_SECONDS)))
}

/// Deleted and failed NAT gateways, and when each is forgotten.
fn ended_gateways(world: &World) -> impl Iterator<Item = (&NatGateway, Timestamp)> {
    world
        .by::<NatGateway>("ended", "")
        .map(|row| (row, row.deleted.unwrap_or(row.created).plus_seconds(ENDED_SECONDS)))
}

fn token_deadline(row: &ClientToken) -> Timestamp {
    row.created.plus_seconds(TOKEN_SECONDS)
}

fn take(tx: &mut Tx<'_>, step: Step) {
    match step {
        Step::Runs(id) => {
            tx.modify::<Instance>(&id, |row| row.state = InstanceState::Running);
        }
        Step::Ended(id, Ending { terminates, reason }) => {
            let to = if terminates { InstanceState::ShuttingDown } else { InstanceState::Stopping };
            ec2::begin_end(tx, &id, to, reason);
            match terminates {
                true => ec2::finish_terminate(tx, &id),
                false => ec2::finish_stop(tx, &id),
            }
        }
        Step::Stopped(id) => ec2::finish_stop(tx, &id),
        Step::Terminated(id) => ec2::finish_terminate(tx, &id),
        Step::Peering(step) => ec2::peering::take(tx, step),
        Step::ForgetInstance(id) => ec2::forget_instance(tx, &id),
        Step::GatewayAvailable(id) => {
            tx.modify::<NatGateway>(&id, |row| row.state = NatGatewayState::Available);
        }
        Step::GatewayDeleted(id) => {
            if let Some(row) = tx.world().get::<NatGateway>(&id).cloned() {
                ec2::dismantle_nat_gateway(tx, &row);
            }
        }
        Step::ForgetGateway(id) => ec2::forget_nat_gateway(tx, &id),
        Step::ChangeInSync(id) => route53::settle(tx, &id),
        Step::ForgetChange(id) => {
            tx.remove::<Change>(&id);
        }
        Step::Domain(due) => route53domains::take(tx, due),
        Step::Resolver(step) => route53resolver::settle::take(tx, step),
        Step::Certificate(step) => acm::settle::take(tx, step),
        Step::LoadBalancing(step) => elbv2::settle::take(tx, step),
        Step::ClassicDrained(drained) => elb::settle::take(tx, drained),
        Step::ForgetAlarmHistory(id) => {
            tx.remove::<AlarmHistory>(&id);
        }
        Step::ForgetSession(id) => {
            tx.remove::<Session>(&id);
        }
        Step::ForgetToken(id) => {
            tx.remove::<ClientToken>(&id);
        }
    }
}
