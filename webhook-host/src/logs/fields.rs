//! The fields of a log line, cut and made plain.

use ordinance_contract::one_line;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::{self, Debug};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer, debug_fn};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

/// Characters of a field. The longest of the host's own is a CA bundle in base64.
const FIELD_CHARS: usize = 8_192;

/// The field with the line's text.
const MESSAGE: &str = "message";

/// Formats a line as one JSON object: time, level, text and fields.
pub(super) struct JsonLines;

/// The members of a JSON line, in order.
struct Members(Vec<(&'static str, Value)>);

/// Returns the format of the fields of a line for people: the text first, then `name=value`.
pub(super) fn text() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        let value = plain(value);
        match name(field) {
            MESSAGE => write!(writer, "{value}"),
            name if writer.has_ansi_escapes() => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}"),
            name => write!(writer, "{name}={value}"),
        }
    })
    .delimited(" ")
}

/// Returns a value in one line, cut.
fn plain(value: &dyn Debug) -> String {
    let text = format!("{value:?}");
    match one_line(&text, FIELD_CHARS) {
        Cow::Owned(plain) => plain,
        Cow::Borrowed(_) => text,
    }
}

/// Returns the name of a field. One that is a word of Rust has a prefix.
fn name(field: &Field) -> &'static str {
    field.name().strip_prefix("r#").unwrap_or(field.name())
}

// === impl JsonLines ===

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let level = event.metadata().level().as_str();
        let mut members = Members(vec![("timestamp", time.into()), ("level", level.into())]);
        event.record(&mut members);
        let line = serde_json::to_string(&members).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

// === impl Members ===

impl Members {
    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.push((name(field), value.into()));
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, &*one_line(value, FIELD_CHARS));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field, plain(value));
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::layer;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry;

    /// A text that would act on a terminal or write a line of its own.
    const ACTING: &str = "a\u{1b}[2J\n2026-01-01T00:00:00Z  INFO forged\u{2028}\u{202e}\u{9b}";

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn log_acting_texts() {
        let long = "x".repeat(2 * FIELD_CHARS);
        tracing::warn!(display = %ACTING, debug = ?ACTING, text = ACTING, long, count = 3, yes = true, "said {ACTING}");
    }

    fn assert_plain(line: &str) {
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let acts = |c: char| ordinance_contract::acts(c) && c != '\n';
        assert!(!line.contains(acts), "{line}");
        assert!(line.contains("said a [2J 2026") && line.len() < 2 * FIELD_CHARS, "{line}");
    }

    #[test]
    fn a_line_of_text_stays_one_line_without_acting_characters() {
        let lines = Lines::default();
        let layer = layer().with_writer(lines.clone()).with_target(false).fmt_fields(text()).with_ansi(false);
        tracing::subscriber::with_default(registry().with(layer), log_acting_texts);
        assert_plain(&lines.text());
        assert!(lines.text().contains(" count=3 yes=true"), "{}", lines.text());
    }

    #[test]
    fn a_json_line_has_plain_fields_of_their_types() {
        let lines = Lines::default();
        let layer = layer().with_writer(lines.clone()).event_format(JsonLines).with_ansi(false);
        tracing::subscriber::with_default(registry().with(layer), log_acting_texts);
        assert_plain(&lines.text());
        let line: Value = serde_json::from_str(&lines.text()).unwrap();
        assert_eq!((&line["level"], &line["count"], &line["yes"]), (&"WARN".into(), &3.into(), &true.into()));
        assert!(lines.text().starts_with("{\"timestamp\":\""), "{}", lines.text());
        let chars = line["long"].as_str().unwrap().chars().count();
        assert_eq!(chars, FIELD_CHARS);
    }
}
