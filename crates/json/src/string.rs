//! Where a string ends, 16 bytes at a time.

use wide::u8x16;

/// The bytes that are compared at once.
pub(crate) const LANES: usize = 16;

/// Returns the number of bytes before the first one that is a quote, a backslash or a control character.
pub(crate) fn plain_bytes(text: &[u8]) -> usize {
    let (vectors, rest) = text.as_chunks::<LANES>();
    for (number, vector) in vectors.iter().enumerate() {
        let special = special(u8x16::new(*vector));
        if special != 0 {
            return number * LANES + special.trailing_zeros() as usize;
        }
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..b' ');
    vectors.len() * LANES + rest.iter().take_while(is_plain).count()
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

/// Returns which bytes are quotes, backslashes or control characters: a bit each.
fn special(bytes: u8x16) -> u32 {
    let is_quote = bytes.simd_eq(u8x16::splat(b'"'));
    let is_backslash = bytes.simd_eq(u8x16::splat(b'\\'));
    // SSE2 compares signed bytes only.
    let is_control = bytes.min(u8x16::splat(b' ' - 1)).simd_eq(bytes);
    (is_quote | is_backslash | is_control).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_plain_or_not_at_each_place() {
        for byte in 0..=u8::MAX {
            for place in 0..40 {
                let mut text = [b' ', b'!', 0xff, b'[', b']', b'#'].repeat(7);
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
