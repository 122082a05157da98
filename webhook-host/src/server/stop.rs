//! The order to stop, from whoever catches signals to every task of the server.

use tokio::sync::watch;

/// How far the server is to go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Serve.
    Run,
    /// Go on serving for a while, and say in every answer that the connection ends.
    Drain,
    /// Close what is idle, finish what is under way.
    Finish,
    /// Drop everything.
    AtOnce,
}

/// Orders a server to stop. Dropping it without an order leaves the server running.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Stage>);

/// What a server listens to; clones see the same orders.
#[derive(Clone, Debug)]
pub struct Stop {
    orders: watch::Receiver<Stage>,
    sender: watch::Sender<Stage>,
}

/// A new pair.
pub fn stop() -> (Stopper, Stop) {
    let (sender, orders) = watch::channel(Stage::Run);
    (Stopper(sender.clone()), Stop { orders, sender })
}

// === impl Stopper ===

impl Stopper {
    /// Stop in order: unready, drain, finish. For the first SIGTERM.
    pub fn in_order(&self) {
        raise(&self.0, Stage::Drain);
    }

    /// Stop without waiting for anything. For the second.
    pub fn at_once(&self) {
        raise(&self.0, Stage::AtOnce);
    }
}

// === impl Stop ===

impl Stop {
    /// Whether connections are to end after their next answer.
    pub fn is_draining(&self) -> bool {
        *self.orders.borrow() >= Stage::Drain
    }

    /// Returns once the server is to stop, in whatever way.
    pub async fn ordered(&mut self) {
        self.reached(Stage::Drain).await;
    }

    /// Returns once idle connections are to close.
    pub(super) async fn finishing(&mut self) {
        self.reached(Stage::Finish).await;
    }

    /// Returns once everything is to be dropped.
    pub(super) async fn at_once(&mut self) {
        self.reached(Stage::AtOnce).await;
    }

    /// Tells the connections to close if they are idle.
    pub(super) fn finish(&self) {
        raise(&self.sender, Stage::Finish);
    }

    async fn reached(&mut self, stage: Stage) {
        // It fails only without a sender, and this holds one.
        let _ = self.orders.wait_for(|&order| order >= stage).await;
    }
}

/// Orders only ever grow.
fn raise(sender: &watch::Sender<Stage>, stage: Stage) {
    sender.send_if_modified(|order| {
        let grows = stage > *order;
        *order = stage.max(*order);
        grows
    });
}
