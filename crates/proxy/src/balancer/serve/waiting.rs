//! Connections to a target that wait for their next request.
//!
//! Each worker keeps those that it used, and takes the one that it used last. One that its worker has left alone for a while
//! ([`LEFT_ALONE`]) may be taken by another worker that has none: with many targets each worker would otherwise keep a connection to
//! each of them, and use it so rarely that the kernel acknowledges each answer in a packet of its own, instead of with the next request.
//! Linux waits 40 ms for that (`TCP_DELACK_MIN`).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::time::Instant;

use super::stream::Io;

/// How many connections to one target wait at most, at each worker.
const MOST: usize = 512;
/// What another worker did not use for so long is not needed there now. Shorter than an acknowledgement waits, and long enough that
/// workers that ask the same target all the time do not take connections from each other.
const LEFT_ALONE: Duration = Duration::from_millis(10);

/// The connections to one target that wait, worker by worker.
#[derive(Debug)]
pub(in crate::balancer) struct Waiting {
    workers: Box<[Mutex<VecDeque<Entry>>]>,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    io: Io,
}

impl Waiting {
    /// For so many workers.
    pub(in crate::balancer) fn new(workers: usize) -> Self {
        Waiting { workers: (0..workers).map(|_| Mutex::default()).collect() }
    }

    /// A connection that can be used by this worker, on whose thread this runs.
    pub(super) fn take(&self, worker: usize) -> Option<Io> {
        self.own(worker).or_else(|| self.of_another(worker))
    }

    /// The one that the worker used last.
    fn own(&self, worker: usize) -> Option<Io> {
        let mut entries = lock(self.workers.get(worker)?);
        while let Some(entry) = entries.pop_back() {
            if entry.io.is_quiet() {
                return Some(entry.io);
            }
        }
        None
    }

    /// The one that another worker has left alone for longest.
    fn of_another(&self, worker: usize) -> Option<Io> {
        let others = self.workers.iter().enumerate().filter(|(index, _)| *index != worker);
        others.filter_map(|(_, entries)| left_alone(entries)).find_map(Io::adopt)
    }

    /// Keeps a connection for the next request.
    pub(super) fn give(&self, worker: usize, io: Io) {
        let Some(entries) = self.workers.get(worker) else { return };
        let mut entries = lock(entries);
        if entries.len() < MOST {
            entries.push_back(Entry { since: Instant::now(), io });
        }
    }

    /// Ends what waits for this worker for longer than `limit`, or was ended by the target.
    pub(in crate::balancer) fn sweep(&self, worker: usize, limit: Duration) {
        let Some(entries) = self.workers.get(worker) else { return };
        let now = Instant::now();
        lock(entries).retain(|entry| now.duration_since(entry.since) < limit && entry.io.is_quiet());
    }

    /// Ends all.
    pub(in crate::balancer) fn clear(&self) {
        self.workers.iter().for_each(|entries| lock(entries).clear());
    }
}

fn lock(entries: &Mutex<VecDeque<Entry>>) -> MutexGuard<'_, VecDeque<Entry>> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes what its worker has left alone; a worker that is busy with its connections has none.
fn left_alone(entries: &Mutex<VecDeque<Entry>>) -> Option<Io> {
    let mut entries = match entries.try_lock() {
        Ok(entries) => entries,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    let is_left =
        entries.front().is_some_and(|entry| entry.io.is_plain() && entry.since.elapsed() >= LEFT_ALONE);
    is_left.then(|| entries.pop_front()).flatten().map(|entry| entry.io)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::advance;

    use super::super::buffer::Buffer;
    use super::super::stream::Stream;
    use super::*;

    /// A connection to a target, and the target's end of it.
    async fn connection() -> (Io, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Io::new(Stream::Plain(stream)), listener.accept().await.unwrap().0)
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_worker_left_alone_serves_another() {
        let waiting = Waiting::new(2);
        let (io, mut target) = connection().await;
        waiting.give(0, io);
        assert!(waiting.take(1).is_none(), "used a moment ago");
        advance(LEFT_ALONE).await;
        let io = waiting.take(1).expect("left alone");
        assert!(waiting.take(0).is_none(), "it is there once");
        target.write_all(b"answer").await.unwrap();
        let mut buffer = Buffer::new(Rc::default());
        assert_eq!(poll_fn(|cx| io.poll_read(cx, &mut buffer)).await.unwrap(), 6);
        waiting.give(1, io);
        assert!(waiting.take(1).is_some(), "the worker's own needs no time");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_target_ended_serves_nobody() {
        let waiting = Waiting::new(2);
        for worker in [0, 1] {
            let (io, target) = connection().await;
            drop(target);
            // The end is there as soon as something can be read.
            poll_fn(|cx| io.poll_ended(cx)).await;
            waiting.give(0, io);
            advance(LEFT_ALONE).await;
            assert!(waiting.take(worker).is_none(), "worker {worker}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_too_long_is_ended() {
        let waiting = Waiting::new(1);
        let (io, mut target) = connection().await;
        waiting.give(0, io);
        waiting.sweep(0, Duration::from_secs(60));
        advance(Duration::from_secs(60)).await;
        waiting.sweep(0, Duration::from_secs(60));
        assert_eq!(target.read(&mut [0]).await.unwrap(), 0);
    }
}
