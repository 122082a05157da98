//! The check of templates and conditions: what could never apply is an error.

use super::condition::{Conditions, Test};
use super::template::{
    Alternative, Fallback, Piece, Placeholder, Reference, alternatives, pieces, split_scheme,
};
use ordinance_contract::acts;
use std::fmt;

/// The longest template or condition, in bytes: every review of a volume of its driver reads it.
const TEMPLATE_BYTES: usize = 1_024;

/// A template or a condition that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TemplateError<'t> {
    /// It has more than [`TEMPLATE_BYTES`].
    TooLong,
    /// It has a control character, or one that turns text around.
    Control,
    /// A bracket or a brace without its end.
    Unclosed(char),
    /// A brace that ends nothing.
    Unopened,
    /// A placeholder or a condition without a name.
    Empty,
    /// A name with a character that no attribute has.
    Name(&'t str),
    /// No `scheme://`, or one with other characters than `a-z`, `0-9`, `+`, `-` and `.`.
    NoScheme,
    /// Nothing after the scheme, or something that may be missing.
    NoPlace,
    /// A part that the row's `handle` does not name.
    UnknownPart(&'t str),
    /// A condition without a value to compare with, or text that is no condition.
    NoCondition,
    /// A part of a value without its `*`.
    NoStar,
    /// A parameter of a class that only volumes have.
    OfVolume,
}

/// Checks a template; `parts` are the parts that the row's handle has.
pub(super) fn check<'t>(template: &'t str, parts: &[&str]) -> Result<(), TemplateError<'t>> {
    check_text(template)?;
    let text = checked_conditions(template, parts)?;
    let (scheme, text) = split_scheme(text).ok_or(TemplateError::NoScheme)?;
    let is_scheme = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return Err(TemplateError::NoScheme);
    }
    let mut has_server = false;
    for piece in pieces(text) {
        match piece? {
            // A server that may be missing would leave the first segment of the path in its place.
            Piece::Text(text) if !has_server && text.starts_with('/') => return Err(TemplateError::NoPlace),
            Piece::Text(_) => has_server = true,
            Piece::Placeholder(text) => has_server |= check_placeholder(&Placeholder::of(text), parts)?,
        }
    }
    if has_server { Ok(()) } else { Err(TemplateError::NoPlace) }
}

/// Checks conditions that stand by themselves: those of a class.
pub(super) fn check_conditions(text: &str) -> Result<(), TemplateError<'_>> {
    check_text(text)?;
    let is_of_volume = |name: &str| {
        let reference = Reference::of(name);
        matches!(
            reference,
            Reference::Handle | Reference::HandlePart(_) | Reference::Secret | Reference::SecretName
        )
    };
    if Conditions::of(text).iter().any(|condition| is_of_volume(condition.name)) {
        return Err(TemplateError::OfVolume);
    }
    match checked_conditions(text, &[])? {
        "" => Ok(()),
        _ => Err(TemplateError::NoCondition),
    }
}

fn check_text(text: &str) -> Result<(), TemplateError<'_>> {
    if text.len() > TEMPLATE_BYTES {
        return Err(TemplateError::TooLong);
    }
    if text.contains(acts) { Err(TemplateError::Control) } else { Ok(()) }
}

/// Checks the conditions before a template, and returns the rest.
fn checked_conditions<'t>(text: &'t str, parts: &[&str]) -> Result<&'t str, TemplateError<'t>> {
    let conditions = Conditions::of(text);
    for condition in conditions.iter() {
        check_name(condition.name, parts)?;
        let value = match condition.test {
            Test::Present | Test::Absent => continue,
            Test::OneOf(value) | Test::NoneOf(value) | Test::StartsWith(value) => value,
        };
        let is_padded = |value: &str| value.trim() != value || value.starts_with('=');
        if value.split('|').any(|value| value.is_empty() || is_padded(value)) {
            return Err(TemplateError::NoCondition);
        }
    }
    let rest = conditions.rest();
    if rest.starts_with('[') { Err(TemplateError::Unclosed('[')) } else { Ok(rest) }
}

/// Checks a placeholder, and returns whether it always has a value.
fn check_placeholder<'t>(placeholder: &Placeholder<'t>, parts: &[&str]) -> Result<bool, TemplateError<'t>> {
    for text in alternatives(placeholder.alternatives) {
        let name = text.split('~').next().unwrap_or_default();
        check_name(name, parts)?;
        if text.contains('~') && text.matches('*').count() != 1 {
            return Err(TemplateError::NoStar);
        }
        if Alternative::of(text).part == Some(("", "")) {
            return Err(TemplateError::NoStar);
        }
    }
    Ok(match placeholder.fallback {
        Fallback::Required => true,
        Fallback::Empty => false,
        Fallback::Text(text) => !text.trim_matches('/').is_empty(),
    })
}

