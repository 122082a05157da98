//! Names and paths as messages show them.

/// The longest name in a message, in characters: that of a DNS label.
const NAME_CHARS: usize = 63;

/// Returns a name as a message quotes it, shortened.
pub(crate) fn quoted_name(name: &str) -> String {
    format!("{:?}", short_name(name))
}

/// Returns a name as a message proposes it for copying, shortened.
pub(crate) fn short_name(name: &str) -> String {
    shorten(name, NAME_CHARS)
}

/// Returns a text of at most `chars` characters: the middle of a longer one is replaced by an ellipsis, characters
/// that break a line or a terminal by spaces, and double quotes by single ones.
pub(crate) fn shorten(text: &str, chars: usize) -> String {
    let clean = |c: char| match c {
        '"' => '\'',
        c if breaks_lines(c) => ' ',
        c => c,
    };
    let length = text.chars().count();
    if length <= chars {
        return text.chars().map(clean).collect();
    }
    let head = chars / 2;
    let tail = chars - head - 1;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).map(clean).collect()
}

/// Returns whether a character is a control character, a line or paragraph separator, or changes the direction of
/// writing.
fn breaks_lines(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_loses_its_middle() {
        assert_eq!(shorten("abcdefghij", 5), "ab…ij");
        assert_eq!(shorten("abcde", 5), "abcde");
        assert_eq!(shorten("a\nb\u{2028}\"", 5), "a b '");
    }
}
