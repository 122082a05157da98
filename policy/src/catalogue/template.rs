//! Templates: how a row of the catalogue spells the directory of a volume.
//!
//! ```text
//! [protocol!=nfs]smb://{server}/{shareName|handle.share}//{folderName?}
//! ```
//!
//! Conditions in brackets come first. Then a scheme, a server and a path, in which placeholders stand for values of the
//! volume. `//` in the path ends what must exist already; below it a user may name any directory.

use std::fmt;

/// What a placeholder or a condition takes a value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference<'t> {
    /// `name`: an attribute of the volume or a parameter of the class, its key in any case.
    Attribute(&'t str),
    /// `option:name`: a mount option.
    Option(&'t str),
    /// `handle`.
    Handle,
    /// `handle.part`: a part that the row's `handle` names.
    HandlePart(&'t str),
    /// `secretRef`: `namespace.name` of the Secret that the driver gets.
    Secret,
    /// `secretRef.name`.
    SecretName,
}

/// The value that a reference has in a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'v> {
    /// Absent or empty.
    Absent,
    /// Not empty.
    Known(&'v str),
    /// Two keys that differ by case only have different values.
    Ambiguous,
}

/// A volume or a class, in which references have values.
pub(crate) trait Values {
    /// Returns the value of a reference.
    fn value(&self, reference: Reference<'_>) -> Value<'_>;

    /// Returns the value of the Secret's namespace and name, joined by a dot; `None` without a Secret.
    fn secret(&self) -> Option<String> {
        None
    }
}

/// A template that is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled<'t> {
    /// e.g. `nfs`.
    pub(crate) scheme: &'t str,
    /// Server and path.
    pub(crate) rest: String,
    /// The number of bytes of `rest` that spell what must exist already.
    pub(crate) existing: usize,
    /// The last placeholder that has a value.
    pub(crate) last: Option<Reference<'t>>,
    /// Whether the handle gives a part of the text.
    pub(crate) has_handle: bool,
    /// Whether a value is ambiguous; then it is the last one that counts.
    pub(crate) is_ambiguous: bool,
}

/// A template that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TemplateError<'t> {
    /// A bracket or a brace without its end.
    Unclosed(char),
    /// A brace that ends nothing.
    Unopened,
    /// A placeholder or a condition without a name.
    Empty,
    /// No `scheme://`, or one with other characters than `a-z`, `0-9`, `+`, `-` and `.`.
    NoScheme,
    /// A placeholder that starts no part of the place, e.g. the text after `://` is empty.
    NoPlace,
    /// A part that the row's `handle` does not name.
    UnknownPart(&'t str),
}

/// One element of the text after the scheme.
enum Piece<'t> {
    Text(&'t str),
    Placeholder(&'t str),
}

/// A placeholder: alternatives, and what stands for it if none has a value.
struct Placeholder<'t> {
    alternatives: &'t str,
    fallback: Fallback<'t>,
}

/// What a placeholder without a value becomes.
enum Fallback<'t> {
    /// The template does not apply.
    Required,
    /// Nothing: `{name?}`.
    Empty,
    /// A text: `{name=text}`.
    Text(&'t str),
}

/// Fills in a template; `None` if a condition does not hold or a required placeholder has no value.
pub(crate) fn fill<'t>(template: &'t str, values: &impl Values) -> Option<Filled<'t>> {
    let text = unconditional(template, values)?;
    let (scheme, text) = split_scheme(text)?;
    let mut filled = Filled {
        scheme,
        rest: String::with_capacity(PLACE_BYTES),
        existing: 0,
        last: None,
        has_handle: false,
        is_ambiguous: false,
    };
    let mut has_mark = false;
    for piece in pieces(text) {
        match piece.ok()? {
            Piece::Text(text) => {
                has_mark |= filled.push_text(text);
            }
            Piece::Placeholder(text) => filled.push(&Placeholder::of(text), values)?,
        }
    }
    if !has_mark {
        filled.existing = filled.rest.len();
    }
    Some(filled)
}

/// Room for most places, so that few have to grow.
const PLACE_BYTES: usize = 128;

