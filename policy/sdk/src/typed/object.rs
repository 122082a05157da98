//! An object as JSON text, read on demand.

use ordinance_contract::{Scope, without_position};
use serde::Deserialize;
use serde_json::Value;
use std::cell::OnceCell;
use std::error::Error;
use std::fmt;

/// A Kubernetes object, as the API server sent it.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    scope: &'a Scope<'a>,
    text: &'a str,
    value: OnceCell<Value>,
}

/// Why an object can't be read: a field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectError {
    /// The path of the field, e.g. `spec.replicas`; empty for the whole object.
    pub field: String,
    /// One line without a full stop.
    pub message: String,
}

// === impl Object ===

impl<'a> Object<'a> {
    /// An object with its JSON text.
    pub fn new(scope: &'a Scope<'a>, text: &'a str) -> Self {
        Self { scope, text, value: OnceCell::new() }
    }

    /// Returns the names of the object and of its kind.
    pub fn scope(&self) -> &'a Scope<'a> {
        self.scope
    }

    /// Returns the name; empty until the API server has generated it.
    pub fn name(&self) -> &'a str {
        &self.scope.name
    }

    /// Returns the namespace; empty for a cluster-scoped object.
    pub fn namespace(&self) -> &'a str {
        &self.scope.namespace
    }

    /// Returns the name in quotes, for a fact. Of an object whose name the API server has yet to generate, its prefix and `*`,
    /// e.g. `"job-*"`.
    pub fn quoted_name(&self) -> String {
        match self.name() {
            "" => format!("{:?}", self.name_prefix() + "*"),
            name => format!("{name:?}"),
        }
    }

    /// Returns `metadata.generateName`; empty if there is none.
    fn name_prefix(&self) -> String {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct GeneratedName {
            generate_name: String,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct NamedObject {
            metadata: GeneratedName,
        }
        self.read::<NamedObject>().unwrap_or_default().metadata.generate_name
    }

    /// Returns the JSON text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Reads the fields that a type has; every call parses the text. Fields of the type `&str` or `Cow<str>` with
    /// `#[serde(borrow)]` are not copied. Much faster than [`json`](Self::json).
    ///
    /// # Errors
    ///
    /// A field has another type, or is missing.
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, ObjectError> {
        let mut reader = serde_json::Deserializer::from_str(self.text);
        serde_path_to_error::deserialize(&mut reader).map_err(ObjectError::from)
    }

    /// Returns the whole object; parses it at the first call.
    ///
    /// # Errors
    ///
    /// The text is not JSON.
    pub fn json(&self) -> Result<&Value, ObjectError> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = self.read()?;
        Ok(self.value.get_or_init(|| value))
    }
}

// === impl ObjectError ===

impl ObjectError {
    /// An error at a field; an empty field stands for the whole object.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl From<serde_path_to_error::Error<serde_json::Error>> for ObjectError {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let field = match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        };
        Self { field, message: without_position(&error.into_inner().to_string()).to_owned() }
    }
}

impl From<serde_json::Error> for ObjectError {
    fn from(error: serde_json::Error) -> Self {
        Self { field: String::new(), message: without_position(&error.to_string()).to_owned() }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.field {
            "" => f.write_str(&self.message),
            field => write!(f, "{field}: {}", self.message),
        }
    }
}

impl Error for ObjectError {}
