//! Names and paths as messages show them.

use ordinance_contract::acts;
use std::fmt;

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
    if text.chars().nth(chars).is_none() {
        return text.chars().map(clean).collect();
    }
    let head = chars / 2;
    let last = (chars - head).checked_sub(2);
    let start =
        last.and_then(|last| text.char_indices().rev().nth(last)).map_or(text.len(), |(start, _)| start);
    let tail = text.get(start..).unwrap_or_default();
    text.chars().take(head).chain(['…']).chain(tail.chars()).map(clean).collect()
}

/// Returns a number (FNV-1a) that differs for texts that differ, except by chance.
pub(crate) fn fingerprint<'t>(texts: impl IntoIterator<Item = &'t str>) -> u64 {
    texts
        .into_iter()
        .flat_map(|text| text.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A text of the object as messages show it, no longer than the longest name in Kubernetes. Each of many findings may show
/// it, and the policy sees names that the API server has not checked yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(pub(crate) &'a str);

/// The longest text that [`Shown`] leaves whole, in characters: the longest name of an object.
const SHOWN_CHARS: usize = 253;

/// A text as [`Shown`], in quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

// === impl Shown ===

impl<'a> Shown<'a> {
    /// Returns the beginning that is shown, and what follows it in the message.
    fn parts(self) -> (&'a str, &'static str) {
        let end = self.0.char_indices().nth(SHOWN_CHARS).map(|(end, _)| end);
        match end.and_then(|end| self.0.get(..end)) {
            Some(beginning) => (beginning, "…"),
            None => (self.0, ""),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (beginning, rest) = self.parts();
        f.write_str(beginning)?;
        f.write_str(rest)
    }
}

// === impl Quoted ===

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (beginning, rest) = Shown(self.0).parts();
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte);
        if beginning.bytes().all(is_plain) {
            // Most names are: their bytes need no escapes.
            f.write_str("\"")?;
            f.write_str(beginning)?;
            f.write_str("\"")?;
        } else {
            write!(f, "{beginning:?}")?;
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_loses_its_middle() {
        assert_eq!(shorten("abcdefghij", 5), "ab…ij");
        assert_eq!(shorten("abcde", 5), "abcde");
        assert_eq!(shorten("abc", 1), "…");
        assert_eq!(shorten("a\nb\u{2028}\"", 5), "a b '");
    }

    #[test]
    fn a_shown_text_has_at_most_253_characters() {
        let name = "é".repeat(253);
        assert_eq!(Shown(&name).to_string(), name);
        for character in '\0'..='\u{ff}' {
            let text = format!("a{character}");
            assert_eq!(Quoted(&text).to_string(), format!("{text:?}"));
        }
        assert_eq!(Shown(&format!("{name}é")).to_string(), format!("{name}…"));
        assert_eq!(Quoted(&format!("{name}é")).to_string(), format!("\"{name}\"…"));
    }
}
