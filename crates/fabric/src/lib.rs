//! The meaning of an Enishi network: plain values and the [`Program`] that backends realise.
//!
//! Nothing here performs I/O. `plan` compiles the cloud's state into a [`Program`]; the Linux backend realises it; and
//! [`walk`] says what it means, packet by packet. Where the kernel and [`walk`] disagree, one of them has a bug.
//!
//! * [`Cidr`], [`PortRange`], [`Protocol`], [`Mac`]: values that cannot hold nonsense.
//! * [`program`]: what one network namespace has to be.
//! * [`Packet`] and [`Flow`]: what is sent through a program.
//! * [`trace`]: what happened to it, hop by hop, and which rule decided.

pub mod packet;
pub mod program;
pub mod trace;
mod value;

pub use packet::{Flow, Packet, Transport};
pub use program::Program;
pub use value::{
    Cidr, IcmpMatch, InterfaceName, Mac, NamespaceName, Origin, ParseError, PortRange, Protocol, TrafficMatch,
};
