//! What happens to the replicas during a race: kills, a pause, and watches that are cut off.

use crate::installation::RacedCluster;
use anyhow::Result;
use ordinance_cluster::{ServiceProxy, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The time between two kills.
const KILL_INTERVAL: Duration = Duration::from_secs(5);

/// When the second replica is paused, and for how long.
const PAUSE_START: Duration = Duration::from_secs(10);
const PAUSE_TIME: Duration = Duration::from_secs(60);

/// The time in which every fault happens.
pub const TIME: Duration = Duration::from_secs(80);

/// For how long the third replica reaches no API server.
const CUT_TIME: Duration = Duration::from_secs(2);

/// How long a freed address may take to be bound again.
const BIND_TIME: Duration = Duration::from_secs(10);

/// Kills the first replica every five seconds, pauses the second one once for a minute, and cuts the third one off after every
/// second kill, until the race is over. Returns the number of kills.
pub async fn inject(cluster: &mut RacedCluster, is_over: &AtomicBool) -> Result<usize> {
    let (start, mut kills, mut pause) = (Instant::now(), 0, Pause::Ahead);
    while !is_over.load(Ordering::Relaxed) {
        sleep(KILL_INTERVAL).await;
        cluster.ordinance.replicas()[0].process().kill();
        kills += 1;
        cluster.ordinance.replicas()[0].resume().await?;
        cluster.ordinance.publish();
        if kills % 2 == 0 {
            cut_off(cluster).await?;
        }
        pause = pause.next(cluster, start.elapsed())?;
    }
    cluster.ordinance.replicas()[1].process().thaw()?;
    Ok(kills)
}

/// Where the pause of the second replica is.
#[derive(Clone, Copy)]
enum Pause {
    Ahead,
    Running,
    Over,
}

// === impl Pause ===

impl Pause {
    fn next(self, cluster: &mut RacedCluster, elapsed: Duration) -> Result<Self> {
        let process = cluster.ordinance.replicas()[1].process();
        Ok(match self {
            Self::Ahead if elapsed >= PAUSE_START => {
                process.freeze()?;
                Self::Running
            }
            Self::Running if elapsed >= PAUSE_START + PAUSE_TIME => {
                process.thaw()?;
                Self::Over
            }
            other => other,
        })
    }
}

/// Closes every connection of the third replica to the API server, and refuses new ones for a while.
async fn cut_off(cluster: &mut RacedCluster) -> Result<()> {
    cluster.proxy = None;
    sleep(CUT_TIME).await;
    let address = cluster.proxy_address;
    let proxy = until("the proxy's address to be free", BIND_TIME, async || {
        Ok(ServiceProxy::bind(address).await.ok())
    })
    .await?;
    proxy.set_endpoints(vec![cluster.cluster.kubeconfig().address()?]);
    cluster.proxy = Some(proxy);
    Ok(())
}
