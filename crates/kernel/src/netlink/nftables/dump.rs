//! Reads the table back.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use super::{
    CHAIN_HOOK, CHAIN_NAME, CHAIN_POLICY, CHAIN_TABLE, CHAIN_TYPE, COUNTER_BYTES, COUNTER_PACKETS,
    DATA_VALUE, DATA_VERDICT, ELEMENT_DATA, ELEMENT_FLAGS, ELEMENT_INTERVAL_END, ELEMENT_KEY, ELEMENTS,
    ELEMENTS_SET, ELEMENTS_TABLE, EXPRESSION_DATA, EXPRESSION_NAME, Element, FIXED, Fingerprint, GETCHAIN,
    GETRULE, GETSET, GETSETELEM, GETTABLE, HEADER, HOOK_NUMBER, HOOK_PRIORITY, HOOKS, IP, KEY_KINDS, KINDS,
    NEWTABLE, RULE_CHAIN, RULE_EXPRESSIONS, RULE_HANDLE, RULE_TABLE, RULE_USERDATA, SET_DATA_TYPE, SET_FLAGS,
    SET_IS_ANONYMOUS, SET_IS_INTERVAL, SET_IS_MAP, SET_KEY_TYPE, SET_NAME, SET_TABLE, SOCKET, TABLE,
    TABLE_NAME, TYPE_BITS, TYPE_MASK, USERDATA_FINGERPRINT, VERDICT_CHAIN, VERDICT_CODE, VERDICT_TYPE,
    chain_type, hook_number, key_type, message, type_number,
};
use crate::lower;
use crate::netlink::message::{Attributes, Message, Received, net_number, net_number64, number, string};
use crate::netlink::socket::Socket;
use crate::netstate::{BaseChain, Data, DataKind, Kind, Set, Verdict};

