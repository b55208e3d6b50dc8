//! A namespace that sockets are made in, with a store of them for when many are wanted.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;

/// The most sockets in store.
const MOST: usize = 64;

/// Between fills that are closer together than this, the store is too small.
const BRISK: Duration = Duration::from_millis(20);

/// Those who may wait for a socket; more are refused.
const WAITING: usize = 4096;

/// A namespace.
#[derive(Debug)]
pub struct Room {
    namespace: OwnedFd,
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    sockets: Vec<Socket>,
    waiting: VecDeque<oneshot::Sender<io::Result<Socket>>>,
    /// How many sockets there should be. Nothing is kept in store where connections are rare.
    size: usize,
    /// Whether the thread has been asked to come.
    is_asked: bool,
    filled: Option<Instant>,
}

/// What somebody who wants a socket gets.
#[derive(Debug)]
pub enum Taken {
    /// One from the store.
    Socket(Socket),
    /// The next that is made.
    Waiting(oneshot::Receiver<io::Result<Socket>>),
}

impl Room {
    /// The room of a namespace, without a store.
    pub fn new(namespace: OwnedFd) -> Self {
        Room { namespace, store: Mutex::default() }
    }

    /// The namespace, to be entered.
    pub fn namespace(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }

    /// Takes a socket, and says whether the thread has to be asked to [`Room::fill`] the store.
    ///
    /// # Errors
    /// `ResourceBusy` when too many wait.
    pub fn take(&self) -> io::Result<(Taken, bool)> {
        let mut store = self.store();
        let taken = match store.sockets.pop() {
            Some(socket) => Taken::Socket(socket),
            None if store.waiting.len() >= WAITING => return Err(io::ErrorKind::ResourceBusy.into()),
            None => {
                let (reply, answer) = oneshot::channel();
                store.waiting.push_back(reply);
                Taken::Waiting(answer)
            }
        };
        // Nobody is asked to fill a store that is meant to be empty.
        let is_low = !store.waiting.is_empty() || store.sockets.len() < store.size / 2;
        let is_due = is_low && !store.is_asked;
        store.is_asked |= is_low;
        Ok((taken, is_due))
    }

    /// Makes sockets for those who wait, and for the store. The thread has to be inside the namespace.
    pub fn fill(&self, now: Instant) {
        let (waiting, missing) = {
            let mut store = self.store();
            store.is_asked = false;
            let since = store.filled.replace(now).map(|last| now.saturating_duration_since(last));
            let is_brisk = since.is_some_and(|since| since < BRISK);
            store.size = if is_brisk { (store.size * 2).clamp(1, MOST) } else { store.size / 2 };
            (std::mem::take(&mut store.waiting), store.size.saturating_sub(store.sockets.len()))
        };
        for reply in waiting {
            // Who asked may have given up meanwhile; it is the next one's then.
            if let Err(Ok(socket)) = reply.send(socket()) {
                self.store().sockets.push(socket);
            }
        }
        let made: Vec<Socket> = std::iter::repeat_with(socket).take(missing).map_while(Result::ok).collect();
        self.store().sockets.extend(made);
    }

    /// Sends those away who wait: nobody comes.
    pub fn give_up(&self) {
        let mut store = self.store();
        store.is_asked = false;
        store.waiting.clear();
    }

    /// A panic elsewhere cannot leave a store half changed.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn room() -> Room {
        Room::new(File::open("/dev/null").expect("a file").into())
    }

    /// Takes `count` sockets, with fills as they are asked for `pause` later. Answers how many of them were there at once.
    fn in_store(room: &Room, count: usize, mut now: Instant, pause: Duration) -> usize {
        let mut at_once = 0;
        for _ in 0..count {
            let (taken, is_due) = room.take().expect("room for one more");
            if is_due {
                now += pause;
                room.fill(now);
            }
            match taken {
                Taken::Socket(_) => at_once += 1,
                Taken::Waiting(mut answer) => drop(answer.try_recv().expect("an answer").expect("a socket")),
            }
        }
        at_once
    }

    #[test]
    fn the_store_grows_where_connections_are_many_and_shrinks_where_they_are_few() {
        let room = room();
        let start = Instant::now();
        assert_eq!(
            in_store(&room, 20, start, Duration::from_secs(1)),
            0,
            "rare connections keep none in store"
        );
        let many = in_store(&room, 1000, start + Duration::from_secs(60), Duration::from_millis(1));
        assert!(many > 990, "{many}");
        assert!(room.store().sockets.len() <= MOST);
        in_store(&room, 200, start + Duration::from_secs(120), Duration::from_secs(1));
        let store = room.store();
        assert_eq!((store.size, store.sockets.len()), (0, 0));
    }

    #[test]
    fn who_waits_is_served_by_one_visit() {
        let room = room();
        let taken: Vec<(Taken, bool)> = (0..5).map(|_| room.take().expect("room for one more")).collect();
        assert_eq!(taken.iter().filter(|(_, is_due)| *is_due).count(), 1);
        room.fill(Instant::now());
        for (taken, _) in taken {
            let Taken::Waiting(mut answer) = taken else { panic!("there is no store yet") };
            answer.try_recv().expect("an answer").expect("a socket");
        }
    }

    #[test]
    fn those_who_wait_are_bounded_and_can_be_sent_away() {
        let room = room();
        let mut waiting: Vec<Taken> = (0..WAITING).map(|_| room.take().expect("room").0).collect();
        assert_eq!(room.take().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::ResourceBusy));
        room.give_up();
        let Some(Taken::Waiting(mut last)) = waiting.pop() else { panic!("there is no store yet") };
        assert!(last.try_recv().is_err());
        assert!(room.take().expect("room again").1, "and the thread is asked anew");
    }
}
