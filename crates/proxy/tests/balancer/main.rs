//! Load balancers with real sockets, on loopback.

mod harness;
mod http1;
mod http2;
mod raw;
mod tls;
