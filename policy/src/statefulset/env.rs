//! The environment of a container, as far as the kubelet expands `subPathExpr` with it.
//!
//! Of two variables of one name the last wins, and `env` wins over `envFrom`. An expression sees all of them, a value
//! only those before it. Two names are reserved: the mutating call declares them where an expression takes them, so
//! an expression finds them whether they are declared or not.

use super::expression::{self, Token};
use super::view::{Container, EnvFrom, EnvVar};
use crate::json::{self, Text};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::cell::OnceCell;

/// How many variables the value of one may take, through others; the kubelet has no limit, a review needs one.
const STEPS: usize = 256;

/// How deep values may take values.
const DEPTH: usize = 32;

/// How many characters an expression may grow to; no path is as long.
const WEIGHT: usize = 16_384;

/// The pod's name, which is the ordinal's.
const POD_NAME: &str = "metadata.name";

/// The same, as a label that the controller sets.
const POD_NAME_LABEL: &str = "metadata.labels['statefulset.kubernetes.io/pod-name']";

/// The ordinal, as a label that the controller sets.
const POD_INDEX_LABEL: &str = "metadata.labels['apps.kubernetes.io/pod-index']";

/// Fields that no other pod has, and the next pod of the same ordinal neither.
const UNSTABLE: [&str; 3] = ["metadata.uid", "status.podIP", "status.podIPs"];

/// A reserved variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ours {
    PodName,
    PodNamespace,
}

/// A variable that a patch declares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Declaration<'a> {
    /// A reserved one.
    Ours(Ours),
    /// As another container declares it, or the same one did.
    Copy(&'a EnvVar<'a>),
}

/// The environment of a container.
#[derive(Debug)]
pub(super) struct Environment<'a> {
    env: &'a [EnvVar<'a>],
    from: &'a [EnvFrom<'a>],
    /// Places in `env`, by name and then by place.
    by_name: OnceCell<Vec<usize>>,
}

/// An expression with the values of its variables, as far as they can be known.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved<'a> {
    pieces: Vec<Piece<'a>>,
    missing: Option<Missing<'a>>,
    repeated: Option<&'a str>,
}

/// What an expression consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(Cow<'a, str>),
    /// A field of the pod.
    Field(Text<'a>),
    /// Something else that is the same for every replica.
    Same(&'a str),
    /// Something that stands in another object or a file.
    Elsewhere(&'a str),
}

/// A variable that stops the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing<'a> {
    Undeclared(&'a str),
    Empty(&'a str),
}

/// What an expression is to the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class<'a> {
    /// Each ordinal has one of its own, for good.
    PerOrdinal,
    /// Each pod has one of its own, and none finds it again.
    Unstable,
    /// All have the same.
    Same,
    /// Nothing can be proved.
    Unproved,
    /// No pod starts.
    Missing(Missing<'a>),
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
    #[serde(borrow, deserialize_with = "crate::json::lenient")]
    api_version: Text<'a>,
    #[serde(borrow, deserialize_with = "crate::json::lenient")]
    field_path: Text<'a>,
}

// === impl Ours ===

impl Ours {
    const ALL: [Self; 2] = [Self::PodName, Self::PodNamespace];

    /// The reserved variable of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ours| ours.name() == name)
    }

    /// Those that an expression takes.
    pub(super) fn taken_by(expression: &str) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|ours| expression::variables(expression).any(|name| name == ours.name()))
    }

    /// The variable's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PodName => "ORDINANCE_POD_NAME",
            Self::PodNamespace => "ORDINANCE_POD_NAMESPACE",
        }
    }

    /// The field of the pod that it comes from.
    pub(super) fn field_path(self) -> &'static str {
        match self {
            Self::PodName => POD_NAME,
            Self::PodNamespace => "metadata.namespace",
        }
    }

    /// It as an entry of `env`; neither its name nor its field hold anything that JSON escapes.
    fn to_json(self) -> String {
        let (name, path) = (self.name(), self.field_path());
        [r#"{"name":""#, name, r#"","valueFrom":{"fieldRef":{"fieldPath":""#, path, r#""}}}"#].concat()
    }

    /// Whether an entry of `env` declares it as it must be.
    fn is_declared_by(self, variable: &EnvVar<'_>) -> bool {
        let Some(source) = variable.source() else { return false };
        let others = [
            &source.resource_field_ref,
            &source.config_map_key_ref,
            &source.secret_key_ref,
            &source.file_key_ref,
        ];
        variable.value.is_empty()
            && others.into_iter().all(Option::is_none)
            && source.field_ref.is_some_and(|field| field.is(self.field_path()))
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
        serde_json::from_str(self.value_from?.get()).ok()
    }

    /// Whether both declare the same.
    pub(super) fn says_the_same(&self, other: &EnvVar<'_>) -> bool {
        let raw = |variable: &EnvVar<'_>| variable.value_from.map_or("null", |raw| raw.get()).to_owned();
        self.name == other.name
            && self.value == other.value
            && (raw(self) == raw(other) || crate::json::says_the_same(&raw(self), &raw(other)))
    }
}

