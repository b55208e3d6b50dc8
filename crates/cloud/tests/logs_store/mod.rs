//! An event store in memory, as simple as can be, behind the operations of CloudWatch Logs.
#![allow(dead_code)]

use std::collections::BTreeMap;

use enishi_api::logs::{
    CreateLogGroupRequest, CreateLogStreamRequest, InputLogEvent, PutLogEventsRequest, PutLogEventsResponse,
    ops,
};
use enishi_cloud::logs::event::{Job, Position, Reply, Statistics, StoredEvent, event_bytes};
use enishi_cloud::outside::{Supply, Want};
use enishi_state::Read;
use enishi_wire::{Fault, Operation, Shape};

use super::harness::Harness;

/// A cloud with its events.
pub struct Logs {
    pub h: Harness,
    events: BTreeMap<(Position, u64), (i64, String)>,
    sequence: u64,
    /// How many events a search looks at.
    pub patience: usize,
}

impl Logs {
    pub fn new() -> Self {
        Logs { h: Harness::new(), events: BTreeMap::new(), sequence: 1, patience: usize::MAX }
    }

    /// Runs an operation as the daemon does.
    pub fn run<O: Operation>(&mut self, input: O::Input) -> Result<O::Output, Fault>
    where
        O::Input: Clone,
    {
        let (service, operation) = (O::SERVICE.name, O::NAME);
        if self.h.cloud.is_write(service, operation) {
            return self.h.run::<O>(input);
        }
        let value = input.into_value();
        let want = {
            let read = Read { world: &self.h.world, caller: &self.h.caller, now: self.h.now };
            self.h.cloud.wants(&read, service, operation, &value)?
        };
        let logs = match want {
            Some(Want::Logs(job)) => Some(self.answer(job)),
            _ => None,
        };
        let read = Read { world: &self.h.world, caller: &self.h.caller, now: self.h.now };
        let supply = Supply { logs, ..Supply::default() };
        let output = self.h.cloud.dispatch_read_with(&read, service, operation, value, &supply)?;
        Ok(O::Output::from_value(output).expect("the output fits its shape"))
    }

    #[track_caller]
    pub fn ok<O: Operation>(&mut self, input: O::Input) -> O::Output
    where
        O::Input: Clone,
    {
        self.run::<O>(input).unwrap_or_else(|fault| panic!("{} failed: {fault}", O::NAME))
    }

    #[track_caller]
    pub fn says<O: Operation>(&mut self, input: O::Input, code: &str, message: &str)
    where
        O::Input: Clone,
    {
        match self.run::<O>(input) {
            Ok(_) => panic!("{} succeeded", O::NAME),
            Err(fault) => assert_eq!((fault.code(), fault.message()), (code, message)),
        }
    }

    pub fn group(&mut self, name: &str) {
        self.ok::<ops::CreateLogGroup>(CreateLogGroupRequest {
            log_group_name: name.to_owned(),
            ..Default::default()
        });
    }

    pub fn stream(&mut self, group: &str, name: &str) {
        self.ok::<ops::CreateLogStream>(CreateLogStreamRequest {
            log_group_name: group.to_owned(),
            log_stream_name: name.to_owned(),
        });
    }

    /// Puts events that are so many milliseconds away from now.
    pub fn put(&mut self, group: &str, stream: &str, events: &[(i64, &str)]) -> PutLogEventsResponse {
        let request = self.batch(group, stream, events);
        self.ok::<ops::PutLogEvents>(request)
    }

    pub fn batch(&self, group: &str, stream: &str, events: &[(i64, &str)]) -> PutLogEventsRequest {
        let now = self.h.now.0;
        let event = |(offset, message): &(i64, &str)| InputLogEvent {
            timestamp: now + offset,
            message: (*message).to_owned(),
        };
        PutLogEventsRequest {
            log_group_name: group.to_owned(),
            log_stream_name: stream.to_owned(),
            log_events: events.iter().map(event).collect(),
            ..Default::default()
        }
    }

    fn answer(&mut self, job: Job) -> Reply {
        match job {
            Job::Append(append) => {
                for event in append.events {
                    let position = Position { timestamp: event.timestamp, sequence: self.sequence };
                    self.events.insert((position, append.uid), (self.h.now.0, event.message));
                    self.sequence += 1;
                }
                Reply::Appended(self.sequence)
            }
            Job::Page(page) => {
                let mut events: Vec<_> = self.between(page.start, page.end, &[page.stream]).collect();
                if !page.forward {
                    events.reverse();
                }
                events.truncate(page.limit);
                if !page.forward {
                    events.reverse();
                }
                Reply::Page(events)
            }
            Job::Search(search) => {
                let mut rest = self.between(search.start, search.end, &search.streams).enumerate();
                let mut found = Vec::new();
                for (looked_at, event) in rest.by_ref() {
                    if found.len() == search.limit || looked_at == self.patience {
                        let next = event.position;
                        return Reply::Found(found, Some(next));
                    }
                    if search.pattern.matches(&event.message) {
                        found.push(event);
                    }
                }
                Reply::Found(found, None)
            }
            Job::Statistics(streams) => {
                let mut known: BTreeMap<u64, Statistics> = BTreeMap::new();
                for event in self.between(Position::START, Position::END, &streams) {
                    let timestamp = event.position.timestamp;
                    let fresh = Statistics { first: timestamp, last: timestamp, ..Default::default() };
                    let entry = known.entry(event.stream).or_insert(fresh);
                    entry.last = timestamp;
                    entry.ingested = event.ingested;
                    entry.bytes += event_bytes(&event.message) as u64;
                    entry.events += 1;
                }
                Reply::Statistics(known)
            }
        }
    }

    fn between(
        &self,
        start: Position,
        end: Position,
        streams: &[u64],
    ) -> impl Iterator<Item = StoredEvent> + use<> {
        let is_wanted = |position: &Position, stream: &u64| {
            *position >= start && *position < end && streams.contains(stream)
        };
        let events: Vec<StoredEvent> = self
            .events
            .iter()
            .filter(|((position, stream), _)| is_wanted(position, stream))
            .map(|((position, stream), (ingested, message))| StoredEvent {
                stream: *stream,
                position: *position,
                ingested: *ingested,
                message: message.clone(),
            })
            .collect();
        events.into_iter()
    }
}
