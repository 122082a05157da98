//! Events about requests that would be denied: what is written, how often, and what a failing API server changes.

use crate::harness::{Host, Policy, finding, review};
use crate::logs;
use crate::replica::ManualClock;
use kube::config::Kubeconfig;
use ordinance::cluster::{
    ApiServerAccess, EVENT_INTERVAL, EVENTS_PER_INTERVAL, EventWriter, FLUSH_TIME, NOTE_BYTES,
};
use ordinance::events::{EventObject, EventQueue, EventReason, QUEUED_EVENTS, ReportedEvent};
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance::server::PolicyRoute;
use ordinance_contract::{Finding, Severity, Verdict};
use ordinance_testkit::apiserver::{ApiRequest, ApiServer, ScriptedAnswer, Verb};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const EVENTS: &str = "events";

/// A writer, its queue and its API server.
struct Writer {
    api: ApiServer,
    queue: EventQueue,
    clock: ManualClock,
    metrics: Metrics,
    writer: EventWriter,
}

impl Writer {
    async fn start() -> Self {
        logs::record();
        let (api, clock, metrics) = (ApiServer::start().unwrap(), ManualClock::new(), Metrics::new());
        let (queue, events) = EventQueue::new(metrics.events());
        let config = config(&api).await;
        let writer = EventWriter::start(config, events, clock.clock(), metrics.events()).unwrap();
        Self { api, queue, clock, metrics, writer }
    }

    fn push(&self, name: &str, rules: &str) {
        self.queue.push(event("default", name, rules));
    }

    /// Waits until this number of Events has arrived, and returns their notes.
    async fn notes(&self, count: usize) -> Vec<String> {
        notes(&tokio::task::block_in_place(|| self.api.await_requests(EVENTS, Verb::Create, count)))
    }

