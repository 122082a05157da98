//! Where log lines go: stderr, as text for people or JSON for machines.

use crate::config::{LogFile, LogFormat, LogLevel};
use std::io;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Starts logging for the rest of the process. Only a binary may do so, once.
pub fn start(log: LogFile, is_coloured: bool) {
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(is_coloured).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    // A second call changes nothing; there is none.
    let _ = registry().with(lines.with_filter(filter(log.level))).try_init();
}

/// Lets a panic say only where it happened: what it says could quote an object. Only a binary may do so, since the hook
/// is the process's.
pub fn quote_no_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}

/// Libraries are heard only from warnings on, or when everything is wanted.
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
        // It quotes whole answers, and says each failure that the watches say too.
        .with_target("kube_client", LevelFilter::OFF)
        .with_target("kube_runtime", LevelFilter::OFF)
}
