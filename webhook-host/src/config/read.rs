//! Files that an operator names, read whole under a cap.

use super::Fault;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Segment, Track};
use serde_saphyr::UserMessageFormatter;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The bytes of a file of at most that size.
pub(super) fn bytes(path: &Path, limit: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Fault::of_file(path, format_args!("{error}; {}", way_out(error.kind()))))?;
    if bytes.len() > limit {
        return Err(Fault::of_file(
            path,
            format_args!("is larger than {limit} bytes; is it the right file?"),
        ));
    }
    Ok(bytes)
}

/// The text of a file of at most that size.
pub(super) fn text(path: &Path, limit: usize) -> Result<String, Fault> {
    String::from_utf8(bytes(path, limit)?)
        .map_err(|_| Fault::of_file(path, "is not UTF-8 text; is it the right file?"))
}

fn way_out(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "give the path of a file that exists",
        ErrorKind::PermissionDenied => "let this process read it",
        _ => "give a file that can be read",
    }
}

/// A value from YAML or JSON; a fault names file, field, line and column. A text without any value is the default.
pub(super) fn yaml<T: DeserializeOwned + Default>(path: &Path, text: &str) -> Result<T, Fault> {
    let mut track = Track::new();
    let options = serde_saphyr::options! { with_snippet: false };
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        Option::<T>::deserialize(serde_path_to_error::Deserializer::new(yaml, &mut track))
    });
    read.map(Option::unwrap_or_default).map_err(|error| {
        let (field, message) = (track.path(), error.render_with_formatter(&UserMessageFormatter));
        match field.iter().next() {
            None | Some(Segment::Unknown) => Fault::of_file(path, message),
            Some(_) => Fault::new(field, message).within(path.display()),
        }
    })
}
