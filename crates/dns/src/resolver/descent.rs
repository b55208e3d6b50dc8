//! From the root down (RFC 1034, section 5.3.3).

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use enishi_fabric::dns::{Name, RecordType};

use super::cache::{Known, Question};
use super::delegation::Delegation;
use super::entry::Entry;
use super::exchange::{Ask, exchange};
use super::judge::{Frame, Learnt, Verdict};
use super::recursor::{Failure, Recursor};
use super::reply::Reply;
use crate::rcode::Rcode;

/// How often the servers of a zone are asked in turn.
const ROUNDS: usize = 2;
/// Servers of one zone that are asked in a round.
const MOST_ASKED: usize = 6;
/// Name servers' names that are resolved for one zone.
const MOST_RESOLVED: usize = 4;
/// Labels of a zone below which it is no longer a registry's: names that it does not have are not delegated to anybody.
const REGISTRY_DEPTH: usize = 1;

/// What is left to spend on one question.
#[derive(Debug)]
pub(super) struct Budget {
    queries: u32,
    /// The recursor's epoch when the question was asked.
    epoch: u64,
}

impl Budget {
    pub(super) fn new(queries: u32, epoch: u64) -> Self {
        Budget { queries, epoch }
    }

    fn spend(&mut self) -> Result<(), Failure> {
        self.queries = self.queries.checked_sub(1).ok_or(Failure::TooMuchWork)?;
        Ok(())
    }
}

type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Arc<Entry>, Failure>> + Send + 'a>>;

