//! Conditions of a template or of a class: `[type=file][!dir]`.

use super::template::{Reference, Value, Values};

/// The conditions at the beginning of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions<'t>(&'t str);

/// Whether conditions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held<'t> {
    Yes,
    No,
    /// The value of this reference is ambiguous, and with it the answer.
    Ambiguous(Reference<'t>),
}

/// A condition: `[name]`, `[!name]`, `[name=a|b]`, `[name!=a|b]` or `[name^=prefix]`.
pub(super) struct Condition<'t> {
    pub(super) name: &'t str,
    pub(super) test: Test<'t>,
}

/// What a condition asks of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Test<'t> {
    Present,
    Absent,
    OneOf(&'t str),
    NoneOf(&'t str),
    StartsWith(&'t str),
}

/// Returns whether all conditions of a text hold; one that is ambiguous does not.
pub(crate) fn holds(conditions: &str, values: &impl Values) -> bool {
    Conditions::of(conditions).held(values) == Held::Yes
}

/// Returns the names that a text of conditions asks for, e.g. `subDir` of `[!subDir]`.
pub(crate) fn condition_names(text: &str) -> impl Iterator<Item = &str> {
    Conditions::of(text).iter().map(|condition| condition.name)
}

/// Returns a name and the value with which the first of some conditions would not hold: that of `[name!=value]`.
pub(crate) fn wanted_value(conditions: &str) -> Option<(&str, &str)> {
    let Condition { name, test } = Conditions::of(conditions).iter().next()?;
    match test {
        Test::NoneOf(values) => Some((name, values.split('|').next()?)),
        _ => None,
    }
}

// === impl Conditions ===

impl<'t> Conditions<'t> {
    pub(super) const fn of(text: &'t str) -> Self {
        Self(text)
    }

    /// Returns the conditions in order.
    pub(super) fn iter(self) -> impl Iterator<Item = Condition<'t>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (condition, after) = rest.strip_prefix('[')?.split_once(']')?;
            rest = after;
            Some(Condition::of(condition))
        })
    }

    /// Returns the text after the conditions.
    pub(super) fn rest(self) -> &'t str {
        let mut rest = self.0;
        while let Some((_, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            rest = after;
        }
        rest
    }

    /// Returns whether all conditions hold.
    pub(super) fn held(self, values: &impl Values) -> Held<'t> {
        self.iter()
            .map(|condition| condition.held(values))
            .find(|held| *held != Held::Yes)
            .unwrap_or(Held::Yes)
    }
}

// === impl Condition ===

impl<'t> Condition<'t> {
    fn of(text: &'t str) -> Self {
        if let Some(name) = text.strip_prefix('!') {
            return Self { name, test: Test::Absent };
        }
        let Some((name, value)) = text.split_once('=') else {
            return Self { name: text, test: Test::Present };
        };
        if let Some(name) = name.strip_suffix('!') {
            Self { name, test: Test::NoneOf(value) }
        } else if let Some(name) = name.strip_suffix('^') {
            Self { name, test: Test::StartsWith(value) }
        } else {
            Self { name, test: Test::OneOf(value) }
        }
    }

    fn held(&self, values: &impl Values) -> Held<'t> {
        let reference = Reference::of(self.name);
        let value = match (values.value(reference), self.test) {
            (value, Test::Present) => return Held::of(value != Value::Absent),
            (value, Test::Absent) => return Held::of(value == Value::Absent),
            (Value::Ambiguous, _) => return Held::Ambiguous(reference),
            (Value::Known(value), _) => Some(value),
            (Value::Absent, _) => None,
        };
        let is_one_of = |wanted: &str| {
            value.is_some_and(|value| wanted.split('|').any(|wanted| value.eq_ignore_ascii_case(wanted)))
        };
        Held::of(match self.test {
            Test::OneOf(wanted) => is_one_of(wanted),
            Test::NoneOf(unwanted) => !is_one_of(unwanted),
            Test::StartsWith(prefix) => value.is_some_and(|value| value.starts_with(prefix)),
            Test::Present | Test::Absent => true,
        })
    }
}

// === impl Held ===

impl Held<'_> {
    const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}
