//! Many concurrent clients.

use crate::harness::{Host, Policy, UID, allow, review};
use ordinance::limits::Limits;
use ordinance::server::PolicyRoute;
use ordinance_contract::Verdict;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_the_answers_to_its_own_requests() {
    let host = Host::with(Limits::default(), |metrics| {
        let pool = Policy::pool(|_, _| Ok(Verdict::allow()));
        vec![PolicyRoute::new("inline", allow(), metrics), PolicyRoute::new("pool", pool, metrics)]
    })
    .await;
    let host = Arc::new(host);
    let clients: Vec<_> = (0..32).map(|number| tokio::spawn(ask(Arc::clone(&host), number))).collect();
    for client in clients {
        client.await.unwrap();
    }
    for policy in ["inline", "pool"] {
        let series =
            format!(r#"ordinance_requests_total{{policy="{policy}",verdict="Allow",operation="CREATE"}}"#);
        assert_eq!(host.metric(&series), Some(16.0 * 20.0));
    }
}

async fn ask(host: Arc<Host>, number: u32) {
    let mut client = host.connect().await;
    let path = if number.is_multiple_of(2) { "/mutate/inline" } else { "/validate/pool" };
    for turn in 0..20 {
        let uid = format!("{number:018}{turn:018}");
        let reply = client.post(path, &review("{}").replace(UID, &uid)).await;
        assert_eq!(reply.response()["uid"], uid);
    }
}
