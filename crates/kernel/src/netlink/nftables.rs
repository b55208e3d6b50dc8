//! The nftables family (`linux/netfilter/nf_tables.h`): objects as messages, one transaction, and dumps.
//!
//! All of it is about one table, `ip enishi`. Numbers are in network order.

mod dump;

use std::io;
use std::net::Ipv4Addr;

use nix::errno::Errno;

pub(crate) use self::dump::{
    dump_chains, dump_counters, dump_elements, dump_rules, dump_sets, dump_table, same_shape_in_kernel,
};
use super::message::{
    ACK, APPEND, CREATE, ECHO, ERROR, EXCLUSIVE, Message, Received, net_number, net_number64, string,
};
use super::socket::Socket;
use crate::lower;
use crate::netstate::{BaseChain, ChainKind, Data, DataKind, Hook, Kind, Rule, Set, Value, Verdict};

/// The name of the table.
pub(crate) const TABLE: &str = "enishi";

const SUBSYSTEM: u16 = 10 << 8;
const NEWTABLE: u16 = SUBSYSTEM;
const GETTABLE: u16 = SUBSYSTEM | 1;
const DELTABLE: u16 = SUBSYSTEM | 2;
const NEWCHAIN: u16 = SUBSYSTEM | 3;
const GETCHAIN: u16 = SUBSYSTEM | 4;
const DELCHAIN: u16 = SUBSYSTEM | 5;
const NEWRULE: u16 = SUBSYSTEM | 6;
const GETRULE: u16 = SUBSYSTEM | 7;
const DELRULE: u16 = SUBSYSTEM | 8;
const NEWSET: u16 = SUBSYSTEM | 9;
const GETSET: u16 = SUBSYSTEM | 10;
const DELSET: u16 = SUBSYSTEM | 11;
const NEWSETELEM: u16 = SUBSYSTEM | 12;
const GETSETELEM: u16 = SUBSYSTEM | 13;
const DELSETELEM: u16 = SUBSYSTEM | 14;
/// A notification that a transaction was committed.
pub(crate) const NEWGEN: u16 = SUBSYSTEM | 15;
const GETGEN: u16 = SUBSYSTEM | 16;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// The bit mask of the family's notification group (`NFNLGRP_NFTABLES`).
pub(crate) const GROUPS: u32 = 1 << 6;

const FIXED: usize = 4;
const IP: u8 = 2;
const HEADER: [u8; FIXED] = [IP, 0, 0, 0];

const LIST_ITEM: u16 = 1;
const TABLE_NAME: u16 = 1;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_HANDLE: u16 = 3;
const RULE_EXPRESSIONS: u16 = 4;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const COUNTER_BYTES: u16 = 1;
const COUNTER_PACKETS: u16 = 2;
const RULE_POSITION: u16 = 6;
const RULE_USERDATA: u16 = 7;
const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LENGTH: u16 = 5;
const SET_DATA_TYPE: u16 = 6;
const SET_DATA_LENGTH: u16 = 7;
const SET_ID: u16 = 10;
const SET_USERDATA: u16 = 13;
const SET_IS_ANONYMOUS: u32 = 1;
const SET_IS_INTERVAL: u32 = 4;
const SET_IS_MAP: u32 = 8;
const VERDICT_TYPE: u32 = 0xffff_ff00;
const ELEMENTS_TABLE: u16 = 1;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS: u16 = 3;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_DATA: u16 = 2;
const ELEMENT_FLAGS: u16 = 3;
const ELEMENT_INTERVAL_END: u32 = 1;
pub(crate) const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;
const GENERATION: u16 = 1;

/// An attribute's length has 16 bits; lists of elements are cut well before.
const ELEMENTS_BYTES: usize = 48 * 1024;
/// The types of rule user data: `nft`'s comment, and our fingerprint, which `nft` ignores.
const USERDATA_COMMENT: u8 = 0;
const USERDATA_FINGERPRINT: u8 = 0xe5;
/// The types of set user data.
const USERDATA_KEY_ORDER: u8 = 0;
const USERDATA_DATA_ORDER: u8 = 1;

