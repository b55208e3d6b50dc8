//! Hears of changes that somebody else made, so that they are undone without waiting for the next audit.
//!
//! One thread sleeps on the notification sockets of all namespaces. It changes nothing: it notes which namespaces may
//! differ and wakes the owner of the [`crate::Backend`].

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use enishi_fabric::NamespaceName;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use socket2::{SockFilter, SockRef};

use crate::live::Listeners;
use crate::netlink::nftables;
use crate::netlink::route::{self, Notice};

/// The token of the descriptor that ends the thread.
const STOP: u64 = 0;

/// The watching thread.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    epoll: Epoll,
    stop: EventFd,
    state: Mutex<State>,
    notify: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    last_token: u64,
    watched: HashMap<u64, Watched>,
    tokens: HashMap<NamespaceName, u64>,
    suspects: BTreeSet<NamespaceName>,
}

struct Watched {
    name: NamespaceName,
    listeners: Listeners,
    /// The socket that our own changes come from.
    own_port: u32,
    /// The ruleset generation that is ours.
    generation: Arc<AtomicU32>,
    /// Interfaces that we delete, by the kernel's number, which it does not use again.
    doomed: BTreeSet<u32>,
}

impl Watch {
    /// Starts the thread; it calls `notify` whenever there is a new suspect.
    pub(crate) fn start(notify: Box<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let stop = EventFd::new()?;
        epoll.add(&stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
        let shared = Arc::new(Shared { epoll, stop, state: Mutex::default(), notify });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new().name("netlink".to_owned()).spawn(move || of_thread.run())?;
        Ok(Watch { shared, thread: Some(thread) })
    }

    /// Watches a namespace from now on.
    pub(crate) fn add(
        &self,
        name: &NamespaceName,
        listeners: Listeners,
        own_port: u32,
        generation: Arc<AtomicU32>,
    ) -> io::Result<()> {
        SockRef::from(&listeners.nftables.as_fd()).attach_filter(&only_generations())?;
        let mut state = self.shared.state();
        state.last_token += 1;
        let token = state.last_token;
        for socket in [&listeners.route, &listeners.nftables] {
            self.shared.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        }
        state.tokens.insert(name.clone(), token);
        state.watched.insert(
            token,
            Watched { name: name.clone(), listeners, own_port, generation, doomed: BTreeSet::new() },
        );
        Ok(())
    }

    /// Says that an interface is about to be deleted by us: its end is announced in the kernel's name.
    pub(crate) fn doom(&self, name: &NamespaceName, interface: u32) {
        let mut state = self.shared.state();
        let token = state.tokens.get(name).copied();
        if let Some(watched) = token.and_then(|token| state.watched.get_mut(&token)) {
            watched.doomed.insert(interface);
        }
    }

    /// Closes the sockets of a namespace.
    pub(crate) fn remove(&self, name: &NamespaceName) {
        let mut state = self.shared.state();
        if let Some(token) = state.tokens.remove(name) {
            state.watched.remove(&token);
        }
        state.suspects.remove(name);
    }

    /// The namespaces that may differ from what they have to be, each told once.
    pub(crate) fn suspects(&self) -> BTreeSet<NamespaceName> {
        std::mem::take(&mut self.shared.state().suspects)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let stopped = self.shared.stop.write(1).is_ok();
        if let (true, Some(thread)) = (stopped, self.thread.take()) {
            // A panic of the thread has shown itself already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is a set of facts, each whole by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return tracing::error!(%error, "no longer watching for changes by others"),
            };
            let tokens = events.get(..count).unwrap_or_default().iter().map(EpollEvent::data);
            let mut found = false;
            for token in tokens {
                if token == STOP {
                    return;
                }
                found |= self.look(token);
            }
            if found {
                (self.notify)();
            }
        }
    }

    fn look(&self, token: u64) -> bool {
        let mut state = self.state();
        let Some(watched) = state.watched.get(&token) else { return false };
        if !watched.is_suspicious() {
            return false;
        }
        let name = watched.name.clone();
        state.suspects.insert(name)
    }
}

impl Watched {
    /// Reads all notifications. Where some were lost, anything may have happened.
    fn is_suspicious(&self) -> bool {
        let mut suspicious = false;
        let routes = drained(|| {
            self.listeners.route.try_receive(|message| {
                suspicious |= match route::judge(message, self.own_port) {
                    Notice::Ordinary => false,
                    Notice::Suspicious => true,
                    Notice::LostOn(interface) => !self.doomed.contains(&interface),
                }
            })
        });
        let mut last = None;
        let rules = drained(|| {
            self.listeners.nftables.try_receive(|message| last = nftables::parse_generation(message).or(last))
        });
        let foreign =
            last.is_some_and(|generation| is_after(generation, self.generation.load(Ordering::Acquire)));
        suspicious || foreign || !routes || !rules
    }
}

/// Whether a generation is later than another; they wrap around.
fn is_after(generation: u32, other: u32) -> bool {
    generation.wrapping_sub(other).cast_signed() > 0
}

/// Receives until nothing is left; false if something was lost.
fn drained(mut receive: impl FnMut() -> io::Result<()>) -> bool {
    loop {
        match receive() {
            Ok(()) => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// A filter that lets only the end of each transaction through: a transaction announces every rule and element, and
/// none of that has to be copied to know that it happened.
fn only_generations() -> [SockFilter; 4] {
    const LOAD_HALF_ABSOLUTE: u16 = 0x28;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // The kind is in host order at offset 4; the filter loads in network order.
    let kind = u16::from_be_bytes(nftables::NEWGEN.to_ne_bytes());
    [
        SockFilter::new(LOAD_HALF_ABSOLUTE, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, kind.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