/// Splits a text at the first of an ASCII character. Templates are short: the searches of the standard library cost more to
/// begin than these loops cost to end.
fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let (before, after) = text.split_at_checked(text.bytes().position(|byte| byte == at)?)?;
    Some((before, after.get(1..)?))
}

/// Splits a text at each `|`.
fn alternatives(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (alternative, after) =
            split_once(text, b'|').map_or((text, None), |(one, after)| (one, Some(after)));
        rest = after;
        Some(alternative)
    })
}

/// Splits a template at `://`.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_at_checked(text.bytes().position(|byte| byte == b':')?)?;
    Some((scheme, rest.strip_prefix("://")?))
}

/// Returns where two slashes begin.
fn two_slashes(text: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|pair| pair == b"//")
}

/// Returns whether all conditions of a text hold; the text may hold nothing else.
pub(crate) fn holds(conditions: &str, values: &impl Values) -> bool {
    unconditional(conditions, values).is_some()
}

/// Returns the names that a text of conditions asks for, e.g. `subDir` of `[!subDir]`.
pub(crate) fn condition_names(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (condition, after) = text.strip_prefix('[')?.split_once(']')?;
        text = after;
        Some(Condition::of(condition).name)
    })
}

/// Returns a name and the value with which the first of some conditions would not hold: that of `[name!=value]`.
pub(crate) fn wanted_value(conditions: &str) -> Option<(&str, &str)> {
    let (condition, _) = conditions.strip_prefix('[')?.split_once(']')?;
    let Condition { name, test } = Condition::of(condition);
    match test {
        Test::NoneOf(values) => Some((name, values.split('|').next()?)),
        _ => None,
    }
}

/// Returns the parts of a handle that a template takes; the whole handle is the empty part.
#[cfg(test)]
pub(super) fn handle_parts(template: &str) -> impl Iterator<Item = &str> {
    references(template).filter_map(|reference| match reference {
        Reference::Handle => Some(""),
        Reference::HandlePart(part) => Some(part),
        _ => None,
    })
}

/// Returns what the placeholders of a template take values from.
#[cfg(test)]
fn references(template: &str) -> impl Iterator<Item = Reference<'_>> {
    pieces(template)
        .filter_map(Result::ok)
        .filter_map(|piece| match piece {
            Piece::Placeholder(text) => Some(Placeholder::of(text).alternatives),
            Piece::Text(_) => None,
        })
        .flat_map(alternatives)
        .map(|alternative| Alternative::of(alternative).reference)
}

/// Checks a template; `parts` are the parts that the row's handle has.
pub(crate) fn check<'t>(template: &'t str, parts: &[&str]) -> Result<(), TemplateError<'t>> {
    let text = checked_conditions(template, parts)?;
    let (scheme, text) = split_scheme(text).ok_or(TemplateError::NoScheme)?;
    let is_scheme = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return Err(TemplateError::NoScheme);
    }
    if text.trim_matches('/').is_empty() {
        return Err(TemplateError::NoPlace);
    }
    for piece in pieces(text) {
        let Piece::Placeholder(text) = piece? else { continue };
        for alternative in alternatives(Placeholder::of(text).alternatives) {
            check_reference(Alternative::of(alternative).reference, parts)?;
        }
    }
    Ok(())
}

/// Checks conditions that stand by themselves.
pub(crate) fn check_conditions(text: &str) -> Result<(), TemplateError<'_>> {
    match checked_conditions(text, &[])? {
        "" => Ok(()),
        _ => Err(TemplateError::Unclosed('[')),
    }
}

fn checked_conditions<'t>(mut text: &'t str, parts: &[&str]) -> Result<&'t str, TemplateError<'t>> {
    while let Some(rest) = text.strip_prefix('[') {
        let (condition, after) = rest.split_once(']').ok_or(TemplateError::Unclosed('['))?;
        check_reference(Reference::of(Condition::of(condition).name), parts)?;
        text = after;
    }
    Ok(text)
}

fn check_reference<'t>(reference: Reference<'t>, parts: &[&str]) -> Result<(), TemplateError<'t>> {
    match reference {
        Reference::Attribute("") | Reference::Option("") => Err(TemplateError::Empty),
        Reference::HandlePart(part) if !parts.contains(&part) => Err(TemplateError::UnknownPart(part)),
        _ => Ok(()),
    }
}