    fn count(&self, outcome: &str) -> usize {
        let series = format!("ordinance_events_total{{outcome=\"{outcome}\"}} ");
        let text = self.metrics.text();
        text.lines().find_map(|line| line.strip_prefix(&*series)).map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until this number of Events has this outcome.
    async fn until(&self, outcome: &str, count: usize) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.count(outcome) < count {
            assert!(Instant::now() < end, "{}", self.metrics.text());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(self.count(outcome), count);
    }
}

async fn config(api: &ApiServer) -> kube::Config {
    let kubeconfig = Box::new(Kubeconfig::from_yaml(&api.kubeconfig()).unwrap());
    ApiServerAccess::Kubeconfig { kubeconfig, context: None }.config().await.unwrap()
}

fn event(namespace: &str, name: &str, rules: &str) -> ReportedEvent {
    let object = EventObject {
        api_version: "apps/v1".to_owned(),
        kind: "StatefulSet".to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let message = format!("{name} [{rules}]");
    ReportedEvent {
        reason: EventReason::WouldDeny,
        object,
        uid: String::new(),
        subject: rules.to_owned(),
        message,
    }
}

fn notes(requests: &[ApiRequest]) -> Vec<String> {
    requests.iter().map(|request| request.object["note"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_the_object_and_the_message_of_the_denial() {
    let Writer { api, queue, writer, .. } = Writer::start().await;
    let fact = "f".repeat(2 * NOTE_BYTES);
    let finding = Finding { would_deny: true, ..finding(Severity::Warn, &fact) };
    let verdict = Verdict { findings: vec![finding], ..Verdict::allow() };
    let host = Host::with(Limits::default(), |metrics| {
        let judge = Policy::inline(move |_, _| Ok(verdict.clone()));
        vec![PolicyRoute::new("test", judge, metrics).events(Some(queue))]
    })
    .await;
    let dry_run = review("{}").replace("\"dryRun\":false", "\"dryRun\":true");
    for body in [dry_run, review(r#"{"metadata":{"uid":"u-1"}}"#)] {
        assert_eq!(host.post("/validate/test", &body).await.response()["allowed"], true);
    }
    drop(host);
    writer.stop().await;
    let [request] = &api.requests(EVENTS)[..] else { panic!("one Event: {:?}", api.requests(EVENTS)) };
    let event = &request.object;
    assert_eq!((&*request.namespace, &event["metadata"]["namespace"]), ("default", &json!("default")));
    assert_eq!(
        event["regarding"],
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "default", "name": "web", "uid": "u-1"})
    );
    let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (field("type"), field("reason"), field("action")),
        ("Warning".into(), "WouldDeny".into(), "Admission".into())
    );
    assert_eq!(
        (field("apiVersion"), field("reportingController")),
        ("events.k8s.io/v1".into(), "ordinance.dev/ordinance".into())
    );
    assert!(!field("reportingInstance").is_empty() && !field("eventTime").is_empty(), "{event}");
    assert_eq!(field("note"), "f".repeat(NOTE_BYTES - "…".len()) + "…");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_about_a_cluster_scoped_object_is_in_the_namespace_default() {
    let writer = Writer::start().await;
    writer.queue.push(event("", "pv-b", "shared-export"));
    writer.notes(1).await;
    let request = &writer.api.requests(EVENTS)[0];
    assert_eq!((&*request.namespace, &request.object["regarding"]["namespace"]), ("default", &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_an_event_about_the_same_object_and_rules_only_after_the_interval() {
    let writer = Writer::start().await;
    for (name, rules) in [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"), ("a", "x")] {
        writer.push(name, rules);
    }
    assert_eq!(writer.notes(3).await, ["a [x]", "a [y]", "b [x]"]);
    writer.until("Written", 3).await;
    writer.clock.advance(EVENT_INTERVAL - Duration::from_millis(1));
    writer.push("a", "x");
    writer.push("c", "x");
    assert_eq!(writer.notes(4).await[3..], ["c [x]"]);
    writer.clock.advance(Duration::from_millis(1));
    writer.push("a", "x");
    assert_eq!(writer.notes(5).await[4..], ["a [x]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_at_most_a_number_of_events_per_interval() {
    let writer = Writer::start().await;
    for first in (0..EVENTS_PER_INTERVAL).step_by(QUEUED_EVENTS / 2) {
        let end = EVENTS_PER_INTERVAL.min(first + QUEUED_EVENTS / 2);
        (first..end).for_each(|number| writer.push(&format!("set-{number}"), "x"));
        writer.until("Written", end).await;
    }
    writer.push("one-more", "x");
    writer.until("Dropped", 1).await;
    assert_eq!(writer.api.requests(EVENTS).len(), EVENTS_PER_INTERVAL);
    writer.clock.advance(EVENT_INTERVAL);
    writer.push("one-more", "x");
    writer.until("Written", EVENTS_PER_INTERVAL + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_refused_events_and_logs_one_per_minute() {
    let writer = Writer::start().await;
    for _ in 0..3 {
        writer.api.script(EVENTS, Verb::Create, ScriptedAnswer::Status(403));
    }
    let logged = || {
        logs::count(&["WARN", "can't write an Event", "cause=\"forbidden\"", "let this user create events"])
    };
    writer.push("a", "x");
    writer.push("b", "x");
    writer.until("Failed", 2).await;
    assert_eq!(logged(), 1);
    writer.clock.advance(Duration::from_secs(60));
    writer.push("c", "x");
    writer.push("d", "x");
    writer.until("Failed", 3).await;
    writer.until("Written", 1).await;
    assert_eq!(logged(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_do_not_wait_for_an_api_server_that_hangs() {
    let Writer { api, queue, metrics, writer, .. } = Writer::start().await;
    let _gate = api.hold(EVENTS, Verb::Create);
    let finding = Finding { would_deny: true, ..finding(Severity::Warn, "taken") };
    let verdict = Verdict { findings: vec![finding], ..Verdict::allow() };
    let host = Host::with(Limits::default(), |metrics| {
        let judge = Policy::inline(move |_, _| Ok(verdict.clone()));
        vec![PolicyRoute::new("test", judge, metrics).events(Some(queue.clone()))]
    })
    .await;
    queue.push(event("default", "held", "x"));
    tokio::task::block_in_place(|| api.await_requests(EVENTS, Verb::Create, 1));
    (0..QUEUED_EVENTS).for_each(|number| queue.push(event("default", &format!("set-{number}"), "x")));
    assert_eq!(host.post("/validate/test", &review("{}")).await.response()["allowed"], true);
    let dropped = r#"ordinance_events_total{outcome="Dropped"} 1"#;
    assert!(metrics.text().lines().any(|line| line == dropped), "{}", metrics.text());
    let begun = Instant::now();
    writer.stop().await;
    assert!(begun.elapsed() < FLUSH_TIME + Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(api.requests(EVENTS).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_writer_writes_what_waits() {
    let writer = Writer::start().await;
    let gate = writer.api.hold(EVENTS, Verb::Create);
    ["a", "b", "c"].into_iter().for_each(|name| writer.push(name, "x"));
    writer.notes(1).await;
    let Writer { api, writer, .. } = writer;
    drop(gate);
    writer.stop().await;
    assert_eq!(notes(&api.requests(EVENTS)), ["a [x]", "b [x]", "c [x]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_none_does_not_reach_the_url() {
    let writer = Writer::start().await;
    for namespace in ["../../api/v1/namespaces/x", "a/b", "a?b", "A"] {
        writer.queue.push(event(namespace, "web", "x"));
    }
    writer.until("Failed", 4).await;
    assert_eq!(writer.api.requests(EVENTS), []);
}
