//! Limits the number of a listener's connections, in total and per address. At a limit, a connection that has not carried a
//! request is closed to make room for a new one.
//!
//! A client that opens connections and sends nothing thus closes its own ones. Of all addresses, the one with the most
//! connections without a request loses one first, and of its connections the oldest. A connection with a request in progress, or
//! that has answered a review, is never closed: the API server does not repeat a POST.

use super::socket::SharedSocket;
use super::stream::Activity;
use crate::limits::Limits;
use crate::metrics::{CloseReason, ListenerMetrics};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;

/// How long an incomplete first head keeps its connection to the TLS listener. The API server sends a head at once.
const HEAD_PATIENCE: Duration = Duration::from_secs(1);

/// The slots for the connections of a listener.
#[derive(Debug)]
pub(super) struct Slots {
    taken: Mutex<TakenSlots>,
    limits: SlotLimits,
    metrics: ListenerMetrics,
}

/// The numbers of concurrent connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotLimits {
    pub(super) total: usize,
    pub(super) per_address: usize,
    /// Connections from one address that wait for the start of a handshake.
    pub(super) waiting_per_address: usize,
    /// Handshakes of one address that may wait for a turn.
    pub(super) handshakes: usize,
    /// How long an incomplete first head keeps its connection.
    pub(super) head_patience: Duration,
}

/// The slot of one connection. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
    id: u64,
    activity: Activity,
    kept: Once,
    queue: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct TakenSlots {
    total: usize,
    next_id: u64,
    by_address: HashMap<IpAddr, AddressSlots>,
}

/// The slots of one address.
#[derive(Debug)]
struct AddressSlots {
    total: usize,
    /// The permits to wait for a turn of a handshake.
    queue: Arc<Semaphore>,
    /// By id, so that the oldest is first.
    unused: BTreeMap<u64, UnusedSlot>,
}

/// A connection that has not answered a review yet.
#[derive(Debug)]
struct UnusedSlot {
    socket: SharedSocket,
    activity: Activity,
    /// Whether its handshake has not started yet.
    is_waiting: bool,
    head_patience: Duration,
}

// === impl SlotLimits ===

impl SlotLimits {
    /// Returns the limits of the TLS listener.
    pub(super) fn of_server(limits: &Limits) -> Self {
        Self {
            total: limits.connections,
            per_address: limits.connections_per_address,
            waiting_per_address: limits.waiting_per_address,
            handshakes: limits.handshakes,
            head_patience: HEAD_PATIENCE,
        }
    }
}

// === impl Slots ===

impl Slots {
    pub(super) fn new(limits: SlotLimits, metrics: ListenerMetrics) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), limits, metrics })
    }

    /// Takes a slot for a connection from this address. At a limit it closes another connection, or returns `None` if all of
    /// them are in use. The cost at the limit is linear in the number of connections that have carried no request.
    pub(super) fn take(
        self: &Arc<Self>,
        address: IpAddr,
        socket: &SharedSocket,
        activity: &Activity,
    ) -> Option<Slot> {
        // On an IPv6 socket an IPv4 client has a mapped address.
        let address = address.to_canonical();
        let unused = UnusedSlot {
            socket: socket.clone(),
            activity: activity.clone(),
            is_waiting: true,
            head_patience: self.limits.head_patience,
        };
        let (id, queue) = self.change(|taken| {
            let has_room = taken.make_room(address, self.limits, &self.metrics);
            has_room.then(|| taken.add(address, unused, self.limits.handshakes))
        })?;
        let activity = activity.clone();
        Some(Slot { slots: Arc::clone(self), address, id, activity, kept: Once::new(), queue })
    }

    /// Takes a slot like [`Slots::take`]. If it can't, it first lets the tasks of the other connections read what has arrived.
    pub(super) async fn take_soon(
        self: &Arc<Self>,
        address: IpAddr,
        socket: &SharedSocket,
        activity: &Activity,
    ) -> Option<Slot> {
        let slot = self.take(address, socket, activity);
        if slot.is_some() {
            return slot;
        }
        yield_now().await;
        self.take(address, socket, activity)
    }

    /// Changes the slots and shows their number. No code panics while it changes them, so a poisoned lock is still valid.
    fn change<T>(&self, change: impl FnOnce(&mut TakenSlots) -> T) -> T {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut taken);
        self.metrics.open.set(i64::try_from(taken.total).unwrap_or(i64::MAX));
        changed
    }
}

// === impl TakenSlots ===

impl TakenSlots {
    /// Returns whether a connection from this address is within the limits, if need be instead of another one.
    fn make_room(&mut self, address: IpAddr, limits: SlotLimits, metrics: &ListenerMetrics) -> bool {
        let (of_address, waiting) =
            self.by_address.get(&address).map_or((0, 0), |slots| (slots.total, slots.waiting()));
        if waiting >= limits.waiting_per_address && self.evict_waiting(address) {
            metrics.closed(CloseReason::WaitingPerAddress);
            return true;
        }
        if of_address >= limits.per_address {
            if !self.evict_from(address) {
                return false;
            }
            metrics.closed(CloseReason::ConnectionsPerAddress);
        }
        self.total < limits.total || self.evict_any(metrics)
    }

