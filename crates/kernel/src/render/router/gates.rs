//! The two gates: the sender's groups let a packet out, the receiver's let it in. Between them nothing is shared.

use std::sync::Arc;

use enishi_fabric::TrafficMatch;
use enishi_fabric::program::{Eni, Gate, GroupRule, Peer, SecurityGroup};

use super::{Builder, REPLY, balancers, behind, jump, member, traffic, within};
use crate::netstate::{
    ChainKind, Clause, Data, DataKind, Field, Hook, Kind, MarkSource, Rule, Set, Value, Verdict,
};

/// One of the two gates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Egress,
    Ingress,
}

const SIDES: [Side; 2] = [Side::Egress, Side::Ingress];

/// Whether the same chains of two versions of a group exist: each direction's rules that are open to everywhere have one.
pub(super) fn same_everywhere(old: &SecurityGroup, new: &SecurityGroup) -> bool {
    let open = |group, side: Side| side.rules(group).iter().any(may_be_untracked);
    SIDES.iter().all(|side| open(old, *side) == open(new, *side))
}

impl Side {
    /// The chain of the stage.
    fn stage(self) -> &'static str {
        match self {
            Side::Egress => "egress",
            Side::Ingress => "ingress",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Side::Egress => "out",
            Side::Ingress => "in",
        }
    }

    /// The interface whose groups judge.
    fn own(self) -> Field {
        match self {
            Side::Egress => Field::Input,
            Side::Ingress => Field::Output,
        }
    }

    /// The interface and the address of the other end.
    fn peer(self) -> [Field; 2] {
        match self {
            Side::Egress => [Field::Output, Field::Destination],
            Side::Ingress => [Field::Input, Field::Source],
        }
    }

    /// The bit of the connection mark that says that a flow admitted here is untracked at this end.
    fn untracked_bit(self) -> u32 {
        match self {
            Side::Egress => 1,
            Side::Ingress => 2,
        }
    }

    fn rules(self, group: &SecurityGroup) -> &[GroupRule] {
        match self {
            Side::Egress => &group.egress,
            Side::Ingress => &group.ingress,
        }
    }

    /// Whether TCP and UDP flows that a rule admits here from everywhere stay untracked at this ENI.
    fn leaves_untracked(self, eni: &Eni) -> (bool, bool) {
        match self {
            Side::Egress => (eni.untracked.egress_tcp, eni.untracked.egress_udp),
            Side::Ingress => (eni.untracked.ingress_tcp, eni.untracked.ingress_udp),
        }
    }

    fn other(self) -> Side {
        match self {
            Side::Egress => Side::Ingress,
            Side::Ingress => Side::Egress,
        }
    }
}

const BOTH_BITS: u32 = 3;
const ORIGINAL: u8 = 0;
const TCP: u8 = 6;
const UDP: u8 = 17;