// === impl Declaration ===

impl<'a> Declaration<'a> {
    /// The variable's name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Ours(ours) => ours.name(),
            Self::Copy(variable) => &variable.name,
        }
    }

    /// It as an entry of `env`.
    pub(super) fn to_json(self) -> String {
        let (variable, member, value) = match self {
            Self::Ours(ours) => return ours.to_json(),
            Self::Copy(variable) => match variable.value_from.filter(|_| variable.value.is_empty()) {
                Some(source) => (variable, "valueFrom", Cow::Borrowed(source.get())),
                None => (variable, "value", Cow::Owned(json::quoted(&variable.value))),
            },
        };
        [r#"{"name":"#, &json::quoted(&variable.name), r#",""#, member, r#"":"#, &value, "}"].concat()
    }

    fn of(variable: &'a EnvVar<'a>) -> Self {
        match Ours::named(&variable.name).filter(|ours| ours.is_declared_by(variable)) {
            Some(ours) => Self::Ours(ours),
            None => Self::Copy(variable),
        }
    }
}

// === impl Environment ===

impl<'a> Environment<'a> {
    /// The environment that a container declares.
    pub(super) fn new(container: &'a Container<'a>) -> Self {
        Self {
            env: container.env.as_deref().unwrap_or_default(),
            from: &container.env_from,
            by_name: OnceCell::new(),
        }
    }

    /// Whether `env` has the name.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.last_before(name, usize::MAX).is_some()
    }

    /// The entries that take a reserved name for something else, and their places.
    pub(super) fn misuses(&self) -> impl Iterator<Item = (usize, &'a EnvVar<'a>)> {
        self.env.iter().enumerate().filter(|(_, variable)| {
            Ours::named(&variable.name).is_some_and(|ours| !ours.is_declared_by(variable))
        })
    }

    /// Whether some entry declares just the same.
    pub(super) fn has_just(&self, variable: &EnvVar<'_>) -> bool {
        self.env.iter().any(|other| other.says_the_same(variable))
    }

    /// The expression with its values, given what a patch declares besides.
    pub(super) fn resolve(&self, expression: &'a str, added: &[Declaration<'a>]) -> Resolved<'a> {
        let mut resolver =
            Resolver { environment: self, added, resolved: Resolved::default(), steps: 0, weight: 0 };
        resolver.expression(expression);
        resolver.resolved
    }

    /// What another container must declare for the expression to mean there what it means here, in this order.
    pub(super) fn carried(
        &self,
        expression: &'a str,
        to: &Environment<'_>,
        added: &[Declaration<'_>],
    ) -> Vec<Declaration<'a>> {
        let declared = |name: &str| to.declares(name) || added.iter().any(|other| other.name() == name);
        let mut carried: Vec<(usize, Declaration<'a>)> = Vec::new();
        let mut wanted: Vec<(&'a str, usize)> =
            expression::variables(expression).map(|name| (name, usize::MAX)).collect();
        while let Some((name, before)) = wanted.pop() {
            if declared(name) || carried.iter().any(|(_, other)| other.name() == name) {
                continue;
            }
            if let Some(place) = self.last_before(name, before)
                && let Some(variable) = self.env.get(place)
            {
                carried.push((place, Declaration::of(variable)));
                wanted.extend(expression::variables(&variable.value).map(|name| (name, place)));
            } else if let Some(ours) = Ours::named(name).filter(|_| before == usize::MAX) {
                carried.push((usize::MAX, Declaration::Ours(ours)));
            }
        }
        carried.sort_by_key(|(place, declaration)| (*place, Ours::named(declaration.name())));
        carried.into_iter().map(|(_, declaration)| declaration).collect()
    }

    /// The place of the last entry of a name, before a place.
    fn last_before(&self, name: &str, before: usize) -> Option<usize> {
        let key = |place: usize| (self.name_at(place), place);
        let places = self.by_name.get_or_init(|| {
            let mut places: Vec<usize> = (0..self.env.len()).collect();
            places.sort_by_key(|place| key(*place));
            places
        });
        let end = places.partition_point(|place| key(*place) < (name, before));
        let last = end.checked_sub(1).and_then(|last| places.get(last)).copied()?;
        (self.name_at(last) == name).then_some(last)
    }

    fn name_at(&self, place: usize) -> &str {
        self.env.get(place).map_or("", |variable| &variable.name)
    }

    /// Whether the name may come from a ConfigMap or a Secret as a whole.
    fn may_come_from(&self, name: &str) -> bool {
        self.from.iter().any(|from| name.starts_with(&*from.prefix))
    }
}

// === impl Resolved ===

impl<'a> Resolved<'a> {
    /// What the expression is to the replicas.
    pub(super) fn class(&self) -> Class<'a> {
        let has = |wanted: fn(&Piece<'_>) -> bool| self.pieces.iter().any(wanted);
        if let Some(missing) = self.missing {
            return Class::Missing(missing);
        }
        if has(|piece| matches!(piece, Piece::Field(path) if UNSTABLE.contains(&&**path))) {
            Class::Unstable
        } else if has(|piece| matches!(piece, Piece::Field(path) if is_ordinals(path))) {
            Class::PerOrdinal
        } else if has(|piece| matches!(piece, Piece::Elsewhere(_))) {
            Class::Unproved
        } else {
            Class::Same
        }
    }

    /// A name that it takes and that is declared twice.
    pub(super) fn repeated(&self) -> Option<&'a str> {
        self.repeated
    }

    /// Whether both are the same path in every pod.
    pub(super) fn is_same_as(&self, other: &Resolved<'_>) -> bool {
        self.missing == other.missing && self.pieces == other.pieces
    }
}

