//! A process without free file descriptors: the server waits and continues. This test needs a process of its own, because
//! the limit is process-wide.

#[path = "server/harness.rs"]
#[expect(dead_code, reason = "shared with the other tests of the server")]
mod harness;

use harness::{Host, allow, review};
use ordinance::limits::Limits;
use std::fs::File;
use std::time::Duration;
use tokio::net::TcpStream;

#[tokio::test]
async fn accepts_again_once_a_descriptor_is_free() {
    let limits = Limits { accept_pause: Duration::from_millis(5), ..Limits::default() };
    let host = Host::start(limits, allow()).await;
    rlimit::setrlimit(rlimit::Resource::NOFILE, 64, 64).unwrap();
    let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    // This frees one descriptor, for the client's side of the connection but not for the server's.
    files.pop();
    let waiting = TcpStream::connect(host.address).await.unwrap();
    assert!(File::open("/dev/null").is_err());
    while host.metric("ordinance_accepts_failed_total") < Some(2.0) {
        tokio::task::yield_now().await;
    }
    drop((files, waiting));
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
}
