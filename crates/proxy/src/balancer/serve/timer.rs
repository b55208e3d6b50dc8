//! How long a connection may be silent.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How often a waiting connection looks at its deadline at least. Moving a deadline costs nothing until then: the alarm that was set
/// for the old one rings, and is set anew.
const TICK: Duration = Duration::from_secs(5);

/// A deadline that moves with every byte.
#[derive(Debug)]
pub(super) struct Timer {
    sleep: RefCell<Pin<Box<Sleep>>>,
    deadline: Cell<Instant>,
}

impl Timer {
    /// A deadline that far from now.
    pub(super) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        let deadline = now + limit;
        Timer {
            sleep: RefCell::new(Box::pin(sleep_until(deadline.min(now + TICK)))),
            deadline: Cell::new(deadline),
        }
    }

    /// Something happened: the deadline is that far from now. A deadline that comes closer than it was is met within [`TICK`].
    pub(super) fn extend(&self, limit: Duration) {
        self.deadline.set(Instant::now() + limit);
    }

    /// The same, and an earlier deadline than before is met in time.
    pub(super) fn restart(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        self.deadline.set(deadline);
        let mut sleep = self.sleep.borrow_mut();
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
    }

    /// Ready when the deadline has passed. Whoever is pending is woken at the deadline, and now and then before.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.sleep.borrow_mut();
        while sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if now >= self.deadline.get() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(self.deadline.get().min(now + TICK));
        }
        Poll::Pending
    }
}

use std::future::Future;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_moves() {
        let begin = Instant::now();
        let timer = Timer::new(Duration::from_secs(60));
        timer.extend(Duration::from_secs(100));
        poll_fn(|cx| timer.poll(cx)).await;
        assert_eq!(begin.elapsed().as_secs(), 100);
        timer.restart(Duration::from_secs(2));
        poll_fn(|cx| timer.poll(cx)).await;
        assert_eq!(begin.elapsed().as_secs(), 102);
    }
}
