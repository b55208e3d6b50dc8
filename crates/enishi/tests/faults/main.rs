//! What goes wrong on purpose: killed daemons, vandalised networks, hostile clients, full disks, ordinary users.

#[path = "../harness/mod.rs"]
mod harness;

mod crash;
mod disk;
mod heal;
mod hostile;
mod isolation;
mod leftovers;
mod operations;
mod rootless;
mod stream;
