//! Settings of a type of the policy's own: read, checked, and described by a JSON Schema.

use super::object::ObjectError;
use ordinance_contract::Problem;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;

/// Reads settings; an empty text stands for the defaults.
///
/// # Errors
///
/// The first setting that has the wrong type or is unknown.
pub(super) fn read<S: DeserializeOwned + Default>(text: &str) -> Result<S, Problem> {
    if text.is_empty() {
        return Ok(S::default());
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let settings = serde_path_to_error::deserialize(&mut reader).map_err(problem)?;
    reader.end().map_err(problem)?;
    Ok(settings)
}

fn problem(error: impl Into<ObjectError>) -> Problem {
    let ObjectError { field, message } = error.into();
    Problem { field, message }
}

/// Returns the JSON Schema (2020-12) of settings.
pub(super) fn schema<S: JsonSchema>() -> String {
    SchemaGenerator::default().into_root_schema_for::<S>().to_value().to_string()
}
