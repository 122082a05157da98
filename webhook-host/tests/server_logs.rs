//! The log contains names but no content of objects. This test needs a process of its own, because the log is
//! process-wide.

#[path = "server/harness.rs"]
#[expect(dead_code, reason = "shared with the other tests of the server")]
mod harness;

use harness::{Host, Policy, UID, finding, head, review};
use ordinance::limits::Limits;
use ordinance::logs;
use ordinance_contract::{Finding, Severity, Verdict};
use ordinance_engine::Failure;
use std::fmt;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

/// Records every event as a line of text.
#[derive(Clone, Default)]
struct RecordedLog(Arc<Mutex<Vec<(Level, String)>>>);

struct LogLine(String);

impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!(" {field}={value:?}");
    }
}

impl Subscriber for RecordedLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = LogLine(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl RecordedLog {
    fn lines(&self, level: Level) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|(found, _)| *found == level).map(|(_, line)| line.clone()).collect()
    }
}

#[tokio::test]
async fn logs_denials_by_name_and_no_content_of_objects() {
    let log = RecordedLog::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let judge = Policy::inline(|request, _| {
        if request.object.as_deref().is_some_and(|object| object.contains("trap")) {
            return Err(Failure::Trap("s3cret".to_owned()));
        }
        if request.object.as_deref().is_some_and(|object| object.contains("panic")) {
            panic!("s3cret");
        }
        if request.object.as_deref().is_some_and(|object| object.contains("slow")) {
            return Err(Failure::Time { limit_ms: 20 });
        }
        let mut findings = vec![finding(Severity::Deny, "s3cret"), finding(Severity::Warn, "s3cret")];
        if request.object.as_deref().is_some_and(|object| object.contains("trial")) {
            findings[0] = Finding { would_deny: true, ..finding(Severity::Warn, "s3cret") };
        }
        Ok(Verdict { findings, ..Verdict::allow() })
    });
    let host = Host::start(Limits { body_bytes: 2_000, ..Limits::default() }, judge).await;
    let object = r#"{"data":"s3cret"}"#;
    let named = review(object).replace(r#""name":"web""#, r#""name":"web\nINFO forged""#);
    host.post("/mutate/test", &named).await.response();
    host.post("/mutate/test", &review(r#"{"data":"s3cret trap"}"#)).await.response();
    logs::hide_panic_messages();
    host.post("/mutate/test", &review(r#"{"data":"s3cret panic"}"#)).await.response();
    drop(std::panic::take_hook());
    host.post("/mutate/test", &review(r#"{"data":"s3cret slow"}"#)).await.response();
    host.post("/mutate/test", &review(r#"{"data":"s3cret trial"}"#)).await.response();
    for bad in [&review(object)[1..], r#"{"s3cret":"#, &"s3cret".repeat(1_000)] {
        host.post("/mutate/test", bad).await;
    }
    let mut broken = host.connect().await;
    broken.send(head("/mutate/test", 500) + "s3cret").await;
    broken.half_close().await;
    broken.closed().await;

    let denials = log.lines(Level::INFO);
    assert_eq!(denials.len(), 5, "{denials:?}");
    assert!(denials.iter().all(|line| line.contains(UID)), "{denials:?}");
    assert!(denials[0].contains(r#"name="web\nINFO forged""#), "{denials:?}");
    assert!(denials[0].contains(r#"rules="a-rule""#), "{denials:?}");
    let named = r#"resource="statefulsets" namespace="default" name="web" rules="a-rule""#;
    assert!(denials[4].contains("message=would be denied") && denials[4].contains(named), "{denials:?}");
    assert!(denials[3].contains(r#"failure="time" limit="limits.policyTime""#), "{denials:?}");
    for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
        assert!(log.lines(level).iter().all(|line| !line.contains("s3cret")), "{:?}", log.lines(level));
    }
    assert_eq!(log.lines(Level::DEBUG).iter().filter(|line| line.contains("reviewed")).count(), 5);
    let panics = log.lines(Level::ERROR);
    assert_eq!(panics.len(), 1, "{panics:?}");
    assert!(panics[0].contains("panicked") && panics[0].contains("server_logs.rs:"), "{panics:?}");
}
