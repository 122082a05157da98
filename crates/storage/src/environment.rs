//! The environment of a container, as far as the kubelet expands `subPathExpr` with it.
//!
//! The last of two variables of one name wins, and `env` wins over `envFrom`. An expression sees all variables, a value
//! only those that are declared before it (`pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`).

mod added_variables;
mod prefixes;
mod resolved_expression;
mod resolved_expressions;
mod resolver;
mod service_variables;
mod steps;

pub use added_variables::AddedVariables;
pub use resolved_expression::{ExpressionClass, MissingVariable, Piece, ResolvedExpression, VariableSource};
pub use steps::Steps;

use crate::expression;
use crate::json::{self, Text};
use crate::{Container, EnvVar};
use prefixes::Prefixes;
use resolved_expressions::ResolvedExpressions;
use resolver::Resolver;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The field that holds the pod's name.
const POD_NAME: &str = "metadata.name";

/// The pod's name, as a label that the StatefulSet controller sets.
const POD_NAME_LABEL: &str = "metadata.labels['statefulset.kubernetes.io/pod-name']";

/// The ordinal, as a label that the StatefulSet controller sets.
const POD_INDEX_LABEL: &str = "metadata.labels['apps.kubernetes.io/pod-index']";

/// Fields that differ between the pods of a set, and between two successive pods of an ordinal.
const UNSTABLE: [&str; 3] = ["metadata.uid", "status.podIP", "status.podIPs"];

/// A variable that expressions may take although `env` does not declare it: a patch is going to declare it from a field
/// of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImplicitVariable {
    /// e.g. `POD_NAME`; must hold nothing that JSON escapes.
    pub name: &'static str,
    /// e.g. `metadata.name`; must hold nothing that JSON escapes.
    pub field_path: &'static str,
}

/// An entry of `env` that a patch adds to a container.
#[derive(Clone, Copy, Debug)]
pub enum Declaration<'a> {
    /// An implicit variable.
    Implicit(&'static ImplicitVariable),
    /// A copy of an entry of another container, or of an earlier version of the same one.
    Copy(&'a EnvVar<'a>),
}

/// The environment of a container. It resolves each expression once.
#[derive(Debug)]
pub struct Environment<'a> {
    env: &'a [EnvVar<'a>],
    from: Prefixes<'a>,
    implicit: &'static [ImplicitVariable],
    steps: Steps,
    resolved: RefCell<ResolvedExpressions>,
    /// The sources of the entries that expressions took, by their indexes.
    sources: RefCell<BTreeMap<usize, Option<VariableSource>>>,
    /// Indexes into `env`, sorted by name and then by index; computed on first use, since most containers have no
    /// expression.
    by_name: OnceCell<Vec<usize>>,
}

/// An entry of `env` that an expression takes.
#[derive(Clone, Copy)]
struct FoundVariable<'a> {
    /// Its index.
    place: usize,
    variable: &'a EnvVar<'a>,
    /// Whether an earlier entry has its name.
    is_repeated: bool,
}

/// `valueFrom`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValueFrom<'a> {
    #[serde(borrow)]
    field_ref: Option<FieldRef<'a>>,
    resource_field_ref: Option<IgnoredAny>,
    config_map_key_ref: Option<IgnoredAny>,
    secret_key_ref: Option<IgnoredAny>,
    file_key_ref: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FieldRef<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    api_version: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    field_path: Text<'a>,
}

// === impl ImplicitVariable ===

impl ImplicitVariable {
    /// Returns the variable as a JSON entry of `env`.
    fn to_json(self) -> String {
        let Self { name, field_path } = self;
        [r#"{"name":""#, name, r#"","valueFrom":{"fieldRef":{"fieldPath":""#, field_path, r#""}}}"#].concat()
    }

    /// Returns whether an entry of `env` declares it from its field and nothing else.
    fn is_declared_by(&self, variable: &EnvVar<'_>) -> bool {
        let Some(source) = variable.source() else { return false };
        let others = [
            &source.resource_field_ref,
            &source.config_map_key_ref,
            &source.secret_key_ref,
            &source.file_key_ref,
        ];
        variable.value.is_empty()
            && others.into_iter().all(Option::is_none)
            && source.field_ref.is_some_and(|field| field.is(self.field_path))
    }
}

// === impl FieldRef ===

impl FieldRef<'_> {
    fn is(&self, path: &str) -> bool {
        matches!(&*self.api_version, "" | "v1") && &*self.field_path == path
    }
}

