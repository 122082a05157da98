//! What is written, and how: whole results to stdout, one line for an error to stderr, colours only where they are seen.

use clap::ColorChoice;
use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal that is not dumb, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes a result to stdout. A closed pipe is no error: its reader has seen enough.
///
/// # Errors
///
/// If stdout can't be written for another reason, e.g. a full disk.
pub fn print(result: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(result).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes an error with its causes to stderr, as one line.
pub(super) fn error(color: Color, error: &anyhow::Error) {
    let text = format!("{error:#}").replace(['\n', '\r'], " ");
    let label = if color.on_stderr() { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    // There is nobody left to tell.
    let _ = writeln!(io::stderr(), "{label} {text}");
}

/// Writes lines to stderr that are no results of their own, or for which stdout is no place.
pub(super) fn aside(lines: &str) {
    // There is nobody left to tell.
    let _ = io::stderr().lock().write_all(lines.as_bytes());
}

/// Writes a line to stderr that is worth knowing and no error.
pub(super) fn note(text: &str) {
    // There is nobody left to tell.
    let _ = writeln!(io::stderr(), "warning: {}", text.replace(['\n', '\r'], " "));
}

// === impl Color ===

impl Color {
    /// What the command line asks for; read before all else, since clap colours its own errors.
    pub(super) fn asked(arguments: &[OsString]) -> Self {
        let mut words = arguments.iter().filter_map(|word| word.to_str()).take_while(|&word| word != "--");
        while let Some(word) = words.next() {
            let value = match word.strip_prefix("--color") {
                Some("") => words.next(),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            };
            if let Some(color) = value.and_then(Self::named) {
                return color;
            }
        }
        std::env::var("ORDINANCE_COLOR").ok().as_deref().and_then(Self::named).unwrap_or_default()
    }

    fn named(word: &str) -> Option<Self> {
        clap::ValueEnum::from_str(word, false).ok()
    }

    /// The same for clap.
    pub(super) const fn for_help(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }

    /// Whether what goes to stderr is coloured.
    pub fn on_stderr(self) -> bool {
        self.on(&io::stderr())
    }

    /// Whether what goes to stdout is coloured.
    pub(super) fn on_stdout(self) -> bool {
        self.on(&io::stdout())
    }

    fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            Self::Auto => is_steered(stream) && !asks_for_none(std::env::var_os("NO_COLOR")),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Whether it is a terminal that can do more than to take one character after the other.
pub(super) fn is_steered(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// See <https://no-color.org>: set and not empty.
fn asks_for_none(no_color: Option<OsString>) -> bool {
    no_color.is_some_and(|value| !value.is_empty())
}
