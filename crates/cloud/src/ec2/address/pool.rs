//! The pool that Elastic IPs and automatic public addresses are drawn from.

use std::net::Ipv4Addr;

use enishi_state::ec2::{Address, Counter, CounterKey, INTERNET_HOSTS, NetworkInterface, PUBLIC_POOL};
use enishi_state::{Tx, World};
use enishi_wire::Fault;

use super::super::faults;

const COUNTER: &str = "public_ip";

/// A public address that nobody has. Addresses are gone through in turn, so one that was just released is reused last.
///
/// # Errors
/// `InsufficientAddressCapacity` when all are taken.
pub(crate) fn draw(tx: &mut Tx<'_>) -> Result<Ipv4Addr, Fault> {
    let name = CounterKey::new(COUNTER);
    let size = size();
    let next = tx.world().get::<Counter>(&name).map_or(0, |counter| counter.next);
    for step in 0..u64::from(size) {
        let at = next.wrapping_add(step);
        let Some(address) = nth(at, size).filter(|address| is_free(tx.world(), *address)) else { continue };
        tx.put(Counter { name, next: at.wrapping_add(1) });
        return Ok(address);
    }
    Err(faults::insufficient_address_capacity())
}

/// Whether the address belongs to the pool and nobody has it.
pub(crate) fn is_available(world: &World, address: Ipv4Addr) -> bool {
    let first = u32::from(INTERNET_HOSTS.broadcast());
    let in_pool = PUBLIC_POOL.contains(address)
        && u32::from(address) > first
        && u32::from(address) < u32::from(PUBLIC_POOL.broadcast());
    in_pool && is_free(world, address)
}

fn is_free(world: &World, address: Ipv4Addr) -> bool {
    let text = address.to_string();
    world.by::<Address>("public_ip", &text).next().is_none()
        && world.by::<NetworkInterface>("public_ip", &text).next().is_none()
}

/// How many addresses the pool has: all behind the internet's own hosts but the last, a broadcast address to some hosts.
fn size() -> u32 {
    u32::from(PUBLIC_POOL.broadcast()) - u32::from(INTERNET_HOSTS.broadcast()) - 1
}

fn nth(n: u64, size: u32) -> Option<Ipv4Addr> {
    let offset = u32::try_from(n % u64::from(size)).ok()?;
    Some(Ipv4Addr::from(u32::from(INTERNET_HOSTS.broadcast()) + 1 + offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_goes_from_its_first_to_its_last_address() {
        let size = size();
        assert_eq!(nth(0, size), Some(Ipv4Addr::new(198, 18, 1, 0)));
        assert_eq!(nth(u64::from(size) - 1, size), Some(Ipv4Addr::new(198, 19, 255, 254)));
        assert_eq!(nth(u64::from(size), size), nth(0, size));
    }
}
