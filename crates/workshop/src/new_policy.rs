//! Writes a policy from templates.

use crate::js::CONTRACT;
use crate::language::{Language, PolicyKind};
use crate::templates::{NewFile, VENDORED, files, sdk};
use ordinance_contract::WIT;
use ordinance_engine::is_label;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// The SDK's folder within a checkout or the vendored workspace.
const SDK_FOLDER: &str = "policy/sdk";

/// The file of the JSON Schema of a case, and the line by which editors find it.
const CASE_SCHEMA: &str = "case.schema.json";
const EDITOR_LINE: &str = "# yaml-language-server: $schema=../case.schema.json\n";

/// The folder of the cases.
const CASES: &str = "cases";

/// A policy that does not exist yet.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// The policy's name, a DNS label.
    pub name: String,
    /// The language of its source.
    pub language: Language,
    /// What it shows.
    pub kind: PolicyKind,
    /// The folder to write; it is created if it does not exist.
    pub directory: PathBuf,
    /// A checkout of Ordinance whose SDK the policy uses; otherwise the sources of the SDK are part of the policy.
    pub checkout: Option<PathBuf>,
    /// The JSON Schema of a case, for editors.
    pub case_schema: String,
}

/// Why a policy can't be written.
#[derive(Debug, thiserror::Error)]
pub enum NewPolicyError {
    /// The name is not a DNS label.
    #[error(
        "the name {0:?} is not a DNS label: use up to 63 lower-case letters, digits and hyphens, which begin and end with a letter or a digit"
    )]
    Name(String),
    /// The folder has something in it.
    #[error("{} is not empty; name another folder, or remove what is in it", .0.display())]
    NotEmpty(PathBuf),
    /// There is no SDK in the checkout.
    #[error("--sdk {}: has no {SDK_FOLDER}/Cargo.toml; name a checkout of Ordinance", .0.display())]
    NoSdk(PathBuf),
    /// There is no SDK for the language.
    #[error("--sdk: a policy in {0} uses no SDK; leave out the flag")]
    NoSdkOf(&'static str),
    /// A file can't be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

// === impl NewPolicy ===

impl NewPolicy {
    /// Writes the policy's folder, and returns the number of files. Leaves alone a folder that is not empty.
    ///
    /// # Errors
    ///
    /// The name is invalid, the folder is not empty, or a file can't be written.
    pub fn write(&self) -> Result<usize, NewPolicyError> {
        if !is_label(&self.name) {
            return Err(NewPolicyError::Name(self.name.clone()));
        }
        if self.language != Language::Rust && self.checkout.is_some() {
            return Err(NewPolicyError::NoSdkOf(self.language.name()));
        }
        let sdk_path = self.sdk_path()?;
        self.refuse_content()?;
        let mut new_files = files(self.language, self.kind);
        if self.language == Language::Rust && self.checkout.is_none() {
            new_files.extend(sdk());
        }
        for file in &new_files {
            self.write_file(file, &sdk_path)?;
        }
        let mut generated = vec![(CASE_SCHEMA, self.case_schema.as_str())];
        if self.language == Language::JavaScript {
            generated.push((CONTRACT, WIT));
        }
        for (path, text) in &generated {
            self.write_text(Path::new(path), text)?;
        }
        Ok(new_files.len() + generated.len())
    }

    /// Returns the path of the SDK as the policy's manifest has it.
    fn sdk_path(&self) -> Result<String, NewPolicyError> {
        let Some(checkout) = &self.checkout else { return Ok(format!("{VENDORED}/{SDK_FOLDER}")) };
        let sdk = checkout.join(SDK_FOLDER);
        if !sdk.join("Cargo.toml").is_file() {
            return Err(NewPolicyError::NoSdk(checkout.clone()));
        }
        let absolute = fs::canonicalize(&sdk).map_err(error_at(&sdk))?;
        // Within a TOML string.
        Ok(absolute.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
    }

    fn refuse_content(&self) -> Result<(), NewPolicyError> {
        match fs::read_dir(&self.directory).map(|mut entries| entries.next().is_some()) {
            Ok(true) => Err(NewPolicyError::NotEmpty(self.directory.clone())),
            Ok(false) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error_at(&self.directory)(error)),
        }
    }

    fn write_file(&self, file: &NewFile, sdk_path: &str) -> Result<(), NewPolicyError> {
        let text = match file.path.starts_with(VENDORED) {
            true => file.text.to_owned(),
            false => self.rendered(file.text, sdk_path),
        };
        let is_case = file.path.starts_with(CASES);
        self.write_text(&file.path, &if is_case { EDITOR_LINE.to_owned() + &text } else { text })
    }

    fn write_text(&self, file: &Path, text: &str) -> Result<(), NewPolicyError> {
        let path = self.directory.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(error_at(parent))?;
        }
        let created = OpenOptions::new().write(true).create_new(true).open(&path);
        created.and_then(|mut file| file.write_all(text.as_bytes())).map_err(error_at(&path))
    }

    fn rendered(&self, template: &str, sdk_path: &str) -> String {
        template
            .replace("{{name}}", &self.name)
            .replace("{{review}}", self.kind.review_arguments())
            .replace("{{sdk}}", sdk_path)
    }
}

fn error_at(path: &Path) -> impl FnOnce(io::Error) -> NewPolicyError {
    let path = path.to_owned();
    move |error| NewPolicyError::Io { path, error }
}
