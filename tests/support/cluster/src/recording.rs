//! A folder of admission reviews as they came, but for what is of one machine and one run.

use crate::redaction::Redaction;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where reviews are kept, in the order in which they came.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    state: Mutex<RecordingState>,
}

/// What is known of the reviews before.
#[derive(Debug)]
struct RecordingState {
    count: usize,
    redaction: Redaction,
}

// === impl Recording ===

impl Recording {
    /// Goes on in a folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// Why it can't be made or read.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let count = std::fs::read_dir(folder)?.count();
        let state = Mutex::new(RecordingState { count, redaction: Redaction::of_this_machine() });
        Ok(Self { folder: folder.to_path_buf(), state })
    }

    /// Keeps a body, redacted, under a name that says which webhook it came to, and what it is about.
    ///
    /// # Errors
    ///
    /// That it is no review, or can't be redacted or written.
    pub fn store(&self, path: &str, body: &[u8]) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = state.redaction.redact(std::str::from_utf8(body)?)?;
        state.count += 1;
        let name = format!("{:04}-{}", state.count, name(path, &serde_json::from_str(&text)?));
        let file = self.folder.join(name);
        std::fs::write(&file, text).with_context(|| file.display().to_string())
    }
}

/// The name of a review's file, as in `tests/reviews`, without its number.
fn name(path: &str, review: &Value) -> String {
    let request = &review["request"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let phase = path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
    let name = Some(word(&request["name"])).filter(|name| !name.is_empty());
    let words = [
        phase,
        word(&request["operation"]),
        word(&request["resource"]["resource"]),
        word(&request["subResource"]),
        name.unwrap_or_else(|| "noname".to_owned()),
        if request["dryRun"] == true { "dryrun".to_owned() } else { String::new() },
    ];
    format!("{}.json", words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_review_is_named_after_what_it_is_about() {
        let review = json!({ "request": {
            "operation": "UPDATE",
            "resource": { "group": "apps", "version": "v1", "resource": "statefulsets" },
            "subResource": "scale",
            "name": "web",
            "dryRun": true,
        }});
        let expected = "validate-update-statefulsets-scale-web-dryrun.json";
        assert_eq!(name("/validate/storage?timeout=5s", &review), expected);
    }

    #[test]
    fn reviews_are_numbered_on_from_those_that_are_there() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let body = br#"{"request":{"uid":"1","operation":"CREATE","resource":{"resource":"persistentvolumes"},"name":"a"}}"#;
        for _ in 0..2 {
            Recording::open(folder.path())?.store("/validate/storage", body)?;
        }
        let mut names: Vec<String> = std::fs::read_dir(folder.path())?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        names.sort();
        let about = "validate-create-persistentvolumes-a.json";
        assert_eq!(names, [format!("0001-{about}"), format!("0002-{about}")]);
        Ok(())
    }
}
