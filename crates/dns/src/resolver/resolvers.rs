//! The resolvers of all VPCs: which one a query is for, what is answered at once, and what has to wait.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use enishi_fabric::dns::{Name, Rdata, RecordType, VpcResolver};
use rand::Rng as _;
use tokio::sync::Semaphore;

use super::bounded::Bounded;
use super::cache::{Known, Question};
use super::chain::{Chain, Knowledge, Progress};
use super::clock::Clock;
use super::config::Config;
use super::entry::Part;
use super::journal::{Journal, Seen};
use super::log::ResolverLog;
use super::private::asker;
use super::recursor::{Failure, Recursor};
use super::template::{Heading, Material, Template};
use super::uplink::Uplinks;
use super::vpc::Vpc;
use crate::authority::Store;
use crate::entropy::Entropy;
use crate::message::header_only;
use crate::rcode::Rcode;
use crate::request::{Reject, Request, parse};
use crate::server::{Arrival, Said};

/// The bit of a query's fourth byte that says that data is not to be checked.
const CHECKING_DISABLED: u8 = 0x10;
const OBSOLETE: [RecordType; 2] = [RecordType::MAILA, RecordType::MAILB];

/// The resolvers of VPCs, with everything that they share.
pub struct Resolvers {
    recursor: Arc<Recursor>,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    journal: Option<Journal>,
    slots: Mutex<HashMap<Arc<str>, Arc<Slot>>>,
    generations: AtomicU64,
    templates: Bounded<Arc<Template>>,
    most_aliases: usize,
    most_waiting: usize,
}

/// The place of one VPC, which may be empty. Sockets hold it, so that no query has to look for its VPC.
#[derive(Debug)]
pub(crate) struct Slot {
    vpc: ArcSwapOption<Vpc>,
    /// Places for queries that have to wait for others: one VPC's clients leave room for those of other VPCs.
    waiting: Arc<Semaphore>,
}

/// What a name stands for in a VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The response code; `SERVFAIL` when no answer can be had.
    pub rcode: Rcode,
    /// The records of the answer in order, with their TTLs in seconds as they were learnt.
    pub records: Vec<(Name, RecordType, u32, Rdata)>,
}

impl Resolvers {
    /// Resolvers without a VPC. Private hosted zones are answered from `store`.
    pub fn new(
        config: Config,
        store: Arc<Store>,
        uplinks: Arc<dyn Uplinks>,
        clock: Arc<dyn Clock>,
        log: Option<Arc<dyn ResolverLog>>,
    ) -> Arc<Self> {
        let limits = &config.limits;
        Arc::new(Resolvers {
            templates: Bounded::new(limits.cache_entries, limits.cache_bytes),
            most_aliases: limits.aliases,
            most_waiting: limits.waiting,
            journal: log.map(|log| Journal::new(log, limits)),
            recursor: Recursor::new(config, uplinks, Arc::clone(&clock)),
            store,
            clock,
            slots: Mutex::default(),
            generations: AtomicU64::new(0),
        })
    }

    /// Adds a VPC's resolver or replaces it. It is in force for every query that is read after this returns.
    pub fn put(&self, vpc: &VpcResolver) {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let compiled = Arc::new(Vpc::compile(vpc, generation));
        self.slot(&vpc.vpc).vpc.store(Some(compiled));
    }

    /// Takes a VPC's resolver away. Its clients are refused.
    pub fn remove(&self, vpc: &str) {
        self.retain(|id| id != vpc);
    }

