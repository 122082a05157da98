//! Templates: how a row of the catalogue spells the directory of a volume.
//!
//! ```text
//! [protocol!=nfs]smb://{server}/{shareName|handle.share}//{folderName?}
//! ```
//!
//! Conditions in brackets come first. Then a scheme, a server and a path, in which placeholders stand for values of the
//! volume. `//` in the path ends what must exist already; below it a user may name any directory.

use super::VOLUME_SCHEME;
use super::condition::{Conditions, Held};
use super::template_check::TemplateError;

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

/// One element of the text after the scheme.
pub(super) enum Piece<'t> {
    Text(&'t str),
    Placeholder(&'t str),
}

/// A placeholder: alternatives, and what stands for it if none has a value.
pub(super) struct Placeholder<'t> {
    pub(super) alternatives: &'t str,
    pub(super) fallback: Fallback<'t>,
}

/// What a placeholder without a value becomes.
pub(super) enum Fallback<'t> {
    /// The template does not apply.
    Required,
    /// Nothing: `{name?}`.
    Empty,
    /// A text: `{name=text}`.
    Text(&'t str),
}

/// Why a template does not apply to a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfilled<'t> {
    /// A condition does not hold.
    Condition,
    /// The alternatives of this placeholder have no value.
    Missing(&'t str),
}

/// Fills in a template.
///
/// # Errors
///
/// The template does not apply.
pub(crate) fn fill<'t>(template: &'t str, values: &impl Values) -> Result<Filled<'t>, Unfilled<'t>> {
    let conditions = Conditions::of(template);
    let held = conditions.held(values);
    if held == Held::No {
        return Err(Unfilled::Condition);
    }
    let (scheme, text) = split_scheme(conditions.rest()).ok_or(Unfilled::Condition)?;
    let mut filled = Filled {
        scheme,
        rest: String::with_capacity(PLACE_BYTES),
        existing: 0,
        last: None,
        has_handle: false,
        is_ambiguous: false,
    };
    if let Held::Ambiguous(reference) = held {
        return Ok(Filled { last: Some(reference), is_ambiguous: true, ..filled });
    }
    let mut has_mark = scheme == VOLUME_SCHEME;
    for piece in pieces(text) {
        match piece.map_err(|_| Unfilled::Condition)? {
            Piece::Text(text) if scheme == VOLUME_SCHEME => filled.rest.push_str(text),
            Piece::Text(text) => has_mark |= filled.push_text(text),
            Piece::Placeholder(text) => filled.push(&Placeholder::of(text), values)?,
        }
    }
    if !has_mark {
        filled.existing = filled.rest.len();
    }
    Ok(filled)
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
pub(super) fn alternatives(text: &str) -> impl Iterator<Item = &str> {
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
pub(super) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_at_checked(text.bytes().position(|byte| byte == b':')?)?;
    Some((scheme, rest.strip_prefix("://")?))
}

/// Returns where two slashes begin.
fn two_slashes(text: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|pair| pair == b"//")
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

/// Splits a text at its placeholders.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Result<Piece<'_>, TemplateError<'_>>> {
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

// === impl Value ===

impl<'v> Value<'v> {
    /// Returns the value of a text; an empty one is absent.
    pub(crate) fn of(text: Option<&'v str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Absent, Self::Known)
    }
}

// === impl Reference ===

impl<'t> Reference<'t> {
    pub(super) fn of(text: &'t str) -> Self {
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
    pub(super) fn of(text: &'t str) -> Self {
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
pub(super) struct Alternative<'t> {
    pub(super) reference: Reference<'t>,
    pub(super) part: Option<(&'t str, &'t str)>,
}

// === impl Alternative ===

impl<'t> Alternative<'t> {
    pub(super) fn of(text: &'t str) -> Self {
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

    /// Appends the value of a placeholder.
    fn push(&mut self, placeholder: &Placeholder<'t>, values: &impl Values) -> Result<(), Unfilled<'t>> {
        if self.is_ambiguous {
            return Ok(());
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
                return Ok(());
            }
        }
        match placeholder.fallback {
            Fallback::Required => return Err(Unfilled::Missing(placeholder.alternatives)),
            Fallback::Empty => self.drop_slash(),
            Fallback::Text(text) => self.append(text),
        }
        Ok(())
    }

    /// Appends a text, with one slash where two meet; what identifies a volume is taken as it is.
    fn append(&mut self, text: &str) {
        if self.scheme == VOLUME_SCHEME {
            return self.rest.push_str(text);
        }
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
        fill(template, &Attributes(values)).ok().map(|filled| format!("{}://{}", filled.scheme, filled.rest))
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
        for template in ["nfs://{s}/{d}", "[d=x]nfs://{s}"] {
            let filled = fill(template, &Attributes(&[("s", "nas"), ("d", "?")]));
            assert!(filled.is_ok_and(|filled| filled.is_ambiguous), "{template}");
        }
        assert!(
            fill("[d]nfs://{s}", &Attributes(&[("s", "nas"), ("d", "?")]))
                .is_ok_and(|filled| !filled.is_ambiguous)
        );
    }

    #[test]
    fn a_missing_value_is_named() {
        let missing = |template| fill(template, &Attributes(&[("s", "nas")])).err();
        assert_eq!(missing("nfs://{s}/{a|b}"), Some(Unfilled::Missing("a|b")));
        assert_eq!(missing("[a]nfs://{s}/{b}"), Some(Unfilled::Condition));
    }

    #[test]
    fn what_identifies_a_volume_is_taken_as_it_is() {
        let values = [("h", "/a//b/"), ("p", "")];
        assert_eq!(filled("volume://{h}", &values).as_deref(), Some("volume:///a//b/"));
    }
}
