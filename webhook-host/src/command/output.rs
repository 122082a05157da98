//! Writes results to stdout and messages to stderr, with colors on terminals.

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ColorChoice, ValueEnum};
use ordinance_report::printable;
use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// The flags of every command.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Common")]
pub struct CommonArgs {
    /// When to color the output: auto, always or never; auto respects NO_COLOR
    #[arg(long, global = true, value_enum, value_name = "WHEN", env = "ORDINANCE_COLOR", hide_env = true)]
    #[arg(default_value_t, hide_possible_values = true)]
    pub color: Color,
    /// Print only errors
    #[arg(short, long, global = true, env = "ORDINANCE_QUIET", hide_env = true)]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more; give it twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, env = "ORDINANCE_VERBOSE", hide_env = true)]
    pub verbose: u8,
}

/// When to color the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal with escape sequences, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes a result to stdout. A closed pipe is not an error: its reader wants no more.
///
/// # Errors
///
/// Writing fails for another reason, for example a full disk.
pub fn print(result: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(result).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(unwritten),
    }
}

/// Returns an error of stdout that names it.
pub(super) fn unwritten(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("stdout can't be written: {error}"))
}

/// Returns the width of the terminal of stdout, else that of `COLUMNS`, in columns.
pub(super) fn columns() -> Option<u16> {
    let terminal = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
    terminal.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
}

/// Writes an error with its causes to stderr, as one line.
pub(super) fn error(color: Color, error: &anyhow::Error) {
    let text = one_line(&format!("{error:#}"));
    let label = if color.on_stderr() { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    // An error of stderr can't be reported anywhere.
    let _ = writeln!(io::stderr(), "{label} {text}");
}

/// Writes lines to stderr, because they accompany a result or because stdout is reserved for something else.
pub(super) fn print_to_stderr(lines: &str) {
    // An error of stderr can't be reported anywhere.
    let _ = io::stderr().lock().write_all(lines.as_bytes());
}

/// Writes a warning to stderr, as one line.
pub(super) fn warn(text: &str) {
    // An error of stderr can't be reported anywhere.
    let _ = writeln!(io::stderr(), "warning: {}", one_line(text));
}

/// Returns a text in one line, without characters that would control a terminal: it may quote the name of a file.
fn one_line(text: &str) -> String {
    printable(&text.replace(['\n', '\r'], " "))
}

// === impl Color ===

impl Color {
    /// Returns the value of `--color` or its variable, before clap parses the command line: clap colors its own errors.
    pub(super) fn requested(arguments: &[OsString]) -> Self {
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
        ValueEnum::from_str(word, false).ok()
    }

    /// Converts the choice for clap.
    pub(super) const fn for_clap(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }

    /// Returns whether to color stderr.
    pub fn on_stderr(self) -> bool {
        self.on(&io::stderr())
    }

    /// Returns whether to color stdout.
    pub(super) fn on_stdout(self) -> bool {
        self.on(&io::stdout())
    }

    fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            Self::Auto => supports_escapes(stream) && !forbids_color(std::env::var_os("NO_COLOR")),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Returns whether a stream is a terminal that understands escape sequences.
pub(super) fn supports_escapes(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Returns whether NO_COLOR is set and not empty, see <https://no-color.org>.
fn forbids_color(no_color: Option<OsString>) -> bool {
    no_color.is_some_and(|value| !value.is_empty())
}