/// Splits a text at its placeholders.
fn pieces(text: &str) -> impl Iterator<Item = Result<Piece<'_>, TemplateError<'_>>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let place = rest.bytes().position(|byte| byte == b'{' || byte == b'}').unwrap_or(rest.len());
        let (before, after) = rest.split_at_checked(place).unwrap_or((rest, ""));
        if !before.is_empty() {
            rest = after;
            return Some(Ok(Piece::Text(before)));
        }
        let Some(inner) = after.strip_prefix('{') else {
            rest = "";
            return (!after.is_empty()).then_some(Err(TemplateError::Unopened));
        };
        match split_once(inner, b'}') {
            Some((placeholder, after)) => {
                rest = after;
                Some(Ok(Piece::Placeholder(placeholder)))
            }
            None => {
                rest = "";
                Some(Err(TemplateError::Unclosed('{')))
            }
        }
    })
}

/// Returns the text after the conditions, or `None` if one of them does not hold.
fn unconditional<'t>(mut template: &'t str, values: &impl Values) -> Option<&'t str> {
    while let Some(rest) = template.strip_prefix('[') {
        let (condition, after) = rest.split_once(']')?;
        if !Condition::of(condition).holds(values) {
            return None;
        }
        template = after;
    }
    Some(template)
}

/// A condition: `[name]`, `[!name]`, `[name=a|b]`, `[name!=a|b]` or `[name^=prefix]`.
struct Condition<'t> {
    name: &'t str,
    test: Test<'t>,
}

enum Test<'t> {
    Present,
    Absent,
    OneOf(&'t str),
    NoneOf(&'t str),
    StartsWith(&'t str),
}

// === impl Value ===

impl<'v> Value<'v> {
    /// Returns the value of a text; an empty one is absent.
    pub(crate) fn of(text: Option<&'v str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Absent, Self::Known)
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

    fn holds(&self, values: &impl Values) -> bool {
        let value = values.value(Reference::of(self.name));
        let is_one_of = |wanted: &str| match value {
            Value::Known(value) => wanted.split('|').any(|wanted| value.eq_ignore_ascii_case(wanted)),
            Value::Absent | Value::Ambiguous => false,
        };
        match self.test {
            Test::Present => value != Value::Absent,
            Test::Absent => value == Value::Absent,
            Test::OneOf(wanted) => is_one_of(wanted),
            Test::NoneOf(unwanted) => !is_one_of(unwanted),
            Test::StartsWith(prefix) => matches!(value, Value::Known(value) if value.starts_with(prefix)),
        }
    }
}

// === impl Reference ===

impl<'t> Reference<'t> {
    fn of(text: &'t str) -> Self {
        if let Some(option) = text.strip_prefix("option:") {
            return Self::Option(option);
        }
        match text {
            "handle" => Self::Handle,
            "secretRef" => Self::Secret,
            "secretRef.name" => Self::SecretName,
            _ => match text.strip_prefix("handle.") {
                Some(part) => Self::HandlePart(part),
                None => Self::Attribute(text),
            },
        }
    }
}

// === impl Placeholder ===

impl<'t> Placeholder<'t> {
    fn of(text: &'t str) -> Self {
        if let Some(alternatives) = text.strip_suffix('?') {
            return Self { alternatives, fallback: Fallback::Empty };
        }
        if !text.bytes().any(|byte| byte == b'=') {
            return Self { alternatives: text, fallback: Fallback::Required };
        }
        // What stands around the `*` of a part is taken as it is, e.g. `{handle.part~path=*}`.
        let part = text.find('~').and_then(|_| text.rfind('*')).unwrap_or_default();
        let default = text.get(part..).and_then(|rest| rest.split_once('=')).map(|(_, default)| default);
        let alternatives = default.and_then(|default| text.strip_suffix(default)?.strip_suffix('='));
        match (alternatives, default) {
            (Some(alternatives), Some(default)) => Self { alternatives, fallback: Fallback::Text(default) },
            _ => Self { alternatives: text, fallback: Fallback::Required },
        }
    }
}

/// One of the alternatives of a placeholder: a reference, of whose value a part may be taken: `name~prefix*suffix`.
struct Alternative<'t> {
    reference: Reference<'t>,
    part: Option<(&'t str, &'t str)>,
}

// === impl Alternative ===

impl<'t> Alternative<'t> {
    fn of(text: &'t str) -> Self {
        match split_once(text, b'~') {
            Some((name, pattern)) => Self {
                reference: Reference::of(name),
                part: Some(pattern.split_once('*').unwrap_or((pattern, ""))),
            },
            None => Self { reference: Reference::of(text), part: None },
        }
    }

    /// Returns the part of a value that the alternative takes; `None` if the value has another form.
    fn part_of<'v>(&self, value: &'v str) -> Option<&'v str> {
        let Some((prefix, suffix)) = self.part else { return Some(value) };
        value.strip_prefix(prefix)?.strip_suffix(suffix).filter(|part| !part.is_empty())
    }
}