// === impl EnvVar ===

impl<'a> EnvVar<'a> {
    fn source(&self) -> Option<ValueFrom<'a>> {
        ordinance_json::read(self.value_from?.get()).ok()
    }

    /// Returns where its value comes from if it has no text; `None` if it has no value.
    fn source_of_value(&self) -> Option<VariableSource> {
        let raw = self.value_from?;
        Some(match self.source() {
            Some(ValueFrom { field_ref: Some(field), .. }) => {
                VariableSource::Field(canonical(&field.field_path).to_owned())
            }
            Some(ValueFrom { resource_field_ref: Some(_), .. }) => VariableSource::Same(raw.get().to_owned()),
            _ => VariableSource::Elsewhere(raw.get().to_owned()),
        })
    }

    /// Returns name, value and source; equal for two entries that declare the same variable with the same value.
    pub fn meaning(&self) -> (&str, &str, Option<String>) {
        (&self.name, &self.value, self.value_from.and_then(|raw| json::canonical(raw.get())))
    }
}

// === impl Declaration ===

impl<'a> Declaration<'a> {
    /// The variable's name.
    pub fn name(&self) -> &'a str {
        match self {
            Self::Implicit(variable) => variable.name,
            Self::Copy(variable) => &variable.name,
        }
    }

    /// Returns the entry of `env` as JSON.
    pub fn to_json(self) -> String {
        let (variable, member, value) = match self {
            Self::Implicit(variable) => return variable.to_json(),
            Self::Copy(variable) => match variable.value_from.filter(|_| variable.value.is_empty()) {
                Some(source) => (variable, "valueFrom", Cow::Borrowed(json::valid_or_null(source.get()))),
                None => (variable, "value", Cow::Owned(json::quoted(&variable.value))),
            },
        };
        [r#"{"name":"#, &json::quoted(&variable.name), r#",""#, member, r#"":"#, &value, "}"].concat()
    }
}

// === impl Environment ===

impl<'a> Environment<'a> {
    /// Returns the environment that a container declares; its expressions may take `implicit` variables besides, and
    /// that many steps.
    pub fn new(container: &'a Container<'a>, implicit: &'static [ImplicitVariable], steps: &Steps) -> Self {
        Self {
            env: container.env.as_deref().unwrap_or_default(),
            from: Prefixes::of(&container.env_from),
            implicit,
            steps: steps.clone(),
            resolved: RefCell::default(),
            sources: RefCell::default(),
            by_name: OnceCell::new(),
        }
    }

    /// Returns whether `env` has an entry of this name.
    pub fn declares(&self, name: &str) -> bool {
        self.last_before(name, usize::MAX).is_some()
    }

    /// Iterates over the entries, with their indexes, that declare an implicit variable otherwise than from its field.
    pub fn misuses(&self) -> impl Iterator<Item = (usize, &'a EnvVar<'a>)> {
        self.env.iter().enumerate().filter(|(_, variable)| {
            self.implicit(&variable.name).is_some_and(|implicit| !implicit.is_declared_by(variable))
        })
    }

    /// The steps that its expressions may still take.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Resolves an expression with the entries of `env`.
    pub fn resolve(&self, expression: &str) -> Rc<ResolvedExpression> {
        self.resolve_once(&self.resolved, expression, None)
    }

    /// Resolves an expression with the entries of `env`, and after them those that a patch adds.
    pub fn resolve_with(&self, expression: &str, added: &AddedVariables<'_>) -> Rc<ResolvedExpression> {
        // The entries of `env` see none of the added ones.
        if added.has_copy_of(expression::variables(expression)) {
            self.resolve_once(&added.resolved, expression, Some(added))
        } else {
            self.resolve(expression)
        }
    }