    /// Returns the id of the slot, and the queue of its address.
    fn add(&mut self, address: IpAddr, unused: UnusedSlot, handshakes: usize) -> (u64, Arc<Semaphore>) {
        let id = self.next_id;
        self.next_id += 1;
        self.total += 1;
        let slots = self.by_address.entry(address).or_insert_with(|| AddressSlots::new(handshakes));
        slots.total += 1;
        slots.unused.insert(id, unused);
        (id, Arc::clone(&slots.queue))
    }

    /// Closes the oldest connection of an address whose handshake has not started, if there is one.
    fn evict_waiting(&mut self, address: IpAddr) -> bool {
        let oldest = self.by_address.get(&address).and_then(|slots| slots.evictable(|slot| slot.is_waiting));
        self.evict(address, oldest)
    }

    /// Closes the oldest connection of an address without a request, if there is one.
    fn evict_from(&mut self, address: IpAddr) -> bool {
        let oldest = self.by_address.get(&address).and_then(|slots| slots.evictable(|_| true));
        self.evict(address, oldest)
    }

    /// Closes the oldest connection without a request of the address that has the most of them, if there is one. A connection
    /// costs a system call to check, so only as many as necessary are checked.
    fn evict_any(&mut self, metrics: &ListenerMetrics) -> bool {
        let ranked = self.by_address.iter().filter_map(|(address, slots)| {
            let (oldest, _) = slots.unused.first_key_value()?;
            Some((slots.unused.len(), Reverse(*oldest), *address))
        });
        let mut ranked: BinaryHeap<_> = ranked.collect();
        while let Some((_, _, address)) = ranked.pop() {
            let oldest = self.by_address.get(&address).and_then(|slots| slots.evictable(|_| true));
            if self.evict(address, oldest) {
                metrics.closed(CloseReason::Connections);
                return true;
            }
        }
        false
    }

    fn evict(&mut self, address: IpAddr, id: Option<u64>) -> bool {
        let unused = id.and_then(|id| self.by_address.get_mut(&address)?.unused.remove(&id));
        let Some(UnusedSlot { socket, activity, .. }) = unused else { return false };
        activity.evicted();
        socket.close();
        self.free(address);
        true
    }

    /// Frees the slot of a connection that has ended.
    fn remove(&mut self, address: IpAddr, id: u64) {
        if let Some(slots) = self.by_address.get_mut(&address) {
            slots.unused.remove(&id);
        }
        self.free(address);
    }

    fn free(&mut self, address: IpAddr) {
        self.total = self.total.saturating_sub(1);
        match self.by_address.get_mut(&address) {
            Some(slots) if slots.total > 1 => slots.total -= 1,
            _ => drop(self.by_address.remove(&address)),
        }
    }

    fn unused(&mut self, address: IpAddr) -> Option<&mut BTreeMap<u64, UnusedSlot>> {
        Some(&mut self.by_address.get_mut(&address)?.unused)
    }
}

// === impl AddressSlots ===

impl AddressSlots {
    fn new(handshakes: usize) -> Self {
        let queue = Arc::new(Semaphore::new(handshakes.min(Semaphore::MAX_PERMITS)));
        Self { total: 0, queue, unused: BTreeMap::new() }
    }

    fn waiting(&self) -> usize {
        self.unused.values().filter(|slot| slot.is_waiting).count()
    }

    /// Returns the oldest such connection without a request.
    fn evictable(&self, is_such: impl Fn(&UnusedSlot) -> bool) -> Option<u64> {
        let mut slots = self.unused.iter();
        slots.find(|(_, slot)| is_such(slot) && slot.is_evictable()).map(|(id, _)| *id)
    }
}

// === impl UnusedSlot ===

impl UnusedSlot {
    /// Returns whether no request is in progress, and none has arrived of which the connection's task does not know yet.
    fn is_evictable(&self) -> bool {
        let is_silent = self.activity.is_without_request(self.head_patience) && !self.socket.has_unread();
        is_silent || self.activity.is_lingering()
    }
}

// === impl Slot ===

impl Slot {
    /// Records that the handshake has started.
    pub(super) fn handshake_started(&self) {
        self.slots.change(|taken| {
            let slot = taken.unused(self.address).and_then(|unused| unused.get_mut(&self.id));
            if let Some(slot) = slot {
                slot.is_waiting = false;
            }
        });
    }

