//! Makes probes when they are due, a bounded number at the same time.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Notify, Semaphore};

/// Who knows what is due.
pub trait Prober: Send + Sync + 'static {
    /// A probe.
    type Job: Send + 'static;

    /// What is to be done.
    fn due(&self, now: Instant) -> Due<Self::Job>;

    /// Told when something is due earlier than before.
    fn sooner(&self) -> &Notify;

    /// Makes a probe and takes in what came of it.
    fn carry_out(self: Arc<Self>, job: Self::Job) -> impl Future<Output = ()> + Send;
}

/// What is to be done.
#[derive(Debug)]
pub enum Due<J> {
    /// A probe, now.
    Now(J),
    /// Nothing before then.
    At(Instant),
    /// Nothing.
    Never,
}

impl<J> Due<J> {
    /// The probe that is due, else when the next one is.
    pub fn of(job: Option<J>, next: Option<Instant>) -> Self {
        match (job, next) {
            (Some(job), _) => Due::Now(job),
            (None, Some(next)) => Due::At(next),
            (None, None) => Due::Never,
        }
    }
}

/// Makes probes for as long as the daemon lives, `at_once` at the same time; more wait.
pub async fn run<P: Prober>(prober: Arc<P>, at_once: usize) {
    let places = Arc::new(Semaphore::new(at_once));
    loop {
        let job = match prober.due(Instant::now()) {
            Due::Now(job) => job,
            Due::Never => {
                prober.sooner().notified().await;
                continue;
            }
            Due::At(next) => {
                // Either way it is looked again.
                let _ = tokio::time::timeout_at(next.into(), prober.sooner().notified()).await;
                continue;
            }
        };
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let prober = prober.clone();
        tokio::spawn(async move {
            prober.clone().carry_out(job).await;
            prober.sooner().notify_one();
            drop(place);
        });
    }
}
