//! Errors in flags, environment variables and files.

use std::fmt;
use std::path::Path;

/// An error in one line: the place, the problem, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct InputError {
    place: String,
    message: String,
}

// === impl InputError ===

impl InputError {
    /// Returns an error of a flag, an environment variable, a field of a file, or a file.
    pub fn new(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { place: place.to_string(), message }
    }

    /// Returns an error of a whole file.
    pub fn of_file(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(path.display(), message)
    }

    /// Prepends the place that led here, such as the flag that names the file.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { place: format!("{place}: {}", self.place), ..self }
    }
}
