//! Callers who post reviews that the API server never sent: of objects that are never stored, under changing names and uids.

use crate::good_client::{metric, post};
use crate::host::HostProcess;
use crate::reviews::review;
use anyhow::{Context, Result};
use ordinance_testkit::apiserver::ApiServer;
use ordinance_testkit::figures::{Better, Figure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The settings of the host. The shortest time for which an admitted object may count keeps the trial short.
const CONFIG: &str = "limits: {pendingTime: 60s}";

/// The longest time for which a posted object may keep others waiting, in seconds, with one retry.
const LONGEST: f64 = 62.0;

/// How often the caller posts, and how often the victim tries.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the trial waits for the victim.
const TIMEOUT: Duration = Duration::from_secs(90);

/// The claims that a caller posts.
const CLAIMS: usize = 50;

/// An answer to a review.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Allowed,
    Denied,
    /// Status 503: the API server asks again.
    Later,
}

/// The figures of the victims.
#[derive(Default)]
struct Outcome {
    remembered_claims: f64,
    denials: usize,
    waited: Duration,
    blocked_scalings: usize,
}

/// Plays the attacks, and returns the figures. It takes about a minute.
///
/// # Errors
///
/// Returns an error if the attacks can't be played.
pub async fn measure(ordinance: &Path) -> Result<Vec<Figure>> {
    let api = ApiServer::start()?;
    api.put("persistentvolumes", volume("stored", "stored", "/srv/stored"));
    api.put("statefulsets", set("stored", 1, "$(ORDINANCE_POD_NAME)"));
    let host = HostProcess::in_cluster(ordinance, &api.kubeconfig(), CONFIG)?;
    let outcome = Outcome {
        remembered_claims: remembered_claims(&host).await?,
        blocked_scalings: blocked_scalings(&host).await?,
        ..locked_export(&host).await?
    };
    let exact = |name: &str, goal, value| Figure::exact(name, "", Better::Lower, goal, value);
    Ok(vec![
        exact("claims remembered from reviews", 0.0, outcome.remembered_claims),
        exact("scalings refused because of a posted set", 0.0, outcome.blocked_scalings as f64),
        exact("denials because of posted volumes", 0.0, outcome.denials as f64),
        Figure::exact(
            "longest wait because of posted volumes",
            "s",
            Better::Lower,
            LONGEST,
            outcome.waited.as_secs_f64(),
        ),
    ])
}

/// Posts claims with marks, and returns how many the host remembers.
async fn remembered_claims(host: &HostProcess) -> Result<f64> {
    for number in 0..CLAIMS {
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": format!("data-web-{number}"), "namespace": "shop",
                "annotations": {"ordinance.dev/sub-path": "victims/$(ORDINANCE_POD_NAME)"},
            },
            "spec": {"accessModes": ["ReadWriteMany"]},
        });
        let resource = ["", "v1", "persistentvolumeclaims"];
        validate(host, &review("CREATE", resource, &claim, &Value::Null)).await?;
    }
    metric(host, "ordinance_index_pending_objects{policy=\"storage\"}").await
}

/// Posts a set with the name of a stored one and without its isolation, and returns whether the real one can't be scaled any more.
async fn blocked_scalings(host: &HostProcess) -> Result<usize> {
    let resource = ["apps", "v1", "statefulsets"];
    validate(host, &review("CREATE", resource, &set("stored", 1, ""), &Value::Null)).await?;
    let scale = |replicas: u32| {
        json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "stored", "namespace": "shop"}, "spec": {"replicas": replicas},
        })
    };
    let mut scaling = review("UPDATE", resource, &scale(3), &scale(1));
    scaling["request"]["subResource"] = "scale".into();
    scaling["request"]["kind"] = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
    Ok(usize::from(validate(host, &scaling).await? == Answer::Denied))
}

/// Posts volumes on an export under changing names and uids, and an update that moves a stored volume there, until another
/// volume on that export is admitted.
async fn locked_export(host: &HostProcess) -> Result<Outcome> {
    let resource = ["", "v1", "persistentvolumes"];
    let (stored, moved) =
        (volume("stored", "stored", "/srv/stored"), volume("stored", "stored", "/srv/victim"));
    let (begin, mut denials) = (Instant::now(), 0);
    for number in 0_u32.. {
        validate(host, &review("UPDATE", resource, &moved, &stored)).await?;
        for name in ["fake".to_owned(), format!("fake-{}", number / 20)] {
            let fake = volume(&name, &format!("uid-{number}"), "/srv/victim");
            validate(host, &review("CREATE", resource, &fake, &Value::Null)).await?;
        }
        let victim = volume("victim", "victim", "/srv/victim");
        match validate(host, &review("CREATE", resource, &victim, &Value::Null)).await? {
            Answer::Allowed => break,
            Answer::Denied => denials += 1,
            Answer::Later => {}
        }
        if begin.elapsed() > TIMEOUT {
            break;
        }
        sleep(INTERVAL).await;
    }
    Ok(Outcome { denials, waited: begin.elapsed(), ..Outcome::default() })
}

async fn validate(host: &HostProcess, review: &Value) -> Result<Answer> {
    let (status, body) = post(host, "/validate/storage?timeout=10s", review.to_string()).await?;
    if status == 503 {
        return Ok(Answer::Later);
    }
    let answer: Value = serde_json::from_slice(&body).with_context(|| format!("status {status}"))?;
    let is_allowed = answer["response"]["allowed"].as_bool().context("no verdict")?;
    Ok(if is_allowed { Answer::Allowed } else { Answer::Denied })
}

fn volume(name: &str, uid: &str, path: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name, "uid": uid},
        "spec": {
            "accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Gi"},
            "nfs": {"server": "nas.example.com", "path": path},
        },
    })
}

/// Returns a set that mounts a claim with this expression, or without one if it is empty.
fn set(name: &str, replicas: u32, expression: &str) -> Value {
    let mut mount = json!({"name": "data", "mountPath": "/data"});
    if !expression.is_empty() {
        mount["subPathExpr"] = expression.into();
    }
    let field = json!({"fieldRef": {"fieldPath": "metadata.name"}});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {
            "replicas": replicas, "serviceName": name, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {
                "containers": [{
                    "name": "app", "image": "app", "volumeMounts": [mount],
                    "env": [{"name": "ORDINANCE_POD_NAME", "valueFrom": field}],
                }],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shared"}}],
            }},
        },
    })
}
