//! The clock of alarms: looks at each when a period of its ends, and at once when it was put.
//!
//! Nothing of it is stored: a daemon that starts again looks at every alarm at once.

use std::collections::BTreeMap;
use std::time::Duration;

use enishi_cloud::cloudwatch::evaluation::{self, Verdict};
use enishi_cloud::cloudwatch::metric::{Job, Point, Reply};
use enishi_state::cloudwatch::{Alarm, AlarmId};
use enishi_state::{Row, Timestamp, World};
use enishi_wire::Value;

use super::Metrics;
use crate::daemon::writer::Writer;
use crate::daemon::{clock, daemon_caller};

/// Seconds between two looks at the alarms of the shortest periods.
const STEP: i64 = 10;

/// Seconds after a period that it is looked at: the daemon's own counters are stored by then.
const LATE: i64 = 3;

/// Alarms that are looked at together.
const TOGETHER: usize = 200;

/// What an alarm was looked at for: the alarm as it was put, and the end of its newest period.
type Look = (Timestamp, i64);

/// Looks at alarms for as long as the daemon lives.
pub async fn watch(metrics: Metrics, writer: Writer) {
    let mut looked: BTreeMap<AlarmId, Look> = BTreeMap::new();
    loop {
        let world = writer.newest().load_full();
        let due = due(&world, &mut looked, clock::now().plus_seconds(-LATE));
        for some in due.chunks(TOGETHER) {
            if let Some(turning) = judge(&metrics, some).await
                && !turning.is_empty()
            {
                turn(&writer, turning).await;
            }
        }
        let now = clock::now().0;
        let next = ((now / 1000 - LATE).div_euclid(STEP) * STEP + STEP + LATE) * 1000;
        let wait = Duration::from_millis(u64::try_from(next - now).unwrap_or(0));
        // Whether it was woken or not, it looks.
        let _ = tokio::time::timeout(wait, metrics.changed.notified()).await;
    }
}

/// The alarms that were not looked at since they were put, or since a period of theirs ended.
fn due(world: &World, looked: &mut BTreeMap<AlarmId, Look>, now: Timestamp) -> Vec<(Alarm, i64)> {
    looked.retain(|id, _| world.get::<Alarm>(id).is_some());
    let mut due = Vec::new();
    for alarm in world.all::<Alarm>() {
        let look = (alarm.configured, evaluation::end(alarm, now));
        if looked.insert(alarm.id(), look) != Some(look) {
            due.push((alarm.clone(), look.1));
        }
    }
    due
}

/// What some alarms turn to; nothing when the store does not answer, which leaves them as they are.
async fn judge(metrics: &Metrics, alarms: &[(Alarm, i64)]) -> Option<Vec<(Alarm, Verdict)>> {
    let wanted: Vec<_> = alarms.iter().map(|(alarm, end)| evaluation::fetches(alarm, *end)).collect();
    let Ok(Reply::Points(found)) = metrics.carry_out(Job::Fetch(wanted.concat())).await else { return None };
    let mut found: std::vec::IntoIter<Vec<Point>> = found.into_iter();
    let now = clock::now();
    let mut turning = Vec::new();
    for ((alarm, end), fetches) in alarms.iter().zip(&wanted) {
        let fetched: Vec<Vec<Point>> = found.by_ref().take(fetches.len()).collect();
        if let Some(verdict) = evaluation::verdict(alarm, &fetched, *end, now) {
            turning.push((alarm.clone(), verdict));
        }
    }
    Some(turning)
}

async fn turn(writer: &Writer, turning: Vec<(Alarm, Verdict)>) {
    let change = move |tx: &mut enishi_state::Tx<'_>| {
        for (alarm, verdict) in turning {
            evaluation::turn(tx, &alarm, verdict);
        }
        Ok(Value::Structure(Vec::new()))
    };
    if let Err(error) = writer.change(daemon_caller(), Box::new(change)).await {
        tracing::error!(%error, "alarms could not turn");
    }
}
