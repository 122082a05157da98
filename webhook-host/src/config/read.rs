//! Reads the files that an operator names, up to a maximum size.

use super::input_error::InputError;
use ordinance_files::{open_regular_or_pipe, read_up_to};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Segment, Track};
use serde_saphyr::UserMessageFormatter;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The maximum size of a configuration or settings file; real ones have a few KiB.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads a text file.
pub(super) fn text(path: &Path) -> Result<String, InputError> {
    String::from_utf8(bytes(path)?)
        .map_err(|_| InputError::of_file(path, "is not UTF-8 text; check that it is the right file"))
}

fn bytes(path: &Path) -> Result<Vec<u8>, InputError> {
    let read = open_regular_or_pipe(path).and_then(|file| read_up_to(file, MAX_BYTES));
    read.map_err(|error| unreadable(path, &error))
}

/// Returns the error of a file that can't be read, or not in full.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> InputError {
    InputError::of_file(path, format_args!("{error}; {}", remedy(error.kind())))
}

fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "give the path of a file that exists",
        ErrorKind::PermissionDenied => "grant this process read access",
        ErrorKind::FileTooLarge => "check that it is the right file",
        _ => "give a file that can be read",
    }
}

/// Parses YAML or JSON. An empty text is the default. An error names file, field, line and column.
pub(super) fn yaml<T: DeserializeOwned + Default>(path: &Path, text: &str) -> Result<T, InputError> {
    let mut track = Track::new();
    let options = serde_saphyr::options! { with_snippet: false };
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        Option::<T>::deserialize(serde_path_to_error::Deserializer::new(yaml, &mut track))
    });
    read.map(Option::unwrap_or_default).map_err(|error| {
        let (field, message) = (track.path(), error.render_with_formatter(&UserMessageFormatter));
        match field.iter().next() {
            None | Some(Segment::Unknown) => InputError::of_file(path, message),
            Some(_) => InputError::new(field, message).within(path.display()),
        }
    })
}
