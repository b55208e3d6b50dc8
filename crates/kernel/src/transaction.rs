//! One nftables transaction that turns the table of a namespace from one state into another.
//!
//! Only what differs is sent: elements as elements, rules by their handle. If something changed its shape (a set's type, a
//! base chain's hook) or nothing is known about what is there, the whole table is replaced, also in one transaction.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::netlink::message::Message;
use crate::netlink::nftables::{self, CommitError, Element};
use crate::netlink::socket::Socket;
use crate::netstate::{BaseChain, Chain, ChainKind, Data, DataKind, Hook, Key, Rule, Set, Table, TableError};

/// The handles of the rules of each chain, in order. The kernel gives a handle when a rule is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Handles(pub(crate) BTreeMap<Arc<str>, Vec<u64>>);

/// The transaction, not yet sent.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    messages: Vec<Message>,
    /// Handles of the chains that change; those of new rules are 0 until committed.
    chains: BTreeMap<Arc<str>, Vec<u64>>,
    /// Messages that add a rule: which, its chain, its place in it.
    added: Vec<(usize, Arc<str>, usize)>,
    chains_gone: Vec<Arc<str>>,
    whole: bool,
    opens_only: bool,
}

/// How a table's shape differs too much to be patched.
struct Reshaped;

impl Transaction {
    /// What turns `old` into `new`; `None` is no table.
    pub(crate) fn between(old: Option<(&Table, &Handles)>, new: Option<&Table>) -> Result<Self, TableError> {
        let Some(new) = new else { return Ok(Transaction::removal(old.is_some())) };
        let Some((old, handles)) = old else { return Transaction::replacement(new) };
        let mut patch = Transaction { opens_only: true, ..Transaction::default() };
        match patch.patch(old, handles, new)? {
            Ok(()) => Ok(patch),
            Err(Reshaped) => Transaction::replacement(new),
        }
    }

    /// Makes the table whatever there is.
    pub(crate) fn replacement(new: &Table) -> Result<Self, TableError> {
        let messages = vec![nftables::add_table(), nftables::delete_table(), nftables::add_table()];
        let mut transaction = Transaction { messages, whole: true, ..Transaction::default() };
        let empty = Table::default();
        // Nothing is there, so nothing can have another shape.
        let _: Result<(), Reshaped> = transaction.patch(&empty, &Handles::default(), new)?;
        Ok(transaction)
    }

