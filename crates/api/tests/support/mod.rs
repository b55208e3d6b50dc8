//! What the tests over all services share.
#![allow(dead_code)] // Each test binary uses its own part of this.

pub mod client;
pub mod entropy;
#[path = "../../../wire/tests/support/xml.rs"]
pub mod xml;

use enishi_api::SERVICES;
use enishi_wire::schema::{Operation, Service};

/// Every operation of every service.
pub fn operations() -> Vec<(&'static Service, &'static Operation)> {
    SERVICES.iter().flat_map(|service| service.operations.iter().map(move |o| (*service, o))).collect()
}
