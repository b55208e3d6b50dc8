//! Answers from sources, through the cache: equal questions are asked once, failures are remembered, and what held once is better
//! than nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::cache::{Cache, Known, Question};
use super::clock::Clock;
use super::config::{Config, Limits};
use super::delegation::Delegations;
use super::descent::Budget;
use super::entry::{Entry, Part};
use super::servers::Servers;
use super::source::Source;
use super::uplink::{Path, Uplinks};

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No server that should know answers.
    NoAnswer,
    /// The answer would take more queries, referrals or time than a question is worth.
    TooMuchWork,
    /// Too many questions are being resolved.
    Busy,
}

type Outcome = Result<Arc<Entry>, Failure>;

/// Where the answer to a question will be seen, and the epoch that it was asked in.
#[derive(Debug)]
struct Flight {
    epoch: u64,
    landing: watch::Receiver<Option<Outcome>>,
}

/// Resolves questions to sources.
pub(super) struct Recursor {
    pub(super) cache: Cache,
    pub(super) delegations: Delegations,
    pub(super) servers: Servers,
    pub(super) uplinks: Arc<dyn Uplinks>,
    pub(super) limits: Limits,
    pub(super) port: u16,
    clock: Arc<dyn Clock>,
    host: Option<Arc<Source>>,
    /// How often everything was forgotten. What a question learns that was asked before that is not kept.
    epoch: AtomicU64,
    /// Questions that are being resolved.
    flights: Mutex<HashMap<Question, Flight>>,
    places: Arc<Semaphore>,
}

impl Recursor {
    pub(super) fn new(config: Config, uplinks: Arc<dyn Uplinks>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let Config { hints, port, host, limits } = config;
        Arc::new(Recursor {
            cache: Cache::new(&limits),
            delegations: Delegations::new(&hints, &limits),
            servers: Servers::default(),
            uplinks,
            port,
            clock,
            host: (!host.is_empty()).then(|| Arc::new(Source::forwarders(Path::Host, host))),
            epoch: AtomicU64::new(0),
            flights: Mutex::default(),
            places: Arc::new(Semaphore::new(limits.concurrent)),
            limits,
        })
    }

    /// The time that everything is measured in.
    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The machine's own resolvers, if they may be asked.
    pub(super) fn host(&self) -> Option<Arc<Source>> {
        self.host.clone()
    }

    /// Resolves a question.
    pub(super) async fn resolve(self: &Arc<Self>, question: &Question) -> Result<Part, Failure> {
        match self.cache.look_up(question, self.now()) {
            Known::Part(part) => return Ok(part),
            Known::Failed => return Err(Failure::NoAnswer),
            Known::Missing => {}
        }
        let mut flight = self.board(question)?;
        let landing = async {
            let outcome = flight.wait_for(Option::is_some).await;
            outcome.ok().and_then(|outcome| outcome.clone()).unwrap_or(Err(Failure::NoAnswer))
        };
        let outcome = match self.cache.look_up_stale(question, self.now()) {
            // RFC 8767, section 5: the client response timer. The flight goes on.
            Some(stale) => match timeout(self.limits.stale_after, landing).await {
                Ok(Ok(entry)) => return Ok(Part::fresh(entry)),
                _ => return Ok(stale),
            },
            None => landing.await,
        };
        outcome.map(Part::fresh)
    }

    /// Joins the resolution of a question, or starts it as a task of its own: whoever asked may go away.
    fn board(self: &Arc<Self>, question: &Question) -> Result<watch::Receiver<Option<Outcome>>, Failure> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(question) {
            return Ok(flight.landing.clone());
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Failure::Busy)?;
        let (landed, landing) = watch::channel(None);
        let epoch = self.epoch();
        flights.insert(question.clone(), Flight { epoch, landing: landing.clone() });
        let flying = Flying { recursor: Arc::clone(self), question: question.clone(), epoch };
        tokio::spawn(async move {
            let _place = place;
            let outcome = flying.recursor.fly(&flying.question, epoch).await;
            drop(flying);
            // Nobody waits any more, perhaps.
            let _ = landed.send(Some(outcome));
        });
        Ok(landing)
    }

    async fn fly(&self, question: &Question, epoch: u64) -> Outcome {
        let mut budget = Budget::new(self.limits.queries, epoch);
        let asked = timeout(self.limits.patience, self.ask(question, &mut budget, 0)).await;
        let outcome = asked.unwrap_or(Err(Failure::TooMuchWork));
        if outcome.is_err() && epoch == self.epoch() {
            self.cache.put_failure(question, self.now());
        }
        outcome
    }

    /// How often everything was forgotten.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Forgets everything that was learnt, and will be from questions under way.
    pub(super) fn flush(&self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        flights.clear();
        self.cache.clear();
        self.delegations.clear();
        self.servers.clear();
    }
}

/// A question that is being resolved. However that ends, it can be asked again.
struct Flying {
    recursor: Arc<Recursor>,
    question: Question,
    epoch: u64,
}

impl Drop for Flying {
    fn drop(&mut self) {
        let mut flights = self.recursor.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.get(&self.question).is_some_and(|flight| flight.epoch == self.epoch) {
            flights.remove(&self.question);
        }
    }
}