    fn removal(exists: bool) -> Self {
        let messages =
            if exists { vec![nftables::add_table(), nftables::delete_table()] } else { Vec::new() };
        Transaction { messages, whole: true, ..Transaction::default() }
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether it only adds: then it waits until every other namespace has removed what it removes.
    pub(crate) fn opens_only(&self) -> bool {
        self.opens_only
    }

    /// The order within the transaction: everything exists before it is referred to, and nothing is deleted that is
    /// still referred to.
    fn patch(
        &mut self,
        old: &Table,
        handles: &Handles,
        new: &Table,
    ) -> Result<Result<(), Reshaped>, TableError> {
        for (name, chain) in &new.chains {
            match old.chains.get(name).map(|chain| &chain.base) {
                Some(base) if *base == chain.base => {}
                Some(Some(base))
                    if chain.base.is_some_and(|new| BaseChain { accept: new.accept, ..*base } == new) =>
                {
                    self.opens_only = false;
                    self.messages.push(nftables::add_chain(name, chain.base.as_ref()));
                }
                Some(_) => return Ok(Err(Reshaped)),
                None => self.messages.push(nftables::add_chain(name, chain.base.as_ref())),
            }
        }
        let mut id = 0;
        for (name, set) in &new.sets {
            match old.sets.get(name) {
                Some(was) if was.same_shape(set) => {}
                Some(_) => return Ok(Err(Reshaped)),
                None => {
                    id += 1;
                    self.messages.push(nftables::add_set(name, set, id));
                }
            }
        }
        let mut additions = Vec::new();
        for (name, chain) in &new.chains {
            let was = old.chains.get(name);
            if was != Some(chain) {
                let handles = handles.0.get(name).map(Vec::as_slice).unwrap_or_default();
                let was = was.map_or(&[][..], |chain| &chain.rules);
                if was.len() != handles.len() {
                    return Ok(Err(Reshaped));
                }
                self.rules(name, was, handles, chain, new, &mut additions)?;
            }
        }
        for (name, set) in &new.sets {
            let was = old.sets.get(name);
            if was != Some(set) {
                self.elements(name, was.map(Arc::as_ref), set, new)?;
            }
        }
        for (chain, place, message) in additions {
            self.added.push((self.messages.len(), chain, place));
            self.messages.push(message);
        }
        self.removals(old, new);
        Ok(Ok(()))
    }

    /// Chains and sets that are no more. First everything is emptied, as they may refer to each other.
    fn removals(&mut self, old: &Table, new: &Table) {
        let chains: Vec<_> = old.chains.keys().filter(|name| !new.chains.contains_key(*name)).collect();
        let sets: Vec<_> = old.sets.iter().filter(|(name, _)| !new.sets.contains_key(*name)).collect();
        self.opens_only &= chains.is_empty() && sets.is_empty();
        self.messages.extend(chains.iter().map(|name| nftables::flush_chain(name)));
        let verdicts =
            sets.iter().filter(|(_, set)| set.data == DataKind::Verdict && !set.elements.is_empty());
        self.messages.extend(verdicts.map(|(name, _)| nftables::flush_set(name)));
        self.messages.extend(sets.iter().map(|(name, _)| nftables::delete_set(name)));
        self.messages.extend(chains.iter().map(|name| nftables::delete_chain(name)));
        self.chains_gone.extend(chains.into_iter().cloned());
    }

    /// Deletes the rules that go and notes those to add: each before the next rule that stays.
    fn rules(
        &mut self,
        name: &Arc<str>,
        was: &[Rule],
        handles: &[u64],
        chain: &Chain,
        table: &Table,
        additions: &mut Vec<(Arc<str>, usize, Message)>,
    ) -> Result<(), TableError> {
        let kept = kept(was, &chain.rules);
        let mut stays = vec![false; was.len()];
        let mut now = Vec::with_capacity(chain.rules.len());
        for place in &kept {
            let handle = place.and_then(|place| handles.get(place)).copied();
            if let Some(stay) = place.and_then(|place| stays.get_mut(place)) {
                *stay = true;
            }
            now.push(handle.unwrap_or(0));
        }
        for (handle, _) in handles.iter().zip(&stays).filter(|(_, stays)| !**stays) {
            self.opens_only = false;
            self.messages.push(nftables::delete_rule(name, *handle));
        }
        let mut before = None;
        let mut wanted = Vec::new();
        for (place, rule) in chain.rules.iter().enumerate().rev() {
            match now.get(place) {
                Some(0) => wanted.push((place, rule, before)),
                handle => before = handle.copied(),
            }
        }
        for (place, rule, before) in wanted.into_iter().rev() {
            table.check_chain(name, std::slice::from_ref(rule))?;
            additions.push((name.clone(), place, nftables::add_rule(name, rule, before)));
        }
        self.chains.insert(name.clone(), now);
        Ok(())
    }

    fn elements(
        &mut self,
        name: &Arc<str>,
        was: Option<&Set>,
        set: &Set,
        table: &Table,
    ) -> Result<(), TableError> {
        if set.interval {
            table.check_elements(name, set, &set.elements)?;
            let (old, new) = (was.map(Set::ranges).unwrap_or_default(), set.ranges());
            let gone = old.iter().filter(|(first, last)| new.get(first) != Some(last));
            let gone: Vec<_> = gone.flat_map(|(first, last)| Element::range(*first, *last)).collect();
            let added = new.iter().filter(|(first, last)| old.get(first) != Some(last));
            let added: Vec<_> = added.flat_map(|(first, last)| Element::range(*first, *last)).collect();
            self.opens_only &= gone.is_empty();
            nftables::delete_elements(name, gone, &mut self.messages);
            nftables::add_elements(name, added, &mut self.messages);
            return Ok(());
        }
        let empty = BTreeMap::new();
        let old = was.map_or(&empty, |set| &set.elements);
        let gone: Vec<_> = missing_from(old, &set.elements);
        let added: Vec<_> = missing_from(&set.elements, old);
        table.check_elements(name, set, added.iter().copied())?;
        self.opens_only &= gone.is_empty();
        nftables::delete_elements(
            name,
            gone.into_iter().map(|(key, data)| Element::new(key, data)),
            &mut self.messages,
        );
        nftables::add_elements(
            name,
            added.into_iter().map(|(key, data)| Element::new(key, data)),
            &mut self.messages,
        );
        Ok(())
    }

    /// Sends it, provided that the ruleset's generation is still `generation`, and brings `handles` up to date. Returns the
    /// generation that it made; `announced` is set to it before, so that who hears of it knows that it is ours.
    pub(crate) fn commit(
        mut self,
        socket: &mut Socket,
        handles: &mut Handles,
        mut generation: u32,
        announced: &AtomicU32,
    ) -> Result<u32, CommitError> {
        let mut by_message = HashMap::with_capacity(self.added.len());
        let parts = self.parts(socket.send_limit());
        for (start, end) in parts {
            let part = self.messages.get_mut(start..end).unwrap_or_default();
            announced.store(next_generation(generation), Ordering::Release);
            let learned = nftables::commit(socket, part, generation)?;
            by_message.extend(learned.into_iter().map(|(at, handle)| (start + at, handle)));
            generation = next_generation(generation);
        }
        for (message, chain, place) in self.added {
            if let Some(slot) = self.chains.get_mut(&chain).and_then(|handles| handles.get_mut(place)) {
                *slot = by_message.remove(&message).ok_or(CommitError::Stale)?;
            }
        }
        if self.whole {
            handles.0.clear();
        }
        for chain in &self.chains_gone {
            handles.0.remove(chain);
        }
        handles.0.append(&mut self.chains);
        Ok(generation)
    }

    /// Cuts the messages into parts that the socket takes: nearly always one. Rootless, a send buffer is small; then a
    /// chain that drops what is forwarded guards the parts.
    fn parts(&mut self, limit: usize) -> Vec<(usize, usize)> {
        const ENVELOPE: usize = 64;
        let total: usize = self.messages.iter().map(Message::len).sum();
        if total + ENVELOPE <= limit {
            return vec![(0, self.messages.len())];
        }
        // After the first three of a replacement, the table is new and empty; a patch finds it in place.
        let at = if self.whole { 3.min(self.messages.len()) } else { 0 };
        self.messages.insert(at, nftables::add_chain(GUARD, Some(&GUARD_BASE)));
        self.messages.push(nftables::delete_chain(GUARD));
        for (message, ..) in &mut self.added {
            *message += usize::from(*message >= at);
        }
        let mut parts = Vec::new();
        let (mut start, mut size) = (0, ENVELOPE);
        for (index, message) in self.messages.iter().enumerate() {
            if size + message.len() > limit && index > start {
                parts.push((start, index));
                (start, size) = (index, ENVELOPE);
            }
            size += message.len();
        }
        parts.push((start, self.messages.len()));
        parts
    }
}

const GUARD: &str = "unfinished";
const GUARD_BASE: BaseChain =
    BaseChain { hook: Hook::Forward, kind: ChainKind::Filter, priority: -400, accept: false };

/// The generation after one more transaction: the kernel skips 0.
pub(crate) fn next_generation(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

fn missing_from<'a>(these: &'a BTreeMap<Key, Data>, those: &BTreeMap<Key, Data>) -> Vec<(&'a Key, &'a Data)> {
    let mut missing = Vec::new();
    let mut others = those.iter().peekable();
    for (key, data) in these {
        while others.next_if(|(other, _)| *other < key).is_some() {}
        if others.peek() != Some(&(key, data)) {
            missing.push((key, data));
        }
    }
    missing
}

/// For each new rule the place of the equal old one that becomes it, if any: places ascend, so no kept rule moves.
fn kept(old: &[Rule], new: &[Rule]) -> Vec<Option<usize>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_middle = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let new_middle = new_rest.get(..new_rest.len() - tail).unwrap_or_default();

