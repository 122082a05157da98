//! Where reservations are written.

use futures_util::future::BoxFuture;
use ordinance_reservation::{Creation, Draft, Reservation};

/// A log that all replicas share, and whose entries have one order.
pub trait ReservationStore: Send + Sync {
    /// Writes a reservation, and returns what became of it.
    fn create<'a>(&'a self, policy: &'a str, draft: &'a Draft) -> BoxFuture<'a, Creation>;

    /// Returns the reservations of a policy in these realms, as they are stored now, or `None` without an answer.
    fn list<'a>(&'a self, policy: &'a str, realms: &'a [String]) -> BoxFuture<'a, Option<Vec<Reservation>>>;

    /// Deletes the reservation with this name, if it exists. An error is not reported: what remains is deleted later.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()>;
}
