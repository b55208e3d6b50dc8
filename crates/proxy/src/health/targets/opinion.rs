//! What is thought of one target, result by result.
//! [Health check reason codes](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-reason-codes)

use std::collections::BTreeSet;
use std::fmt;

use enishi_fabric::balancer::{Health, HealthCheck, Kind};

use crate::health::{Failure, GrpcStatus, Outcome, Status, Streak};

/// The most codes that a description lists.
const CODES: usize = 8;

/// How a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is known yet.
    Initial,
    /// It answers as it should.
    Healthy,
    /// It does not.
    Unhealthy(Reason),
}

/// Why a target is not healthy; shown as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It answered with these statuses, of HTTP or gRPC.
    Codes(BTreeSet<u16>),
    /// It took too long.
    Timeout,
    /// The connection failed, or what came was malformed.
    Failed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Codes(codes) => {
                let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
                write!(f, "Health checks failed with these codes: [{}]", codes.join(", "))
            }
            Reason::Timeout => f.write_str("Request timed out"),
            Reason::Failed => f.write_str("Health checks failed"),
        }
    }
}

/// What is thought of a target.
#[derive(Debug)]
pub(super) struct Opinion {
    /// A new target counts its failures from the beginning.
    streak: Streak,
    /// Successes in a row.
    successes: u16,
    health: Health,
    /// What was said last, if anything was.
    reason: Option<Reason>,
    /// The statuses since the last success.
    codes: BTreeSet<u16>,
}

impl Opinion {
    /// Begins with what is known.
    pub(super) fn new(health: Health) -> Self {
        let streak = Streak::new(health != Health::Unhealthy);
        Opinion { streak, successes: 0, health, reason: None, codes: BTreeSet::new() }
    }

    /// Takes a result in; answers the verdict if it is another one now.
    pub(super) fn record(&mut self, outcome: &Outcome, check: &HealthCheck, kind: Kind) -> Option<Verdict> {
        let passed = outcome.passed();
        self.streak.record(passed, check.healthy_threshold.into(), check.unhealthy_threshold.into());
        if let Outcome::Failed(failure) = outcome {
            self.successes = 0;
            let reason = self.reason(*failure, kind);
            if self.streak.healthy()
                || (self.health == Health::Unhealthy && self.reason.as_ref() == Some(&reason))
            {
                return None;
            }
            self.health = Health::Unhealthy;
            self.reason = Some(reason.clone());
            return Some(Verdict::Unhealthy(reason));
        }
        self.codes.clear();
        self.successes = self.successes.saturating_add(1);
        // "it must pass one health check to be considered healthy"; Classic Load Balancers know no such exception:
        // "The number of consecutive successful health checks that must occur before declaring an EC2 instance healthy."
        let needed = match (self.health, kind) {
            (Health::Initial, Kind::Classic) => check.healthy_threshold.into(),
            _ => 1,
        };
        let turns = self.streak.healthy() && self.health != Health::Healthy && self.successes >= needed;
        if turns {
            self.health = Health::Healthy;
            self.reason = None;
        }
        turns.then_some(Verdict::Healthy)
    }

    /// Why a target fails. Codes and timeouts "apply only to Application Load Balancers".
    fn reason(&mut self, failure: Failure, kind: Kind) -> Reason {
        if let Failure::WrongStatus(Status(code)) | Failure::WrongGrpcStatus(GrpcStatus(code)) = failure
            && self.codes.len() < CODES
        {
            self.codes.insert(code);
        }
        match failure {
            _ if kind != Kind::Application => Reason::Failed,
            Failure::WrongStatus(_) | Failure::WrongGrpcStatus(_) => Reason::Codes(self.codes.clone()),
            Failure::ConnectTimeout | Failure::StatusTimeout | Failure::BodyTimeout(_) => Reason::Timeout,
            _ => Reason::Failed,
        }
    }
}
