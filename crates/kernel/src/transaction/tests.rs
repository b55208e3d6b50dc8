//! Against a real namespace each: what the kernel holds afterwards is what was meant.

use enishi_fabric::{Cidr, InterfaceName, PortRange};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::SockProtocol;
use proptest::prelude::*;

use super::*;
use crate::netstate::{Clause, Field, Kind, MarkSource, NatAddress, RejectWith, Value, Verdict};
use crate::observe;

/// A socket in a namespace of its own, which ends with the socket.
fn socket() -> Socket {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        Socket::open(SockProtocol::NetlinkNetFilter, 0).unwrap()
    };
    std::thread::spawn(make).join().unwrap()
}

/// The table of a namespace as a backend knows it.
struct Held {
    socket: Socket,
    handles: Handles,
    state: Option<Table>,
    announced: AtomicU32,
}

impl Held {
    fn new() -> Self {
        Held { socket: socket(), handles: Handles::default(), state: None, announced: AtomicU32::new(0) }
    }

    /// Applies the difference, then reads back; what was learned of handles must be what the kernel has.
    fn apply(&mut self, new: &Table) -> Result<(), CommitError> {
        let old = self.state.as_ref().map(|table| (table, &self.handles));
        let transaction = Transaction::between(old, Some(new)).unwrap();
        let generation = nftables::generation(&mut self.socket)?;
        transaction.commit(&mut self.socket, &mut self.handles, generation, &self.announced)?;
        let (table, handles) = observe::filter(&mut self.socket, Some(new))?.unwrap();
        let same_ranges = |(name, set): (&Arc<str>, &Arc<Set>)| {
            let read = &table.sets[name];
            if set.interval { read.ranges() == set.ranges() } else { read == set }
        };
        assert!(new.sets.iter().all(same_ranges), "{new}{table}");
        assert_eq!((&table.chains, table.sets.len()), (&new.chains, new.sets.len()));
        assert_eq!(handles, self.handles);
        self.state = Some(new.clone());
        Ok(())
    }
}

fn name(text: &str) -> InterfaceName {
    InterfaceName::new(text).unwrap()
}

fn chain(base: Option<BaseChain>, rules: Vec<Rule>) -> Arc<Chain> {
    Arc::new(Chain { base, rules })
}

fn base(hook: Hook, kind: ChainKind, priority: i32) -> Option<BaseChain> {
    Some(BaseChain { hook, kind, priority, accept: true })
}

