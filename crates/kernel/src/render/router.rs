//! A VPC's router. Each stage of the packet's way is one base chain, so that a stage's `accept` only ends that stage: an
//! egress rule can never admit what the receiver's groups do not.
//!
//! | chain | hook, priority | stage |
//! |---|---|---|
//! | `source-check` | prerouting -300 | source check; peering, in; the mark of the subnet, by which the route is chosen |
//! | `balancers` | prerouting -150 | return: flows that a load balancer sends on are marked, their answers go back to it |
//! | `igw-in` | prerouting -100, nat | internet gateway, in |
//! | `acl` | forward -30 | return: answers that go back to a load balancer get the mark of their subnet again; network ACLs: out of the source subnet, into the target subnet |
//! | `egress` | forward -20 | tracked? the sender's groups |
//! | `ingress` | forward -10 | tracked? the receiver's groups |
//! | `deliver` | forward 0 | destination check; internet gateway, out: a source that no public address stands for is dropped |
//! | `igw-out` | postrouting 100, nat | internet gateway, out |
//! | `igw-mapped` | postrouting 150 | internet gateway, out: what was not translated is dropped |
//!
//! What most packets are comes first in each chain, and is known by one look-up: the sender's own address behind its interface
//! (`sources`), two ENIs of one subnet (`same-subnet`), the receiver's own address (`addresses`).
//!
//! The filter fails closed: the addresses of ENIs are in a table of their own, which only packets that `source-check` has
//! marked, and the router itself, look up. Somebody who flushes the ruleset stops the traffic instead of letting all of it
//! through, also while no daemon is there to bring the rules back.
//!
//! Two bits of the connection mark say which end of a flow is untracked, as classified by its first packet: bit 0 the
//! sender's, bit 1 the receiver's. Packets of an untracked end are judged one by one by that end's groups. Bits 9 to 31 are
//! the return mark of the load balancer that sent the flow on: an answer takes them as its own mark instead of its subnet's
//! until its way is chosen.

mod gates;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::{self, Eni, InternetPort, NamespaceProgram, NetworkAcl, ReturnMark, Router};
use enishi_fabric::{Cidr, InterfaceName};

use super::{add_address, add_next_hop, add_route, behind, forwards, loopback, member, set, traffic, within};
use crate::netstate::{
    BaseChain, Chain, ChainKind, Clause, Data, DataKind, Field, Hook, Kind, MAIN_TABLE, MarkSource,
    NatAddress, Network, PolicyRule, RouteKey, RouteTarget, Rule, Set, Table, Value, Verdict,
};

/// The direction of answers.
const REPLY: u8 = 1;
/// Destination unreachable (fragmentation needed among them), time exceeded, parameter problem.
const ICMP_ERRORS: [u8; 3] = [3, 11, 12];
/// The part of a packet's mark that says which subnet it came from.
const SUBNET_MASK: u32 = 0xff;
/// The part of a packet's mark that says that it went through `source-check`.
const CHECKED: u32 = 0x100;
/// Policy rules of subnets, by their mark: asked before the table of ENIs.
const SUBNET_PRIORITY: u32 = 1000;
/// The table that knows the ENIs' addresses.
const ENI_TABLE: u32 = 200;
/// The policy rules that lead to it: for checked packets, and for the router's own.
const ENI_PRIORITY: u32 = 2000;
/// The part of a packet's and of a connection's mark that says which load balancer answers go back to.
const RETURN_MASK: u32 = !0 << RETURN_SHIFT;
const RETURN_SHIFT: u32 = 9;
/// The tables that lead to load balancers, by return mark, and the policy rules that lead to those.
const RETURN_TABLES: u32 = 0x4000_0000;
const RETURN_PRIORITY: u32 = 3000;

