//! Text that may stand in an answer: one line, and not too long.

use std::borrow::Cow;

/// Characters of a reason for a bad request.
pub(super) const REASON_CHARS: usize = 240;

/// The text as one line of at most so many characters; what is cut off is marked by `…`.
///
/// Line breaks and other control characters become spaces. Borrows what is fine already.
pub(crate) fn one_line(text: &str, chars: usize) -> Cow<'_, str> {
    if text.len() <= chars && is_plain(text) {
        return Cow::Borrowed(text);
    }
    let text = text.trim();
    let clean = if text.contains(char::is_control) {
        Cow::Owned(text.replace(char::is_control, " "))
    } else {
        Cow::Borrowed(text)
    };
    if clean.len() <= chars || clean.chars().count() <= chars {
        clean
    } else {
        Cow::Owned(cut(&clean, chars))
    }
}

/// Whether nothing has to be done, found out by bytes: true of almost every text.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim_ascii().len() == text.len()
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_line_is_borrowed() {
        assert!(matches!(one_line("fine", 4), Cow::Borrowed("fine")));
    }

    #[test]
    fn line_breaks_become_spaces_and_the_end_is_cut_by_characters() {
        assert_eq!(one_line("a\r\nb\u{1b}[0m\n", 80), "a  b [0m");
        assert_eq!(one_line("äöüß", 4), "äöüß");
        assert_eq!(one_line("äöüßx", 4), "äöü…");
    }
}