/// Whether no two ordinals share the value of a field, and each keeps it.
fn is_ordinals(path: &str) -> bool {
    path == POD_NAME || path == POD_INDEX_LABEL
}

/// Replaces the variables of one expression.
struct Resolver<'e, 'a> {
    environment: &'e Environment<'a>,
    added: &'e [Declaration<'a>],
    resolved: Resolved<'a>,
    steps: usize,
    /// How much was put out: a variable that puts out nothing is empty.
    weight: usize,
}

// === impl Resolver ===

impl<'a> Resolver<'_, 'a> {
    fn expression(&mut self, expression: &'a str) {
        for token in expression::tokens(expression) {
            match token {
                Token::Text(text) => self.text(text),
                Token::Variable(name) => self.variable(name),
            }
        }
    }

    /// A variable of the expression itself.
    fn variable(&mut self, name: &'a str) {
        let before = self.weight;
        if self.declared(name, usize::MAX, 0) {
            if self.weight == before {
                self.resolved.missing.get_or_insert(Missing::Empty(name));
            }
        } else if let Some(ours) = Ours::named(name) {
            self.piece(Piece::Field(Text::from(ours.field_path())));
        } else if !self.undeclared(name) {
            self.resolved.missing.get_or_insert(Missing::Undeclared(name));
        }
    }

    /// A value: its variables see only what was declared before it.
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

    /// Puts out the value of a variable that is declared before a place.
    fn declared(&mut self, name: &'a str, before: usize, depth: usize) -> bool {
        let Some((place, declaration)) = self.find(name, before) else { return false };
        self.steps += 1;
        if self.steps > STEPS || depth > DEPTH || self.weight > WEIGHT {
            self.piece(Piece::Elsewhere(name));
            return true;
        }
        match declaration {
            Declaration::Ours(ours) => self.piece(Piece::Field(Text::from(ours.field_path()))),
            Declaration::Copy(variable) => self.entry(variable, place, depth),
        }
        true
    }

    fn entry(&mut self, variable: &'a EnvVar<'a>, place: usize, depth: usize) {
        if !variable.value.is_empty() {
            return self.value(&variable.value, place, depth);
        }
        let Some(raw) = variable.value_from else { return };
        match variable.source() {
            Some(ValueFrom { field_ref: Some(field), .. }) => {
                self.piece(Piece::Field(canonical(field.field_path)))
            }
            Some(ValueFrom { resource_field_ref: Some(_), .. }) => self.piece(Piece::Same(raw.get())),
            _ => self.piece(Piece::Elsewhere(raw.get())),
        }
    }

    /// The last declaration of a name before a place; what a patch adds stands after all that is there.
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

    /// Puts out a variable that `env` does not declare, if it may have a value all the same.
    fn undeclared(&mut self, name: &'a str) -> bool {
        if self.environment.may_come_from(name) {
            self.piece(Piece::Elsewhere(name));
        } else if is_services(name) {
            self.piece(Piece::Same(name));
        } else {
            return false;
        }
        true
    }

    /// A variable in a value that nothing replaces stays as it is written.
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

    fn piece(&mut self, piece: Piece<'a>) {
        self.weight += 1;
        self.resolved.pieces.push(piece);
    }
}

