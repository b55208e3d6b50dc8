//! The services: every operation of every AWS service as a handler on a transaction.
//!
//! [`Cloud`] is a table of operations. A reading operation runs on a snapshot, a changing one on a [`Tx`] that the caller
//! commits when the answer is not a fault and drops when it is. Nothing here waits, reads a clock or does I/O: what takes
//! time at AWS is a state that [`tick`] moves on.
//!
//! One module per service, one file per resource; what is the same for all resources of EC2 (filters, tags, pages, ids,
//! client tokens, quotas, faults) is written once beside them.
#![forbid(unsafe_code)]

pub mod acm;
mod arn;
pub mod cloudwatch;
mod defaults;
mod ec2;
pub mod elb;
pub mod elbv2;
pub mod logs;
pub mod outside;
mod policy;
mod quota;
mod region;
mod registry;
mod route53;
pub mod route53domains;
mod route53resolver;
pub mod s3;
mod service_quotas;
pub mod sts;
pub mod tick;

use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::{Fault, Value};

use outside::{Supply, Want};
pub use registry::Parity;
use registry::Registry;
pub use route53::import as zone_import;

/// Every operation that is served.
#[derive(Debug)]
pub struct Cloud {
    registry: Registry,
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

impl Cloud {
    /// Registers every operation of every service.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        ec2::register(&mut registry);
        elb::register(&mut registry);
        elbv2::register(&mut registry);
        sts::register(&mut registry);
        service_quotas::register(&mut registry);
        route53::register(&mut registry);
        route53resolver::register(&mut registry);
        logs::register(&mut registry);
        cloudwatch::register(&mut registry);
        route53domains::register(&mut registry);
        acm::register(&mut registry);
        Cloud { registry }
    }

    /// Whether the operation changes the world, and so needs a transaction. `service` is the schema's name: `ec2`.
    pub fn is_write(&self, service: &str, operation: &str) -> bool {
        self.registry.is_write(service, operation)
    }

    /// What the operation needs that is not in the world; see [`outside`]. `None` for nearly all.
    ///
    /// # Errors
    /// The operation's own faults, where it sees already that it will refuse.
    pub fn wants(
        &self,
        read: &Read<'_>,
        service: &str,
        operation: &str,
        input: &Value,
    ) -> Result<Option<Want>, Fault> {
        self.registry.wants(read, service, operation, input)
    }

    /// Answers an operation that only reads.
    ///
    /// # Errors
    /// The operation's own faults; `DryRunOperation`; `UnsupportedOperation` when it has no handler.
    pub fn dispatch_read(
        &self,
        read: &Read<'_>,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, Fault> {
        self.dispatch_read_with(read, service, operation, input, &Supply::default())
    }

    /// Like [`Cloud::dispatch_read`], with what [`Cloud::wants`] asked for.
    ///
    /// # Errors
    /// As [`Cloud::dispatch_read`].
    pub fn dispatch_read_with(
        &self,
        read: &Read<'_>,
        service: &str,
        operation: &str,
        input: Value,
        supply: &Supply,
    ) -> Result<Value, Fault> {
        self.registry.dispatch_read(read, service, operation, input, supply)
    }

    /// Carries an operation out on a transaction, which the caller must drop when the answer is a fault.
    ///
    /// # Errors
    /// As [`Cloud::dispatch_read`].
    pub fn dispatch_write(
        &self,
        tx: &mut Tx<'_>,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, Fault> {
        self.dispatch_write_with(tx, service, operation, input, &Supply::default())
    }

    /// Like [`Cloud::dispatch_write`], with what [`Cloud::wants`] asked for.
    ///
    /// # Errors
    /// As [`Cloud::dispatch_read`].
    pub fn dispatch_write_with(
        &self,
        tx: &mut Tx<'_>,
        service: &str,
        operation: &str,
        input: Value,
        supply: &Supply,
    ) -> Result<Value, Fault> {
        self.registry.dispatch_write(tx, service, operation, input, supply)
    }

    /// Whether the account has not used the region before: then a transaction must run [`Cloud::ensure_defaults`] first.
    pub fn needs_defaults(&self, world: &World, scope: &Scope) -> bool {
        defaults::are_missing(world, scope)
    }

    /// Gives the caller's account the region's default VPC with all that belongs to it, once.
    pub fn ensure_defaults(&self, tx: &mut Tx<'_>) {
        defaults::ensure(tx);
    }

    /// Every operation that AWS has in the services served here, in the order of names, and how faithful it is.
    pub fn parity(&self) -> impl Iterator<Item = (&'static str, &'static str, Parity)> + use<'_> {
        enishi_api::SERVICES.iter().flat_map(|service| {
            let parity =
                |name: &&'static str| (service.name, *name, self.registry.parity(service.name, name));
            service.operation_names.iter().map(parity)
        })
    }
}
