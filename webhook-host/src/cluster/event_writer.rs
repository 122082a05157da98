//! Writes Events to the API server.
//!
//! `kube`'s recorder counts repetitions in one Event, for which it must be allowed to patch Events, and it takes two
//! findings about one object for a repetition. This writer only creates Events, at most one per object and subject in
//! [`EVENT_INTERVAL`].

use super::CONNECT_TIME;
use crate::clock::Clock;
use crate::events::{EventObject, ReportedEvent};
use crate::metrics::{EventMetrics, EventOutcome};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use ordinance_engine::is_label;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long an Event about the same object and rules is not repeated.
pub const EVENT_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// The most Events in [`EVENT_INTERVAL`].
pub const EVENTS_PER_INTERVAL: usize = 1_000;

/// The size of an Event's note, in bytes. The API server refuses longer ones.
pub const NOTE_BYTES: usize = 1_024;

/// How long a write may take.
pub const WRITE_TIME: Duration = Duration::from_secs(5);

/// How long a stopping process goes on writing the Events that wait.
pub const FLUSH_TIME: Duration = Duration::from_secs(2);

/// The interval of log lines about failed writes.
pub const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The component that reports the Events.
const CONTROLLER: &str = "ordinance.dev/ordinance";

/// The size of `reportingInstance`, in bytes. The API server refuses longer ones.
const INSTANCE_BYTES: usize = 128;

/// The namespace of Events about cluster-scoped objects; the API server accepts no other one.
const CLUSTER_NAMESPACE: &str = "default";

/// The running writer; aborted on drop.
#[derive(Debug)]
pub struct EventWriter {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// The state of the writer's task.
struct WritingLoop {
    client: Client,
    events: mpsc::Receiver<ReportedEvent>,
    clock: Clock,
    metrics: EventMetrics,
    instance: String,
    /// When there was an Event about each object and its rules.
    written: HashMap<(EventObject, String), Instant>,
    /// When the log had a line about a failed write.
    logged: Option<Instant>,
}

/// Why an Event is not written.
enum EventError {
    /// The object's namespace is no name of a namespace, so it can't be part of a URL.
    Namespace,
    /// No answer in [`WRITE_TIME`].
    Timeout,
    Api(kube::Error),
}

// === impl EventWriter ===

impl EventWriter {
    /// Starts to write the Events of a queue. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// No client can be made from the configuration.
    pub fn start(
        mut config: kube::Config,
        events: mpsc::Receiver<ReportedEvent>,
        clock: Clock,
        metrics: EventMetrics,
    ) -> kube::Result<Self> {
        config.connect_timeout = Some(CONNECT_TIME);
        config.read_timeout = Some(WRITE_TIME);
        // An Event whose write fails is given up.
        config.default_retry = false;
        let (written, logged) = (HashMap::new(), None);
        let client = Client::try_from(config)?;
        let writing = WritingLoop { client, events, clock, metrics, instance: instance(), written, logged };
        let (stop, stopped) = oneshot::channel();
        Ok(Self { stop: Some(stop), task: tokio::spawn(writing.run(stopped)) })
    }

