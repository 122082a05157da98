//! Text for the API server's clients: one line, not too long.

use std::borrow::Cow;

/// Characters of a warning. The API server truncates longer ones once all warnings of a response exceed 4 KiB
/// (`maxTotalWarningLength` of `staging/src/k8s.io/apiserver/pkg/endpoints/filters/warning.go`).
pub const WARNING_CHARS: usize = 240;

/// Warnings of one response; the last one counts the rest.
pub const WARNINGS: usize = 10;

/// Characters of the message of a denial: about a screenful.
pub const MESSAGE_CHARS: usize = 2_000;

/// Characters of a name: the longest that the API server accepts for an object.
pub const NAME_CHARS: usize = 253;

/// Characters of a title or a version.
pub const TITLE_CHARS: usize = 240;

/// Characters of a text of several lines, such as the explanation of a rule. Those of the built-in policy have less than
/// 8 000.
pub const DOCUMENT_CHARS: usize = 64_000;

/// Bytes of the key of an audit annotation, without the webhook's name that the API server puts in front.
pub const ANNOTATION_KEY_BYTES: usize = 63;

/// Returns the text as one line of at most `chars` characters; `…` marks what was cut off.
///
/// Line breaks and other characters that [act](acts) become spaces. Text that is fine already is borrowed.
pub fn one_line(text: &str, chars: usize) -> Cow<'_, str> {
    if text.len() <= chars && is_printable_ascii(text) && text.trim_ascii().len() == text.len() {
        return Cow::Borrowed(text);
    }
    let text = text.trim_matches(|c: char| c.is_whitespace() || acts(c));
    let clean = if text.contains(acts) { Cow::Owned(text.replace(acts, " ")) } else { Cow::Borrowed(text) };
    if clean.len() <= chars || clean.chars().count() <= chars {
        clean
    } else {
        Cow::Owned(cut(&clean, chars))
    }
}

/// Returns the text with its line breaks and tabs, but with spaces for other characters that [act](acts), and at most
/// `chars` characters; `…` marks what was cut off.
pub fn several_lines(text: &str, chars: usize) -> Cow<'_, str> {
    let is_foreign = |c: char| acts(c) && !matches!(c, '\n' | '\t');
    let clean = if text.contains(is_foreign) {
        Cow::Owned(text.replace(is_foreign, " "))
    } else {
        Cow::Borrowed(text)
    };
    if clean.len() <= chars || clean.chars().count() <= chars {
        clean
    } else {
        Cow::Owned(cut(&clean, chars))
    }
}

/// Returns whether a terminal, a page or a log acts on a character: a control character, or one that separates lines or
/// paragraphs, turns the direction of writing, is invalid in XML, or is invisible.
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns the end of every text of a finding: the rule's id in brackets, after a space.
pub fn rule_tag(rule: &str) -> String {
    [" [", rule, "]"].concat()
}

/// Returns an error message of a serde parser without its position (` at line 1 column 7`), which is of no use where
/// the text is not the one that the user wrote.
pub fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(reason, _)| reason)
}

/// Returns whether all characters of a text are printable ASCII, so that none [acts]. Compares eight bytes at once, since
/// almost every text is.
pub fn is_printable_ascii(text: &str) -> bool {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let is_printable = |byte: &u8| (b' '..=b'~').contains(byte);
    words.iter().all(|word| are_printable(u64::from_ne_bytes(*word))) && rest.iter().all(is_printable)
}

/// Returns whether each of eight bytes is a printable character of ASCII. A subtraction that borrows sets the highest bit of a byte,
/// which no such character has.
const fn are_printable(word: u64) -> bool {
    const HIGHEST: u64 = each(0x80);
    let is_control = word.wrapping_sub(each(b' ')) & !word;
    let other_than_delete = word ^ each(0x7f);
    let is_delete = other_than_delete.wrapping_sub(each(1)) & !other_than_delete;
    (word | is_control | is_delete) & HIGHEST == 0
}

/// Returns a word of eight equal bytes.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrows_a_short_line() {
        assert!(matches!(one_line("fine", 4), Cow::Borrowed("fine")));
    }

    #[test]
    fn a_byte_that_is_not_printable_is_found_at_each_place() {
        for byte in 0..=u8::MAX {
            for place in 0..19 {
                let mut bytes = [b'~', b'!'].repeat(10);
                bytes[place] = byte;
                let text: String = bytes.into_iter().map(char::from).collect();
                assert_eq!(is_printable_ascii(&text), (b' '..=b'~').contains(&byte), "{text:?}");
            }
        }
    }

    #[test]
    fn leaves_out_spaces_around_a_line() {
        for text in [" fine", "fine ", "  fine  "] {
            assert_eq!(one_line(text, 8), "fine");
        }
    }

    #[test]
    fn replaces_line_breaks_by_spaces_and_cuts_by_characters() {
        assert_eq!(one_line("a\r\nb\u{1b}[0m\n", 80), "a  b [0m");
        assert_eq!(one_line("\u{1b}[0m \u{7}", 80), "[0m");
        assert_eq!(one_line("äöüß", 4), "äöüß");
        assert_eq!(one_line("äöüßx", 4), "äöü…");
    }

    #[test]
    fn several_lines_keep_their_breaks_only() {
        assert!(matches!(several_lines("a\n\tb", 4), Cow::Borrowed("a\n\tb")));
        assert_eq!(several_lines("a\u{1b}[0m\n\u{202e}b\u{2028}", 80), "a [0m\n b ");
        assert_eq!(several_lines("äö\nüx", 4), "äö\n…");
    }

    #[test]
    fn removes_the_position_of_a_parser_error() {
        assert_eq!(without_position("expected value at line 1 column 7"), "expected value");
        assert_eq!(without_position("expected value"), "expected value");
    }
}
