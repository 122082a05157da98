//! The arguments of `review` and `request` that say what happens to a manifest's object, and who asks for it.

use crate::config::{InputError, NAMESPACE, namespace, title};
use crate::review::{API_VERSION, KIND, ManifestChange, Requester, review_of};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::BoolishValueParser;
use ordinance_files::open_regular_or_pipe;
use ordinance_manifests::{Manifest, read};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest input, in bytes.
pub(super) const INPUT_BYTES: usize = 64 * 1024 * 1024;

/// What happens to the objects of manifests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Manifests")]
pub(super) struct ChangeArgs {
    /// The object is applied to its stored state, which this manifest has
    #[arg(long, value_name = "OLD", env = "ORDINANCE_UPDATE", hide_env = true, conflicts_with = "delete")]
    update: Option<PathBuf>,
    /// The object is stored, and deleted
    #[arg(long, env = "ORDINANCE_DELETE", hide_env = true, value_parser = BoolishValueParser::new())]
    delete: bool,
    /// The user who asks for it [default: kubernetes-admin]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_USER", hide_env = true)]
    user: Option<String>,
    /// A group of the user; may be repeated
    #[arg(long, value_name = "NAME", env = "ORDINANCE_GROUP", hide_env = true)]
    group: Vec<String>,
    /// Namespace of objects that name none
    #[arg(
        long,
        value_name = "NAME",
        default_value = NAMESPACE,
        value_parser = namespace,
        env = "ORDINANCE_NAMESPACE",
        hide_env = true
    )]
    namespace: String,
}

/// The manifests of an input, with the change of each.
pub(super) struct ChangedManifests {
    manifests: Vec<Manifest>,
    stored: Vec<Manifest>,
    is_deletion: bool,
    requester: Requester,
}

// === impl ChangeArgs ===

impl ChangeArgs {
    /// Returns the arguments by which every object is created by the administrator.
    pub(super) fn creations() -> Self {
        let namespace = NAMESPACE.to_owned();
        Self { update: None, delete: false, user: None, group: Vec::new(), namespace }
    }

    /// Returns the flag that says what happens to a manifest, if one is given. An AdmissionReview says that itself.
    pub(super) fn given(&self) -> Option<&'static str> {
        if self.update.is_some() {
            return Some("--update");
        }
        if self.delete {
            return Some("--delete");
        }
        if self.user.is_some() {
            return Some("--user");
        }
        (!self.group.is_empty()).then_some("--group")
    }

    /// Reads the manifests of a text, whose name is given for errors.
    pub(super) fn manifests(&self, text: &[u8], name: &str) -> Result<ChangedManifests> {
        let manifests = objects(text, name, &self.namespace)?;
        if let (Some(flag), true) = (self.given(), manifests.iter().any(is_review)) {
            bail!("{flag} applies to manifests, and {name} has an AdmissionReview, which says that itself");
        }
        let stored = match &self.update {
            Some(path) => {
                objects(&read_input(Some(path), INPUT_BYTES)?, &path.display().to_string(), &self.namespace)?
            }
            None => Vec::new(),
        };
        let requester = Requester::new(self.user.as_deref(), &self.group);
        let changed = ChangedManifests { manifests, stored, is_deletion: self.delete, requester };
        if let (Some(old), Some(new)) = (&self.update, changed.without_stored()) {
            bail!(InputError::of_file(
                old,
                format_args!("has no {}; give the manifest of the object as it is stored", title(new))
            ));
        }
        Ok(changed)
    }
}

// === impl ChangedManifests ===

impl ChangedManifests {
    /// Returns the first object of an update that is not stored.
    fn without_stored(&self) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| self.stored(manifest).is_none())
    }

    fn stored(&self, manifest: &Manifest) -> Option<&Manifest> {
        self.stored.iter().find(|stored| stored.scope.same_object(&manifest.scope))
    }

    /// Returns the AdmissionReviews, in the order of the manifests.
    pub(super) fn reviews(&self) -> impl Iterator<Item = String> {
        self.manifests.iter().map(|manifest| {
            if is_review(manifest) {
                return manifest.json.clone();
            }
            let change = match (self.stored(manifest), self.is_deletion) {
                (Some(stored), _) => ManifestChange::Update(stored),
                (None, true) => ManifestChange::Delete,
                (None, false) => ManifestChange::Create,
            };
            review_of(manifest, change, &self.requester)
        })
    }
}

/// Returns whether an object is no manifest but a review, e.g. in YAML.
fn is_review(object: &Manifest) -> bool {
    object.kind == KIND && object.scope.api_version() == API_VERSION
}

/// Returns the file, unless it stands for stdin.
pub(super) fn named_file(file: Option<&Path>) -> Option<&Path> {
    file.filter(|path| *path != Path::new("-"))
}

/// Returns the name of an input in errors.
pub(super) fn input_name(file: Option<&Path>) -> String {
    named_file(file).map_or_else(|| "stdin".to_owned(), |path| path.display().to_string())
}

/// Reads a file or stdin up to a limit in bytes, and one byte more if there is more.
pub(super) fn read_input(file: Option<&Path>, limit: usize) -> Result<Vec<u8>, InputError> {
    match named_file(file) {
        Some(path) => open_regular_or_pipe(path).and_then(|file| read_to(file, limit)).map_err(|error| {
            InputError::of_file(path, format_args!("{error}; give a file that can be read, or - for stdin"))
        }),
        None => read_to(io::stdin().lock(), limit).map_err(|error| InputError::new("stdin", error)),
    }
}

fn read_to(source: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the objects of a text, or its first error.
fn objects(text: &[u8], name: &str, namespace: &str) -> Result<Vec<Manifest>, InputError> {
    if text.len() > INPUT_BYTES {
        return Err(InputError::new(
            name,
            format_args!("is larger than {INPUT_BYTES} bytes; give less at once"),
        ));
    }
    let text = str::from_utf8(text)
        .map_err(|_| InputError::new(name, "is not UTF-8 text; give manifests or an AdmissionReview"))?;
    let objects = read(text, namespace).into_iter().collect::<Result<Vec<Manifest>, _>>();
    let objects = objects.map_err(|error| {
        InputError::new(
            format_args!("{name}: line {}, column {}", error.line, error.column),
            format_args!("{}; give manifests or an AdmissionReview", error.message),
        )
    })?;
    match objects.is_empty() {
        true => Err(InputError::new(name, "has no object; give manifests or an AdmissionReview")),
        false => Ok(objects),
    }
}
