//! The syntax of `subPathExpr` and of `value` in `env`, as the kubelet expands it.
//!
//! Only `$(NAME)` is replaced; `$$` stands for `$`; every other `$` stands for itself.

/// A token of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// Literal text.
    Text(&'a str),
    /// The name of a variable whose value replaces the token.
    Variable(&'a str),
}

/// Splits an expression into tokens, from left to right.
#[inline]
pub fn tokens(expression: &str) -> Tokens<'_> {
    Tokens { rest: expression, may_close: true }
}

/// Iterates over the names of the variables that an expression takes, in order and with repetitions.
pub fn variables(expression: &str) -> impl Iterator<Item = &str> {
    tokens(expression).filter_map(|token| match token {
        Token::Variable(name) => Some(name),
        Token::Text(_) => None,
    })
}

/// Splits an expression at the slashes outside of variables.
pub fn segments(expression: &str) -> Vec<&str> {
    let (mut segments, mut start, mut unread) = (Vec::new(), 0, tokens(expression));
    loop {
        let read = expression.len() - unread.rest.len();
        let Some(token) = unread.next() else { break };
        let Token::Text(text) = token else { continue };
        for (at, _) in text.match_indices('/') {
            segments.extend(expression.get(start..read + at));
            start = read + at + 1;
        }
    }
    segments.extend(expression.get(start..));
    segments
}

/// Returns the expression that expands to a fixed path.
pub fn escaped(path: &str) -> String {
    path.replace('$', "$$")
}

/// Iterator over the tokens of an expression.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a str,
    /// False once a `$(` had no `)` after it, so that the rest is searched for one only once.
    may_close: bool,
}

// === impl Tokens ===

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (token, rest) = match self.rest.split_once('$') {
            Some(("", after)) => self.operator(after),
            Some((text, _)) => (Token::Text(text), self.rest.strip_prefix(text).unwrap_or_default()),
            None => (Token::Text(self.rest), ""),
        };
        self.rest = rest;
        Some(token)
    }
}

impl<'a> Tokens<'a> {
    /// Returns the token that begins with a `$`, and the text after it.
    fn operator(&mut self, after: &'a str) -> (Token<'a>, &'a str) {
        if let Some(rest) = after.strip_prefix('$') {
            return (Token::Text("$"), rest);
        }
        if let Some(inner) = after.strip_prefix('(').filter(|_| self.may_close) {
            if let Some((name, rest)) = inner.split_once(')') {
                return (Token::Variable(name), rest);
            }
            self.may_close = false;
        }
        (Token::Text(self.rest.strip_suffix(after).unwrap_or(self.rest)), after)
    }
}

#[cfg(test)]
mod tests {
    use super::Token::{Text, Variable};
    use super::*;

    fn read(expression: &str) -> Vec<Token<'_>> {
        tokens(expression).collect()
    }

    #[test]
    fn a_name_in_parentheses_is_a_variable() {
        assert_eq!(read("a/$(B)/c$(D)"), [Text("a/"), Variable("B"), Text("/c"), Variable("D")]);
    }

    #[test]
    fn two_dollars_are_one_and_take_no_variable() {
        assert_eq!(read("$$(X)"), [Text("$"), Text("(X)")]);
        assert_eq!(read("$$$(X)"), [Text("$"), Variable("X")]);
    }

    #[test]
    fn a_slash_in_the_name_of_a_variable_separates_nothing() {
        assert_eq!(segments("a/$(B)c/d"), ["a", "$(B)c", "d"]);
        assert_eq!(segments("$(A/B)/$$(C/D)"), ["$(A/B)", "$$(C", "D)"]);
        assert_eq!(segments("$(A)//"), ["$(A)", "", ""]);
        assert_eq!(segments(""), [""]);
    }

    #[test]
    fn any_other_dollar_is_literal() {
        assert_eq!(read("$X"), [Text("$"), Text("X")]);
        assert_eq!(read("a$"), [Text("a"), Text("$")]);
        assert_eq!(read("$é"), [Text("$"), Text("é")]);
        assert_eq!(read("${X}"), [Text("$"), Text("{X}")]);
    }

    #[test]
    fn unclosed_parentheses_are_text() {
        assert_eq!(read("$(X"), [Text("$"), Text("(X")]);
        assert_eq!(read("$(A$(B)"), [Variable("A$(B")]);
    }

    #[test]
    fn empty_parentheses_take_the_variable_with_the_empty_name() {
        assert_eq!(read("$()"), [Variable("")]);
    }

    #[test]
    fn an_escaped_path_has_no_variables() {
        assert_eq!(variables(&escaped("a$(B)$")).count(), 0);
        assert_eq!(escaped("plain"), "plain");
    }
}