fn message(kind: u16, flags: u16, table_attribute: u16) -> Message {
    let mut message = Message::new(kind, flags).fixed(&HEADER);
    message.text(table_attribute, TABLE);
    message
}

/// Makes the table unless it exists.
pub(crate) fn add_table() -> Message {
    message(NEWTABLE, CREATE, TABLE_NAME)
}

/// Deletes the table with everything in it.
pub(crate) fn delete_table() -> Message {
    message(DELTABLE, 0, TABLE_NAME)
}

/// Makes a chain, or sets the policy of one that exists.
pub(crate) fn add_chain(name: &str, base: Option<&BaseChain>) -> Message {
    let mut message = message(NEWCHAIN, CREATE, CHAIN_TABLE);
    message.text(CHAIN_NAME, name);
    if let Some(base) = base {
        message.nest(CHAIN_HOOK, |hook| {
            hook.net32(HOOK_NUMBER, hook_number(base.hook));
            hook.net32(HOOK_PRIORITY, base.priority.cast_unsigned());
        });
        message.net32(CHAIN_POLICY, base.accept.into());
        message.text(CHAIN_TYPE, chain_type(base.kind));
    }
    message
}

/// Deletes an empty chain that nothing refers to.
pub(crate) fn delete_chain(name: &str) -> Message {
    let mut message = message(DELCHAIN, 0, CHAIN_TABLE);
    message.text(CHAIN_NAME, name);
    message
}

/// Adds a rule before the one with the handle `before`, or at the end. The answer echoes it with its handle.
pub(crate) fn add_rule(chain: &str, rule: &Rule, before: Option<u64>) -> Message {
    let flags = if before.is_some() { CREATE } else { CREATE | APPEND };
    let mut message = message(NEWRULE, flags | ECHO, RULE_TABLE);
    message.text(RULE_CHAIN, chain);
    if let Some(handle) = before {
        message.net64(RULE_POSITION, handle);
    }
    let start = message.len();
    message.nest(RULE_EXPRESSIONS, |list| lower::clauses(list, &rule.clauses));
    let print = fingerprint_of(message.since(start), &rule.origin);
    let mut data = Vec::with_capacity(rule.origin.len() + 13);
    if let (false, Ok(length)) = (rule.origin.is_empty(), u8::try_from(rule.origin.len() + 1)) {
        data.extend_from_slice(&[USERDATA_COMMENT, length]);
        data.extend_from_slice(rule.origin.as_bytes());
        data.push(0);
    }
    data.extend_from_slice(&[USERDATA_FINGERPRINT, 8]);
    data.extend_from_slice(&print.0.to_ne_bytes());
    message.attribute(RULE_USERDATA, &data);
    message
}

/// Deletes the rule with this handle.
pub(crate) fn delete_rule(chain: &str, handle: u64) -> Message {
    let mut message = message(DELRULE, 0, RULE_TABLE);
    message.text(RULE_CHAIN, chain);
    message.net64(RULE_HANDLE, handle);
    message
}

/// Deletes all rules of a chain.
pub(crate) fn flush_chain(chain: &str) -> Message {
    let mut message = message(DELRULE, 0, RULE_TABLE);
    message.text(RULE_CHAIN, chain);
    message
}

/// What identifies a rule that we made, whatever the kernel turned its expressions into: a hash of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

/// The fingerprint that `rule` has in the kernel.
pub(crate) fn fingerprint(rule: &Rule) -> Fingerprint {
    let mut list = Message::new(0, 0);
    let start = list.len();
    list.nest(RULE_EXPRESSIONS, |list| lower::clauses(list, &rule.clauses));
    fingerprint_of(list.since(start), &rule.origin)
}

/// FNV-1a: it has to be the same in every build, as it outlives the process.
fn fingerprint_of(expressions: &[u8], origin: &str) -> Fingerprint {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let state = expressions.iter().fold(0xcbf2_9ce4_8422_2325, hash);
    Fingerprint(origin.as_bytes().iter().fold(state, hash))
}

