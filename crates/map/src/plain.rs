//! Foreign text in a drawing, without characters that move a cursor, break a line or turn the direction of writing.

use ordinance_contract::acts;
use textwrap::core::display_width;
use unicode_width::UnicodeWidthChar;

/// The mark for text that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ellipsis {
    Unicode,
    Ascii,
}

/// How the commands of a CI runner begin that stand within a line.
const RUNNER_COMMAND: &str = "##[";

/// Replaces the characters that a terminal or a page would act on, and breaks the commands of a CI runner.
pub(crate) fn plain(text: &str) -> String {
    text.replace(acts, "\u{fffd}").replace(RUNNER_COMMAND, "##\u{fffd}[")
}

/// Escapes all characters beyond printable ASCII as `\u{…}`.
pub(crate) fn ascii(text: &str) -> String {
    let mut ascii = String::new();
    for c in text.chars() {
        if c.is_ascii_graphic() || c == ' ' { ascii.push(c) } else { ascii.extend(c.escape_unicode()) }
    }
    ascii
}

/// Returns the number of columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    display_width(text)
}

/// Cuts a text to a number of columns: an ellipsis replaces its middle.
pub(crate) fn cut(text: &str, columns: usize, ellipsis: Ellipsis) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if ellipsis == Ellipsis::Unicode { "…" } else { "..." };
    let room = columns.saturating_sub(width(mark));
    let head = start(text.chars(), room / 2);
    let tail: String = start(text.chars().rev(), room - width(&head)).chars().rev().collect();
    format!("{head}{mark}{tail}")
}

/// Returns as many characters as fit.
fn start(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= columns
    };
    characters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_characters_that_act() {
        assert_eq!(plain("a\u{1b}[31m\n\u{202e}b\u{0}"), "a\u{fffd}[31m\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(plain("##[error]"), "##\u{fffd}[error]");
        assert_eq!(ascii("é\t~"), "\\u{e9}\\u{9}~");
    }

    #[test]
    fn cuts_a_long_text_by_columns() {
        assert_eq!(cut("abcdefghij", 5, Ellipsis::Unicode), "ab…ij");
        assert_eq!(cut("abcdefghij", 7, Ellipsis::Ascii), "ab...ij");
        assert_eq!(cut("漢字漢字漢字", 6, Ellipsis::Unicode), "漢…字");
        assert_eq!(cut("abc", 3, Ellipsis::Unicode), "abc");
    }
}
