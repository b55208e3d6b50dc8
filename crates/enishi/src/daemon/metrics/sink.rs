//! What the daemon counts by itself, added up until its minute is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use enishi_cloud::cloudwatch::metric::{Datum, Series, Summary};

use super::Metrics;
use crate::daemon::clock;

const MINUTE: i64 = 60;

/// Metrics that are counted at the same time. What comes for others is dropped.
const ENTRIES: usize = 50_000;

/// Seconds after a minute that it is stored: what is counted late in it may come a little later.
const LATE: i64 = 1;

/// Sums by metric and minute. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sink {
    open: Arc<Mutex<BTreeMap<(i64, Series), Summary>>>,
}

impl Sink {
    /// Adds to the minute of `now`, in seconds since 1970.
    pub fn add(&self, series: Series, summary: &Summary, now: i64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (now - now.rem_euclid(MINUTE), series);
        if let Some(sum) = open.get_mut(&key) {
            sum.merge(summary);
        } else if open.len() < ENTRIES {
            open.insert(key, summary.clone());
        } else {
            tracing::warn!(namespace = key.1.metric.namespace, "too many metrics at once: one was dropped");
        }
    }

    /// Takes the sums of minutes that begin before `until`.
    pub fn take(&self, until: i64) -> Vec<Datum> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken, left) = std::mem::take(&mut *open).into_iter().partition(|((at, _), _)| *at < until);
        *open = left;
        let taken: BTreeMap<(i64, Series), Summary> = taken;
        let datum = |((at, series), summary)| Datum { series, at, width: 60, summary };
        taken.into_iter().map(datum).collect()
    }
}

/// Stores every minute once it is over.
pub async fn flush_by_the_minute(metrics: Metrics) {
    loop {
        let now = clock::now().0;
        let due = (now / 1000 - LATE).div_euclid(MINUTE) * MINUTE + MINUTE + LATE;
        let wait = u64::try_from(due * 1000 - now).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let now = clock::now().seconds();
        metrics.store_recorded(now - now.rem_euclid(MINUTE)).await;
    }
}
