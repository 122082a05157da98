//! The phases of a shutdown, as clients see them.

use crate::harness::{Client, Host, Policy, allow, request, review};
use ordinance::limits::Limits;
use ordinance::server::ServerState;
use ordinance_contract::Verdict;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

const SHORT: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(3_600);

/// Blocks judges until it is opened.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Door {
    /// Returns a judge on the pool that waits for this door.
    fn judge(&self) -> Arc<dyn ordinance::judge::Judge> {
        let door = self.clone();
        Policy::pool(move |_, _| {
            let (lock, changed) = &*door.0;
            let mut state = lock.lock().unwrap();
            state.0 += 1;
            drop(changed.wait_while(state, |(_, open)| !*open).unwrap());
            Ok(Verdict::allow())
        })
    }

    /// Waits until this number of judges has arrived.
    async fn waiting(&self, count: usize) {
        while self.0.0.lock().unwrap().0 < count {
            tokio::task::yield_now().await;
        }
    }

    fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

/// Waits until the listener is closed.
async fn listener_closed(host: &Host) {
    while TcpStream::connect(host.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_is_unready_and_keeps_serving_for_the_drain_delay() {
    let host = Host::start(Limits::default(), allow()).await;
    let (mut idle, mut busy) = (host.connect().await, host.connect().await);
    for client in [&mut idle, &mut busy] {
        assert!(!client.post("/mutate/test", &review("{}")).await.is_last());
    }
    let start = Instant::now();
    host.stopper.stop_gracefully();
    host.readiness.reached(ServerState::Stopping).await;
    assert!(busy.post("/mutate/test", &review("{}")).await.is_last());
    busy.closed().await;
    assert!(host.post("/mutate/test", &review("{}")).await.is_last());
    idle.closed().await;
    assert_eq!(start.elapsed().as_secs(), 15);
    host.running.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn a_request_in_progress_is_answered_after_the_listener_is_closed() {
    let door = Door::default();
    let host = Host::start(Limits { drain_delay: SHORT, ..Limits::default() }, door.judge()).await;
    let mut client = host.connect().await;
    client.send(request("{}")).await;
    door.waiting(1).await;
    host.stopper.stop_gracefully();
    listener_closed(&host).await;
    door.open();
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.is_last()), (200, true));
    client.closed().await;
    host.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_with_a_partial_head_is_not_idle() {
    let host = Host::start(Limits { drain_delay: SHORT, ..Limits::default() }, allow()).await;
    let mut client = host.connect().await;
    let request = request("{}");
    client.send(&request[..20]).await;
    host.stopper.stop_gracefully();
    listener_closed(&host).await;
    client.send(&request[20..]).await;
    assert!(client.reply().await.is_last());
    host.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_connection_may_still_send_its_first_request() {
    let host = Host::start(Limits { drain_delay: Duration::ZERO, ..Limits::default() }, allow()).await;
    let mut client = host.connect().await;
    host.stopper.stop_gracefully();
    listener_closed(&host).await;
    assert!(client.post("/mutate/test", &review("{}")).await.is_last());
    host.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn drops_a_request_that_exceeds_the_drain_time() {
    let door = Door::default();
    let limits = Limits { drain_delay: SHORT, drain_time: SHORT, ..Limits::default() };
    let host = Host::start(limits, door.judge()).await;
    let mut client = host.connect().await;
    client.send(request("{}")).await;
    door.waiting(1).await;
    host.stopper.stop_gracefully();
    assert_eq!(client.closed().await, "");
    host.running.await.unwrap().unwrap();
    door.open();
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let door = Door::default();
    let host = Host::start(Limits { drain_delay: NEVER, ..Limits::default() }, door.judge()).await;
    let mut client = host.connect().await;
    client.send(request("{}")).await;
    door.waiting(1).await;
    host.stopper.stop_gracefully();
    host.readiness.reached(ServerState::Stopping).await;
    host.stopper.stop_now();
    host.running.await.unwrap().unwrap();
    assert_eq!(client.closed().await, "");
    door.open();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loses_no_request_when_it_stops_under_load() {
    let limits = Limits { drain_delay: Duration::from_millis(300), ..Limits::default() };
    let host = Arc::new(Host::start(limits, Policy::pool(|_, _| Ok(Verdict::allow()))).await);
    let clients: Vec<_> = (0..16).map(|_| tokio::spawn(ask_until_refused(Arc::clone(&host)))).collect();
    while host.metric(r#"ordinance_requests_total{policy="test",verdict="Allow",operation="CREATE"}"#)
        < Some(500.0)
    {
        tokio::task::yield_now().await;
    }
    host.stopper.stop_gracefully();
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    let counted =
        host.metric(r#"ordinance_requests_total{policy="test",verdict="Allow",operation="CREATE"}"#);
    assert_eq!(counted, Some(f64::from(answered)));
}

/// Sends requests until no new connection is accepted, and reuses each connection while the server keeps it. Panics if a
/// request is not answered. Returns the number of answers.
async fn ask_until_refused(host: Arc<Host>) -> u32 {
    let mut answered = 0;
    while let Ok(mut client) = host.try_connect().await {
        answered += ask_until_last(&mut client).await;
    }
    answered
}

async fn ask_until_last(client: &mut Client) -> u32 {
    let mut answered = 0;
    loop {
        let reply = client.post("/mutate/test", &review("{}")).await;
        assert_eq!(reply.status, 200);
        answered += 1;
        if reply.is_last() {
            return answered;
        }
    }
}
