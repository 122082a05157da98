//! The expansion of one expression.

use super::service_variables::is_service_variable;
use super::{
    AddedVariables, Declaration, Environment, ExpressionClass, FoundVariable, ImplicitVariable,
    MissingVariable, Piece, ResolvedExpression, VariableSource,
};
use crate::EnvVar;
use crate::expression::{self, Token};

/// Values that one expression may take, through others; the kubelet has no limit, but a review needs one.
const STEPS: usize = 256;

/// Depth to which values may take values.
const DEPTH: usize = 32;

/// Bytes that an expression may grow to; no path is as long.
const WEIGHT: usize = 16_384;

/// The bytes of text that cost as much as a variable, which has to be found.
const VARIABLE_BYTES: usize = 192;

/// Replaces the variables of one expression.
pub(super) struct Resolver<'e, 'a> {
    environment: &'e Environment<'a>,
    added: Option<&'e AddedVariables<'a>>,
    resolved: ResolvedExpression,
    steps: usize,
    /// Bytes of text so far, and 1 for each other piece: it does not grow by a variable that is empty.
    weight: usize,
}

/// The declaration of a variable.
enum Found<'a> {
    Implicit(&'static ImplicitVariable),
    Added { place: usize, variable: &'a EnvVar<'a> },
    Declared(FoundVariable<'a>),
}

// === impl Resolver ===

impl<'e, 'a> Resolver<'e, 'a> {
    pub(super) fn new(environment: &'e Environment<'a>, added: Option<&'e AddedVariables<'a>>) -> Self {
        let resolved = ResolvedExpression {
            pieces: Vec::new(),
            class: ExpressionClass::Same,
            missing: None,
            repeated: None,
            is_complete: true,
            bytes: 0,
            steps: environment.steps.clone(),
        };
        Self { environment, added, resolved, steps: 0, weight: 0 }
    }

    /// Returns an expression for which no steps are left.
    pub(super) fn unresolved(mut self) -> ResolvedExpression {
        self.resolved.is_complete = false;
        self.resolved
    }

    pub(super) fn resolved(mut self, expression: &str) -> ResolvedExpression {
        for token in expression::tokens(expression) {
            if !self.begin(token) {
                break;
            }
            match token {
                Token::Text(text) => self.text(text),
                Token::Variable(name) => self.variable(name),
            }
        }
        self.resolved
    }

    /// Spends the steps of a token; returns whether there were enough.
    fn begin(&mut self, token: Token<'_>) -> bool {
        match token {
            Token::Text(text) => self.spend_on(text.len()),
            Token::Variable(name) => self.spend_on(VARIABLE_BYTES + name.len()),
        }
    }

    fn spend_on(&mut self, bytes: usize) -> bool {
        self.resolved.is_complete &= self.environment.steps.spend_on(bytes);
        self.resolved.is_complete
    }

    /// Adds a variable of the expression itself.
    fn variable(&mut self, name: &str) {
        let before = self.weight;
        if self.declared(name, usize::MAX, 0) {
            if self.weight == before {
                self.missing(name, MissingVariable::Empty(name.to_owned()));
            }
        } else if let Some(implicit) = self.environment.implicit(name) {
            self.piece(name, VariableSource::Field(implicit.field_path.to_owned()));
        } else if !self.undeclared(name) {
            self.missing(name, MissingVariable::Undeclared(name.to_owned()));
        }
    }

    /// Adds a value, whose variables see only entries before an index.
    fn value(&mut self, value: &str, before: usize, depth: usize) {
        for token in expression::tokens(value) {
            if !self.begin(token) {
                break;
            }
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
    fn declared(&mut self, name: &str, before: usize, depth: usize) -> bool {
        let Some(found) = self.find(name, before) else { return false };
        self.steps += 1;
        if self.steps > STEPS || depth > DEPTH || self.weight > WEIGHT {
            self.piece(name, VariableSource::Elsewhere(name.to_owned()));
            return true;
        }
        match found {
            Found::Implicit(implicit) => {
                self.piece(name, VariableSource::Field(implicit.field_path.to_owned()));
            }
            Found::Added { place, variable } if !variable.value.is_empty() => {
                self.value(&variable.value, place, depth);
            }
            Found::Added { variable, .. } => {
                let source = variable.source_of_value();
                self.source(name, source);
            }
            Found::Declared(found) if !found.variable.value.is_empty() => {
                self.value(&found.variable.value, found.place, depth);
            }
            Found::Declared(found) => {
                let source = self.environment.source_of(&found);
                self.source(name, source);
            }
        }
        true
    }

    /// Adds a variable whose value the template does not tell; nothing if it is empty.
    fn source(&mut self, name: &str, source: Option<VariableSource>) {
        if let Some(source) = source.filter(|source| self.spend_on(source.bytes())) {
            self.piece(name, source);
        }
    }

    /// Returns the last declaration of a name before an index; added ones stand after all entries of `env`.
    fn find(&mut self, name: &str, before: usize) -> Option<Found<'a>> {
        let length = self.environment.env.len();
        let added = self.added.and_then(|added| added.find(name));
        if let Some((index, declaration)) = added.filter(|(index, _)| length + index < before) {
            return Some(match declaration {
                Declaration::Implicit(implicit) => Found::Implicit(implicit),
                Declaration::Copy(variable) => Found::Added { place: length + index, variable },
            });
        }
        let found = self.environment.find(name, before)?;
        if found.is_repeated {
            self.resolved.repeated.get_or_insert_with(|| name.to_owned());
        }
        Some(Found::Declared(found))
    }

    /// Adds a variable that `env` does not declare, if it may have a value all the same; returns whether it may.
    fn undeclared(&mut self, name: &str) -> bool {
        if self.environment.from.begin(name) {
            self.piece(name, VariableSource::Elsewhere(name.to_owned()));
        } else if is_service_variable(name) {
            self.piece(name, VariableSource::Same(name.to_owned()));
        } else {
            return false;
        }
        true
    }

    /// Adds a variable of a value that nothing declares: it stays as it is written.
    fn literal(&mut self, name: &str) {
        self.text("$(");
        self.text(name);
        self.text(")");
    }

    fn text(&mut self, text: &str) {
        self.weight += text.len();
        self.resolved.bytes += text.len();
        match self.resolved.pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.resolved.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    fn missing(&mut self, name: &str, missing: MissingVariable) {
        self.resolved.missing.get_or_insert_with(|| missing.clone());
        self.piece(name, VariableSource::Missing(missing));
    }

    fn piece(&mut self, name: &str, source: VariableSource) {
        self.weight += 1;
        self.resolved.bytes += source.bytes();
        self.resolved.class = source.class(self.resolved.class);
        self.resolved.pieces.push(Piece::Variable { name: name.to_owned(), source });
    }
}
