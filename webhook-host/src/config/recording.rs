//! The recording of reviews.

use super::input_error::InputError;
use crate::recording::{KeptParts, RecordingLimits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The reviews that a server keeps, so that another policy can be tried on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RecordingFile {
    /// The number of the last reviews that are kept; 0 for none.
    pub reviews: usize,
    /// The largest sum of their bytes.
    pub bytes: usize,
    /// Address of `/reviews`, in plain HTTP. Only this machine, or `kubectl port-forward`, reaches the default.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Whether `userInfo` is kept.
    pub users: bool,
    /// Whether data of Secrets and values of environment variables are kept.
    pub values: bool,
}

/// The checked recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingConfig {
    /// How much is kept.
    pub limits: RecordingLimits,
    /// Which private parts are kept.
    pub parts: KeptParts,
    /// Address of the listener.
    pub listen: SocketAddr,
}

// === impl RecordingFile ===

impl Default for RecordingFile {
    fn default() -> Self {
        Self {
            reviews: 0,
            bytes: 16 * 1024 * 1024,
            listen: SocketAddr::from(([127, 0, 0, 1], 8082)),
            users: false,
            values: false,
        }
    }
}

impl RecordingFile {
    /// Returns the configuration, or `None` if nothing is kept. `place` returns the place of a field for errors.
    ///
    /// # Errors
    ///
    /// No review would fit.
    pub(super) fn check(
        &self,
        place: impl Fn(&str) -> String,
    ) -> Result<Option<RecordingConfig>, InputError> {
        let Self { reviews, bytes, listen, users, values } = *self;
        if reviews == 0 {
            return Ok(None);
        }
        if bytes == 0 {
            return Err(InputError::new(
                place("bytes"),
                "has no room for a review; give e.g. 16777216, or recording.reviews: 0",
            ));
        }
        let (limits, parts) = (RecordingLimits { reviews, bytes }, KeptParts { users, values });
        Ok(Some(RecordingConfig { limits, parts, listen }))
    }
}
