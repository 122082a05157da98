//! Records the log of the process for all tests. Tests find their lines by the names in them.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The name of an object whose first log line panics.
pub const PANICS: &str = "pv-of-a-panic";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static START: Once = Once::new();

struct Recorder;

/// The fields of an event, one after the other.
#[derive(Default)]
struct LogLine(String);

/// Records the log from now on.
pub fn record() {
    START.call_once(|| tracing_subscriber::registry().with(Recorder).init());
}

/// Returns the first line that contains all of these texts.
pub fn line(parts: &[&str]) -> Option<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().find(|line| parts.iter().all(|part| line.contains(part))).cloned()
}

/// Returns the number of lines that contain all of these texts.
pub fn count(parts: &[&str]) -> usize {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count()
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() > tracing::Level::INFO {
            return;
        }
        let mut line = LogLine(event.metadata().level().to_string());
        event.record(&mut line);
        let panics = line.0.contains(PANICS) && self::line(&[PANICS]).is_none();
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
        assert!(!panics, "the test requests this panic");
    }
}

impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}
