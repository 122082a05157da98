//! Events about requests that would be denied: what they say, and the queue to their writer.
//!
//! A request never waits for its Event. The queue is bounded, and what does not fit is dropped and counted.

use crate::metrics::{EventMetrics, EventOutcome};
use ordinance_contract::{Request, Verdict};
use ordinance_report::would_deny_message;
use serde::Deserialize;
use std::borrow::Cow;
use tokio::sync::mpsc;

/// The most Events that wait to be written.
pub const QUEUED_EVENTS: usize = 256;

/// The kinds of the built-in objects with a subresource `scale`, whose reviews name only the kind `Scale`.
const SCALED_KINDS: [(&str, &str); 3] =
    [("deployments", "Deployment"), ("replicasets", "ReplicaSet"), ("statefulsets", "StatefulSet")];

/// An Event about an object that would be denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldDenyEvent {
    /// The object.
    pub object: EventObject,
    /// Its uid; empty if the review has none.
    pub uid: String,
    /// The rules that would deny it, e.g. `fixed-sub-path,scale-beyond-one`.
    pub rules: String,
    /// The message of the denial.
    pub message: String,
}

/// The object of an Event, as `regarding` names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventObject {
    /// e.g. `apps/v1`.
    pub api_version: String,
    /// e.g. `StatefulSet`.
    pub kind: String,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    /// Empty while the API server has not generated it.
    pub name: String,
}

/// The sending half of the queue of Events. Clones share the queue.
#[derive(Clone, Debug)]
pub struct EventQueue {
    sender: mpsc::Sender<WouldDenyEvent>,
    metrics: EventMetrics,
}

/// The part of an object that has its uid.
#[derive(Default, Deserialize)]
#[serde(default)]
struct IdentifiedObject<'a> {
    #[serde(borrow)]
    metadata: Option<IdentifyingMetadata<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IdentifyingMetadata<'a> {
    #[serde(borrow)]
    uid: Option<Cow<'a, str>>,
}

// === impl WouldDenyEvent ===

impl WouldDenyEvent {
    /// Returns the Event for a verdict, or `None` if the request would not be denied, or is a dry run.
    pub fn of(request: &Request<'_>, verdict: &Verdict) -> Option<Self> {
        let message = would_deny_message(&verdict.findings).filter(|_| !request.dry_run)?;
        let objects = [&request.object, &request.old_object];
        let uid = objects.into_iter().flatten().find_map(|object| uid(object)).unwrap_or_default();
        Some(Self {
            object: EventObject::of(request),
            uid,
            rules: verdict.refusing_rules().join(","),
            message,
        })
    }
}

fn uid(object: &str) -> Option<String> {
    let object: IdentifiedObject<'_> = serde_json::from_str(object).ok()?;
    object.metadata?.uid.filter(|uid| !uid.is_empty()).map(Cow::into_owned)
}

// === impl EventObject ===

impl EventObject {
    fn of(request: &Request<'_>) -> Self {
        let scope = &request.scope;
        let scaled =
            SCALED_KINDS.iter().find(|(plural, _)| scope.subresource == "scale" && scope.resource == *plural);
        Self {
            api_version: scope.api_version(),
            kind: scaled.map_or(&*request.kind, |(_, kind)| kind).to_owned(),
            namespace: scope.namespace.to_string(),
            name: scope.name.to_string(),
        }
    }
}

// === impl EventQueue ===

impl EventQueue {
    /// Returns an empty queue and its receiving half.
    pub fn new(metrics: EventMetrics) -> (Self, mpsc::Receiver<WouldDenyEvent>) {
        let (sender, receiver) = mpsc::channel(QUEUED_EVENTS);
        (Self { sender, metrics }, receiver)
    }

    /// Adds an Event, or drops and counts it if the queue is full. Never waits.
    pub fn push(&self, event: WouldDenyEvent) {
        if self.sender.try_send(event).is_err() {
            self.metrics.count(EventOutcome::Dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::{Finding, Operation, Phase, Scope, Severity};

    fn request(object: &str) -> Request<'_> {
        Request {
            operation: Operation::Update,
            phase: Phase::Validate,
            scope: Scope {
                group: "apps".into(),
                version: "v1".into(),
                resource: "statefulsets".into(),
                subresource: "scale".into(),
                namespace: "shop".into(),
                name: "web".into(),
            },
            kind: "Scale".into(),
            dry_run: false,
            user_info: "".into(),
            object: Some(object.into()),
            old_object: None,
        }
    }

    fn would_deny() -> Verdict {
        let finding = Finding { would_deny: true, ..Finding::new("a-rule", Severity::Warn, "taken") };
        Verdict { findings: vec![finding], ..Verdict::allow() }
    }

    #[test]
    fn an_event_names_the_scaled_object_and_has_the_message_of_the_denial() {
        let request = request(r#"{"metadata":{"uid":"u-1"}}"#);
        let event = WouldDenyEvent::of(&request, &would_deny()).expect("an event");
        let object = EventObject {
            api_version: "apps/v1".to_owned(),
            kind: "StatefulSet".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let (uid, rules, message) = ("u-1".to_owned(), "a-rule".to_owned(), "taken [a-rule]".to_owned());
        assert_eq!(event, WouldDenyEvent { object, uid, rules, message });
    }

    #[test]
    fn dry_runs_and_other_verdicts_have_no_event() {
        let dry_run = Request { dry_run: true, ..request("{}") };
        assert_eq!(WouldDenyEvent::of(&dry_run, &would_deny()), None);
        assert_eq!(WouldDenyEvent::of(&request("{}"), &Verdict::allow()), None);
    }

    #[test]
    fn an_object_without_a_uid_is_named_without_one() {
        for object in ["{}", "[]", r#"{"metadata":{"uid":""}}"#, r#"{"metadata":7}"#] {
            let event = WouldDenyEvent::of(&request(object), &would_deny()).expect("an event");
            assert_eq!(event.uid, "", "{object}");
        }
    }

    #[test]
    fn a_full_queue_drops_events_and_counts_them() {
        let metrics = crate::metrics::Metrics::new();
        let (queue, mut receiver) = EventQueue::new(metrics.events());
        let event = WouldDenyEvent::of(&request("{}"), &would_deny()).expect("an event");
        (0..QUEUED_EVENTS + 2).for_each(|_| queue.push(event.clone()));
        let dropped = r#"ordinance_events_total{outcome="Dropped"} 2"#;
        assert!(metrics.text().lines().any(|line| line == dropped), "{}", metrics.text());
        assert_eq!(std::iter::from_fn(|| receiver.try_recv().ok()).count(), QUEUED_EVENTS);
    }
}