/// Makes a set or a map. `id` is its number within the transaction.
pub(crate) fn add_set(name: &str, set: &Set, id: u32) -> Message {
    let mut message = message(NEWSET, CREATE | EXCLUSIVE, SET_TABLE);
    message.text(SET_NAME, name);
    let interval = if set.interval { SET_IS_INTERVAL } else { 0 };
    let map = if set.data == DataKind::Member { 0 } else { SET_IS_MAP };
    message.net32(SET_FLAGS, interval | map);
    message.net32(SET_KEY_TYPE, key_type(&set.key));
    message.net32(SET_KEY_LENGTH, key_length(&set.key));
    match set.data {
        DataKind::Member => {}
        DataKind::Verdict => message.net32(SET_DATA_TYPE, VERDICT_TYPE),
        DataKind::Mark => typed_data(&mut message, &[Kind::Mark]),
        DataKind::Address => typed_data(&mut message, &[Kind::Address]),
        DataKind::Socket => typed_data(&mut message, &SOCKET),
    }
    message.net32(SET_ID, id);
    message.attribute(SET_USERDATA, &byte_orders(set));
    message
}

/// Tells `nft` in which byte order to print keys and data of one part; the kernel does not look at it.
fn byte_orders(set: &Set) -> Vec<u8> {
    const HOST: u32 = 1;
    const NETWORK: u32 = 2;
    let key = match *set.key {
        [Kind::Interface | Kind::Mark | Kind::Index] => HOST,
        _ => NETWORK,
    };
    let data = if set.data == DataKind::Mark { HOST } else { NETWORK };
    let mut bytes = Vec::with_capacity(12);
    for (kind, order) in [(USERDATA_KEY_ORDER, key), (USERDATA_DATA_ORDER, data)] {
        bytes.extend_from_slice(&[kind, 4]);
        bytes.extend_from_slice(&order.to_ne_bytes());
    }
    bytes
}

/// Parts of a key are padded to registers of four bytes, but a single part is not.
fn key_length(key: &[Kind]) -> u32 {
    match key {
        [single] => lower::length(*single),
        parts => parts.iter().map(|kind| lower::words(*kind) * 4).sum(),
    }
}

fn typed_data(message: &mut Message, kinds: &[Kind]) {
    message.net32(SET_DATA_TYPE, key_type(kinds));
    message.net32(SET_DATA_LENGTH, key_length(kinds));
}

/// Deletes a set that nothing refers to.
pub(crate) fn delete_set(name: &str) -> Message {
    let mut message = message(DELSET, 0, SET_TABLE);
    message.text(SET_NAME, name);
    message
}

/// An element as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    key: Vec<u8>,
    data: Data,
    interval_end: bool,
}

