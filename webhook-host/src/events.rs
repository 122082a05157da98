//! Events about requests that would be denied, and about full realms: what they say, and the queue to their writer.
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

/// An Event about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedEvent {
    /// What happened.
    pub reason: EventReason,
    /// The object.
    pub object: EventObject,
    /// Its uid; empty if the review has none.
    pub uid: String,
    /// The rules that would deny it, e.g. `fixed-sub-path,scale-beyond-one`; or the full realm.
    pub subject: String,
    /// The message of the denial, or of the refused reservation.
    pub message: String,
}

/// What an Event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventReason {
    /// The object would be denied if the settings did not put that off.
    WouldDeny,
    /// A realm takes no reservations, because the objects of too many were never stored.
    ReservationsBlocked,
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
    sender: mpsc::Sender<ReportedEvent>,
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

// === impl ReportedEvent ===

impl ReportedEvent {
    /// Returns the Event for a verdict, or `None` if the request would not be denied, or is a dry run.
    pub fn of(request: &Request<'_>, verdict: &Verdict) -> Option<Self> {
        let message = would_deny_message(&verdict.findings).filter(|_| !request.dry_run)?;
        let objects = [&request.object, &request.old_object];
        let uid = objects.into_iter().flatten().find_map(|object| uid(object)).unwrap_or_default();
        Some(Self {
            reason: EventReason::WouldDeny,
            object: EventObject::of(request),
            uid,
            subject: verdict.refusing_rules().join(","),
            message,
        })
    }

    /// Returns the Event for a realm that takes no reservations. It is about their CustomResourceDefinition, since the objects do
    /// not exist.
    pub fn of_full_realm(realm: &str) -> Self {
        Self {
            reason: EventReason::ReservationsBlocked,
            object: EventObject {
                api_version: "apiextensions.k8s.io/v1".to_owned(),
                kind: "CustomResourceDefinition".to_owned(),
                namespace: String::new(),
                name: "reservations.ordinance.dev".to_owned(),
            },
            uid: String::new(),
            subject: realm.to_owned(),
            message: format!(
                "objects with new keys in {realm} are turned away, because too many objects that were reserved there were never \
                 stored; find their creator with `kubectl get reservations.ordinance.dev`"
            ),
        }
    }
}

// === impl EventReason ===

impl EventReason {
    /// Returns the reason as an Event names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WouldDeny => "WouldDeny",
            Self::ReservationsBlocked => "ReservationsBlocked",
        }
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
    pub fn new(metrics: EventMetrics) -> (Self, mpsc::Receiver<ReportedEvent>) {
        let (sender, receiver) = mpsc::channel(QUEUED_EVENTS);
        (Self { sender, metrics }, receiver)
    }

    /// Adds an Event, or drops and counts it if the queue is full. Never waits.
    pub fn push(&self, event: ReportedEvent) {
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
        let event = ReportedEvent::of(&request, &would_deny()).expect("an event");
        let object = EventObject {
            api_version: "apps/v1".to_owned(),
            kind: "StatefulSet".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let (uid, subject, message) = ("u-1".to_owned(), "a-rule".to_owned(), "taken [a-rule]".to_owned());
        assert_eq!(event, ReportedEvent { reason: EventReason::WouldDeny, object, uid, subject, message });
    }

    #[test]
    fn dry_runs_and_other_verdicts_have_no_event() {
        let dry_run = Request { dry_run: true, ..request("{}") };
        assert_eq!(ReportedEvent::of(&dry_run, &would_deny()), None);
        assert_eq!(ReportedEvent::of(&request("{}"), &Verdict::allow()), None);
    }

    #[test]
    fn an_object_without_a_uid_is_named_without_one() {
        for object in ["{}", "[]", r#"{"metadata":{"uid":""}}"#, r#"{"metadata":7}"#] {
            let event = ReportedEvent::of(&request(object), &would_deny()).expect("an event");
            assert_eq!(event.uid, "", "{object}");
        }
    }

    #[test]
    fn a_full_queue_drops_events_and_counts_them() {
        let metrics = crate::metrics::Metrics::new();
        let (queue, mut receiver) = EventQueue::new(metrics.events());
        let event = ReportedEvent::of(&request("{}"), &would_deny()).expect("an event");
        (0..QUEUED_EVENTS + 2).for_each(|_| queue.push(event.clone()));
        let dropped = r#"ordinance_events_total{outcome="Dropped"} 2"#;
        assert!(metrics.text().lines().any(|line| line == dropped), "{}", metrics.text());
        assert_eq!(std::iter::from_fn(|| receiver.try_recv().ok()).count(), QUEUED_EVENTS);
    }
}
