//! A folder of received admission reviews, without the details of one machine and one run.

use crate::redaction::Redaction;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Stores reviews in the order in which they arrive.
#[derive(Debug)]
pub struct ReviewRecording {
    folder: PathBuf,
    state: Mutex<RecordingState>,
}

/// The number of stored reviews, and the replacements made so far.
#[derive(Debug)]
struct RecordingState {
    count: usize,
    redaction: Redaction,
}

// === impl ReviewRecording ===

impl ReviewRecording {
    /// Opens a folder, which is created if it does not exist, and continues its numbering.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder can't be created or read.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let count = std::fs::read_dir(folder)?.count();
        let state = Mutex::new(RecordingState { count, redaction: Redaction::of_this_machine() });
        Ok(Self { folder: folder.to_path_buf(), state })
    }

    /// Stores a body, redacted, in a file whose name has the webhook's path and the subject of the review.
    ///
    /// # Errors
    ///
    /// Returns an error if the body is no review, or can't be redacted or written.
    pub fn store(&self, path: &str, body: &[u8]) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = state.redaction.redact(std::str::from_utf8(body)?)?;
        state.count += 1;
        let name = format!("{:04}-{}", state.count, name(path, &serde_json::from_str(&text)?));
        let file = self.folder.join(name);
        std::fs::write(&file, text).with_context(|| file.display().to_string())
    }
}

/// Returns the name of a review's file, as in `tests/data/reviews`, without its number.
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
    fn a_file_name_describes_the_review() {
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
    fn continues_the_numbering_of_a_folder() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let body = br#"{"request":{"uid":"1","operation":"CREATE","resource":{"resource":"persistentvolumes"},"name":"a"}}"#;
        for _ in 0..2 {
            ReviewRecording::open(folder.path())?.store("/validate/storage", body)?;
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