    /// Takes every VPC's resolver away but those that `keep` names.
    pub fn retain(&self, mut keep: impl FnMut(&str) -> bool) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|id, slot| {
            if keep(id) {
                return true;
            }
            slot.vpc.store(None);
            // Sockets that hold the place find the VPC in it when it comes back.
            Arc::strong_count(slot) > 1
        });
    }

    /// Forgets everything that was learnt from others.
    pub fn flush(&self) {
        self.recursor.flush();
        self.templates.clear();
    }

    /// Resolves a name as a client in the VPC would; nothing when there is no such VPC.
    pub async fn resolve(
        self: &Arc<Self>,
        vpc: &str,
        name: &Name,
        record_type: RecordType,
    ) -> Option<Resolution> {
        let slot = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.get(vpc)?)
        };
        let vpc = slot.vpc.load_full()?;
        let client = IpAddr::from([169, 254, 169, 253]);
        let chain = Chain::new(name.clone(), record_type, self.most_aliases);
        let chain = self.complete(&vpc, client, chain).await;
        let sets = chain.parts().iter().flat_map(|part| &part.entry.sets);
        let records = sets.flat_map(|set| {
            set.records.records().filter_map(|record| {
                let data = Rdata::from_wire(record.data).ok()?;
                Some((set.owner.clone(), set.record_type, set.records.ttl(), data))
            })
        });
        Some(Resolution { rcode: chain.rcode(), records: records.collect() })
    }

    /// The place of a VPC, made if need be.
    pub(crate) fn slot(&self, vpc: &Arc<str>) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(Arc::clone(vpc)).or_insert_with(|| {
            let waiting = Arc::new(Semaphore::new(self.most_waiting));
            Arc::new(Slot { vpc: ArcSwapOption::empty(), waiting })
        });
        Arc::clone(slot)
    }

    /// Answers a query into `out`, or says who will.
    pub(crate) fn respond(
        self: &Arc<Self>,
        slot: &Slot,
        endpoint: Option<&Arc<str>>,
        query: &[u8],
        arrival: &Arrival,
        entropy: &mut Entropy,
        out: &mut Vec<u8>,
    ) -> Said {
        let request = match parse(query) {
            Ok(request) => request,
            Err(Reject::Ignore) => return Said::Nothing,
            Err(Reject::Refuse(rcode)) => {
                header_only(query, rcode, out);
                return Said::Answer;
            }
        };
        let heading = heading(query, &request, arrival);
        let vpc = slot.vpc.load();
        let admitted = match vpc.as_ref() {
            None => Err(Rcode::Refused),
            Some(vpc) => admit(&request).map(|()| vpc),
        };
        let vpc = match admitted {
            Ok(vpc) => vpc,
            Err(rcode) => {
                heading.write_empty(rcode, out);
                return Said::Answer;
            }
        };
        let (now, turn) = (self.clock.elapsed(), entropy.below(u32::MAX));
        let version = Version { generation: vpc.generation, epoch: self.recursor.epoch() };
        let key = TemplateKey::new(version, &request);
        let kept = request.recursion_desired.then(|| self.templates.get(key.bytes())).flatten();
        let kept = kept.filter(|kept| kept.is_fresh(now));
        let seen = self.note(vpc, endpoint, arrival);
        if let Some(template) = kept {
            template.write(&heading, now, turn, out);
            self.log(&seen, &request, &template, out, now);
            return Said::Answer;
        }
        let Ok(name) = Name::from_wire(request.name) else {
            heading.write_empty(Rcode::FormatError, out);
            return Said::Answer;
        };
        let mut chain = Chain::new(name, request.record_type, self.most_aliases);
        let missing = self.advance(vpc, arrival.client.ip(), &mut chain, entropy, now);
        if !request.recursion_desired && !chain.is_only_local() {
            // Whoever wants no recursion is told what the VPC has of its own, not what others asked for before.
            heading.write_empty(Rcode::Refused, out);
            return Said::Answer;
        }
        if missing {
            let Ok(place) = Arc::clone(&slot.waiting).try_acquire_owned() else { return Said::Nothing };
            let (resolvers, query, arrival) = (Arc::clone(self), query.to_vec(), *arrival);
            let finished = resolvers.finish(Arc::clone(vpc), version, chain, query, arrival, seen);
            return Said::Later(Box::pin(async move {
                let _place = place;
                finished.await
            }));
        }
        let template = self.render(version, &request, &chain, now);
        self.deliver(&template, &heading, turn, now, out);
        if let Some(template) = &template {
            self.log(&seen, &request, template, out, now);
        }
        Said::Answer
    }

    /// Goes on with an answer as far as caches tell; says whether something has to be asked.
    fn advance(
        &self,
        vpc: &Vpc,
        client: IpAddr,
        chain: &mut Chain,
        entropy: &mut Entropy,
        now: Duration,
    ) -> bool {
        self.step(vpc, client, chain, entropy, now, |question| {
            match self.recursor.cache.look_up(question, now) {
                Known::Part(part) => Some(Ok(part)),
                Known::Failed => Some(Err(Failure::NoAnswer)),
                Known::Missing => None,
            }
        })
        .is_some()
    }

    /// Goes on with an answer with what `known` knows, and returns the first question that it does not.
    fn step(
        &self,
        vpc: &Vpc,
        client: IpAddr,
        chain: &mut Chain,
        entropy: &mut Entropy,
        now: Duration,
        known: impl Fn(&Question) -> Option<Result<Part, Failure>>,
    ) -> Option<Question> {
        let authority = self.store.borrow();
        let asker = asker(client, &vpc.region);
        let mut knowledge = Knowledge { vpc, authority: &authority, asker: &asker, entropy, now };
        loop {
            match chain.advance(&mut knowledge) {
                Progress::Done => return None,
                Progress::Ask(question) => match known(&question) {
                    Some(answer) => chain.supply(answer),
                    None => return Some(question),
                },
            }
        }
    }

    /// Completes an answer, whatever has to be asked for it.
    async fn complete(self: &Arc<Self>, vpc: &Vpc, client: IpAddr, mut chain: Chain) -> Chain {
        let mut entropy = Entropy::seeded(rand::rng().next_u64());
        while let Some(question) =
            self.step(vpc, client, &mut chain, &mut entropy, self.clock.elapsed(), |_| None)
        {
            chain.supply(self.recursor.resolve(&question).await);
        }
        chain
    }

    async fn finish(
        self: Arc<Self>,
        vpc: Arc<Vpc>,
        version: Version,
        chain: Chain,
        query: Vec<u8>,
        arrival: Arrival,
        seen: Option<Seen>,
    ) -> Option<Vec<u8>> {
        let chain = self.complete(&vpc, arrival.client.ip(), chain).await;
        let request = parse(&query).ok()?;
        let now = self.clock.elapsed();
        let template = self.render(version, &request, &chain, now);
        let mut out = Vec::with_capacity(512);
        let turn = rand::rng().next_u32();
        self.deliver(&template, &heading(&query, &request, &arrival), turn, now, &mut out);
        if let Some(template) = &template {
            self.log(&seen, &request, template, &out, now);
        }
        Some(out)
    }

    /// Renders an answer, and keeps it if others get the same.
    fn render(
        &self,
        version: Version,
        request: &Request<'_>,
        chain: &Chain,
        now: Duration,
    ) -> Option<Arc<Template>> {
        let name = request.name.to_ascii_lowercase();
        let material = Material::of(chain.parts());
        let template = Template::render(&name, request.record_type, chain.rcode(), &material, now)?;
        let template = Arc::new(template);
        if chain.is_keepable() && template.is_fresh(now) {
            let key = TemplateKey::new(version, request);
            self.templates.put(key.bytes(), Arc::clone(&template), template.bytes());
        }
        Some(template)
    }

    fn deliver(
        &self,
        template: &Option<Arc<Template>>,
        heading: &Heading<'_>,
        turn: u32,
        now: Duration,
        out: &mut Vec<u8>,
    ) {
        match template {
            Some(template) => template.write(heading, now, turn, out),
            // An answer larger than a message can be.
            None => heading.write_empty(Rcode::ServerFailure, out),
        }
    }

    /// What has to be remembered of a query that will be logged.
    fn note(&self, vpc: &Arc<Vpc>, endpoint: Option<&Arc<str>>, arrival: &Arrival) -> Option<Seen> {
        if vpc.logs.is_empty() || self.journal.is_none() {
            return None;
        }
        let time: SystemTime = self.clock.wall();
        Some(Seen { vpc: Arc::clone(vpc), endpoint: endpoint.cloned(), arrival: *arrival, time })
    }

    fn log(
        &self,
        seen: &Option<Seen>,
        request: &Request<'_>,
        template: &Template,
        answer: &[u8],
        now: Duration,
    ) {
        if let (Some(journal), Some(seen)) = (&self.journal, seen) {
            journal.record(seen, request, template, answer, now);
        }
    }
}