// === impl Filled ===

impl<'t> Filled<'t> {
    /// Appends text of the template; returns whether it has the mark that ends what must exist.
    fn push_text(&mut self, text: &str) -> bool {
        match two_slashes(text).map(|at| text.split_at(at)) {
            Some((before, mark)) => {
                let after = mark.trim_start_matches('/');
                self.append(before);
                self.existing = self.rest.trim_end_matches('/').len();
                self.append("/");
                self.append(after);
                true
            }
            None => {
                self.append(text);
                false
            }
        }
    }

    /// Appends the value of a placeholder, or `None` if it has none.
    fn push(&mut self, placeholder: &Placeholder<'t>, values: &impl Values) -> Option<()> {
        if self.is_ambiguous {
            return Some(());
        }
        for alternative in alternatives(placeholder.alternatives).map(Alternative::of) {
            let secret = (alternative.reference == Reference::Secret).then(|| values.secret()).flatten();
            let value = match (&secret, values.value(alternative.reference)) {
                (Some(secret), _) => Some(&**secret),
                (None, Value::Known(value)) => alternative.part_of(value),
                (None, Value::Absent) => None,
                (None, Value::Ambiguous) => {
                    self.is_ambiguous = true;
                    Some("?")
                }
            };
            if let Some(value) = value {
                self.append(value);
                self.last = Some(alternative.reference);
                self.has_handle |=
                    matches!(alternative.reference, Reference::Handle | Reference::HandlePart(_));
                return Some(());
            }
        }
        match placeholder.fallback {
            Fallback::Required => None,
            Fallback::Empty => {
                self.drop_slash();
                Some(())
            }
            Fallback::Text(text) => {
                self.append(text);
                Some(())
            }
        }
    }

    /// Appends a text, with one slash where two meet.
    fn append(&mut self, text: &str) {
        let is_slash = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
        let joins = self.rest.is_empty() || is_slash(self.rest.as_bytes().last());
        let starts = usize::from(joins && is_slash(text.as_bytes().first()));
        self.rest.push_str(text.get(starts..).unwrap_or_default());
    }

    /// Removes the slash before a part that is empty.
    fn drop_slash(&mut self) {
        if self.rest.ends_with('/') {
            self.rest.pop();
        }
    }
}

