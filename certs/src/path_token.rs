//! The secret segment in the path of a webhook's URL. The webhook configurations and the CA's Secret have it, so that a
//! request which carries it comes from the API server.

use crate::authority::{AuthorityError, random};
use std::fmt;
use subtle::{Choice, ConstantTimeEq as _};

/// The bytes of a token: 128 bits can't be guessed.
const BYTES: usize = 16;

/// A random path segment of 32 hexadecimal digits. Its `Debug` output does not contain it.
#[derive(Clone, PartialEq, Eq)]
pub struct PathToken(String);

/// The paths that a server accepts: those that begin with one of the tokens, and those without a token if `anyone` is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptedPaths {
    /// The accepted tokens.
    pub tokens: Vec<PathToken>,
    /// Whether paths without a token are accepted too.
    pub anyone: bool,
}

// === impl PathToken ===

impl PathToken {
    /// Returns a new random token.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn random() -> Result<Self, AuthorityError> {
        let bytes: [u8; BYTES] = random()?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Returns the token of this text, or `None` if the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 2 * BYTES && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Returns the path segment.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a path that begins with this token.
    pub fn before(&self, path: &str) -> String {
        format!("/{}{path}", self.0)
    }
}

impl fmt::Debug for PathToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PathToken")
    }
}

/// Returns a path without the token that it begins with.
pub(crate) fn without_token(path: &str) -> &str {
    match path.split_at_checked(1 + 2 * BYTES) {
        Some((first, rest))
            if rest.starts_with('/')
                && first.strip_prefix('/').is_some_and(|first| PathToken::parse(first).is_some()) =>
        {
            rest
        }
        _ => path,
    }
}

/// An accepted path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedPath<'p> {
    /// The path without its token.
    pub path: &'p str,
    /// Whether it had a token, which only the API server and readers of its webhook configurations know.
    pub has_token: bool,
}

// === impl AcceptedPaths ===

impl AcceptedPaths {
    /// Accepts every path without a token.
    pub const fn anyone() -> Self {
        Self { tokens: Vec::new(), anyone: true }
    }

    /// Adds a token, or paths without a token if there is none.
    pub(crate) fn add(&mut self, token: Option<&PathToken>) {
        match token {
            Some(token) => self.tokens.push(token.clone()),
            None => self.anyone = true,
        }
    }

    /// Returns an accepted path without its token, or `None` if it is not accepted. The time that this takes does not depend
    /// on how much of a token is right.
    pub fn accept<'p>(&self, path: &'p str) -> Option<AcceptedPath<'p>> {
        let (first, rest) = path.split_at_checked(1 + 2 * BYTES).unwrap_or((path, ""));
        let given = first.strip_prefix('/').unwrap_or_default().as_bytes();
        let is_equal = |known: &PathToken| given.ct_eq(known.0.as_bytes());
        let is_known = self.tokens.iter().map(is_equal).fold(Choice::from(0), |any, one| any | one);
        if is_known.into() {
            return Some(AcceptedPath { path: rest, has_token: true });
        }
        self.anyone.then_some(AcceptedPath { path, has_token: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_paths_with_a_known_token() {
        let [first, second, unknown] = std::array::from_fn(|_| PathToken::random().unwrap());
        let accepted = AcceptedPaths { tokens: vec![first.clone(), second.clone()], anyone: false };
        for token in [&first, &second] {
            let path = AcceptedPath { path: "/validate/storage", has_token: true };
            assert_eq!(accepted.accept(&token.before("/validate/storage")), Some(path));
        }
        let (known, mut almost) = (first.before(""), first.before("/validate/storage"));
        almost.replace_range(32..33, if almost.get(32..33) == Some("0") { "1" } else { "0" });
        for path in
            ["", "/", "/validate/storage", &unknown.before("/validate/storage"), &almost, &known[1..], "/ä"]
        {
            assert_eq!(accepted.accept(path), None, "{path}");
        }
    }

    #[test]
    fn accepts_paths_without_a_token_from_anyone() {
        let path = AcceptedPath { path: "/validate/storage", has_token: false };
        assert_eq!(AcceptedPaths::anyone().accept("/validate/storage"), Some(path));
        assert_eq!(AcceptedPaths::default().accept("/validate/storage"), None);
    }

    #[test]
    fn removes_only_a_token_from_a_path() {
        let token = PathToken::random().unwrap();
        assert_eq!(without_token(&token.before("/mutate/storage")), "/mutate/storage");
        for path in ["", "/", "/mutate/storage", "/a/mutate/storage", "mutate"] {
            assert_eq!(without_token(path), path);
        }
    }

    #[test]
    fn a_token_is_not_in_its_debug_output() {
        let token = PathToken::random().unwrap();
        assert!(!format!("{token:?}").contains(token.as_str()));
        assert_eq!(PathToken::parse(token.as_str()), Some(token));
    }
}
