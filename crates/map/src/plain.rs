//! Foreign text in a drawing: nothing of it moves a cursor, breaks a line, or turns the direction of writing.

use textwrap::core::display_width;
use unicode_width::UnicodeWidthChar;

/// What stands for what was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ellipsis {
    Unicode,
    Ascii,
}

/// The text without characters that a terminal or a page would act on.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if acts(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The text in ASCII alone: other characters as `\u{…}`.
pub(crate) fn ascii(text: &str) -> String {
    let mut ascii = String::new();
    for c in text.chars() {
        if c.is_ascii_graphic() || c == ' ' { ascii.push(c) } else { ascii.extend(c.escape_unicode()) }
    }
    ascii
}

/// Columns that it takes.
pub(crate) fn width(text: &str) -> usize {
    display_width(text)
}

/// The text in so many columns, its middle visibly left out if it is longer.
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

/// As many characters as fit.
fn start(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= columns
    };
    characters.take_while(fits).collect()
}

/// Control characters, separators of lines and paragraphs, what turns the direction of writing, what XML has no room
/// for, and what can't be seen.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_acts() {
        assert_eq!(plain("a\u{1b}[31m\n\u{202e}b\u{0}"), "a\u{fffd}[31m\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(ascii("é\t~"), "\\u{e9}\\u{9}~");
    }

    #[test]
    fn a_long_text_is_cut_visibly_by_columns() {
        assert_eq!(cut("abcdefghij", 5, Ellipsis::Unicode), "ab…ij");
        assert_eq!(cut("abcdefghij", 7, Ellipsis::Ascii), "ab...ij");
        assert_eq!(cut("漢字漢字漢字", 6, Ellipsis::Unicode), "漢…字");
        assert_eq!(cut("abc", 3, Ellipsis::Unicode), "abc");
    }
}
