//! How name servers behaved: how fast they answer, and which do not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use enishi_fabric::dns::Name;
use rand::Rng as _;

use super::source::Source;

/// Servers that are remembered; when there are more, all are forgotten.
const MOST_SERVERS: usize = 8_192;
/// How long a server that does not answer is asked last.
const SHUNNED: Duration = Duration::from_secs(60);
/// How long a server that does not serve a zone is asked last about it (RFC 2308, section 7.2: at most five minutes).
const LAME: Duration = Duration::from_secs(300);
/// Servers whose times differ by less than this are as good as each other: random choice makes forging harder (RFC 5452,
/// section 4.4).
const ALIKE: Duration = Duration::from_millis(50);
/// The weight of a new time in the mean is one in this many.
const SMOOTHING: u32 = 4;

#[derive(Debug, Clone, Copy, Default)]
struct Server {
    round_trip: Duration,
    silent: u32,
    shunned_until: Duration,
}

/// What is remembered of name servers.
#[derive(Debug, Default)]
pub(super) struct Servers {
    servers: Mutex<HashMap<(u64, IpAddr), Server>>,
    lame: Mutex<HashMap<(u64, IpAddr, Name), Duration>>,
}

impl Servers {
    /// Sorts the addresses of a zone's servers: fast ones first, those that failed last.
    pub(super) fn order(&self, source: &Source, zone: &Name, addresses: &mut Vec<IpAddr>, now: Duration) {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let lame = self.lame.lock().unwrap_or_else(PoisonError::into_inner);
        let mut random = rand::rng();
        addresses.sort_unstable();
        addresses.dedup();
        let mut ranked: Vec<_> = addresses
            .iter()
            .map(|address| {
                let server = servers.get(&(source.scope(), *address)).copied().unwrap_or_default();
                let is_lame = !lame.is_empty()
                    && lame.get(&(source.scope(), *address, zone.clone())).is_some_and(|until| now < *until);
                let failing = is_lame || now < server.shunned_until;
                let class = server.round_trip.as_millis() / ALIKE.as_millis();
                ((failing, class, random.next_u32()), *address)
            })
            .collect();
        ranked.sort();
        *addresses = ranked.into_iter().map(|(_, address)| address).collect();
    }

    /// How long to wait for a server, the more the more often it was silent.
    pub(super) fn timeout(
        &self,
        source: &Source,
        address: IpAddr,
        first: Duration,
        longest: Duration,
    ) -> Duration {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let server = servers.get(&(source.scope(), address)).copied().unwrap_or_default();
        (server.round_trip * 3).max(first * (1 << server.silent.min(4))).min(longest)
    }

    /// It answered after `took`.
    pub(super) fn answered(&self, source: &Source, address: IpAddr, took: Duration) {
        self.change(source, address, |server| {
            let mean = server.round_trip * (SMOOTHING - 1) + took;
            *server = Server { round_trip: mean / SMOOTHING, silent: 0, shunned_until: Duration::ZERO };
        });
    }

    /// It did not answer, or not as a name server does.
    pub(super) fn failed(&self, source: &Source, address: IpAddr, now: Duration) {
        self.change(source, address, |server| {
            server.silent = server.silent.saturating_add(1);
            if server.silent > 1 {
                server.shunned_until = now + SHUNNED;
            }
        });
    }

    /// It does not serve a zone that it is said to serve.
    pub(super) fn lame(&self, source: &Source, address: IpAddr, zone: &Name, now: Duration) {
        let mut lame = self.lame.lock().unwrap_or_else(PoisonError::into_inner);
        if lame.len() >= MOST_SERVERS {
            lame.clear();
        }
        lame.insert((source.scope(), address, zone.clone()), now + LAME);
    }

    pub(super) fn clear(&self) {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.lame.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn change(&self, source: &Source, address: IpAddr, change: impl FnOnce(&mut Server)) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.len() >= MOST_SERVERS {
            servers.clear();
        }
        change(servers.entry((source.scope(), address)).or_default());
    }
}
