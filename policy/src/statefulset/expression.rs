//! The syntax of `subPathExpr` and of `value` in `env`, as the kubelet expands it.
//!
//! Only `$(NAME)` is replaced; `$$` stands for `$`; every other `$` stands for itself.

/// A piece of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text as it is.
    Text(&'a str),
    /// The value of a variable.
    Variable(&'a str),
}

/// The pieces of an expression, from left to right.
pub(super) fn tokens(expression: &str) -> Tokens<'_> {
    Tokens { rest: expression }
}

/// The names of the variables that an expression takes, in order, repeated if it takes one twice.
pub(super) fn variables(expression: &str) -> impl Iterator<Item = &str> {
    tokens(expression).filter_map(|token| match token {
        Token::Variable(name) => Some(name),
        Token::Text(_) => None,
    })
}

/// A fixed path as an expression that means the same.
pub(super) fn escaped(path: &str) -> String {
    path.replace('$', "$$")
}

/// Iterator over the pieces of an expression.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

// === impl Tokens ===

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (token, rest) = match self.rest.split_once('$') {
            Some(("", after)) => operator(self.rest, after),
            Some((text, _)) => (Token::Text(text), self.rest.strip_prefix(text).unwrap_or_default()),
            None => (Token::Text(self.rest), ""),
        };
        self.rest = rest;
        Some(token)
    }
}

/// The piece that begins with a `$`, and what follows it.
fn operator<'a>(whole: &'a str, after: &'a str) -> (Token<'a>, &'a str) {
    if let Some(rest) = after.strip_prefix('$') {
        return (Token::Text("$"), rest);
    }
    if let Some((name, rest)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        return (Token::Variable(name), rest);
    }
    let lone = whole.strip_suffix(after).unwrap_or(whole);
    (Token::Text(lone), after)
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
    fn a_dollar_before_anything_else_is_itself() {
        assert_eq!(read("$X"), [Text("$"), Text("X")]);
        assert_eq!(read("a$"), [Text("a"), Text("$")]);
        assert_eq!(read("$é"), [Text("$"), Text("é")]);
        assert_eq!(read("${X}"), [Text("$"), Text("{X}")]);
    }

    #[test]
    fn parentheses_that_do_not_close_are_text() {
        assert_eq!(read("$(X"), [Text("$"), Text("(X")]);
        assert_eq!(read("$(A$(B)"), [Variable("A$(B")]);
    }

    #[test]
    fn empty_parentheses_take_a_variable_without_a_name() {
        assert_eq!(read("$()"), [Variable("")]);
    }

    #[test]
    fn an_escaped_path_has_no_variables() {
        assert_eq!(variables(&escaped("a$(B)$")).count(), 0);
        assert_eq!(escaped("plain"), "plain");
    }
}
