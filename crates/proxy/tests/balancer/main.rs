//! Load balancers with real sockets, on loopback.

mod deregistration;
mod harness;
mod hostile;
mod http1;
mod http2;
mod login;
mod raw;
mod tls;
