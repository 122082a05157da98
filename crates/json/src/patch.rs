//! JSON Patch (RFC 6902), applied to the text of an object.

use serde_json::Value;

/// Applies a patch to an object, as the API server does.
///
/// # Errors
///
/// If the object is not JSON, the patch is not a JSON Patch, or an operation fails.
pub fn applied(object: &str, patch: &[Value]) -> Result<String, String> {
    if patch.is_empty() {
        return Ok(object.to_owned());
    }
    let mut object: Value = serde_json::from_str(object).map_err(|error| error.to_string())?;
    let patch: json_patch::Patch = serde_json::from_value(Value::from(patch))
        .map_err(|error| format!("the patch is not a JSON Patch: {error}"))?;
    json_patch::patch(&mut object, &patch)
        .map_err(|error| format!("the patch does not fit the object: {error}"))?;
    Ok(object.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_on_a_patch_that_does_not_fit() {
        let patch = [serde_json::json!({"op": "add", "path": "/a/b", "value": 1})];
        assert!(applied("{}", &patch).is_err_and(|error| error.contains("does not fit")));
    }
}