pub(super) fn render(namespace: &NamespaceProgram, router: &Router, state: &mut Network) {
    // The router's own errors come back through a NAT gateway; what else has its source, `source-check` drops.
    set(state, "ipv4/conf/all/accept_local", 1);
    // "Untracked connections" and "idle timeout" in the EC2 guide.
    set(state, "netfilter/nf_conntrack_tcp_timeout_established", 432_000);
    set(state, "netfilter/nf_conntrack_udp_timeout", 30);
    set(state, "netfilter/nf_conntrack_udp_timeout_stream", 180);
    // AWS does not check sequence numbers.
    set(state, "netfilter/nf_conntrack_tcp_be_liberal", 1);
    forwards(state);
    addresses(namespace, router, state);
    routes(router, state);
}

fn addresses(namespace: &NamespaceProgram, router: &Router, state: &mut Network) {
    for service in &router.services {
        add_address(state, &loopback(), *service, 32);
    }
    for (name, eni) in &router.enis {
        for address in &eni.addresses {
            add_next_hop(state, name, namespace.interfaces.get(name), *address);
        }
    }
    for (name, port) in &router.peerings {
        add_next_hop(state, name, namespace.interfaces.get(name), port.next_hop);
    }
    if let Some(port) = &router.internet {
        add_next_hop(state, &port.interface, namespace.interfaces.get(&port.interface), port.next_hop);
    }
}

/// A subnet's table ends a lookup inside the VPC with `throw`; the table of ENIs alone knows their addresses. So a route
/// more specific than local can lead to an appliance.
fn routes(router: &Router, state: &mut Network) {
    for (id, table) in &router.tables {
        for (destination, route) in &table.routes {
            state.routes.insert(RouteKey::new(id.0, *destination), target(router, &route.target));
        }
    }
    for (name, eni) in &router.enis {
        for address in &eni.addresses {
            add_route(state, RouteKey::new(ENI_TABLE, Cidr::host(*address)), name, None, None);
        }
    }
    for (name, eni, mark) in balancers(router) {
        let table = RETURN_TABLES + mark.number();
        let via = eni.addresses.first().copied();
        add_route(state, RouteKey::new(table, Cidr::EVERYWHERE), name, via, None);
        state.rules.insert(PolicyRule {
            priority: RETURN_PRIORITY,
            mark: Some((return_bits(mark), RETURN_MASK)),
            source: None,
            input: None,
            table,
        });
    }
    let to_enis =
        |priority, mark, input| PolicyRule { priority, mark, source: None, input, table: ENI_TABLE };
    state.rules.insert(to_enis(ENI_PRIORITY, Some((CHECKED, CHECKED)), None));
    state.rules.insert(to_enis(ENI_PRIORITY + 1, None, Some(loopback())));
    state.routes.insert(RouteKey::new(MAIN_TABLE, Cidr::EVERYWHERE), RouteTarget::Blackhole);
    for (mark, subnet) in &router.subnets {
        let mark = u32::from(mark.0);
        state.rules.insert(PolicyRule {
            priority: SUBNET_PRIORITY + mark,
            mark: Some((mark, SUBNET_MASK)),
            source: None,
            input: None,
            table: subnet.table.0,
        });
    }
}

/// The ENIs of load balancers that answers go back to.
fn balancers(router: &Router) -> impl Iterator<Item = (&InterfaceName, &Eni, ReturnMark)> {
    router.enis.iter().filter_map(|(name, eni)| Some((name, eni, eni.returns?)))
}

fn return_bits(mark: ReturnMark) -> u32 {
    mark.number() << RETURN_SHIFT
}

/// The load balancer that the answers of a connection with this mark go back to.
pub(super) fn returns(mark: u32) -> Option<ReturnMark> {
    ReturnMark::new(mark >> RETURN_SHIFT).ok()
}

/// A target that does not exist is a blackhole, as AWS shows it.
fn target(router: &Router, target: &program::RouteTarget) -> RouteTarget {
    let out = |interface: &InterfaceName, via| RouteTarget::Unicast {
        interface: interface.clone(),
        via: Some(via),
        source: None,
    };
    match target {
        program::RouteTarget::Local => RouteTarget::Throw,
        program::RouteTarget::Eni { interface, via, .. } if router.enis.contains_key(interface) => {
            out(interface, *via)
        }
        program::RouteTarget::Peering(name) => {
            router.peerings.get(name).map_or(RouteTarget::Blackhole, |port| out(name, port.next_hop))
        }
        program::RouteTarget::Internet => router
            .internet
            .as_ref()
            .map_or(RouteTarget::Blackhole, |port| out(&port.interface, port.next_hop)),
        program::RouteTarget::Eni { .. } | program::RouteTarget::Blackhole => RouteTarget::Blackhole,
    }
}

