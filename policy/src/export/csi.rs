//! The places of CSI volumes, by the rows of the catalogue.

use super::{Evidence, Export, PATH_BYTES, VolumeLocation};
use crate::catalogue::{self, Driver, Reference, Unfilled, VOLUME_SCHEME, Value, Values};
use crate::settings::Exports;
use ordinance_storage::{AttributeValue, CsiSource, MountOptions};
use std::borrow::Cow;

/// A CSI volume with what decides where its files are.
pub(crate) struct CsiVolume<'a> {
    pub(crate) source: &'a CsiSource<'a>,
    /// `None` for an unknown driver.
    pub(crate) row: Option<&'a Driver<'a>>,
    pub(crate) options: &'a MountOptions<'a>,
    /// The namespace of the pod, for an inline volume; empty for a PersistentVolume.
    pub(crate) namespace: &'a str,
}

/// The values of a volume, as its row refers to them.
struct CsiValues<'a> {
    volume: &'a CsiVolume<'a>,
    row: &'a Driver<'a>,
}

// === impl CsiVolume ===

impl CsiVolume<'_> {
    /// Returns where the volume is located.
    pub(crate) fn location(&self, settings: &Exports) -> VolumeLocation {
        let Some(row) = self.row else { return VolumeLocation::UnknownDriver };
        let values = CsiValues { volume: self, row };
        let mut templates = row.location.iter().peekable();
        if templates.peek().is_none() {
            return VolumeLocation::Unsupported;
        }
        let mut missing = Vec::new();
        let filled = templates.find_map(|template| match catalogue::fill(template, &values) {
            Ok(filled) => Some(filled),
            Err(Unfilled::Missing(names)) => {
                missing.push(names);
                None
            }
            Err(Unfilled::Condition) => None,
        });
        let Some(filled) = filled else { return VolumeLocation::Incomplete(wanted(&missing)) };
        let evidence = Evidence { field: self.field(filled.last), has_handle: filled.has_handle };
        let place = self.with_names(&filled.rest);
        if filled.is_ambiguous {
            return VolumeLocation::Ambiguous(evidence);
        }
        if has_variable(&place) {
            let path = format!("{}://{}", filled.scheme, place.trim_start_matches(['/', '\\']));
            return VolumeLocation::Unresolved(path, evidence);
        }
        if filled.scheme == VOLUME_SCHEME {
            return VolumeLocation::Volume(place.into_owned(), evidence);
        }
        let is_same =
            place.as_bytes().get(..filled.existing) == filled.rest.as_bytes().get(..filled.existing);
        let existing = if is_same { filled.existing } else { 0 };
        let export = Export::of_place(filled.scheme, &place, existing, self.options, settings);
        export.map_or_else(
            || VolumeLocation::Incomplete(String::new()),
            |export| VolumeLocation::Export(export, evidence),
        )
    }

    /// Returns the field of a PersistentVolume that a reference means.
    fn field(&self, reference: Option<Reference<'_>>) -> String {
        match reference {
            Some(Reference::Attribute(name)) => match self.source.attribute_value(name) {
                AttributeValue::Value { key, .. } | AttributeValue::Ambiguous { key } => {
                    format!("spec.csi.volumeAttributes.{key}")
                }
                AttributeValue::Absent => "spec.csi.volumeAttributes".to_owned(),
            },
            Some(Reference::Option(_)) => "spec.mountOptions".to_owned(),
            Some(Reference::Secret | Reference::SecretName) => "spec.csi".to_owned(),
            Some(Reference::Handle | Reference::HandlePart(_)) | None => "spec.csi.volumeHandle".to_owned(),
        }
    }

    /// Expands `${pv.metadata.name}` and the like as the drivers do: with the names that the provisioner recorded in the
    /// attributes. Drivers know no others, so in a volume that people wrote such a text stays as it is.
    fn with_names<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !has_variable(text) {
            return Cow::Borrowed(text);
        }
        let names = [
            ("${pv.metadata.name}", "csi.storage.k8s.io/pv/name"),
            ("${pvc.metadata.name}", "csi.storage.k8s.io/pvc/name"),
            ("${pvc.metadata.namespace}", "csi.storage.k8s.io/pvc/namespace"),
        ];
        let expanded = names.into_iter().fold(text.to_owned(), |text, (variable, attribute)| {
            match self.source.attribute(attribute) {
                Some(value) if is_path(&text, variable, value) => text.replace(variable, value),
                _ => text,
            }
        });
        Cow::Owned(expanded)
    }
}

/// Returns what a volume lacks, any of which would be enough for a template: `server` or `server, handle.account`.
fn wanted(missing: &[&str]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for alternative in missing.iter().flat_map(|names| names.split('|')) {
        let name = alternative.split('~').next().unwrap_or(alternative);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

/// Returns whether a text has a variable such as `${pv.metadata.name}`; few have a `$` at all.
fn has_variable(text: &str) -> bool {
    text.bytes().any(|byte| byte == b'$') && text.contains("${")
}

/// Returns whether a text is short enough for a path once a variable is replaced. A longer one stays unresolved: no
/// server has such a path.
fn is_path(text: &str, variable: &str, value: &str) -> bool {
    value.len() <= variable.len() || text.matches(variable).count().saturating_mul(value.len()) <= PATH_BYTES
}

// === impl CsiValues ===

impl Values for CsiValues<'_> {
    fn value(&self, reference: Reference<'_>) -> Value<'_> {
        let source = self.volume.source;
        match reference {
            Reference::Attribute(name) => match source.attribute_value(name) {
                AttributeValue::Value { value, .. } => Value::Known(value),
                AttributeValue::Absent => Value::Absent,
                AttributeValue::Ambiguous { .. } => Value::Ambiguous,
            },
            // A flag such as `guest` has no value.
            Reference::Option(name) if self.volume.options.has(name) => Value::Known("true"),
            Reference::Option(name) => Value::of(self.volume.options.value(name)),
            Reference::Handle => Value::of(Some(&source.volume_handle)),
            Reference::HandlePart(part) => Value::of(self.row.handle_part(&source.volume_handle, part)),
            Reference::Secret | Reference::SecretName => {
                Value::of(source.secret().map(|secret| &*secret.name))
            }
        }
    }

    fn secret(&self) -> Option<String> {
        let source = self.volume.source;
        let (name, namespace) = match source.secret() {
            Some(secret) => (&*secret.name, &*secret.namespace),
            // The drivers of Azure take the Secret from attributes, too.
            None => {
                (source.attribute("secretName")?, source.attribute("secretNamespace").unwrap_or_default())
            }
        };
        let namespace = if namespace.is_empty() { self.volume.namespace } else { namespace };
        Some(format!("{namespace}.{name}"))
    }
}
