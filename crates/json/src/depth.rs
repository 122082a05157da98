//! The nesting of JSON, without parsing it.
//!
//! `serde_json` stops at 128 levels, a fixed limit, and only after it has parsed that far.

/// Returns whether brackets outside strings nest deeper than `limit`, in one pass. The text need not be valid JSON.
pub fn exceeds(json: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = json.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' if depth == limit => return true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Skips the rest of a string.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_brackets_outside_strings() {
        assert!(!exceeds(br#"{"a":[{"b":"]}{[[[[[\"[[["}]}"#, 3));
        assert!(exceeds(br#"{"a":[{"b":1}]}"#, 2));
    }

    #[test]
    fn siblings_do_not_add_up() {
        assert!(!exceeds("[[],[],[]]".as_bytes(), 2));
        assert!(exceeds("[[],[[]],[]]".as_bytes(), 2));
    }

    #[test]
    fn an_unterminated_string_ends_with_the_text() {
        assert!(!exceeds(br#"["[[[[\"#, 1));
    }
}