/// The nftables table as it grows.
struct Builder<'a> {
    router: &'a Router,
    chains: BTreeMap<Arc<str>, Arc<Chain>>,
    sets: BTreeMap<Arc<str>, Arc<Set>>,
}

/// The nftables table of a router.
pub(super) fn table(router: &Router) -> Table {
    let mut builder = Builder { router, chains: BTreeMap::new(), sets: BTreeMap::new() };
    builder.source_check();
    builder.balancers();
    builder.acls();
    builder.gates();
    builder.deliver();
    if let Some(port) = &router.internet {
        builder.internet(port);
    }
    Table { chains: builder.chains, sets: builder.sets }
}

/// Whether two routers have the same groups and ACLs by name, and differ at most in what these say.
pub(super) fn differs_in_rules_only(old: &Router, new: &Router) -> bool {
    old.groups.keys().eq(new.groups.keys())
        && old.acls.keys().eq(new.acls.keys())
        && old.groups.iter().zip(&new.groups).all(|((_, old), (_, new))| gates::same_everywhere(old, new))
        && (&old.enis, &old.subnets, &old.tables, &old.services)
            == (&new.enis, &new.subnets, &new.tables, &new.services)
        && (&old.internet, &old.peerings) == (&new.internet, &new.peerings)
}

/// The table of `new`, given that of a router that [`differs_in_rules_only`].
pub(super) fn update(old: &Router, table: &Table, new: &Router) -> Table {
    let mut builder = Builder { router: new, chains: table.chains.clone(), sets: table.sets.clone() };
    for (id, acl) in new.acls.iter().filter(|(id, acl)| old.acls.get(*id) != Some(acl)) {
        builder.acl(id, acl);
    }
    for (id, group) in new.groups.iter().filter(|(id, group)| old.groups.get(*id) != Some(group)) {
        builder.group(id, group);
    }
    Table { chains: builder.chains, sets: builder.sets }
}