/// One spelling for the two fields that hold the pod's name.
fn canonical(path: Text<'_>) -> Text<'_> {
    if &*path == POD_NAME_LABEL { Text::from(POD_NAME) } else { path }
}

/// Whether the kubelet makes variables of this name for Services: `<S>_SERVICE_HOST`, `<S>_SERVICE_PORT`,
/// `<S>_SERVICE_PORT_<NAME>`, `<S>_PORT`, `<S>_PORT_<n>_<PROTOCOL>` and that with `_PROTO`, `_PORT` or `_ADDR`.
fn is_services(name: &str) -> bool {
    let made = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let suffixed = |suffix: &str| name.strip_suffix(suffix).is_some_and(made);
    let named_port = || {
        name.match_indices("_SERVICE_PORT_").any(|(at, infix)| {
            let (service, rest) = name.split_at_checked(at).unwrap_or_default();
            made(service) && rest.strip_prefix(infix).is_some_and(made)
        })
    };
    suffixed("_SERVICE_HOST")
        || suffixed("_SERVICE_PORT")
        || suffixed("_PORT")
        || named_port()
        || is_link(name, made)
}

/// `<S>_PORT_<n>_<PROTOCOL>`, and that with `_PROTO`, `_PORT` or `_ADDR`.
fn is_link(name: &str, made: impl Fn(&str) -> bool) -> bool {
    let link =
        ["_PROTO", "_PORT", "_ADDR"].into_iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
    let Some((service_and_port, "TCP" | "UDP" | "SCTP")) = link.rsplit_once('_') else { return false };
    let Some((service, port)) = service_and_port.rsplit_once('_') else { return false };
    let is_number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    is_number && service.strip_suffix("_PORT").is_some_and(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(json: &str) -> Container<'_> {
        serde_json::from_str(json).expect("a container")
    }

    fn class_of(json: &str, expression: &str) -> String {
        format!("{:?}", Environment::new(&container(json)).resolve(expression, &[]).class())
    }

    #[test]
    fn a_value_takes_itself_as_it_was_before() {
        let env = r#"{"env":[
            {"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
            {"name":"A","value":"x-$(A)"}]}"#;
        assert_eq!(class_of(env, "$(A)"), "PerOrdinal");
    }

    #[test]
    fn what_a_value_does_not_find_stays_as_it_is_written() {
        let env = r#"{"env":[{"name":"A","value":"$(B)"}]}"#;
        let container = container(env);
        let resolved = Environment::new(&container).resolve("$(A)/$$(C)", &[]);
        assert_eq!(resolved.pieces, [Piece::Text("$(B)/$(C)".into())]);
    }

    #[test]
    fn a_variable_of_empty_variables_is_empty() {
        let env = r#"{"env":[{"name":"A","value":""},{"name":"B","value":"$(A)$(A)"}]}"#;
        assert_eq!(class_of(env, "$(B)"), r#"Missing(Empty("B"))"#);
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
    fn what_is_carried_over_stands_before_what_takes_it() {
        let donor = container(
            r#"{"env":[{"name":"A","value":"a"},{"name":"X","value":"x"},{"name":"B","value":"$(A)$(ORDINANCE_POD_NAME)"}]}"#,
        );
        let to = container(r#"{"env":[{"name":"X","value":"y"}]}"#);
        let carried =
            Environment::new(&donor).carried("$(B)/$(X)/$(ORDINANCE_POD_NAME)", &Environment::new(&to), &[]);
        let names: Vec<&str> = carried.iter().map(Declaration::name).collect();
        assert_eq!(names, ["A", "B", "ORDINANCE_POD_NAME"]);
    }
}