/// A rule as dumped: its chain, its handle, and its fingerprint if we made it.
#[derive(Debug)]
pub(crate) struct DumpedRule {
    pub(crate) chain: Arc<str>,
    pub(crate) handle: u64,
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// Whether the table exists.
pub(crate) fn dump_table(socket: &mut Socket) -> io::Result<bool> {
    let request = Message::new(GETTABLE, 0).fixed(&HEADER);
    socket.dump(
        request,
        || false,
        |found, message| {
            *found |= message.kind == NEWTABLE && named(message, TABLE_NAME);
        },
    )
}

/// All chains of the table. A base chain of a kind that we never make yields no base.
pub(crate) fn dump_chains(socket: &mut Socket) -> io::Result<Vec<(Arc<str>, Option<BaseChain>)>> {
    let request = Message::new(GETCHAIN, 0).fixed(&HEADER);
    socket.dump(request, Vec::new, |chains, message| {
        let attributes = message.attributes(FIXED);
        if let (true, Some(name)) =
            (named(message, CHAIN_TABLE), attributes.find_kind(CHAIN_NAME).and_then(string))
        {
            chains.push((name.into(), parse_base(attributes)));
        }
    })
}

/// All rules of the table, in order within each chain.
pub(crate) fn dump_rules(socket: &mut Socket) -> io::Result<Vec<DumpedRule>> {
    let mut last: Arc<str> = "".into();
    socket.dump(message(GETRULE, 0, RULE_TABLE), Vec::new, move |rules, message| {
        if let (true, Some(rule)) = (named(message, RULE_TABLE), parse_rule(message, &mut last)) {
            rules.push(rule);
        }
    })
}

/// The counters of the table's rules, in order: chain, packets, bytes.
pub(crate) fn dump_counters(socket: &mut Socket) -> io::Result<Vec<(Arc<str>, u64, u64)>> {
    socket.dump(message(GETRULE, 0, RULE_TABLE), Vec::new, |counters, message| {
        if named(message, RULE_TABLE) {
            let attributes = message.attributes(FIXED);
            let chain: Option<Arc<str>> = attributes.find_kind(RULE_CHAIN).and_then(string).map(Into::into);
            let expressions = Attributes(attributes.find_kind(RULE_EXPRESSIONS).unwrap_or_default());
            let found = expressions.filter_map(|(_, expression)| parse_counter(Attributes(expression)));
            counters.extend(found.filter_map(|(packets, bytes)| Some((chain.clone()?, packets, bytes))));
        }
    })
}

fn parse_counter(expression: Attributes<'_>) -> Option<(u64, u64)> {
    (expression.find_kind(EXPRESSION_NAME).and_then(string) == Some("counter")).then_some(())?;
    let data = Attributes(expression.find_kind(EXPRESSION_DATA)?);
    let number = |kind| data.find_kind(kind).and_then(net_number64);
    Some((number(COUNTER_PACKETS)?, number(COUNTER_BYTES)?))
}

/// All named sets of the table, without their elements. A set of a shape that we never make yields none.
pub(crate) fn dump_sets(socket: &mut Socket) -> io::Result<Vec<(Arc<str>, Option<Set>)>> {
    socket.dump(message(GETSET, 0, SET_TABLE), Vec::new, |sets, message| {
        let attributes = message.attributes(FIXED);
        let flags = attributes.find_kind(SET_FLAGS).and_then(net_number).unwrap_or(0);
        if flags & SET_IS_ANONYMOUS != 0 || !named(message, SET_TABLE) {
            return;
        }
        if let Some(name) = attributes.find_kind(SET_NAME).and_then(string) {
            sets.push((name.into(), parse_set(attributes, flags)));
        }
    })
}

/// The elements of a set of this shape; those that do not parse are left out, so that they count as missing.
pub(crate) fn dump_elements(socket: &mut Socket, name: &str, shape: &Set) -> io::Result<Set> {
    let mut request = message(GETSETELEM, 0, ELEMENTS_TABLE);
    request.text(ELEMENTS_SET, name);
    let elements = socket.dump(request, Vec::new, |elements, message| {
        let list = message.attributes(FIXED).find_kind(ELEMENTS).unwrap_or_default();
        elements
            .extend(Attributes(list).filter_map(|(_, element)| parse_element(Attributes(element), shape)));
    })?;
    let mut set = Set { elements: Default::default(), ..shape.clone() };
    if set.interval {
        set.elements = lower::blocks(elements.iter().filter_map(|element| {
            let address = Ipv4Addr::from(<[u8; 4]>::try_from(element.key.as_slice()).ok()?);
            Some((address, element.interval_end))
        }));
    } else {
        for element in elements {
            if let Some(key) = lower::parse_key(&element.key, &set.key) {
                set.elements.insert(key, element.data);
            }
        }
    }
    Ok(set)
}

fn named(message: Received<'_>, attribute: u16) -> bool {
    message.payload.first() == Some(&IP)
        && message.attributes(FIXED).find_kind(attribute).and_then(string) == Some(TABLE)
}

fn parse_base(attributes: Attributes<'_>) -> Option<BaseChain> {
    let hook = Attributes(attributes.find_kind(CHAIN_HOOK)?);
    Some(BaseChain {
        hook: HOOKS
            .iter()
            .copied()
            .find(|h| Some(hook_number(*h)) == hook.find_kind(HOOK_NUMBER).and_then(net_number))?,
        kind: KINDS
            .iter()
            .copied()
            .find(|kind| Some(chain_type(*kind)) == attributes.find_kind(CHAIN_TYPE).and_then(string))?,
        priority: hook.find_kind(HOOK_PRIORITY).and_then(net_number)?.cast_signed(),
        accept: attributes.find_kind(CHAIN_POLICY).and_then(net_number) == Some(1),
    })
}

fn parse_rule(message: Received<'_>, last: &mut Arc<str>) -> Option<DumpedRule> {
    let attributes = message.attributes(FIXED);
    let chain = string(attributes.find_kind(RULE_CHAIN)?)?;
    if **last != *chain {
        *last = chain.into();
    }
    let mut data = attributes.find_kind(RULE_USERDATA).unwrap_or_default();
    let mut fingerprint = None;
    while let [kind, length, rest @ ..] = data {
        let (value, rest) = rest.split_at_checked(usize::from(*length)).unwrap_or_default();
        if let (USERDATA_FINGERPRINT, Ok(bytes)) = (*kind, value.try_into()) {
            fingerprint = Some(Fingerprint(u64::from_ne_bytes(bytes)));
        }
        data = rest;
    }
    let handle = net_number64(attributes.find_kind(RULE_HANDLE)?)?;
    Some(DumpedRule { chain: last.clone(), handle, fingerprint })
}

fn parse_set(attributes: Attributes<'_>, flags: u32) -> Option<Set> {
    let mut types = attributes.find_kind(SET_KEY_TYPE).and_then(net_number)?;
    let mut key = Vec::new();
    while types != 0 {
        key.insert(0, KEY_KINDS.iter().copied().find(|kind| type_number(*kind) == types & TYPE_MASK)?);
        types >>= TYPE_BITS;
    }
    let data = if flags & SET_IS_MAP == 0 {
        DataKind::Member
    } else {
        match attributes.find_kind(SET_DATA_TYPE).and_then(net_number)? {
            VERDICT_TYPE => DataKind::Verdict,
            number if number == type_number(Kind::Mark) => DataKind::Mark,
            number if number == type_number(Kind::Address) => DataKind::Address,
            number if number == key_type(&SOCKET) => DataKind::Socket,
            _ => return None,
        }
    };
    let known = SET_IS_INTERVAL | SET_IS_MAP;
    (flags & !known == 0).then(|| Set { interval: flags & SET_IS_INTERVAL != 0, ..Set::map(key, data) })
}

fn parse_element(element: Attributes<'_>, shape: &Set) -> Option<Element> {
    let key = Attributes(element.find_kind(ELEMENT_KEY)?).find_kind(DATA_VALUE)?.to_vec();
    let data = element.find_kind(ELEMENT_DATA).map(Attributes);
    let value = || data.and_then(|data| data.find_kind(DATA_VALUE));
    let data = match shape.data {
        DataKind::Member => Data::Member,
        DataKind::Mark => Data::Mark(number(value()?, 0)?),
        DataKind::Address => Data::Address(Ipv4Addr::from(<[u8; 4]>::try_from(value()?).ok()?)),
        DataKind::Socket => {
            let [a, b, c, d, high, low, ..] = *<&[u8; 8]>::try_from(value()?).ok()?;
            Data::Socket(SocketAddrV4::new([a, b, c, d].into(), u16::from_be_bytes([high, low])))
        }
        DataKind::Verdict => {
            let verdict = Attributes(data?.find_kind(DATA_VERDICT)?);
            let chain = || Some(verdict.find_kind(VERDICT_CHAIN).and_then(string)?.into());
            Data::Verdict(match verdict.find_kind(VERDICT_CODE).and_then(net_number)?.cast_signed() {
                0 => Verdict::Drop,
                1 => Verdict::Accept,
                -3 => Verdict::Jump(chain()?),
                -4 => Verdict::Goto(chain()?),
                -5 => Verdict::Return,
                _ => return None,
            })
        }
    };
    let flags = element.find_kind(ELEMENT_FLAGS).and_then(net_number).unwrap_or(0);
    Some(Element { key, data, interval_end: flags & ELEMENT_INTERVAL_END != 0 })
}

/// Whether a set read back can be the set that is wanted: bytes and indexes come back as protocols and marks.
pub(crate) fn same_shape_in_kernel(read: &Set, wanted: &Set) -> bool {
    read.data == wanted.data
        && read.interval == wanted.interval
        && key_type(&read.key) == key_type(&wanted.key)
}
