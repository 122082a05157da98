//! Writes the log to stderr, as text for people or as JSON for programs.
//!
//! Names, errors and reasons in a log are foreign text. Each field is cut and made one line here, so that none writes a line of its own
//! or acts on a terminal.

mod fields;

use crate::config::{LogFile, LogFormat, LogLevel};
use fields::JsonLines;
use std::io;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Installs the process-wide log. Only a binary may call this, and only once.
pub fn start(log: LogFile, is_coloured: bool) {
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = match log.format {
        LogFormat::Text => lines.fmt_fields(fields::text()).with_ansi(is_coloured).boxed(),
        LogFormat::Json => lines.event_format(JsonLines).with_ansi(false).boxed(),
    };
    // This fails only on a second call, and then the first log stays.
    let _ = registry().with(lines.with_filter(filter(log.level))).try_init();
}

/// Makes panics log only their source location, because a panic's message may quote an object. Only a binary may call
/// this, because it replaces the process-wide panic hook.
pub fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}

/// Libraries log only warnings and errors, unless the level is `trace`.
fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = if level == LogLevel::Trace { own } else { own.min(LevelFilter::WARN) };
    Targets::new()
        .with_default(others)
        .with_target("ordinance", own)
        // These crates log whole responses, and errors that the watches log too.
        .with_target("kube_client", LevelFilter::OFF)
        .with_target("kube_runtime", LevelFilter::OFF)
}