impl Element {
    /// An element of a set that is no interval set.
    pub(crate) fn new(key: &[Value], data: &Data) -> Self {
        let single = key.len() == 1;
        let mut bytes = Vec::with_capacity(16);
        for value in key {
            lower::value(&mut bytes, value);
            if !single {
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
        }
        Element { key: bytes, data: data.clone(), interval_end: false }
    }

    /// The elements that stand for a range of addresses: its first, and the one after its last.
    pub(crate) fn range(first: Ipv4Addr, last: Ipv4Addr) -> impl Iterator<Item = Element> {
        let member = |address: Ipv4Addr, interval_end| Element {
            key: address.octets().to_vec(),
            data: Data::Member,
            interval_end,
        };
        let end = u32::from(last).checked_add(1).map(|after| member(after.into(), true));
        std::iter::once(member(first, false)).chain(end)
    }

    fn append(&self, list: &mut Message, with_data: bool) {
        list.nest(LIST_ITEM, |element| {
            element.nest(ELEMENT_KEY, |key| key.attribute(DATA_VALUE, &self.key));
            if self.interval_end {
                element.net32(ELEMENT_FLAGS, ELEMENT_INTERVAL_END);
            }
            if with_data {
                append_data(element, &self.data);
            }
        });
    }
}

fn append_data(element: &mut Message, data: &Data) {
    match data {
        Data::Member => {}
        Data::Verdict(verdict) => element.nest(ELEMENT_DATA, |data| append_verdict(data, verdict)),
        Data::Mark(mark) => {
            element.nest(ELEMENT_DATA, |data| data.attribute(DATA_VALUE, &mark.to_ne_bytes()))
        }
        Data::Address(address) => {
            element.nest(ELEMENT_DATA, |data| data.attribute(DATA_VALUE, &address.octets()))
        }
        Data::Socket(socket) => {
            let [high, low] = socket.port().to_be_bytes();
            let value = [socket.ip().octets(), [high, low, 0, 0]];
            element.nest(ELEMENT_DATA, |data| data.attribute(DATA_VALUE, value.as_flattened()));
        }
    }
}

/// Appends a verdict as data.
pub(crate) fn append_verdict(data: &mut Message, verdict: &Verdict) {
    let (code, chain): (i32, _) = match verdict {
        Verdict::Drop => (0, None),
        Verdict::Accept => (1, None),
        Verdict::Jump(chain) => (-3, Some(chain)),
        Verdict::Goto(chain) => (-4, Some(chain)),
        Verdict::Return => (-5, None),
    };
    data.nest(DATA_VERDICT, |data| {
        data.net32(VERDICT_CODE, code.cast_unsigned());
        if let Some(chain) = chain {
            data.text(VERDICT_CHAIN, chain);
        }
    });
}

/// Adds elements to a set, in as many messages as they need.
pub(crate) fn add_elements(set: &str, elements: impl IntoIterator<Item = Element>, out: &mut Vec<Message>) {
    elements_messages(NEWSETELEM, CREATE, set, elements, true, out);
}

/// Deletes elements from a set.
pub(crate) fn delete_elements(
    set: &str,
    elements: impl IntoIterator<Item = Element>,
    out: &mut Vec<Message>,
) {
    elements_messages(DELSETELEM, 0, set, elements, false, out);
}

/// Deletes all elements of a set.
pub(crate) fn flush_set(set: &str) -> Message {
    let mut message = message(DELSETELEM, 0, ELEMENTS_TABLE);
    message.text(ELEMENTS_SET, set);
    message
}

fn elements_messages(
    kind: u16,
    flags: u16,
    set: &str,
    elements: impl IntoIterator<Item = Element>,
    with_data: bool,
    out: &mut Vec<Message>,
) {
    let mut elements = elements.into_iter().peekable();
    while elements.peek().is_some() {
        let mut message = message(kind, flags, ELEMENTS_TABLE);
        message.text(ELEMENTS_SET, set);
        message.nest(ELEMENTS, |list| {
            while list.len() < ELEMENTS_BYTES {
                let Some(element) = elements.next() else { break };
                element.append(list, with_data);
            }
        });
        out.push(message);
    }
}

/// Why a transaction was refused. Nothing of it is in force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// Somebody else changed the ruleset since the generation that the transaction builds on.
    #[error("the ruleset was changed by somebody else")]
    Stale,
    /// The kernel refused a message.
    #[error("{what}: {error}")]
    Refused {
        /// What the message wanted.
        what: String,
        /// The kernel's answer.
        error: Errno,
    },
    /// The conversation failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Commits messages as one transaction, if `generation` is still the ruleset's. Returns the handles of added rules: index
/// into `messages` and handle.
pub(crate) fn commit(
    socket: &mut Socket,
    messages: &mut [Message],
    generation: u32,
) -> Result<Vec<(usize, u64)>, CommitError> {
    let Some(last) = messages.last_mut() else { return Ok(Vec::new()) };
    last.add_flags(ACK);
    let subsystem = (SUBSYSTEM >> 8).to_be_bytes();
    let batch_header = [0, 0, subsystem[0], subsystem[1]];
    let mut begin = Message::new(BATCH_BEGIN, 0).fixed(&batch_header);
    begin.net32(GENERATION, generation);
    let mut wire = Vec::with_capacity(messages.iter().map(Message::len).sum::<usize>() + 64);
    let begin_sequence = socket.next_sequence();
    begin.write(begin_sequence, &mut wire);
    let mut last_sequence = begin_sequence;
    for message in messages.iter_mut() {
        last_sequence = socket.next_sequence();
        message.write(last_sequence, &mut wire);
    }
    Message::new(BATCH_END, 0).fixed(&batch_header).write(socket.next_sequence(), &mut wire);
    socket.send(&wire)?;

    let mut handles = Vec::new();
    let mut refused = None;
    let mut done = false;
    while !done {
        socket.receive(|answer| {
            let offset = answer.sequence.wrapping_sub(begin_sequence);
            if offset > last_sequence.wrapping_sub(begin_sequence) {
                return;
            }
            match answer.kind {
                NEWRULE => {
                    let handle = answer.attributes(FIXED).find_kind(RULE_HANDLE).and_then(net_number64);
                    handles.extend(handle.map(|handle| (offset.wrapping_sub(1) as usize, handle)));
                }
                ERROR => {
                    done |= offset == 0 || answer.sequence == last_sequence;
                    if answer.error() != 0 && refused.is_none() {
                        refused = Some((Errno::from_raw(answer.error()), describe(answer)));
                    }
                }
                _ => {}
            }
        })?;
    }
    match refused {
        None => Ok(handles),
        Some((Errno::ERESTART, _)) => Err(CommitError::Stale),
        Some((error, what)) => Err(CommitError::Refused { what, error }),
    }
}

/// What the refused message, which an error carries back, wanted.
fn describe(error: Received<'_>) -> String {
    let Some(request) = error.payload.get(4..).and_then(|bytes| super::message::received(bytes).next())
    else {
        return "transaction".to_owned();
    };
    let attributes = request.attributes(FIXED);
    let name = |kind| attributes.find_kind(kind).and_then(string).unwrap_or_default();
    match request.kind {
        NEWTABLE => "add the table".to_owned(),
        DELTABLE => "delete the table".to_owned(),
        NEWCHAIN => format!("add chain {}", name(CHAIN_NAME)),
        DELCHAIN => format!("delete chain {}", name(CHAIN_NAME)),
        NEWRULE => format!("add a rule to chain {}", name(RULE_CHAIN)),
        DELRULE => format!("delete from chain {}", name(RULE_CHAIN)),
        NEWSET => format!("add set {}", name(SET_NAME)),
        DELSET => format!("delete set {}", name(SET_NAME)),
        NEWSETELEM => format!("add elements to set {}", name(ELEMENTS_SET)),
        DELSETELEM => format!("delete elements of set {}", name(ELEMENTS_SET)),
        kind => format!("message {kind:#x}"),
    }
}

/// The number of transactions that the namespace's ruleset has seen.
pub(crate) fn generation(socket: &mut Socket) -> io::Result<u32> {
    let request = Message::new(GETGEN, 0).fixed(&HEADER);
    let found = socket.ask(request, || None, |found, answer| *found = parse_generation(answer))?;
    found.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The generation in a notification or an answer.
pub(crate) fn parse_generation(message: Received<'_>) -> Option<u32> {
    (message.kind == NEWGEN)
        .then(|| message.attributes(FIXED).find_kind(GENERATION).and_then(net_number))
        .flatten()
}

const HOOKS: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
const KINDS: [ChainKind; 3] = [ChainKind::Filter, ChainKind::Nat, ChainKind::Route];
/// Kinds that `nft` tells apart; a byte is taken for a protocol and an index for a mark.
const KEY_KINDS: [Kind; 5] = [Kind::Interface, Kind::Mark, Kind::Address, Kind::Protocol, Kind::Port];
/// The parts of [`DataKind::Socket`].
const SOCKET: [Kind; 2] = [Kind::Address, Kind::Port];
const TYPE_BITS: u32 = 6;
const TYPE_MASK: u32 = (1 << TYPE_BITS) - 1;

fn hook_number(hook: Hook) -> u32 {
    match hook {
        Hook::Prerouting => 0,
        Hook::Input => 1,
        Hook::Forward => 2,
        Hook::Output => 3,
        Hook::Postrouting => 4,
    }
}

fn chain_type(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
        ChainKind::Route => "route",
    }
}

/// The number by which `nft` shows a key; the kernel only keeps it.
fn key_type(key: &[Kind]) -> u32 {
    key.iter().fold(0, |types, kind| types << TYPE_BITS | type_number(*kind))
}

fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::Address => 7,
        Kind::Protocol | Kind::Byte => 12,
        Kind::Port => 13,
        Kind::Mark | Kind::Index | Kind::Bits => 19,
        Kind::Interface => 41,
    }
}
