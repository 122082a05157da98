//! How a map is drawn as text: the width and the characters of the terminal.

use super::output::{self, Color};
use ordinance_map::{Charset, Map, TextOptions};
use ordinance_report::without_runner_commands;

/// The width of the text if neither a flag, the terminal nor `COLUMNS` sets one.
const DEFAULT_COLUMNS: usize = 80;

/// Draws a map.
pub(super) fn text(map: &Map, options: TextOptions) -> Vec<u8> {
    // A long name may be wrapped before `::`.
    without_runner_commands(ordinance_map::text(map, options)).into_bytes()
}

/// Returns how to draw on stdout, in a width and with ASCII alone if the flags say so.
pub(super) fn options(width: Option<u16>, ascii: bool, color: Color) -> TextOptions {
    let width = width.or_else(output::columns).map_or(DEFAULT_COLUMNS, usize::from);
    let charset = if ascii || !is_utf8() { Charset::Ascii } else { Charset::Unicode };
    TextOptions { width, is_colored: color.on_stdout(), charset }
}

/// Returns whether the character set of the locale is UTF-8. The order of the variables is that of libc.
fn is_utf8() -> bool {
    let locales = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let locale =
        locales.into_iter().find(|locale| !locale.is_empty()).unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