    /// Writes the Events that wait, for at most [`FLUSH_TIME`], and ends.
    pub async fn stop(mut self) {
        self.stop = None;
        // The panic hook has reported a panic of the task.
        let _ = tokio::time::timeout(FLUSH_TIME, &mut self.task).await;
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns the name of the pod or of the machine.
fn instance() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    shortened(&host.unwrap_or_else(|| "ordinance".to_owned()), INSTANCE_BYTES).to_owned()
}

// === impl WritingLoop ===

impl WritingLoop {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => self.write(event).await,
                    None => return,
                },
                _ = &mut stop => break,
            }
        }
        self.events.close();
        while let Some(event) = self.events.recv().await {
            self.write(event).await;
        }
    }

    /// Writes an Event, unless there was one about the same object and rules, or too many.
    async fn write(&mut self, event: ReportedEvent) {
        let now = self.clock.now();
        self.written.retain(|_, written| now.duration_since(*written) < EVENT_INTERVAL);
        let key = (event.object.clone(), event.subject.clone());
        if self.written.contains_key(&key) {
            return;
        }
        if self.written.len() >= EVENTS_PER_INTERVAL {
            return self.metrics.count(EventOutcome::Dropped);
        }
        self.written.insert(key, now);
        match self.create(event).await {
            Ok(()) => self.metrics.count(EventOutcome::Written),
            Err(error) => self.failed(&error, now),
        }
    }

    async fn create(&self, event: ReportedEvent) -> Result<(), EventError> {
        let namespace = match &*event.object.namespace {
            "" => CLUSTER_NAMESPACE,
            namespace if is_label(namespace) => namespace,
            _ => return Err(EventError::Namespace),
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let event = resource(namespace, &event, &self.instance);
        let parameters = PostParams::default();
        match tokio::time::timeout(WRITE_TIME, api.create(&parameters, &event)).await {
            Ok(created) => created.map(drop).map_err(EventError::Api),
            Err(_) => Err(EventError::Timeout),
        }
    }

    /// Counts a failed write, and logs one per [`LOG_INTERVAL`]. The text of an error may have content of the object, so
    /// only its cause is logged.
    fn failed(&mut self, error: &EventError, now: Instant) {
        self.metrics.count(EventOutcome::Failed);
        if self.logged.is_none_or(|logged| now.duration_since(logged) >= LOG_INTERVAL) {
            self.logged = Some(now);
            tracing::warn!(cause = error.cause(), remedy = error.remedy(), "can't write an Event");
        }
    }
}

/// Returns an Event as the API server stores it.
fn resource(namespace: &str, event: &ReportedEvent, instance: &str) -> Event {
    let EventObject { api_version, kind, namespace: own_namespace, name } = event.object.clone();
    let given = |text: String| (!text.is_empty()).then_some(text);
    Event {
        metadata: ObjectMeta {
            generate_name: Some("ordinance-".to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(Timestamp::now())),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        action: Some("Admission".to_owned()),
        reason: Some(event.reason.as_str().to_owned()),
        type_: Some("Warning".to_owned()),
        note: Some(note(&event.message)),
        regarding: Some(ObjectReference {
            api_version: given(api_version),
            kind: given(kind),
            namespace: given(own_namespace),
            name: given(name),
            uid: given(event.uid.clone()),
            ..ObjectReference::default()
        }),
        ..Event::default()
    }
}

/// Returns a message that fits into a note.
fn note(message: &str) -> String {
    const ELLIPSIS: &str = "…";
    if message.len() <= NOTE_BYTES {
        return message.to_owned();
    }
    shortened(message, NOTE_BYTES - ELLIPSIS.len()).to_owned() + ELLIPSIS
}

/// Returns the longest beginning of a text with at most this number of bytes.
fn shortened(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

// === impl EventError ===

impl EventError {
    fn cause(&self) -> &'static str {
        match self {
            Self::Namespace => "invalid namespace",
            Self::Timeout => "timeout",
            Self::Api(kube::Error::Api(status)) if status.code == 403 => "forbidden",
            Self::Api(kube::Error::Api(_)) => "refused",
            Self::Api(_) => "unreachable",
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Namespace => "let only the API server call: see --client-ca",
            Self::Timeout => "check the load of the API server",
            Self::Api(kube::Error::Api(status)) if status.code == 403 => {
                "let this user create events of events.k8s.io in every namespace"
            }
            Self::Api(kube::Error::Api(_)) => "look up the reason in the API server's audit log",
            Self::Api(_) => "check the API server's address and the network policies",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_fits_into_its_bytes() {
        assert_eq!(note("short [a-rule]"), "short [a-rule]");
        let long = note(&"ä".repeat(NOTE_BYTES));
        assert!(
            long.len() <= NOTE_BYTES && long.len() > NOTE_BYTES - 4 && long.ends_with("ä…"),
            "{}",
            long.len()
        );
    }
}
