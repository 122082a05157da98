//! How many connections there may be, in all and from one address.

use crate::limits::Limits;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections open now.
#[derive(Debug)]
pub(super) struct Slots {
    taken: Mutex<Taken>,
    all: usize,
    each: usize,
    gauge: Gauge,
}

/// The place of one connection, given back on drop.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

// === impl Slots ===

impl Slots {
    pub(super) fn new(limits: &Limits, gauge: Gauge) -> Arc<Self> {
        let (all, each) = (limits.connections, limits.connections_per_address);
        Arc::new(Self { taken: Mutex::default(), all, each, gauge })
    }

    /// A place for a connection from this address, if one is left.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        // An IPv4 client is the same client on a socket of either family.
        let address = address.to_canonical();
        if !self.change(|taken| taken.add(address, self.all, self.each)) {
            return None;
        }
        self.gauge.inc();
        Some(Slot { slots: Arc::clone(self), address })
    }

    /// Nothing panics while the counts are changed, so a poisoned lock does no harm.
    fn change<T>(&self, change: impl FnOnce(&mut Taken) -> T) -> T {
        change(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Taken ===

impl Taken {
    fn add(&mut self, address: IpAddr, all: usize, each: usize) -> bool {
        let from_there = self.by_address.get(&address).copied().unwrap_or_default();
        if self.all >= all || from_there >= each {
            return false;
        }
        self.all += 1;
        self.by_address.insert(address, from_there + 1);
        true
    }

    fn remove(&mut self, address: IpAddr) {
        self.all = self.all.saturating_sub(1);
        match self.by_address.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.by_address.remove(&address)),
        }
    }
}

// === impl Slot ===

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.change(|taken| taken.remove(self.address));
        self.slots.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn slots(connections: usize, connections_per_address: usize) -> Arc<Slots> {
        let limits = Limits { connections, connections_per_address, ..Limits::default() };
        Slots::new(&limits, Gauge::default())
    }

    #[test]
    fn one_address_can_not_take_all() {
        let slots = slots(3, 2);
        let _held = (slots.take(A), slots.take(A));
        assert!(slots.take(A).is_none());
        let last = slots.take(B);
        assert!(last.is_some() && slots.take(B).is_none());
    }

    #[test]
    fn a_slot_dropped_is_free_again_and_leaves_no_entry() {
        let slots = slots(1, 1);
        drop(slots.take(A));
        assert!(slots.take(B).is_some());
        assert_eq!((slots.change(|taken| taken.by_address.len()), slots.gauge.get()), (0, 0));
    }

    #[test]
    fn a_mapped_address_is_the_address() {
        let slots = slots(2, 1);
        let _held = slots.take(A);
        assert!(slots.take(IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped())).is_none());
        assert!(slots.take(IpAddr::V6(Ipv6Addr::LOCALHOST)).is_some());
    }
}