impl Recursor {
    /// Resolves a question whatever the cache has, and keeps what is learnt.
    pub(super) fn ask<'a>(
        &'a self,
        question: &'a Question,
        budget: &'a mut Budget,
        depth: u32,
    ) -> Resolving<'a> {
        Box::pin(async move {
            if question.source.is_iterative() {
                self.descend(question, budget, depth).await
            } else {
                self.forward(question, budget).await
            }
        })
    }

    async fn descend(
        &self,
        question: &Question,
        budget: &mut Budget,
        depth: u32,
    ) -> Result<Arc<Entry>, Failure> {
        let (source, name) = (&question.source, &question.name);
        let mut known = self.delegations.closest(source, name, question.record_type, self.now());
        let mut is_remembered = !known.zone.is_root();
        for _ in 0..self.limits.referrals {
            match self.ask_zone(&known, question, budget, depth).await {
                Ok(Verdict::Answer(learnt)) => return self.keep(question, &known.zone, learnt, budget).await,
                Ok(Verdict::Referral(delegation)) => {
                    known = Arc::new(delegation);
                    is_remembered = false;
                    if budget.epoch == self.epoch() {
                        self.delegations.put(source, &known, self.now());
                    }
                }
                // The zone may have moved: ask its parent anew.
                Err(Failure::NoAnswer) | Ok(Verdict::Useless) if is_remembered => {
                    self.delegations.remove(source, &known.zone);
                    known = self.delegations.closest(source, name, question.record_type, self.now());
                    is_remembered = !known.zone.is_root();
                }
                Ok(Verdict::Useless) => return Err(Failure::NoAnswer),
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::TooMuchWork)
    }

    /// Keeps what a name server said, and returns what it said about the question.
    async fn keep(
        &self,
        question: &Question,
        zone: &Name,
        learnt: Vec<Learnt>,
        budget: &mut Budget,
    ) -> Result<Arc<Entry>, Failure> {
        let mut answer = None;
        for Learnt { name, entry } in learnt {
            let is_first = answer.is_none();
            let undelegated = entry.rcode == Rcode::NameError && zone.labels().count() <= REGISTRY_DEPTH;
            let about = Question { name, ..question.clone() };
            let entry = match self.host() {
                Some(host) if undelegated && is_first => {
                    let elsewhere = Question { source: host, ..about.clone() };
                    self.forward(&elsewhere, budget).await.unwrap_or(Arc::new(entry))
                }
                _ => Arc::new(entry),
            };
            self.learn(&about, &entry, budget);
            answer.get_or_insert(entry);
        }
        answer.ok_or(Failure::NoAnswer)
    }

    fn learn(&self, about: &Question, entry: &Arc<Entry>, budget: &Budget) {
        if budget.epoch == self.epoch() {
            self.cache.put(about, entry);
        }
    }

    /// Asks the servers of a zone until one has something to say.
    async fn ask_zone(
        &self,
        delegation: &Delegation,
        question: &Question,
        budget: &mut Budget,
        depth: u32,
    ) -> Result<Verdict, Failure> {
        let source = &question.source;
        let mut addresses: Vec<IpAddr> = Vec::new();
        let mut unknown: Vec<&Name> = Vec::new();
        for server in &delegation.servers {
            let known = self.known_addresses(question, &server.name);
            if server.addresses.is_empty() && known.is_empty() {
                unknown.push(&server.name);
            }
            addresses.extend(server.addresses.iter().copied().chain(known));
        }
        self.servers.order(source, &delegation.zone, &mut addresses, self.now());
        addresses.truncate(MOST_ASKED);
        let mut hopeless = HashSet::new();
        for round in 0..ROUNDS {
            for address in &addresses {
                if let Some(verdict) =
                    self.ask_server(delegation, question, *address, &mut hopeless, budget).await?
                {
                    return Ok(verdict);
                }
            }
            // A server within the zone whose address the parent did not tell cannot be found by asking for it.
            let outside = unknown.iter().filter(|name| !name.is_within(&delegation.zone));
            for name in outside.take(if round == 0 && depth < self.limits.depth { MOST_RESOLVED } else { 0 })
            {
                for address in self.addresses_of(question, name, budget, depth).await? {
                    if let Some(verdict) =
                        self.ask_server(delegation, question, address, &mut hopeless, budget).await?
                    {
                        return Ok(verdict);
                    }
                    addresses.push(address);
                }
            }
            addresses.retain(|address| !hopeless.contains(address));
        }
        Err(Failure::NoAnswer)
    }

    /// Asks one server; nothing when it has nothing to say. It becomes hopeless when asking it again would not help.
    async fn ask_server(
        &self,
        delegation: &Delegation,
        question: &Question,
        address: IpAddr,
        hopeless: &mut HashSet<IpAddr>,
        budget: &mut Budget,
    ) -> Result<Option<Verdict>, Failure> {
        budget.spend()?;
        let server = SocketAddr::new(address, self.port);
        let Some(reply) = self.exchange_with(question, server).await else { return Ok(None) };
        let frame = Frame {
            name: &question.name,
            record_type: question.record_type,
            limits: &self.limits,
            now: self.now(),
        };
        match frame.judge(&delegation.zone, &reply) {
            Verdict::Useless => {
                hopeless.insert(address);
                self.servers.lame(&question.source, address, &delegation.zone, self.now());
                Ok(None)
            }
            verdict => Ok(Some(verdict)),
        }
    }

    async fn exchange_with(&self, question: &Question, server: SocketAddr) -> Option<Reply> {
        let source = &question.source;
        let (first, longest) = (self.limits.first_timeout, self.limits.longest_timeout);
        let patience = self.servers.timeout(source, server.ip(), first, longest);
        let ask = Ask {
            path: source.path(),
            server,
            name: &question.name,
            record_type: question.record_type,
            recursive: !source.is_iterative(),
        };
        let start = self.now();
        match exchange(self.uplinks.as_ref(), &ask, patience).await {
            Ok(reply) => {
                self.servers.answered(source, server.ip(), self.now().saturating_sub(start));
                Some(reply)
            }
            Err(trouble) => {
                tracing::debug!(%server, name = %question.name, ?trouble, "a name server did not answer");
                self.servers.failed(source, server.ip(), self.now());
                None
            }
        }
    }

    /// Addresses of a name server that the cache has.
    fn known_addresses(&self, question: &Question, server: &Name) -> Vec<IpAddr> {
        let types = [RecordType::A, RecordType::AAAA];
        let known = types.into_iter().filter_map(|record_type| {
            let about = Question { name: server.clone(), record_type, ..question.clone() };
            match self.cache.look_up(&about, self.now()) {
                Known::Part(part) => Some(addresses_in(&part.entry)),
                _ => None,
            }
        });
        known.flatten().collect()
    }

    /// Resolves the addresses of a name server. That there are none is no failure of the question; that there is no more work to
    /// spend is.
    async fn addresses_of(
        &self,
        question: &Question,
        server: &Name,
        budget: &mut Budget,
        depth: u32,
    ) -> Result<Vec<IpAddr>, Failure> {
        for record_type in [RecordType::A, RecordType::AAAA] {
            let about = Question { name: server.clone(), record_type, ..question.clone() };
            match self.ask(&about, budget, depth + 1).await {
                Ok(entry) if !addresses_in(&entry).is_empty() => return Ok(addresses_in(&entry)),
                Err(Failure::TooMuchWork) => return Err(Failure::TooMuchWork),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Ok(Vec::new())
    }

    /// Asks servers that resolve names themselves: one, and another one if it does not answer.
    pub(super) async fn forward(
        &self,
        question: &Question,
        budget: &mut Budget,
    ) -> Result<Arc<Entry>, Failure> {
        let source = &question.source;
        let mut addresses: Vec<IpAddr> = source.targets().iter().map(SocketAddr::ip).collect();
        self.servers.order(source, &Name::root(), &mut addresses, self.now());
        let mut targets: Vec<SocketAddr> = source.targets().to_vec();
        targets.sort_by_key(|target| addresses.iter().position(|address| *address == target.ip()));
        for round in 0..ROUNDS {
            for target in targets.iter().take(MOST_ASKED) {
                budget.spend()?;
                let Some(reply) = self.exchange_with(question, *target).await else { continue };
                let frame = Frame {
                    name: &question.name,
                    record_type: question.record_type,
                    limits: &self.limits,
                    now: self.now(),
                };
                if let Some(entry) = frame.accept(&reply) {
                    let entry = Arc::new(entry);
                    self.learn(question, &entry, budget);
                    return Ok(entry);
                }
            }
            tracing::debug!(name = %question.name, round, "no forwarding target has an answer");
        }
        Err(Failure::NoAnswer)
    }
}

/// The addresses in an answer. RFC 2181, section 10.3: a name server's name is no alias.
fn addresses_in(entry: &Entry) -> Vec<IpAddr> {
    let records = entry.sets.iter().flat_map(|set| set.records.records());
    records
        .filter_map(|record| match record.data.len() {
            4 => <[u8; 4]>::try_from(record.data).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(record.data).ok().map(IpAddr::from),
            _ => None,
        })
        .collect()
}
