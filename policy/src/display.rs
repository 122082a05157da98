//! Names and paths as messages show them.

use ordinance_contract::acts;

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
        c if acts(c) => ' ',
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