impl Builder<'_> {
    pub(super) fn gates(&mut self) {
        let router = self.router;
        self.relays();
        for (id, group) in &router.groups {
            self.group(id, group);
        }
        for side in SIDES {
            self.gate(side);
            self.everywhere(side);
        }
    }

    /// A group's members, and its rules in both directions.
    pub(super) fn group(&mut self, id: &str, group: &SecurityGroup) {
        let members = group.members.iter().map(|(name, address)| (behind(name, *address), Data::Member));
        self.set(&format!("{id}-members"), Set::of([Kind::Interface, Kind::Address]).with(members));
        for side in SIDES {
            let rules = side.rules(group);
            let accepted = rules.iter().flat_map(|rule| self.group_rules(rule, side));
            let accepted = accepted.collect();
            self.chain(format!("{id}-{}", side.suffix()), accepted);
            let everywhere = Verdict::Goto(format!("everywhere-{}", side.suffix()).into());
            let open = rules.iter().filter(|rule| may_be_untracked(rule));
            let open: Vec<_> = open.map(|rule| group_rule(rule, side, everywhere.clone())).collect();
            if !open.is_empty() {
                self.chain(format!("{id}-{}-everywhere", side.suffix()), open);
            }
        }
    }

    /// A rule of a group; a second one if its peer is a group with load balancers among its members, behind which every
    /// address is a member.
    fn group_rules(&self, rule: &GroupRule, side: Side) -> impl Iterator<Item = Rule> {
        let relays = match &rule.peer {
            Peer::Group(id) if self.sets.contains_key(&*relays(id)) => {
                Some(Clause::In(vec![side.peer()[0]], relays(id).into()))
            }
            _ => None,
        };
        let relayed = relays.map(|relays| {
            let mut clauses = traffic(rule.traffic);
            clauses.extend([relays, Clause::Then(Verdict::Accept)]);
            Rule::new(rule.origin.to_string(), clauses)
        });
        std::iter::once(group_rule(rule, side, Verdict::Accept)).chain(relayed)
    }

    /// For each group with load balancers among its members, their interfaces.
    fn relays(&mut self) {
        let router = self.router;
        for id in router.groups.keys() {
            let interfaces = balancers(router).filter(|(_, eni, _)| eni.relays_for(id));
            let interfaces = interfaces.map(|(name, ..)| member(Value::Interface(name.clone())));
            let set = Set::of([Kind::Interface]).with(interfaces);
            if !set.elements.is_empty() {
                self.set(&relays(id), set);
            }
        }
    }

    fn gate(&mut self, side: Side) {
        let router = self.router;
        let mut verdicts = Set::map([Kind::Interface], DataKind::Verdict);
        for (name, eni) in &router.enis {
            let verdict = match &eni.gate {
                Gate::Open => Data::Verdict(Verdict::Accept),
                Gate::Groups(groups) => {
                    let chain = format!("{name}-{}", side.suffix());
                    self.chain(chain.clone(), self.eni_rules(eni, groups, side));
                    jump(chain)
                }
            };
            verdicts.elements.insert(vec![Value::Interface(name.clone())], verdict);
        }
        let peerings = router.peerings.keys().map(|name| vec![Value::Interface(name.clone())]);
        verdicts.elements.extend(peerings.map(|key| (key, Data::Verdict(Verdict::Accept))));
        let map = format!("eni-{}", side.suffix());
        self.set(&map, verdicts);

        let judge: Arc<str> = format!("{}-groups", side.stage()).into();
        let mut rules = vec![Rule::new("", [Clause::Look(vec![side.own()], map.into())])];
        if let Some(port) = &router.internet {
            rules.push(Rule::new(
                port.origin.to_string(),
                [
                    Clause::Is(side.own(), Value::Interface(port.interface.clone())),
                    Clause::Then(Verdict::Accept),
                ],
            ));
        }
        self.chain(judge.to_string(), rules);
        let priority = if side == Side::Egress { -20 } else { -10 };
        self.base(side.stage(), Hook::Forward, ChainKind::Filter, priority, false, tracked(side, &judge));
    }

    /// The groups of an ENI. If it may leave flows untracked, first the rules that are open to everywhere: any of them
    /// makes a flow untracked, even if a narrower one admits it too.
    fn eni_rules(&self, eni: &Eni, groups: &[Arc<str>], side: Side) -> Vec<Rule> {
        let origin: Arc<str> = eni.origin.to_string().into();
        let open = |id: &&Arc<str>| {
            let rules = self.router.groups.get(*id).map(|group| side.rules(group)).unwrap_or_default();
            side.leaves_untracked(eni) != (false, false) && rules.iter().any(may_be_untracked)
        };
        let open = groups.iter().filter(open).map(|id| {
            let chain = format!("{id}-{}-everywhere", side.suffix()).into();
            let new = Clause::AnyBit(Field::TrackState, Field::NEW);
            Rule::new(origin.clone(), [new, Clause::Then(Verdict::Jump(chain))])
        });
        let all = groups.iter().map(|id| {
            let chain = format!("{id}-{}", side.suffix()).into();
            Rule::new(origin.clone(), [Clause::Then(Verdict::Jump(chain))])
        });
        open.chain(all).collect()
    }

    /// Where a rule that admits from everywhere leads: the flow's first packet says whether this end tracks it.
    fn everywhere(&mut self, side: Side) {
        let mut untracked = Set::of([Kind::Interface, Kind::Protocol]);
        for (name, eni) in &self.router.enis {
            let (tcp, udp) = side.leaves_untracked(eni);
            let protocols = [(tcp, TCP), (udp, UDP)];
            untracked.elements.extend(protocols.into_iter().filter(|(is, _)| *is).map(|(_, protocol)| {
                (vec![Value::Interface(name.clone()), Value::Protocol(protocol)], Data::Member)
            }));
        }
        let set: Arc<str> = format!("untracked-{}", side.suffix()).into();
        self.set(&set, untracked);
        let bit = side.untracked_bit();
        let rules = vec![
            Rule::new(
                "untracked connections",
                [
                    Clause::In(vec![side.own(), Field::Protocol], set),
                    Clause::SetTrackMark(MarkSource::Computed(Field::TrackMark, !bit, bit)),
                ],
            ),
            Rule::new("untracked connections", [Clause::Then(Verdict::Accept)]),
        ];
        self.chain(format!("everywhere-{}", side.suffix()), rules);
    }
}

/// What passes a gate unjudged: packets of a flow that this gate's end tracks. In a flow's first direction that is the end
/// of the same side, in the other direction the other side's. Everything else goes to the chain `judge`.
fn tracked(side: Side, judge: &Arc<str>) -> Vec<Rule> {
    let state = |bits| Clause::AnyBit(Field::TrackState, bits);
    let accept = || Clause::Then(Verdict::Accept);
    let own_end = |direction: u8, side: Side| {
        Rule::new(
            "tracked at this end",
            [
                state(Field::ESTABLISHED),
                Clause::Is(Field::TrackDirection, Value::Byte(direction)),
                Clause::Masked(Field::TrackMark, side.untracked_bit(), 0),
                accept(),
            ],
        )
    };
    let marked = |bits| Clause::Masked(Field::TrackMark, BOTH_BITS, bits);
    let judged = || Clause::Then(Verdict::Goto(judge.clone()));
    vec![
        Rule::new("tracked at both ends", [marked(0), state(Field::ESTABLISHED | Field::RELATED), accept()]),
        Rule::new("related", [state(Field::RELATED), accept()]),
        Rule::new("tracked at neither end", [marked(BOTH_BITS), judged()]),
        own_end(ORIGINAL, side),
        own_end(REPLY, side.other()),
        Rule::new("", [judged()]),
    ]
}

fn group_rule(rule: &GroupRule, side: Side, verdict: Verdict) -> Rule {
    let mut clauses = traffic(rule.traffic);
    match &rule.peer {
        Peer::Cidr(block) => clauses.extend(within(side.peer()[1], *block)),
        Peer::Group(id) => clauses.push(Clause::In(side.peer().to_vec(), format!("{id}-members").into())),
    }
    clauses.push(Clause::Then(verdict));
    Rule::new(rule.origin.to_string(), clauses)
}

/// The set of interfaces behind which every address is a member of the group.
fn relays(group: &str) -> String {
    format!("{group}-relays")
}

fn may_be_untracked(rule: &GroupRule) -> bool {
    rule.is_everywhere()
        && matches!(rule.traffic, TrafficMatch::All | TrafficMatch::Tcp(_) | TrafficMatch::Udp(_))
}