impl fmt::Display for TemplateError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed(open) => write!(f, "has {open:?} without its end"),
            Self::Unopened => f.write_str("has \"}\" without \"{\""),
            Self::Empty => f.write_str("has a placeholder without a name"),
            Self::NoScheme => f.write_str("does not begin with a scheme such as nfs://"),
            Self::NoPlace => f.write_str("names no place after its scheme"),
            Self::UnknownPart(part) => write!(f, "takes handle.{part}, which is no part of the row's handle"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attributes by their exact names.
    struct Attributes<'a>(&'a [(&'a str, &'a str)]);

    impl Values for Attributes<'_> {
        fn value(&self, reference: Reference<'_>) -> Value<'_> {
            let Reference::Attribute(name) = reference else { return Value::Absent };
            match self.0.iter().find(|(key, _)| *key == name) {
                Some((_, "?")) => Value::Ambiguous,
                Some((_, value)) => Value::Known(value),
                None => Value::Absent,
            }
        }
    }

    fn filled(template: &str, values: &[(&str, &str)]) -> Option<String> {
        fill(template, &Attributes(values)).map(|filled| format!("{}://{}", filled.scheme, filled.rest))
    }

    #[test]
    fn placeholders_have_alternatives_defaults_and_may_be_optional() {
        let template = "nfs://{server|host}/{share=/all}/{subdir?}";
        for (values, expected) in [
            (&[("server", "nas"), ("share", "/srv/"), ("subdir", "a")][..], Some("nfs://nas/srv/a")),
            (&[("host", "nas"), ("share", "/srv")], Some("nfs://nas/srv")),
            (&[("host", "nas"), ("share", "/srv/")], Some("nfs://nas/srv")),
            (&[("host", "nas")], Some("nfs://nas/all")),
            (&[("share", "/srv")], None),
        ] {
            assert_eq!(filled(template, values).as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn conditions_choose_the_template() {
        for (template, is_chosen) in [
            ("[kind=a|NFS]nfs://{s}", true),
            ("[kind!=nfs]nfs://{s}", false),
            ("[kind^=n][s]nfs://{s}", true),
            ("[!kind]nfs://{s}", false),
            ("[!other][other!=x]nfs://{s}", true),
        ] {
            let values = [("kind", "nfs"), ("s", "nas")];
            assert_eq!(filled(template, &values).is_some(), is_chosen, "{template}");
        }
    }

    #[test]
    fn a_part_of_a_value_can_be_taken() {
        let template = "smb://{secret~azure-storage-account-*-secret|account}";
        let secret = ("secret", "azure-storage-account-acme-secret");
        assert_eq!(filled(template, &[secret]).as_deref(), Some("smb://acme"));
        assert_eq!(filled(template, &[("secret", "s"), ("account", "a")]).as_deref(), Some("smb://a"));
        let template = "gpfs://node/{path~path=*=none}";
        assert_eq!(filled(template, &[("path", "path=/a=b")]).as_deref(), Some("gpfs://node/a=b"));
        assert_eq!(filled(template, &[]).as_deref(), Some("gpfs://node/none"));
    }

    #[test]
    fn two_slashes_end_what_must_exist() {
        let existing = |template| {
            let filled = fill(template, &Attributes(&[("s", "nas/share"), ("d", "a/b")])).expect("a place");
            filled.rest.get(..filled.existing).map(str::to_owned)
        };
        assert_eq!(existing("smb://{s}//{d?}").as_deref(), Some("nas/share"));
        assert_eq!(existing("smb://{s}//{none?}").as_deref(), Some("nas/share"));
        assert_eq!(existing("smb://{s}/{d}").as_deref(), Some("nas/share/a/b"));
        assert_eq!(existing("nfs://nas//{d}").as_deref(), Some("nas"));
    }

    #[test]
    fn an_ambiguous_value_is_told() {
        let filled = fill("nfs://{s}/{d}", &Attributes(&[("s", "nas"), ("d", "?")]));
        assert!(filled.is_some_and(|filled| filled.is_ambiguous));
    }

    #[test]
    fn what_cannot_be_parsed_is_an_error() {
        for (template, error) in [
            ("nfs://{server", TemplateError::Unclosed('{')),
            ("nfs://server}/x", TemplateError::Unopened),
            ("[a=b nfs://{s}", TemplateError::Unclosed('[')),
            ("nfs://{}", TemplateError::Empty),
            ("nfs://{a|}", TemplateError::Empty),
            ("[]nfs://{a}", TemplateError::Empty),
            ("nfs://{option:}", TemplateError::Empty),
            ("{server}/{share}", TemplateError::NoScheme),
            ("NFS://{server}", TemplateError::NoScheme),
            ("nfs:///", TemplateError::NoPlace),
            ("nfs://{handle.server}", TemplateError::UnknownPart("server")),
            ("[handle.a]nfs://{server}", TemplateError::UnknownPart("a")),
        ] {
            assert_eq!(check(template, &["share"]), Err(error), "{template}");
        }
        assert_eq!(check("[a!=b]nfs://{server}//{handle.share?}", &["share"]), Ok(()));
    }
}
