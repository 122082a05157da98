//! How deep JSON nests, without reading it.

/// Whether brackets outside strings nest deeper than that. One pass; what is not JSON is left to the parser.
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

/// Goes to the end of a string that has begun.
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
    fn a_string_without_an_end_ends_with_the_text() {
        assert!(!exceeds(br#"["[[[[\"#, 1));
    }
}
