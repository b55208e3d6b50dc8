//! Netlink spoken by hand: messages, sockets, and the three families that the backend needs.
//!
//! A socket stays in the network namespace of the thread that created it for as long as it lives. So a thread enters a
//! namespace once, opens its sockets there, and every later change is one `sendmsg` from whichever thread has the socket:
//! no `setns` on the hot path, and no asynchronous runtime, as the kernel has answered before `sendmsg` returns.
//!
//! Everything is checked against the kernel's headers named in each module (`include/uapi/linux/…`).

pub(crate) mod conntrack;
pub(crate) mod message;
pub(crate) mod nftables;
pub(crate) mod route;
pub(crate) mod socket;