    /// Waits until the handshake may wait for a turn. Each address has only as many handshakes in the common queue as can
    /// have a turn at once, so that many handshakes of one address delay another address by a few.
    pub(super) async fn enter_queue(&self) -> io::Result<SemaphorePermit<'_>> {
        let place = self.queue.acquire().await.map_err(io::Error::other)?;
        // The client of an evicted connection gets no answer.
        if self.activity.is_evicted() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(place) }
    }

    /// Keeps the connection from now on, whatever the limits.
    pub(super) fn keep(&self) {
        self.kept.call_once(|| {
            self.slots.change(|taken| taken.unused(self.address).map(|unused| unused.remove(&self.id)));
        });
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.change(|taken| {
            if !self.activity.is_evicted() {
                taken.remove(self.address, self.id);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ListenerLabel, Metrics};
    use std::net::{Ipv4Addr, Ipv6Addr};
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
    const C: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));

    /// A connection with its client.
    struct Peer {
        client: TcpStream,
        socket: SharedSocket,
        activity: Activity,
    }

    impl Peer {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (socket, _) = listener.accept().await.unwrap();
            Self { client, socket: SharedSocket::new(socket), activity: Activity::default() }
        }

        fn take(&self, slots: &Arc<Slots>, address: IpAddr) -> Option<Slot> {
            slots.take(address, &self.socket, &self.activity)
        }

        /// Takes a slot that is kept.
        fn keep(&self, slots: &Arc<Slots>, address: IpAddr) -> Option<Slot> {
            self.take(slots, address).inspect(Slot::keep)
        }
    }

    fn slots(total: usize, per_address: usize) -> Arc<Slots> {
        let limits = SlotLimits {
            total,
            per_address,
            waiting_per_address: usize::MAX,
            handshakes: 1,
            head_patience: HEAD_PATIENCE,
        };
        Slots::new(limits, Metrics::new().connections.of_listener(ListenerLabel::Https))
    }

    #[tokio::test]
    async fn limits_the_slots_that_carry_requests_in_total_and_per_address() {
        let (slots, peer) = (slots(3, 2), Peer::new().await);
        let _held = (peer.keep(&slots, A), peer.keep(&slots, A));
        assert!(peer.take(&slots, A).is_none());
        let last = peer.keep(&slots, B);
        assert!(last.is_some() && peer.take(&slots, B).is_none());
    }

    #[tokio::test]
    async fn a_dropped_slot_is_free_and_leaves_no_entry() {
        let (slots, peer) = (slots(1, 1), Peer::new().await);
        drop(peer.keep(&slots, A));
        assert!(peer.keep(&slots, B).is_some());
        assert_eq!((slots.change(|taken| taken.by_address.len()), slots.metrics.open.get()), (0, 0));
    }

    #[tokio::test]
    async fn an_evicted_slot_is_freed_once() {
        let slots = slots(2, 2);
        let (first, second, third) = (Peer::new().await, Peer::new().await, Peer::new().await);
        let (evicted, _kept) = (first.take(&slots, A), second.keep(&slots, A));
        let _new = third.take(&slots, A);
        assert!(first.activity.is_evicted() && slots.metrics.open.get() == 2);
        drop(evicted);
        assert_eq!(slots.metrics.open.get(), 2);
    }

    #[tokio::test]
    async fn counts_a_mapped_ipv4_address_as_ipv4() {
        let (slots, peer) = (slots(2, 1), Peer::new().await);
        let _held = peer.keep(&slots, A);
        assert!(peer.take(&slots, IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped())).is_none());
        assert!(peer.take(&slots, IpAddr::V6(Ipv6Addr::LOCALHOST)).is_some());
    }

    #[tokio::test]
    async fn the_address_with_the_most_silent_connections_loses_its_oldest_one() {
        let slots = slots(4, 4);
        let mut peers = Vec::new();
        let mut held = Vec::new();
        for address in [A, B, B, B, C] {
            let peer = Peer::new().await;
            held.push(peer.take(&slots, address));
            peers.push(peer);
        }
        let evicted: Vec<bool> = peers.iter().map(|peer| peer.activity.is_evicted()).collect();
        assert_eq!(evicted, [false, true, false, false, false]);
    }

    #[tokio::test]
    async fn a_connection_with_unread_bytes_is_not_closed() {
        let slots = slots(1, 1);
        let (mut first, second) = (Peer::new().await, Peer::new().await);
        let _held = first.take(&slots, A);
        first.client.write_all(b"x").await.unwrap();
        while !first.socket.has_unread() {
            tokio::task::yield_now().await;
        }
        assert!(second.take(&slots, A).is_none() && !first.activity.is_evicted());
    }

    #[tokio::test]
    async fn a_connection_whose_response_is_being_sent_is_not_closed() {
        let slots = slots(1, 1);
        let (first, second) = (Peer::new().await, Peer::new().await);
        let _held = first.take(&slots, A);
        first.activity.request_received();
        assert!(second.take(&slots, A).is_none());
        first.activity.response_sent();
        assert!(second.take(&slots, A).is_none());
        first.activity.lingering();
        assert!(second.take(&slots, A).is_some());
    }
}
