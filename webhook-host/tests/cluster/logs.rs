//! What the process logs, kept for all tests together: they tell their lines apart by the names in them.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The name of an object at whose mention the log panics, once.
pub const PANICS: &str = "pv-of-a-panic";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static START: Once = Once::new();

struct Keeper;

/// An event's fields, one after the other.
#[derive(Default)]
struct Line(String);

/// Keeps what is logged from now on.
pub fn keep() {
    START.call_once(|| tracing_subscriber::registry().with(Keeper).init());
}

/// The first line that has all of these in it.
pub fn line(parts: &[&str]) -> Option<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().find(|line| parts.iter().all(|part| line.contains(part))).cloned()
}

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() > tracing::Level::INFO {
            return;
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        let panics = line.0.contains(PANICS) && self::line(&[PANICS]).is_none();
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
        assert!(!panics, "as it was told");
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}