    let mut kept: Vec<_> = (0..head).map(Some).collect();
    kept.extend(
        kept_out_of_order(old_middle, new_middle).into_iter().map(|place| place.map(|place| place + head)),
    );
    kept.extend((old.len() - tail..old.len()).map(Some));
    kept
}

/// Pairs equal rules, then keeps a longest ascending run of the pairs.
fn kept_out_of_order(old: &[Rule], new: &[Rule]) -> Vec<Option<usize>> {
    let mut places: HashMap<&Rule, VecDeque<usize>> = HashMap::new();
    for (place, rule) in old.iter().enumerate() {
        places.entry(rule).or_default().push_back(place);
    }
    let mut paired: Vec<_> =
        new.iter().map(|rule| places.get_mut(rule).and_then(VecDeque::pop_front)).collect();
    // Patience sorting: `ends[n]` is the index in `new` that ends the best run of n + 1 pairs found so far.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; new.len()];
    for (index, place) in paired.iter().enumerate() {
        let Some(place) = *place else { continue };
        let length = ends.partition_point(|(end, _)| *end < place);
        if let Some(link) = before.get_mut(index) {
            *link = length.checked_sub(1).and_then(|shorter| ends.get(shorter)).map(|(_, index)| *index);
        }
        match ends.get_mut(length) {
            Some(end) => *end = (place, index),
            None => ends.push((place, index)),
        }
    }
    let mut stays = vec![false; new.len()];
    let mut at = ends.last().map(|(_, index)| *index);
    while let Some(index) = at {
        if let Some(stay) = stays.get_mut(index) {
            *stay = true;
        }
        at = before.get(index).copied().flatten();
    }
    for (place, stays) in paired.iter_mut().zip(stays) {
        if !stays {
            *place = None;
        }
    }
    paired
}

#[cfg(test)]
mod tests;
