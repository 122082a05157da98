//! The expansion of one expression.

use super::service_variables::is_service_variable;
use super::{
    Declaration, Environment, MissingVariable, POD_NAME, Piece, ResolvedExpression, ValueFrom, VariableSource,
};
use crate::EnvVar;
use crate::expression::{self, Token};
use crate::json::Text;
use std::borrow::Cow;

/// Values that one expression may take, through others; the kubelet has no limit, but a review needs one.
const STEPS: usize = 256;

/// Depth to which values may take values.
const DEPTH: usize = 32;

/// Bytes that an expression may grow to; no path is as long.
const WEIGHT: usize = 16_384;

/// The pod's name, as a label that the StatefulSet controller sets.
const POD_NAME_LABEL: &str = "metadata.labels['statefulset.kubernetes.io/pod-name']";

/// Replaces the variables of one expression.
pub(super) struct Resolver<'e, 'a> {
    environment: &'e Environment<'a>,
    added: &'e [Declaration<'a>],
    resolved: ResolvedExpression<'a>,
    steps: usize,
    /// Bytes of text so far, and 1 for each other piece: it does not grow by a variable that is empty.
    weight: usize,
}

// === impl Resolver ===

impl<'e, 'a> Resolver<'e, 'a> {
    pub(super) fn new(environment: &'e Environment<'a>, added: &'e [Declaration<'a>]) -> Self {
        Self { environment, added, resolved: ResolvedExpression::default(), steps: 0, weight: 0 }
    }

    pub(super) fn resolved(mut self, expression: &'a str) -> ResolvedExpression<'a> {
        for token in expression::tokens(expression) {
            match token {
                Token::Text(text) => self.text(text),
                Token::Variable(name) => self.variable(name),
            }
        }
        self.resolved
    }

    /// Adds a variable of the expression itself.
    fn variable(&mut self, name: &'a str) {
        let before = self.weight;
        if self.declared(name, usize::MAX, 0) {
            if self.weight == before {
                self.missing(name, MissingVariable::Empty(name));
            }
        } else if let Some(implicit) = self.environment.implicit(name) {
            self.piece(name, VariableSource::Field(Text::from(implicit.field_path)));
        } else if !self.undeclared(name) {
            self.missing(name, MissingVariable::Undeclared(name));
        }
    }

    /// Adds a value, whose variables see only entries before an index.
    fn value(&mut self, value: &'a str, before: usize, depth: usize) {
        for token in expression::tokens(value) {
            match token {
                Token::Text(text) => self.text(text),
                Token::Variable(name) => {
                    if !self.declared(name, before, depth + 1) && !self.undeclared(name) {
                        self.literal(name);
                    }
                }
            }
        }
    }

    /// Adds the value of a variable that is declared before an index; returns whether it is.
    fn declared(&mut self, name: &'a str, before: usize, depth: usize) -> bool {
        let Some((place, declaration)) = self.find(name, before) else { return false };
        self.steps += 1;
        if self.steps > STEPS || depth > DEPTH || self.weight > WEIGHT {
            self.piece(name, VariableSource::Elsewhere(name));
            return true;
        }
        match declaration {
            Declaration::Implicit(implicit) => {
                self.piece(name, VariableSource::Field(Text::from(implicit.field_path)));
            }
            Declaration::Copy(variable) => self.entry(name, variable, place, depth),
        }
        true
    }

    fn entry(&mut self, name: &'a str, variable: &'a EnvVar<'a>, place: usize, depth: usize) {
        if !variable.value.is_empty() {
            return self.value(&variable.value, place, depth);
        }
        let Some(raw) = variable.value_from else { return };
        let source = match variable.source() {
            Some(ValueFrom { field_ref: Some(field), .. }) => {
                VariableSource::Field(canonical(field.field_path))
            }
            Some(ValueFrom { resource_field_ref: Some(_), .. }) => VariableSource::Same(raw.get()),
            _ => VariableSource::Elsewhere(raw.get()),
        };
        self.piece(name, source);
    }

    /// Returns the last declaration of a name before an index; added ones stand after all entries of `env`.
    fn find(&mut self, name: &'a str, before: usize) -> Option<(usize, Declaration<'a>)> {
        let env = self.environment.env;
        let added = self.added.iter().enumerate().rev().find_map(|(index, declaration)| {
            let place = env.len() + index;
            (place < before && declaration.name() == name).then_some((place, *declaration))
        });
        added.or_else(|| {
            let place = self.environment.last_before(name, before)?;
            if self.environment.last_before(name, place).is_some() {
                self.resolved.repeated.get_or_insert(name);
            }
            Some((place, Declaration::Copy(env.get(place)?)))
        })
    }

    /// Adds a variable that `env` does not declare, if it may have a value all the same; returns whether it may.
    fn undeclared(&mut self, name: &'a str) -> bool {
        if self.environment.may_come_from(name) {
            self.piece(name, VariableSource::Elsewhere(name));
        } else if is_service_variable(name) {
            self.piece(name, VariableSource::Same(name));
        } else {
            return false;
        }
        true
    }

    /// Adds a variable of a value that nothing declares: it stays as it is written.
    fn literal(&mut self, name: &'a str) {
        self.text("$(");
        self.text(name);
        self.text(")");
    }

    fn text(&mut self, text: &'a str) {
        self.weight += text.len();
        match self.resolved.pieces.last_mut() {
            Some(Piece::Text(before)) => before.to_mut().push_str(text),
            _ => self.resolved.pieces.push(Piece::Text(Cow::Borrowed(text))),
        }
    }

    fn missing(&mut self, name: &'a str, missing: MissingVariable<'a>) {
        self.resolved.missing.get_or_insert(missing);
        self.piece(name, VariableSource::Missing(missing));
    }

    fn piece(&mut self, name: &'a str, source: VariableSource<'a>) {
        self.weight += 1;
        self.resolved.pieces.push(Piece::Variable { name, source });
    }
}

/// Returns one spelling for the two fields that hold the pod's name.
fn canonical(path: Text<'_>) -> Text<'_> {
    if &*path == POD_NAME_LABEL { Text::from(POD_NAME) } else { path }
}