/// A table that uses every clause, every kind of set and every kind of data.
fn everything() -> Table {
    let rule = |clauses: Vec<Clause>| Rule::new("test", clauses);
    let block = |text: &str| Value::Network(text.parse().unwrap());
    let accept = || Clause::Then(Verdict::Accept);
    let key = || vec![Field::Input, Field::Source];
    let forward = vec![
        rule(vec![Clause::Is(Field::Input, Value::Interface(name("e1"))), accept()]),
        rule(vec![Clause::Not(Field::Output, Value::Interface(name("fifteen-letters"))), Clause::Count]),
        rule(vec![Clause::Is(Field::Source, block("10.0.0.0/8")), accept()]),
        rule(vec![Clause::Is(Field::Source, block("10.16.0.0/13")), accept()]),
        rule(vec![Clause::Not(Field::Destination, block("192.168.7.0/24")), accept()]),
        rule(vec![Clause::Is(Field::Destination, Value::Address([10, 0, 0, 7].into())), accept()]),
        rule(vec![
            Clause::Is(Field::Protocol, Value::Protocol(6)),
            Clause::Is(Field::DestinationPort, Value::Ports(PortRange::new(1000, 2000).unwrap())),
            Clause::Not(Field::SourcePort, Value::Port(53)),
            Clause::Masked(Field::TcpFlags, 0x12, 0x02),
            Clause::Reject(RejectWith::TcpReset),
        ]),
        rule(vec![
            Clause::Is(Field::Protocol, Value::Protocol(1)),
            Clause::Is(Field::IcmpType, Value::Byte(8)),
            Clause::Is(Field::IcmpCode, Value::Byte(0)),
            Clause::Reject(RejectWith::Prohibited),
        ]),
        rule(vec![Clause::AnyBit(Field::TrackState, Field::ESTABLISHED | Field::RELATED), accept()]),
        rule(vec![Clause::AnyBit(Field::TrackStatus, Field::DESTINATION_TRANSLATED), accept()]),
        rule(vec![Clause::Is(Field::TrackDirection, Value::Byte(1)), accept()]),
        rule(vec![Clause::Masked(Field::TrackMark, 3, 2), accept()]),
        rule(vec![Clause::SetTrackMark(MarkSource::Computed(Field::Mark, 0xff, 0x100))]),
        rule(vec![Clause::SetMark(MarkSource::Computed(Field::TrackMark, u32::MAX, 0))]),
        rule(vec![Clause::SetMark(MarkSource::Value(7))]),
        rule(vec![Clause::SetMark(MarkSource::Map(vec![Field::Input], "marks".into()))]),
        rule(vec![Clause::In(key(), "members".into()), Clause::Then(Verdict::Goto("other".into()))]),
        rule(vec![Clause::NotIn(vec![Field::Source], "blocks".into()), Clause::Then(Verdict::Drop)]),
        rule(vec![Clause::In(vec![Field::Mark, Field::Output], "pairs".into()), accept()]),
        rule(vec![
            Clause::Is(Field::Protocol, Value::Protocol(17)),
            Clause::In(vec![Field::DestinationPort], "ports".into()),
        ]),
        rule(vec![Clause::Look(vec![Field::Input], "verdicts".into())]),
    ];
    let address = |last: u8| Data::Address([10, 0, 0, last].into());
    let nat = vec![
        rule(vec![Clause::DestinationNat(NatAddress::Map(vec![Field::Destination], "private".into()), None)]),
        rule(vec![
            Clause::Is(Field::Protocol, Value::Protocol(6)),
            Clause::DestinationNat(NatAddress::Fixed([10, 0, 0, 9].into()), Some(80)),
        ]),
    ];
    let out = vec![
        rule(vec![Clause::SourceNat(
            NatAddress::Fixed([10, 0, 0, 9].into()),
            PortRange::new(1024, 65535).ok(),
        )]),
        rule(vec![Clause::SourceNat(NatAddress::Spread(key(), 2, "several".into()), None)]),
    ];
    let chains = [
        ("raw", chain(base(Hook::Prerouting, ChainKind::Filter, -300), vec![rule(vec![Clause::NoTrack])])),
        ("forward", chain(base(Hook::Forward, ChainKind::Filter, 0), forward)),
        ("nat", chain(base(Hook::Prerouting, ChainKind::Nat, -100), nat)),
        ("out", chain(base(Hook::Postrouting, ChainKind::Nat, 100), out)),
        ("local", chain(base(Hook::Output, ChainKind::Route, -150), vec![])),
        ("other", chain(None, vec![rule(vec![Clause::Then(Verdict::Return)])])),
    ];
    let interface = |text: &str| Value::Interface(name(text));
    let sets = [
        (
            "members",
            Set::of([Kind::Interface, Kind::Address]).with([
                (vec![interface("e1"), Value::Address([10, 0, 0, 1].into())], Data::Member),
                (vec![interface("fifteen-letters"), Value::Address([10, 0, 0, 2].into())], Data::Member),
            ]),
        ),
        (
            "pairs",
            Set::of([Kind::Mark, Kind::Interface])
                .with([(vec![Value::Mark(0x102), interface("e1")], Data::Member)]),
        ),
        ("ports", Set::of([Kind::Port]).with([(vec![Value::Port(53)], Data::Member)])),
        (
            "blocks",
            Set::networks(
                ["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "224.0.0.0/3"]
                    .map(|b| b.parse::<Cidr>().unwrap()),
            ),
        ),
        ("marks", Set::map([Kind::Interface], DataKind::Mark).with([(vec![interface("e1")], Data::Mark(5))])),
        (
            "private",
            Set::map([Kind::Address], DataKind::Address)
                .with([(vec![Value::Address([198, 18, 0, 1].into())], address(1))]),
        ),
        (
            "several",
            Set::map([Kind::Index], DataKind::Address)
                .with([(vec![Value::Index(0)], address(1)), (vec![Value::Index(1)], address(2))]),
        ),
        (
            "verdicts",
            Set::map([Kind::Interface], DataKind::Verdict).with([
                (vec![interface("e1")], Data::Verdict(Verdict::Jump("other".into()))),
                (vec![interface("e2")], Data::Verdict(Verdict::Accept)),
                (vec![interface("e3")], Data::Verdict(Verdict::Drop)),
            ]),
        ),
    ];
    Table {
        chains: chains.into_iter().map(|(name, chain)| (name.into(), chain)).collect(),
        sets: sets.into_iter().map(|(name, set)| (name.into(), Arc::new(set))).collect(),
    }
}

#[test]
fn the_kernel_takes_everything_and_gives_it_back() {
    let mut held = Held::new();
    held.apply(&everything()).unwrap();
    held.apply(&Table::default()).unwrap();
    held.apply(&everything()).unwrap();
}

#[test]
fn a_set_that_changes_its_type_or_a_chain_its_hook_makes_the_table_anew() {
    let mut held = Held::new();
    let old = everything();
    held.apply(&old).unwrap();
    let mut new = old.clone();
    new.chains.insert("local".into(), chain(base(Hook::Output, ChainKind::Filter, -10), vec![]));
    held.apply(&new).unwrap();
    let mut new = old.clone();
    new.sets.insert("ports".into(), Arc::new(Set::of([Kind::Protocol])));
    new.chains.insert("forward".into(), chain(base(Hook::Forward, ChainKind::Filter, 0), vec![]));
    held.apply(&new).unwrap();
    held.apply(&old).unwrap();
}

#[test]
fn somebody_elses_transaction_makes_ours_stale() {
    let mut held = Held::new();
    held.apply(&everything()).unwrap();
    let stale = nftables::generation(&mut held.socket).unwrap().wrapping_sub(1);
    let transaction = Transaction::replacement(&everything()).unwrap();
    let result = transaction.commit(&mut held.socket, &mut held.handles, stale, &held.announced);
    assert!(matches!(result, Err(CommitError::Stale)), "{result:?}");
    // Nothing happened.
    held.apply(&everything()).unwrap();
}

#[test]
fn what_the_kernel_refuses_is_named_and_changes_nothing() {
    let mut held = Held::new();
    held.apply(&everything()).unwrap();
    let mut looping = everything();
    looping.chains.insert(
        "other".into(),
        chain(None, vec![Rule::new("loop", [Clause::Then(Verdict::Jump("other".into()))])]),
    );
    let old = held.state.as_ref().map(|table| (table, &held.handles));
    let transaction = Transaction::between(old, Some(&looping)).unwrap();
    let generation = nftables::generation(&mut held.socket).unwrap();
    let result = transaction.commit(&mut held.socket, &mut held.handles, generation, &held.announced);
    let Err(CommitError::Refused { what, .. }) = result else { panic!("{result:?}") };
    assert_eq!(what, "add a rule to chain other");
    held.apply(&everything()).unwrap();
}

#[test]
fn nonsense_is_refused_before_the_kernel_sees_it() {
    let with = |clause: Clause| {
        let mut table = everything();
        table.chains.insert("other".into(), chain(None, vec![Rule::new("", [clause])]));
        Transaction::replacement(&table).map(|_| ())
    };
    let mismatch = |result| matches!(result, Err(TableError::Mismatch { .. }));
    assert!(mismatch(with(Clause::Is(Field::Input, Value::Port(1)))));
    assert!(
        mismatch(with(Clause::In(vec![Field::Source, Field::Input], "members".into()))),
        "the wrong order"
    );
    assert!(mismatch(with(Clause::In(vec![Field::Input], "verdicts".into()))), "a map is no set");
    assert!(mismatch(with(Clause::SetMark(MarkSource::Computed(Field::Mark, 3, 1)))));
    assert!(matches!(
        with(Clause::Look(vec![Field::Input], "nowhere".into())),
        Err(TableError::NoSet { .. })
    ));
    assert!(matches!(with(Clause::Then(Verdict::Jump("nowhere".into()))), Err(TableError::NoChain { .. })));
    let mut table = everything();
    table.sets.insert(
        "ports".into(),
        Arc::new(Set::of([Kind::Port]).with([(vec![Value::Protocol(6)], Data::Member)])),
    );
    assert!(matches!(Transaction::replacement(&table), Err(TableError::Element { .. })));
}

#[test]
fn what_does_not_fit_the_send_buffer_goes_in_parts() {
    let many = |n: u32| {
        let mut table = everything();
        let rules = (0..n).map(|n| Rule::new(format!("rule {n}"), [Clause::SetMark(MarkSource::Value(n))]));
        table.chains.insert("many".into(), chain(None, rules.collect()));
        table
    };
    let mut held = Held::new();
    held.socket.limit_sending(8 * 1024);
    for count in [200, 400, 10, 300] {
        held.apply(&many(count)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Any order of any rules, and any blocks and members, from any other.
    #[test]
    fn applying_a_difference_gives_the_new_state(
        states in prop::collection::vec((
            prop::collection::vec(0u8..9, 0..9),
            prop::collection::btree_set((0u8..4, 6u8..=10), 0..6),
            prop::collection::btree_map(0u8..9, 0u32..3, 0..6),
        ), 2..5)
    ) {
        let mut held = Held::new();
        for (picks, blocks, marks) in states {
            let mut table = everything();
            table.chains.insert("other".into(), chain(None, rules(&picks)));
            let blocks = blocks.into_iter().map(|(n, prefix)| Cidr::containing([n * 64, 0, 0, 0].into(), prefix).unwrap());
            table.sets.insert("blocks".into(), Arc::new(Set::networks(blocks)));
            let marks = marks.into_iter().map(|(n, mark)| (vec![Value::Interface(name(&format!("e{n}")))], Data::Mark(mark)));
            table.sets.insert("marks".into(), Arc::new(Set::map([Kind::Interface], DataKind::Mark).with(marks)));
            if !picks.contains(&0) {
                table.sets.insert(format!("set-{}", picks.len()).into(), Arc::new(Set::of([Kind::Port])));
            }
            held.apply(&table).unwrap();
        }
    }
}

fn rules(names: &[u8]) -> Vec<Rule> {
    names.iter().map(|n| Rule::new(format!("r{n}"), [Clause::Then(Verdict::Accept)])).collect()
}

#[test]
fn one_rule_in_the_middle_keeps_all_others() {
    let (old, new) = (rules(&[1, 2, 3, 4]), rules(&[1, 2, 9, 3, 4]));
    assert_eq!(kept(&old, &new), [Some(0), Some(1), None, Some(2), Some(3)]);
    assert_eq!(kept(&new, &old), [Some(0), Some(1), Some(3), Some(4)]);
}

#[test]
fn a_rule_that_moves_is_the_only_one_made_anew() {
    let (old, new) = (rules(&[1, 2, 3, 4, 5]), rules(&[5, 1, 2, 3, 4]));
    assert_eq!(kept(&old, &new), [None, Some(0), Some(1), Some(2), Some(3)]);
}

proptest! {
    #[test]
    fn kept_rules_are_equal_and_in_order(old in prop::collection::vec(0u8..6, 0..12), new in prop::collection::vec(0u8..6, 0..12)) {
        let (old, new) = (rules(&old), rules(&new));
        let kept = kept(&old, &new);
        prop_assert_eq!(kept.len(), new.len());
        let mut last = None;
        for (rule, place) in new.iter().zip(kept) {
            if let Some(place) = place {
                prop_assert_eq!(rule, &old[place]);
                prop_assert!(last < Some(place));
                last = Some(place);
            }
        }
    }
}
