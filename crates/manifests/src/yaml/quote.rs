//! Writes JSON strings.
//!
//! `serde_json` writes to `io::Write` only; for a `String` that costs a copy of the text, which may be most of a large
//! file.

/// Appends a text as a JSON string.
pub(super) fn quote(json: &mut String, text: &str) {
    json.push('"');
    let mut plain = 0;
    for (position, byte) in text.bytes().enumerate() {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            json.push_str(text.get(plain..position).unwrap_or_default());
            escape(json, byte);
            plain = position + 1;
        }
    }
    json.push_str(text.get(plain..).unwrap_or_default());
    json.push('"');
}

fn escape(json: &mut String, byte: u8) {
    match byte {
        b'"' => json.push_str("\\\""),
        b'\\' => json.push_str("\\\\"),
        b'\n' => json.push_str("\\n"),
        b'\r' => json.push_str("\\r"),
        b'\t' => json.push_str("\\t"),
        _ => json.push_str(&format!("\\u{byte:04x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_read_as_it_was_quoted() {
        let text: String = (0..0x250).filter_map(char::from_u32).collect();
        let mut json = String::new();
        quote(&mut json, &text);
        assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text));
    }
}