    /// Resolves an expression unless it is resolved already.
    fn resolve_once(
        &self,
        resolved: &RefCell<ResolvedExpressions>,
        expression: &str,
        added: Option<&AddedVariables<'_>>,
    ) -> Rc<ResolvedExpression> {
        if !self.steps.spend_on(expression.len()) {
            return Rc::new(Resolver::new(self, added).unresolved());
        }
        if let Some(known) = resolved.borrow().find(expression) {
            return known;
        }
        let new = Rc::new(Resolver::new(self, added).resolved(expression));
        resolved.borrow_mut().add(expression, Rc::clone(&new));
        new
    }

    /// Returns what another container must declare for the expression to mean there what it means here, in this order.
    pub fn carried(
        &self,
        expression: &'a str,
        to: &Environment<'_>,
        added: &AddedVariables<'_>,
    ) -> Vec<Declaration<'a>> {
        let mut carried: Vec<(usize, Declaration<'a>)> = Vec::new();
        let mut seen: BTreeSet<&'a str> = BTreeSet::new();
        let mut wanted: Vec<(&'a str, usize)> =
            expression::variables(expression).map(|name| (name, usize::MAX)).collect();
        while let Some((name, before)) = wanted.pop() {
            if !self.steps.spend_on(name.len()) {
                break;
            }
            if seen.contains(name) || to.declares(name) || added.find(name).is_some() {
                continue;
            }
            if let Some(place) = self.last_before(name, before)
                && let Some(variable) = self.env.get(place)
            {
                carried.push((place, self.declaration(variable)));
                seen.insert(name);
                self.steps.spend_on(variable.value.len());
                wanted.extend(expression::variables(&variable.value).map(|name| (name, place)));
            } else if let Some(implicit) = self.implicit(name).filter(|_| before == usize::MAX) {
                carried.push((usize::MAX, Declaration::Implicit(implicit)));
                seen.insert(name);
            }
        }
        let rank = |name: &str| self.implicit.iter().position(|implicit| implicit.name == name);
        carried.sort_by_key(|(place, declaration)| (*place, rank(declaration.name())));
        carried.into_iter().map(|(_, declaration)| declaration).collect()
    }

    /// The implicit variable of this name.
    fn implicit(&self, name: &str) -> Option<&'static ImplicitVariable> {
        self.implicit.iter().find(|implicit| implicit.name == name)
    }

    fn declaration(&self, variable: &'a EnvVar<'a>) -> Declaration<'a> {
        match self.implicit(&variable.name).filter(|implicit| implicit.is_declared_by(variable)) {
            Some(implicit) => Declaration::Implicit(implicit),
            None => Declaration::Copy(variable),
        }
    }

    /// Returns the index of the last entry of a name before an index.
    fn last_before(&self, name: &str, before: usize) -> Option<usize> {
        self.find(name, before).map(|found| found.place)
    }

    /// Returns the last entry of a name before an index.
    fn find(&self, name: &str, before: usize) -> Option<FoundVariable<'a>> {
        let key = |place: usize| (self.name_at(place), place);
        let places = self.by_name.get_or_init(|| {
            let mut places: Vec<usize> = (0..self.env.len()).collect();
            places.sort_by_key(|place| key(*place));
            places
        });
        let end = places.partition_point(|place| key(*place) < (name, before));
        let mut earlier =
            places.get(..end)?.iter().rev().copied().take_while(|place| self.name_at(*place) == name);
        let place = earlier.next()?;
        Some(FoundVariable { place, variable: self.env.get(place)?, is_repeated: earlier.next().is_some() })
    }

    /// Returns where the value of an entry without text comes from; `None` if it has no value. It is read once.
    fn source_of(&self, found: &FoundVariable<'a>) -> Option<VariableSource> {
        let mut sources = self.sources.borrow_mut();
        sources.entry(found.place).or_insert_with(|| found.variable.source_of_value()).clone()
    }

    fn name_at(&self, place: usize) -> &str {
        self.env.get(place).map_or("", |variable| &variable.name)
    }
}