impl Builder<'_> {
    fn source_check(&mut self) {
        let router = self.router;
        let owned = router.enis.iter().flat_map(|(name, eni)| {
            eni.addresses.iter().map(|address| (behind(name, *address), Data::Member))
        });
        self.set("addresses", Set::of([Kind::Interface, Kind::Address]).with(owned));
        let checked = router.enis.iter().filter(|(_, eni)| eni.source_dest_check);
        let checked = checked.map(|(name, _)| member(Value::Interface(name.clone())));
        self.set("checked", Set::of([Kind::Interface]).with(checked));
        let sources = router.enis.iter().flat_map(|(name, eni)| {
            let mark = mark(eni.subnet);
            eni.addresses.iter().map(move |address| (behind(name, *address), Data::Mark(mark)))
        });
        let sources = Set::map([Kind::Interface, Kind::Address], DataKind::Mark).with(sources);
        self.set("sources", sources);
        let marks = router.enis.iter().map(|(name, eni)| (name, mark(eni.subnet)));
        let gateway = router.internet.iter().map(|port| &port.interface);
        let marks = marks.chain(gateway.chain(router.peerings.keys()).map(|name| (name, CHECKED)));
        let marks = marks.map(|(name, mark)| (vec![Value::Interface(name.clone())], Data::Mark(mark)));
        self.set("subnets", Set::map([Kind::Interface], DataKind::Mark).with(marks));

        let services = router.services.iter().map(|address| member(Value::Address(*address)));
        self.set("services", Set::of([Kind::Address]).with(services));

        let own = MarkSource::Map(vec![Field::Input, Field::Source], "sources".into());
        let mut rules = vec![
            Rule::new("the sender's own address", [Clause::SetMark(own), Clause::Then(Verdict::Accept)]),
            Rule::new(
                "source check",
                [Clause::In(vec![Field::Input], "checked".into()), Clause::Then(Verdict::Drop)],
            ),
            Rule::new(
                "source is the router's",
                [
                    Clause::In(vec![Field::Source], "services".into()),
                    Clause::Then(Verdict::Jump("own-source".into())),
                ],
            ),
        ];
        self.own_source();
        if let Some(port) = &router.internet {
            let origin = port.origin.to_string();
            rules.push(Rule::new(
                origin,
                [
                    Clause::Is(Field::Input, Value::Interface(port.interface.clone())),
                    Clause::NotIn(vec![Field::Destination], "igw-public".into()),
                    Clause::Then(Verdict::Drop),
                ],
            ));
        }
        rules.extend(self.peerings());
        let mark = MarkSource::Map(vec![Field::Input], "subnets".into());
        rules.push(Rule::new("subnet of the sender", [Clause::SetMark(mark)]));
        self.base("source-check", Hook::Prerouting, ChainKind::Filter, -300, true, rules);
    }

    /// The router's own addresses are forged as a source, but for its ICMP errors: what it tells a NAT gateway or another
    /// middlebox (fragmentation needed, time exceeded) is passed on to whom it concerns, under the same source.
    fn own_source(&mut self) {
        let errors = ICMP_ERRORS.map(|kind| member(Value::Byte(kind)));
        self.set("icmp-errors", Set::of([Kind::Byte]).with(errors));
        let internet = self.router.internet.iter();
        let mut passed_on: Vec<_> = internet
            .map(|port| Clause::Not(Field::Input, Value::Interface(port.interface.clone())))
            .collect();
        passed_on.extend([
            Clause::Is(Field::Protocol, Value::Protocol(1)),
            Clause::In(vec![Field::IcmpType], "icmp-errors".into()),
            Clause::Then(Verdict::Return),
        ]);
        let own = [Clause::Is(Field::Input, Value::Interface(loopback())), Clause::Then(Verdict::Return)];
        let rules = vec![
            Rule::new("the router's own", own),
            Rule::new("the router's error, passed on", passed_on),
            Rule::new("source is the router's", [Clause::Then(Verdict::Drop)]),
        ];
        self.chain("own-source".to_owned(), rules);
    }

    /// What comes from a peered VPC: one chain for each peering, which returns what it carries.
    fn peerings(&mut self) -> Option<Rule> {
        let router = self.router;
        if router.peerings.is_empty() {
            return None;
        }
        let mut chains = Set::map([Kind::Interface], DataKind::Verdict);
        for (name, port) in &router.peerings {
            let origin = port.origin.to_string();
            let service =
                [Clause::In(vec![Field::Destination], "services".into()), Clause::Then(Verdict::Drop)];
            let carried = port.cidrs.iter().map(|cidr| {
                let source = within(Field::Source, *cidr).into_iter();
                let clauses: Vec<_> = source.chain([Clause::Then(Verdict::Return)]).collect();
                Rule::new(origin.clone(), clauses)
            });
            let others = Rule::new(origin.clone(), [Clause::Then(Verdict::Drop)]);
            let rules = [Rule::new(origin.clone(), service)].into_iter().chain(carried).chain([others]);
            let chain = format!("{name}-in");
            self.chain(chain.clone(), rules.collect());
            chains.elements.insert(vec![Value::Interface(name.clone())], jump(chain));
        }
        self.set("peerings", chains);
        Some(Rule::new("from peered VPCs", [Clause::Look(vec![Field::Input], "peerings".into())]))
    }

    /// A load balancer that keeps its clients' addresses sends flows on from an ENI that does not own their source. What
    /// answers them would go to the client, or to the internet; its connection's mark leads it back.
    fn balancers(&mut self) {
        let marks = balancers(self.router)
            .map(|(name, _, mark)| (vec![Value::Interface(name.clone())], Data::Mark(return_bits(mark))));
        let marks = Set::map([Kind::Interface], DataKind::Mark).with(marks);
        if marks.elements.is_empty() {
            return;
        }
        self.set("balancers", marks);
        let answers = vec![
            Rule::new(
                "sent on by a load balancer",
                [
                    Clause::Masked(Field::TrackStatus, Field::CONFIRMED, 0),
                    Clause::NotIn(vec![Field::Input, Field::Source], "addresses".into()),
                    Clause::SetTrackMark(MarkSource::Map(vec![Field::Input], "balancers".into())),
                ],
            ),
            Rule::new(
                "back to the load balancer",
                [
                    Clause::AnyBit(Field::TrackMark, RETURN_MASK),
                    Clause::Is(Field::TrackDirection, Value::Byte(REPLY)),
                    Clause::SetMark(MarkSource::Computed(Field::TrackMark, RETURN_MASK, 0)),
                ],
            ),
        ];
        self.base("balancers", Hook::Prerouting, ChainKind::Filter, -150, true, answers);
    }

    /// The way is chosen: an answer that goes back to a load balancer has the mark of its subnet again.
    fn balanced(&self) -> Option<Rule> {
        balancers(self.router).next()?;
        let subnet = MarkSource::Map(vec![Field::Input], "subnets".into());
        let back = [Clause::AnyBit(Field::Mark, RETURN_MASK), Clause::SetMark(subnet)];
        Some(Rule::new("subnet of the sender", back))
    }

    fn acls(&mut self) {
        let router = self.router;
        let inside = router.enis.iter().map(|(name, eni)| {
            (vec![Value::Mark(mark(eni.subnet)), Value::Interface(name.clone())], Data::Member)
        });
        self.set("same-subnet", Set::of([Kind::Mark, Kind::Interface]).with(inside));
        let out = router
            .subnets
            .iter()
            .map(|(id, subnet)| (vec![Value::Mark(mark(*id))], jump(format!("{}-out", subnet.acl))));
        self.set("acl-out", Set::map([Kind::Mark], DataKind::Verdict).with(out));
        let into = router.enis.iter().filter_map(|(name, eni)| {
            let subnet = router.subnets.get(&eni.subnet)?;
            Some((vec![Value::Interface(name.clone())], jump(format!("{}-in", subnet.acl))))
        });
        self.set("acl-in", Set::map([Kind::Interface], DataKind::Verdict).with(into));
        let judged = [
            Rule::new(
                "inside one subnet",
                [
                    Clause::In(vec![Field::Mark, Field::Output], "same-subnet".into()),
                    Clause::Then(Verdict::Accept),
                ],
            ),
            Rule::new("", [Clause::Look(vec![Field::Mark], "acl-out".into())]),
            Rule::new("", [Clause::Look(vec![Field::Output], "acl-in".into())]),
        ];
        let rules = self.balanced().into_iter().chain(judged).collect();
        self.base("acl", Hook::Forward, ChainKind::Filter, -30, true, rules);
        for (id, acl) in &router.acls {
            self.acl(id, acl);
        }
    }

    fn acl(&mut self, id: &str, acl: &NetworkAcl) {
        self.chain(format!("{id}-in"), acl_rules(acl, Field::Source));
        self.chain(format!("{id}-out"), acl_rules(acl, Field::Destination));
    }

    fn deliver(&mut self) {
        // Before translation: afterwards a public address that somebody sends as his own could not be told from his.
        let gateway = self.router.internet.as_ref().map(|port| {
            let out = Clause::Is(Field::Output, Value::Interface(port.interface.clone()));
            Rule::new(port.origin.to_string(), [out, Clause::Then(Verdict::Goto("igw-private".into()))])
        });
        let own = Clause::In(vec![Field::Output, Field::Destination], "addresses".into());
        let checked = Clause::In(vec![Field::Output], "checked".into());
        let rules = gateway.into_iter().chain([
            Rule::new("the receiver's own address", [own, Clause::Then(Verdict::Accept)]),
            Rule::new("destination check", [checked, Clause::Then(Verdict::Drop)]),
        ]);
        self.base("deliver", Hook::Forward, ChainKind::Filter, 0, true, rules.collect());
    }

    fn internet(&mut self, port: &InternetPort) {
        let map = |pairs: Vec<(Ipv4Addr, Ipv4Addr)>| {
            let elements =
                pairs.into_iter().map(|(from, to)| (vec![Value::Address(from)], Data::Address(to)));
            Set::map([Kind::Address], DataKind::Address).with(elements)
        };
        let mappings = &port.mappings;
        let public = mappings.values().map(|public| member(Value::Address(public.address)));
        self.set("igw-public", Set::of([Kind::Address]).with(public));
        let private = mappings.keys().map(|private| member(Value::Address(*private)));
        self.set("igw-private", Set::of([Kind::Address]).with(private));
        let to_private = map(mappings.iter().map(|(private, public)| (public.address, *private)).collect());
        self.set("igw-to-private", to_private);
        self.set(
            "igw-to-public",
            map(mappings.iter().map(|(private, public)| (*private, public.address)).collect()),
        );

        let origin = port.origin.to_string();
        let interface = || Value::Interface(port.interface.clone());
        let to_private = NatAddress::Map(vec![Field::Destination], "igw-to-private".into());
        let clauses = [Clause::Is(Field::Input, interface()), Clause::DestinationNat(to_private, None)];
        let rules = vec![Rule::new(origin.clone(), clauses)];
        self.base("igw-in", Hook::Prerouting, ChainKind::Nat, -100, true, rules);
        let private_only =
            [Clause::NotIn(vec![Field::Source], "igw-private".into()), Clause::Then(Verdict::Drop)];
        self.chain("igw-private".to_owned(), vec![Rule::new(origin.clone(), private_only)]);
        let to_public = NatAddress::Map(vec![Field::Source], "igw-to-public".into());
        let clauses = [Clause::Is(Field::Output, interface()), Clause::SourceNat(to_public, None)];
        self.base(
            "igw-out",
            Hook::Postrouting,
            ChainKind::Nat,
            100,
            true,
            vec![Rule::new(origin.clone(), clauses)],
        );
        let mapped_only = [
            Clause::Is(Field::Output, interface()),
            Clause::NotIn(vec![Field::Source], "igw-public".into()),
            Clause::Then(Verdict::Drop),
        ];
        self.base(
            "igw-mapped",
            Hook::Postrouting,
            ChainKind::Filter,
            150,
            true,
            vec![Rule::new(origin, mapped_only)],
        );
    }

    fn base(
        &mut self,
        name: &str,
        hook: Hook,
        kind: ChainKind,
        priority: i32,
        accept: bool,
        rules: Vec<Rule>,
    ) {
        let base = Some(BaseChain { hook, kind, priority, accept });
        self.chains.insert(name.into(), Arc::new(Chain { base, rules }));
    }

    fn chain(&mut self, name: String, rules: Vec<Rule>) {
        self.chains.insert(name.into(), Arc::new(Chain { base: None, rules }));
    }

    fn set(&mut self, name: &str, set: Set) {
        self.sets.insert(name.into(), Arc::new(set));
    }
}

/// One direction of an ACL: what is allowed returns to the next stage, what is left at the end is denied.
fn acl_rules(acl: &NetworkAcl, peer: Field) -> Vec<Rule> {
    let listed = if peer == Field::Source { &acl.inbound } else { &acl.outbound };
    let mut rules: Vec<_> = listed
        .iter()
        .map(|rule| {
            let mut clauses = traffic(rule.traffic);
            clauses.extend(within(peer, rule.cidr));
            clauses.push(Clause::Then(if rule.allow { Verdict::Return } else { Verdict::Drop }));
            Rule::new(rule.origin.to_string(), clauses)
        })
        .collect();
    rules.push(Rule::new(format!("{} *", acl.origin), [Clause::Then(Verdict::Drop)]));
    rules
}

/// The mark of a packet from a subnet.
fn mark(subnet: program::Mark) -> u32 {
    CHECKED | u32::from(subnet.0)
}

fn jump(chain: String) -> Data {
    Data::Verdict(Verdict::Jump(chain.into()))
}
