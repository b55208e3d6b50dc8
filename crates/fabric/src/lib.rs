//! The meaning of an Enishi network: plain values and the [`Program`] that backends realise.
//!
//! Nothing here performs I/O. `plan` compiles the cloud's state into a [`Program`]; the Linux backend realises it; and
//! [`walk()`] says what it means, packet by packet. Where the kernel and [`walk()`] disagree, one of them has a bug.
//!
//! * [`Cidr`], [`PortRange`], [`Protocol`], [`Mac`]: values that cannot hold nonsense.
//! * [`balancer`]: what load balancers do in user space.
//! * [`dns`]: names, records and routing policies of hosted zones.
//! * [`program`]: what one network namespace has to be.
//! * [`Packet`] and [`Flow`]: what is sent through a program.
//! * [`mod@walk`]: what a program does with it, for a first packet or, with [`Network`], for whole conversations.
//! * [`trace`]: what happened to it, hop by hop, and which rule decided.
//! * [`mod@invalidate`]: which tracked connections a change of program ends.

pub mod balancer;
pub mod dns;
pub mod invalidate;
mod jhash;
pub mod packet;
pub mod program;
pub mod trace;
mod value;
pub mod walk;

pub use invalidate::{Connection, Purge, consistent, invalidate};
pub use packet::{Flow, Packet, Transport};
pub use program::Program;
pub use trace::{Disposition, Hop, Stage, Trace, Verdict};
pub use value::{
    Cidr, IcmpMatch, InterfaceName, Mac, NamespaceName, Origin, ParseError, PortRange, Protocol, TrafficMatch,
};
pub use walk::{Answer, Network, walk};