/// An answer that is made later: the message, or nothing.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send>>;

fn heading<'q>(query: &[u8], request: &'q Request<'q>, arrival: &Arrival) -> Heading<'q> {
    let checking_disabled = query.get(3).is_some_and(|flags| flags & CHECKING_DISABLED != 0);
    Heading { request, checking_disabled, transport: arrival.transport }
}

/// Whether a well-formed query is one that a resolver resolves.
fn admit(request: &Request<'_>) -> Result<(), Rcode> {
    if request.edns.is_some_and(|edns| edns.version != 0) {
        return Err(Rcode::BadVersion);
    }
    match request.record_type {
        RecordType::AXFR | RecordType::IXFR => return Err(Rcode::Refused),
        RecordType::OPT | RecordType(0 | 249 | 250) => return Err(Rcode::FormatError),
        obsolete if OBSOLETE.contains(&obsolete) => return Err(Rcode::NotImplemented),
        _ => {}
    }
    if !request.class_is_internet() {
        return Err(Rcode::Refused);
    }
    Ok(())
}

/// What an answer was made from: a state of a VPC, and what was learnt since everything was forgotten last.
#[derive(Debug, Clone, Copy)]
struct Version {
    generation: u64,
    epoch: u64,
}

/// A key on the stack: one is made for every query.
struct TemplateKey {
    bytes: [u8; TemplateKey::NAME + 255],
    length: usize,
}

impl TemplateKey {
    /// Where the name is.
    const NAME: usize = 18;

    fn new(version: Version, request: &Request<'_>) -> Self {
        let mut key = TemplateKey { bytes: [0; Self::NAME + 255], length: Self::NAME + request.name.len() };
        let (generation, epoch) = (version.generation.to_be_bytes(), version.epoch.to_be_bytes());
        let record_type = request.record_type.0.to_be_bytes();
        let fields =
            [(0, &generation[..]), (8, &epoch[..]), (16, &record_type[..]), (Self::NAME, request.name)];
        for (start, field) in fields {
            if let Some(place) = key.bytes.get_mut(start..start + field.len()) {
                place.copy_from_slice(field);
            }
        }
        if let Some(name) = key.bytes.get_mut(Self::NAME..) {
            name.make_ascii_lowercase();
        }
        key
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