fn check_name<'t>(name: &'t str, parts: &[&str]) -> Result<(), TemplateError<'t>> {
    match Reference::of(name) {
        Reference::Attribute("") | Reference::Option("") => Err(TemplateError::Empty),
        Reference::HandlePart(part) if !parts.contains(&part) => Err(TemplateError::UnknownPart(part)),
        Reference::Attribute(name) if name.starts_with("secretRef.") || !name.bytes().all(is_name) => {
            Err(TemplateError::Name(name))
        }
        Reference::Option(name) if !name.bytes().all(is_name) => Err(TemplateError::Name(name)),
        _ => Ok(()),
    }
}

/// Returns whether a character can be in the name of an attribute or of a mount option.
const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/')
}

impl fmt::Display for TemplateError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "has more than {TEMPLATE_BYTES} bytes"),
            Self::Control => f.write_str("has a control character"),
            Self::Unclosed(open) => write!(f, "has {open:?} without its end"),
            Self::Unopened => f.write_str("has \"}\" without \"{\""),
            Self::Empty => f.write_str("has a placeholder or a condition without a name"),
            Self::Name(name) => write!(
                f,
                "takes {name:?}, which is no name: letters, digits, \"-\", \"_\", \".\" and \"/\", e.g. {{server}}, or \
                 {{option:name}}, {{handle}}, {{secretRef}}"
            ),
            Self::NoScheme => f.write_str("does not begin with a scheme such as nfs://"),
            Self::NoPlace => f.write_str("may name no place: the part after its scheme must not be optional"),
            Self::UnknownPart(part) => {
                write!(
                    f,
                    "takes handle.{part}, which is no part of the row's handle; names of parts are letters and digits"
                )
            }
            Self::NoCondition => f.write_str(
                "is no condition: write [name], [!name], [name=value], [name!=value] or [name^=value]",
            ),
            Self::NoStar => {
                f.write_str("takes a part of a value without one \"*\" for it, e.g. {name~before*after}")
            }
            Self::OfVolume => {
                f.write_str("asks for a handle or a Secret, which a StorageClass does not have")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_an_error() {
        let long = format!("nfs://{}", "x".repeat(TEMPLATE_BYTES));
        for (template, error) in [
            ("nfs://{server", TemplateError::Unclosed('{')),
            ("nfs://server}/x", TemplateError::Unopened),
            ("[a=b nfs://{s}", TemplateError::Unclosed('[')),
            ("nfs://{}", TemplateError::Empty),
            ("nfs://{a|}", TemplateError::Empty),
            ("[]nfs://{a}", TemplateError::Empty),
            ("[!]nfs://{a}", TemplateError::Empty),
            ("nfs://{option:}", TemplateError::Empty),
            ("{server}/{share}", TemplateError::NoScheme),
            ("NFS://{server}", TemplateError::NoScheme),
            ("nfs:///", TemplateError::NoPlace),
            ("nfs://{server?}/{share}", TemplateError::NoPlace),
            ("nfs://{server=}/{share}", TemplateError::NoPlace),
            ("volume://", TemplateError::NoPlace),
            ("nfs://{handle.server}", TemplateError::UnknownPart("server")),
            ("[handle.a]nfs://{server}", TemplateError::UnknownPart("a")),
            ("[!type=file]nfs://{s}", TemplateError::Name("type=file")),
            ("[type~=file]nfs://{s}", TemplateError::Name("type~")),
            ("[type==file]nfs://{s}", TemplateError::NoCondition),
            ("[type=]nfs://{s}", TemplateError::NoCondition),
            ("[type = file]nfs://{s}", TemplateError::Name("type ")),
            ("nfs://{ s }", TemplateError::Name(" s ")),
            ("nfs://{s?|q}", TemplateError::Name("s?")),
            ("nfs://{Option:x}", TemplateError::Name("Option:x")),
            ("nfs://{secretRef.namespace}", TemplateError::Name("secretRef.namespace")),
            ("nfs://{s~n}", TemplateError::NoStar),
            ("nfs://{s~n*s*}", TemplateError::NoStar),
            ("nfs://{s}\u{202e}", TemplateError::Control),
            (&long, TemplateError::TooLong),
        ] {
            assert_eq!(check(template, &["share"]), Err(error), "{template}");
        }
        for template in ["[a!=b]nfs://{server}//{handle.share?}", "x://y/{a?}", "x://{a.b/c~path=*|d=e}"] {
            assert_eq!(check(template, &["share"]), Ok(()), "{template}");
        }
    }

    #[test]
    fn conditions_of_a_class_ask_for_parameters_only() {
        for (text, error) in [
            ("!dir", TemplateError::NoCondition),
            ("[!dir]x", TemplateError::NoCondition),
            ("[!handle]", TemplateError::OfVolume),
            ("[secretRef]", TemplateError::OfVolume),
        ] {
            assert_eq!(check_conditions(text), Err(error), "{text}");
        }
        assert_eq!(check_conditions("[!a][option:guest]"), Ok(()));
    }
}
