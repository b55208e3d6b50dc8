//! Where the reconcile thread finds the newest world and what happened.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use enishi_compute::Event;
use enishi_state::{Delta, World};

/// Something that happened to an instance or the keeper.
#[derive(Debug)]
pub enum News {
    /// The keeper said so.
    Event(Event),
    /// A launch came to an end.
    Launched {
        /// The instance.
        id: String,
        /// Which boot it was.
        boot: u32,
        /// The error, if it failed.
        result: Result<(), String>,
    },
    /// The connection to the keeper broke.
    KeeperLost,
}

/// Everything since the last look.
#[derive(Debug, Default)]
pub struct Letter {
    /// The newest world and what was touched since the last one; `None` for the latter means everything.
    pub world: Option<(Arc<World>, Option<Delta>)>,
    /// What happened, in order.
    pub news: Vec<News>,
    /// Worlds to free.
    pub retired: Vec<Arc<World>>,
    /// Whether to stop, and then whether to end everything.
    pub stop: Option<bool>,
    /// Whether there is a reason to look now.
    urgent: bool,
}

/// The mailbox. Putting never blocks for longer than a lock is held.
#[derive(Debug, Default)]
pub struct Mailbox {
    letter: Mutex<Letter>,
    wake: Condvar,
}

impl Mailbox {
    /// A transaction was committed. One that packets cannot tell is no reason to look at once.
    pub fn put(&self, world: Arc<World>, delta: Delta, is_network: bool) {
        self.change(is_network, |letter| {
            let touched = match letter.world.take() {
                Some((_, Some(mut earlier))) => {
                    earlier.merge(delta);
                    Some(earlier)
                }
                Some((_, None)) => None,
                None => Some(delta),
            };
            letter.world = Some((world, touched));
        });
    }

    /// The world was replaced by another. The old one is freed by whoever looks.
    pub fn replace(&self, world: Arc<World>, old: Arc<World>) {
        self.change(true, |letter| {
            letter.world = Some((world, None));
            letter.retired.push(old);
        });
    }

    /// Something happened.
    pub fn tell(&self, news: News) {
        self.change(true, |letter| letter.news.push(news));
    }

    /// Somebody else changed the network.
    pub fn nudge(&self) {
        self.change(true, |_| {});
    }

    /// The thread shall stop.
    pub fn stop(&self, everything: bool) {
        self.change(true, |letter| letter.stop = Some(everything));
    }

    /// Waits until there is a reason to look, or the deadline.
    pub fn take(&self, deadline: Instant) -> Letter {
        let mut letter = self.lock();
        while !letter.urgent {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            letter = self.wake.wait_timeout(letter, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut letter)
    }

    fn change(&self, urgent: bool, change: impl FnOnce(&mut Letter)) {
        let mut letter = self.lock();
        change(&mut letter);
        letter.urgent |= urgent;
        if urgent {
            self.wake.notify_one();
        }
    }

    /// A panic elsewhere cannot leave a letter half written.
    fn lock(&self) -> MutexGuard<'_, Letter> {
        self.letter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
