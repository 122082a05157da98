//! What the kubelet makes of `subPathExpr` and of `value` in `env`, for all ordinals at once.
//!
//! Only `$(NAME)` is replaced; `$$` stands for `$`; every other `$` stands for itself. What depends on the ordinal stays
//! a [`Piece`], so that a container's environment is read once and not once for each of a thousand pods.

use std::collections::HashMap;

/// Bytes of what an expression grows to; no path is as long.
const BYTES: usize = 4096;

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The same for every ordinal.
    Text(String),
    /// e.g. `web-0`.
    PodName,
    /// e.g. `0`.
    Ordinal,
}

/// A value, from left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    pieces: Vec<Piece>,
    /// What it takes at least.
    bytes: usize,
}

/// The variables that can be known.
pub(crate) type Variables<'a> = HashMap<&'a str, Value>;

/// An expression with its variables filled in; a variable that is not known, or has no value, stays as it is written.
pub(crate) fn expand(expression: &str, variables: &Variables<'_>) -> Value {
    let mut value = Value::default();
    let mut rest = expression;
    while let Some((text, after)) = rest.split_once('$') {
        value.push_text(text);
        rest = operator(after, variables, &mut value);
    }
    value.push_text(rest);
    value
}

/// Adds what a `$` and what follows it stand for; returns the rest.
fn operator<'a>(after: &'a str, variables: &Variables<'_>, value: &mut Value) -> &'a str {
    if let Some(rest) = after.strip_prefix('$') {
        value.push_text("$");
        return rest;
    }
    if let Some((name, rest)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        match variables.get(name).filter(|known| !known.pieces.is_empty()) {
            Some(known) => value.extend(known),
            None => value.push_text(&unknown(name)),
        }
        return rest;
    }
    value.push_text("$");
    after
}

/// How a variable is written that can't be known: it counts as the same for every ordinal.
fn unknown(name: &str) -> String {
    format!("$({name})")
}

// === impl Value ===

impl Value {
    /// A value of one piece.
    pub(crate) fn of(piece: Piece) -> Self {
        let mut value = Self::default();
        value.push(piece);
        value
    }

    /// A text as it is.
    pub(crate) fn text(text: &str) -> Self {
        let mut value = Self::default();
        value.push_text(text);
        value
    }

    /// What no other pod has, and nobody knows beforehand, e.g. `<metadata.uid of web-0>`.
    pub(crate) fn of_each_pod(field: &str) -> Self {
        let mut value = Self::text(&format!("<{field} of "));
        value.push(Piece::PodName);
        value.push_text(">");
        value
    }

    /// The value for one ordinal.
    pub(crate) fn of_ordinal(&self, pod: &str, ordinal: u64) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::PodName => pod.to_owned(),
            Piece::Ordinal => ordinal.to_string(),
        });
        pieces.collect()
    }

    /// Adds a text, or as much of it as there is room for.
    fn push_text(&mut self, text: &str) {
        let (text, _) = text.split_at(text.floor_char_boundary(BYTES.saturating_sub(self.bytes)));
        self.bytes += text.len();
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds a piece, if there is room for it.
    fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.push_text(&text),
            _ if self.bytes >= BYTES => {}
            piece => {
                self.bytes += 1;
                self.pieces.push(piece);
            }
        }
    }

    fn extend(&mut self, other: &Self) {
        other.pieces.iter().for_each(|piece| self.push(piece.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(expression: &str) -> String {
        let variables = Variables::from([
            ("POD", Value::of(Piece::PodName)),
            ("N", Value::of(Piece::Ordinal)),
            ("FIXED", Value::text("x$(N)")),
            ("EMPTY", Value::default()),
        ]);
        expand(expression, &variables).of_ordinal("web-3", 3)
    }

    #[test]
    fn only_known_variables_in_parentheses_are_replaced() {
        assert_eq!(expanded("a/$(POD)/$(N)"), "a/web-3/3");
        assert_eq!(expanded("$(FIXED)"), "x$(N)");
        assert_eq!(expanded("$(OTHER)/$(EMPTY)"), "$(OTHER)/$(EMPTY)");
        assert_eq!(expanded("$$(POD) $POD ${POD} $(POD $"), "$(POD) $POD ${POD} $(POD $");
        assert_eq!(expanded("$$$(POD)"), "$web-3");
    }

    #[test]
    fn a_value_that_doubles_and_doubles_stays_small() {
        let mut value = Value::of(Piece::PodName);
        for _ in 0..64 {
            value = expand("$(A)$(A)-", &Variables::from([("A", value)]));
        }
        assert_eq!(value.bytes, BYTES);
    }
}
