//! Limits the number of connections, in total and per address.

use crate::limits::Limits;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The slots for connections.
#[derive(Debug)]
pub(super) struct Slots {
    taken: Mutex<TakenSlots>,
    total_limit: usize,
    address_limit: usize,
    gauge: Gauge,
}

/// The slot of one connection. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

#[derive(Debug, Default)]
struct TakenSlots {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

// === impl Slots ===

impl Slots {
    pub(super) fn new(limits: &Limits, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            total_limit: limits.connections,
            address_limit: limits.connections_per_address,
            gauge,
        })
    }

    /// Takes a slot for a connection from this address, or returns `None` if a limit is reached.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        // On an IPv6 socket an IPv4 client has a mapped address.
        let address = address.to_canonical();
        if !self.change(|taken| taken.add(address, self.total_limit, self.address_limit)) {
            return None;
        }
        self.gauge.inc();
        Some(Slot { slots: Arc::clone(self), address })
    }

    /// No code panics while it changes the counts, so a poisoned lock is still valid.
    fn change<T>(&self, change: impl FnOnce(&mut TakenSlots) -> T) -> T {
        change(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl TakenSlots ===

impl TakenSlots {
    fn add(&mut self, address: IpAddr, total_limit: usize, address_limit: usize) -> bool {
        let of_address = self.by_address.get(&address).copied().unwrap_or_default();
        if self.total >= total_limit || of_address >= address_limit {
            return false;
        }
        self.total += 1;
        self.by_address.insert(address, of_address + 1);
        true
    }

    fn remove(&mut self, address: IpAddr) {
        self.total = self.total.saturating_sub(1);
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
    fn limits_the_slots_of_one_address() {
        let slots = slots(3, 2);
        let _held = (slots.take(A), slots.take(A));
        assert!(slots.take(A).is_none());
        let last = slots.take(B);
        assert!(last.is_some() && slots.take(B).is_none());
    }

    #[test]
    fn a_dropped_slot_is_free_and_leaves_no_entry() {
        let slots = slots(1, 1);
        drop(slots.take(A));
        assert!(slots.take(B).is_some());
        assert_eq!((slots.change(|taken| taken.by_address.len()), slots.gauge.get()), (0, 0));
    }

    #[test]
    fn counts_a_mapped_ipv4_address_as_ipv4() {
        let slots = slots(2, 1);
        let _held = slots.take(A);
        assert!(slots.take(IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped())).is_none());
        assert!(slots.take(IpAddr::V6(Ipv6Addr::LOCALHOST)).is_some());
    }
}