/// Returns one spelling for the two fields that hold the pod's name.
fn canonical(path: &str) -> &str {
    if path == POD_NAME_LABEL { POD_NAME } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMPLICIT: &[ImplicitVariable] = &[
        ImplicitVariable { name: "IMPLICIT_POD", field_path: POD_NAME },
        ImplicitVariable { name: "IMPLICIT_NAMESPACE", field_path: "metadata.namespace" },
    ];

    fn container(json: &str) -> Container<'_> {
        serde_json::from_str(json).expect("a container")
    }

    fn environment<'a>(container: &'a Container<'a>) -> Environment<'a> {
        Environment::new(container, IMPLICIT, &Steps::unlimited())
    }

    fn class_of(json: &str, expression: &str) -> String {
        format!("{:?}", environment(&container(json)).resolve(expression).class())
    }

    /// The pieces, text as it is and variables with their names and sources.
    fn pieces_of(json: &str, expression: &str) -> Vec<String> {
        let container = container(json);
        let resolved = environment(&container).resolve(expression);
        let shown = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable { name, source: VariableSource::Field(path) } => format!("{name}={path}"),
            Piece::Variable { name, source } => format!("{name}={source:?}"),
        };
        resolved.pieces().iter().map(shown).collect()
    }

    #[test]
    fn a_value_takes_the_earlier_entry_of_its_own_name() {
        let env = r#"{"env":[
            {"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
            {"name":"A","value":"x-$(A)"}]}"#;
        assert_eq!(class_of(env, "$(A)"), "PerOrdinal");
        assert_eq!(pieces_of(env, "$(A)"), ["x-", "A=metadata.name"]);
    }

    #[test]
    fn an_unknown_variable_in_a_value_is_literal() {
        let env = r#"{"env":[{"name":"A","value":"$(B)"}]}"#;
        assert_eq!(pieces_of(env, "$(A)/$$(C)"), ["$(B)/$(C)"]);
    }

    #[test]
    fn an_implicit_variable_needs_no_declaration() {
        assert_eq!(pieces_of("{}", "$(IMPLICIT_POD)/x"), ["IMPLICIT_POD=metadata.name", "/x"]);
        assert_eq!(class_of("{}", "$(IMPLICIT_POD)"), "PerOrdinal");
        let without = container("{}");
        let resolved = Environment::new(&without, &[], &Steps::unlimited()).resolve("$(IMPLICIT_POD)");
        let undeclared = MissingVariable::Undeclared("IMPLICIT_POD".to_owned());
        assert_eq!(resolved.class(), ExpressionClass::Missing(&undeclared));
    }

    #[test]
    fn a_missing_variable_keeps_its_place() {
        let env = r#"{"env":[{"name":"E"}]}"#;
        assert_eq!(
            pieces_of(env, "a/$(E)/$(U)"),
            ["a/", r#"E=Missing(Empty("E"))"#, "/", r#"U=Missing(Undeclared("U"))"#]
        );
        assert_eq!(class_of(env, "$(E)$(U)"), r#"Missing(Empty("E"))"#);
    }

    #[test]
    fn a_variable_of_empty_variables_is_empty() {
        let env = r#"{"env":[{"name":"A","value":""},{"name":"B","value":"$(A)$(A)"}]}"#;
        assert_eq!(class_of(env, "$(B)"), r#"Missing(Empty("B"))"#);
    }

    #[test]
    fn expressions_are_compared_by_source_and_not_by_name() {
        let one = container(
            r#"{"env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['statefulset.kubernetes.io/pod-name']"}}}]}"#,
        );
        let other =
            container(r#"{"env":[{"name":"B","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}"#);
        let (one, other) = (environment(&one), environment(&other));
        assert!(one.resolve("x/$(A)").is_same_as(&other.resolve("x/$(B)")));
        assert!(one.resolve("$(A)").is_same_as(&other.resolve("$(IMPLICIT_POD)")));
        assert!(!one.resolve("x/$(A)").is_same_as(&other.resolve("$(B)")));
    }

    #[test]
    fn a_value_that_grows_without_end_is_given_up() {
        let link =
            |at: usize| format!(r#"{{"name":"V{at}","value":"{}"}}"#, format!("$(V{})", at - 1).repeat(300));
        let links: Vec<String> = (1..100).map(link).collect();
        let env =
            format!(r#"{{"env":[{{"name":"V0","value":"{}"}},{}]}}"#, "x".repeat(20_000), links.join(","));
        assert_eq!(class_of(&env, "$(V99)"), "Unproved");
    }

    #[test]
    fn a_carried_variable_stands_before_the_one_that_takes_it() {
        let donor = container(
            r#"{"env":[{"name":"A","value":"a"},{"name":"X","value":"x"},{"name":"B","value":"$(A)$(IMPLICIT_POD)"}]}"#,
        );
        let to = container(r#"{"env":[{"name":"X","value":"y"}]}"#);
        let to = environment(&to);
        let donor = environment(&donor);
        let carried = donor.carried("$(B)/$(X)/$(IMPLICIT_POD)", &to, &AddedVariables::default());
        let names: Vec<&str> = carried.iter().map(Declaration::name).collect();
        assert_eq!(names, ["A", "B", "IMPLICIT_POD"]);
    }

    #[test]
    fn an_expression_is_resolved_once() {
        let container = container(r#"{"env":[{"name":"A","value":"a"}]}"#);
        let steps = Steps::new(1_000);
        let environment = Environment::new(&container, IMPLICIT, &steps);
        let first = environment.resolve("$(A)$(IMPLICIT_POD)");
        assert!(Rc::ptr_eq(&first, &environment.resolve("$(A)$(IMPLICIT_POD)")));
        let mut added = AddedVariables::default();
        assert!(added.add(Declaration::Implicit(&IMPLICIT[0])));
        assert!(Rc::ptr_eq(&first, &environment.resolve_with("$(A)$(IMPLICIT_POD)", &added)));
    }

    #[test]
    fn an_added_variable_counts_until_it_is_removed() {
        let empty = container("{}");
        let donor = container(r#"{"env":[{"name":"A","value":"a"}]}"#);
        let environment = environment(&empty);
        let mut added = AddedVariables::default();
        assert!(added.add(Declaration::Copy(&donor.env.as_deref().expect("variables")[0])));
        assert_eq!(environment.resolve_with("$(A)", &added).class(), ExpressionClass::Same);
        added.remove_last();
        let undeclared = MissingVariable::Undeclared("A".to_owned());
        assert_eq!(environment.resolve_with("$(A)", &added).class(), ExpressionClass::Missing(&undeclared));
    }

    #[test]
    fn a_copied_variable_is_valid_json_whatever_its_source() {
        let valid = r#"{"fieldRef":{"fieldPath":"metadata.uid"}}"#;
        for (source, copied) in
            [(valid, valid), (r#"{"fieldRef":{"metadata.uid"}}"#, "null"), ("1e999", "null")]
        {
            let text = format!(r#"{{"env":[{{"name":"A","valueFrom":{source}}}]}}"#);
            let container: Container<'_> = ordinance_json::read(&text).expect("a container");
            let variable = &container.env.as_deref().expect("variables")[0];
            let expected = format!(r#"{{"name":"A","valueFrom":{copied}}}"#);
            assert_eq!(Declaration::Copy(variable).to_json(), expected);
        }
    }

    #[test]
    fn without_steps_an_expression_is_unresolved_and_equals_none() {
        let container = container(r#"{"env":[{"name":"A","value":"a"}]}"#);
        let steps = Steps::new(16);
        let environment = Environment::new(&container, IMPLICIT, &steps);
        let known = environment.resolve("$(A)");
        let long = environment.resolve("$(A)$(A)$(A)$(A)$(A)");
        assert_eq!((known.class(), long.class()), (ExpressionClass::Same, ExpressionClass::Unresolved));
        assert!(steps.are_spent());
        assert_eq!(environment.resolve("$(A)").class(), ExpressionClass::Unresolved);
        assert!(!long.is_same_as(&long));
        assert!(!known.is_same_as(&environment.resolve("a")));
    }
}
