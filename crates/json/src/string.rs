//! Where a string ends, eight bytes at a time.

/// The highest bit of each byte.
const HIGHEST: u64 = each(0x80);

/// Returns the number of bytes before the first one that is a quote, a backslash or a control character.
pub(crate) fn plain_bytes(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return number * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..b' ');
    words.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// Returns the length of the rest of a string, with its closing quote; `None` if it has none. What is in it is not validated.
pub(crate) fn end(text: &[u8]) -> Option<usize> {
    let mut position = 0;
    loop {
        position += plain_bytes(text.get(position..)?);
        match text.get(position)? {
            b'"' => return Some(position + 1),
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
}

/// Returns a word whose lowest set bit is the highest bit of the first byte that is a quote, a backslash or a control character; 0 if
/// none is. A subtraction that borrows sets it, and may set those of later bytes.
const fn special(word: u64) -> u64 {
    let quote = word ^ each(b'"');
    let backslash = word ^ each(b'\\');
    let below = word.wrapping_sub(each(b' ')) & !word;
    let is_quote = quote.wrapping_sub(each(1)) & !quote;
    let is_backslash = backslash.wrapping_sub(each(1)) & !backslash;
    (below | is_quote | is_backslash) & HIGHEST
}

/// Returns a word of eight equal bytes.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_plain_or_not_at_each_place() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut text = [b' ', b'!', 0xff, b'[', b']', b'#'].repeat(4);
                text[place] = byte;
                let is_special = byte < b' ' || byte == b'"' || byte == b'\\';
                let expected = if is_special { place } else { text.len() };
                assert_eq!(plain_bytes(&text), expected, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn an_escaped_quote_ends_no_string() {
        assert_eq!(end(br#"a" , ""#), Some(2));
        assert_eq!(end(br#"a\"\\" , ""#), Some(6));
        assert_eq!(end("a\nb\u{e4}\" ".as_bytes()), Some(6));
        assert_eq!(end(br#"a\"#), None);
        assert_eq!(end(br#"a\""#), None);
        assert_eq!(end(b""), None);
    }
}
