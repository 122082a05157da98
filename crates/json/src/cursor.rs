//! Reads the members of JSON objects, and passes over their values without parsing them.
//!
//! `serde_json` validates each byte of what it skips. Most of an admission review is skipped twice that way: once for the limit on
//! nesting, and once to find where its objects end. Here both are one pass of 64 bytes a step.

use crate::brackets::{self, NoEnd};
use crate::string;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// A position in a JSON text, between two tokens.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    position: usize,
    /// The objects that were entered and not left.
    depth: usize,
    limit: usize,
    /// Whether no member of the innermost object was read yet.
    is_fresh: bool,
}

/// Why a text can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It nests too deeply.
    #[error("it nests too deeply")]
    Deep {
        /// The most levels.
        limit: usize,
    },
    /// Something else than `expected` is at this byte.
    #[error("expected {expected} at byte {position}")]
    Syntax {
        /// e.g. `a colon`.
        expected: &'static str,
        /// The position, from 0.
        position: usize,
    },
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    /// Returns the beginning of a text that may nest `limit` levels deep.
    pub fn new(text: &'a str, limit: usize) -> Self {
        Self { text, position: 0, depth: 0, limit, is_fresh: true }
    }

    /// Enters the object at the cursor. Returns whether there is one.
    ///
    /// # Errors
    ///
    /// It nests too deeply.
    pub fn enter(&mut self) -> Result<bool, CursorError> {
        if self.peek() != Some(b'{') {
            return Ok(false);
        }
        if self.depth == self.limit {
            return Err(CursorError::Deep { limit: self.limit });
        }
        self.depth += 1;
        self.position += 1;
        self.is_fresh = true;
        Ok(true)
    }

    /// Moves to the value of the next member of the innermost object, and returns its key. Leaves the object after its last member.
    ///
    /// # Errors
    ///
    /// There is neither a member nor the end of the object.
    pub fn next_key(&mut self) -> Result<Option<Cow<'a, str>>, CursorError> {
        let is_first = std::mem::replace(&mut self.is_fresh, false);
        match self.peek() {
            Some(b'}') => {
                self.depth -= 1;
                self.position += 1;
                return Ok(None);
            }
            Some(b',') if !is_first => self.position += 1,
            _ if is_first => {}
            _ => return Err(self.expected("a comma or the end of the object")),
        }
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key"));
        }
        let raw = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.expected("a colon"));
        }
        self.position += 1;
        unquoted(raw).ok_or_else(|| self.expected("a key")).map(Some)
    }

    /// Passes over the value at the cursor, and returns its text. What is in an object or a list is not validated.
    ///
    /// # Errors
    ///
    /// There is no value, or it does not end, or it nests too deeply.
    pub fn skip(&mut self) -> Result<&'a str, CursorError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => {
                let rest = self.rest();
                let end = brackets::end(rest, self.limit - self.depth).map_err(|error| match error {
                    NoEnd::Deep => CursorError::Deep { limit: self.limit },
                    NoEnd::Open => self.expected("the end of the object or the list that begins"),
                })?;
                self.take(end)
            }
            _ => {
                let is_scalar = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                match self.rest().iter().take_while(|byte| is_scalar(byte)).count() {
                    0 => Err(self.expected("a value")),
                    length => self.take(length),
                }
            }
        }
    }

    /// Returns whether only white space is left.
    pub fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Returns the text of a string, with its quotes.
    fn string(&mut self) -> Result<&'a str, CursorError> {
        match self.rest().get(1..).and_then(string::end) {
            Some(end) => self.take(end + 1),
            None => Err(self.expected("the end of the string that begins")),
        }
    }

    /// Moves to the next token, and returns its first byte.
    fn peek(&mut self) -> Option<u8> {
        let spaces = self.rest().iter().take_while(|byte| b" \n\r\t".contains(byte)).count();
        self.position += spaces;
        self.rest().first().copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.position..).unwrap_or_default()
    }

    /// Moves on by this many bytes, and returns their text.
    fn take(&mut self, length: usize) -> Result<&'a str, CursorError> {
        let text = self.text.get(self.position..self.position + length);
        let text = text.ok_or_else(|| self.expected("a value"))?;
        self.position += length;
        Ok(text)
    }

    fn expected(&self, expected: &'static str) -> CursorError {
        CursorError::Syntax { expected, position: self.position }
    }
}

/// Returns the content of a JSON string; borrowed if it has no escapes. `None` if it is invalid.
pub fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let content = raw.strip_prefix('"')?.strip_suffix('"')?;
    match content.bytes().any(|byte| byte == b'\\' || byte < b' ') {
        false => Some(Cow::Borrowed(content)),
        true => owned(raw).map(Cow::Owned),
    }
}

fn owned<T: DeserializeOwned>(raw: &str) -> Option<T> {
    serde_json::from_str(raw).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Result<Vec<(String, &str)>, CursorError> {
        let mut cursor = Cursor::new(text, 4);
        let (mut members, is_object) = (Vec::new(), cursor.enter()?);
        assert!(is_object, "{text}");
        while let Some(key) = cursor.next_key()? {
            members.push((key.into_owned(), cursor.skip()?));
        }
        assert!(cursor.is_at_end(), "{text}");
        Ok(members)
    }

    #[test]
    fn reads_the_members_of_an_object() {
        let text = r#" { "a" : [1, {"b":2}] , "\u0062":"x\"}", "c":-1.5e+3,"d":null,"":{} } "#;
        let expected =
            [("a", r#"[1, {"b":2}]"#), ("b", r#""x\"}""#), ("c", "-1.5e+3"), ("d", "null"), ("", "{}")];
        assert_eq!(members(text).expect("read"), expected.map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(members("{}"), Ok(Vec::new()));
    }

    #[test]
    fn names_what_is_missing_and_its_place() {
        for (text, expected) in [
            ("{", "expected a key at byte 1"),
            ("{,}", "expected a key at byte 1"),
            (r#"{"a"}"#, "expected a colon at byte 4"),
            (r#"{"a":}"#, "expected a value at byte 5"),
            (r#"{"a":1 "b":2}"#, "expected a comma or the end of the object at byte 7"),
            (r#"{"a":1,}"#, "expected a key at byte 7"),
            (r#"{"a":"x}"#, "expected the end of the string that begins at byte 5"),
            (r#"{"a":[{}"#, "expected the end of the object or the list that begins at byte 5"),
            (r#"{"a":[[[[]]]]}"#, "it nests too deeply"),
        ] {
            assert_eq!(members(text).expect_err(text).to_string(), expected);
        }
    }

    #[test]
    fn enters_an_object_within_an_object() {
        let mut cursor = Cursor::new(r#"{"a":{"b":{"c":1}},"d":2}"#, 4);
        assert_eq!(cursor.enter(), Ok(true));
        assert_eq!(cursor.next_key(), Ok(Some("a".into())));
        assert_eq!(cursor.enter(), Ok(true));
        assert_eq!(cursor.next_key(), Ok(Some("b".into())));
        assert_eq!(cursor.skip(), Ok(r#"{"c":1}"#));
        assert_eq!(cursor.next_key(), Ok(None));
        assert_eq!(cursor.next_key(), Ok(Some("d".into())));
        assert_eq!(cursor.enter(), Ok(false));
        assert_eq!(cursor.skip(), Ok("2"));
        assert_eq!(cursor.next_key(), Ok(None));
        assert!(cursor.is_at_end());
    }
}
