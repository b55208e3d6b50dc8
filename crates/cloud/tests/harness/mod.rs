//! A cloud to drive with typed requests: a world, a caller, a clock and an entropy that give the same run every time.
#![allow(dead_code)]

use enishi_cloud::Cloud;
use enishi_state::{AccountId, Caller, Commit, Delta, Entropy, Read, Region, Scope, Timestamp, Tx, World};
use enishi_wire::{Fault, Operation, Shape, Value};

/// 2026-01-02T03:04:05Z
const START: Timestamp = Timestamp(1_767_323_045_000);

/// A world and who calls.
pub struct Harness {
    /// The world as it is after the last successful operation.
    pub world: World,
    /// What was touched since somebody took it.
    pub delta: Delta,
    /// Who calls.
    pub caller: Caller,
    /// The time of the next request.
    pub now: Timestamp,
    /// Where ids come from.
    pub entropy: Counting,
    /// What is driven.
    pub cloud: Cloud,
}

/// Entropy that counts: different every time, the same in every run.
#[derive(Debug, Default)]
pub struct Counting(u64);

impl Counting {
    /// Another run for every seed.
    pub fn seeded(seed: u64) -> Self {
        Counting(seed << 32)
    }
}

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64, so that ids differ in all their digits.
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let random = (z ^ (z >> 31)).to_be_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

/// Account and region of a caller.
pub fn caller(account: &str, region: &str) -> Caller {
    let account = AccountId::new(account).expect("12 digits");
    let region = Region::new(region).expect("a region name");
    Caller { scope: Scope { account, region }, access_key: None, session_arn: None }
}

impl Harness {
    /// An empty world, called from account 123456789012 in us-east-1, whose defaults are there.
    pub fn new() -> Self {
        let mut harness = Harness {
            world: World::default(),
            delta: Delta::default(),
            caller: caller("123456789012", "us-east-1"),
            now: START,
            entropy: Counting::default(),
            cloud: Cloud::new(),
        };
        harness.ensure_defaults();
        harness
    }

    /// The same world seen by another account or from another region.
    pub fn act_as(&mut self, account: &str, region: &str) {
        self.caller = caller(account, region);
        self.ensure_defaults();
    }

    fn ensure_defaults(&mut self) {
        if self.cloud.needs_defaults(&self.world, &self.caller.scope) {
            let mut tx = Tx::new(&self.world, &self.caller, self.now, &mut self.entropy);
            self.cloud.ensure_defaults(&mut tx);
            let commit = tx.commit().expect("defaults keep the invariants");
            self.accept(commit);
        }
    }

    /// Runs an operation as the daemon does: commits when it succeeds, drops the transaction when it does not.
    pub fn run<O: Operation>(&mut self, input: O::Input) -> Result<O::Output, Fault> {
        let value = self.run_value(O::SERVICE.name, O::NAME, input.into_value())?;
        Ok(O::Output::from_value(value).expect("the output fits its shape"))
    }

    /// The same with untyped values.
    pub fn run_value(&mut self, service: &str, operation: &str, input: Value) -> Result<Value, Fault> {
        if !self.cloud.is_write(service, operation) {
            let read = Read { world: &self.world, caller: &self.caller, now: self.now };
            return self.cloud.dispatch_read(&read, service, operation, input);
        }
        let mut tx = Tx::new(&self.world, &self.caller, self.now, &mut self.entropy);
        let output = self.cloud.dispatch_write(&mut tx, service, operation, input)?;
        let commit = tx.commit().expect("operations keep the invariants");
        self.accept(commit);
        Ok(output)
    }

    /// Goes on from what a transaction led to.
    pub fn accept(&mut self, commit: Commit) {
        self.world = commit.world;
        self.delta.merge(commit.delta);
    }

    /// Runs an operation that must succeed.
    #[track_caller]
    pub fn ok<O: Operation>(&mut self, input: O::Input) -> O::Output {
        match self.run::<O>(input) {
            Ok(output) => output,
            Err(fault) => panic!("{} failed: {fault}", O::NAME),
        }
    }

    /// Runs an operation that must fail, and leave the world as it was.
    #[track_caller]
    pub fn fault<O: Operation>(&mut self, input: O::Input) -> Fault {
        let before = self.world.clone();
        match self.run::<O>(input) {
            Ok(_) => panic!("{} succeeded", O::NAME),
            Err(fault) => {
                assert!(self.world == before, "{} failed and changed the world", O::NAME);
                fault
            }
        }
    }

    /// Runs an operation that must fail with this code.
    #[track_caller]
    pub fn code<O: Operation>(&mut self, input: O::Input, code: &str) {
        let fault = self.fault::<O>(input);
        assert_eq!(fault.code(), code, "{fault}");
    }

    /// Runs an operation that must fail with this code and message.
    #[track_caller]
    pub fn message<O: Operation>(&mut self, input: O::Input, code: &str, message: &str) {
        let fault = self.fault::<O>(input);
        assert_eq!((fault.code(), fault.message()), (code, message));
    }
}

/// `Some` text.
pub fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
