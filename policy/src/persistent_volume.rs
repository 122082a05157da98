//! PersistentVolumes: two of them on one directory overwrite each other's files.
//!
//! A volume holds its export; what overlaps it is judged pair by pair by the table in `conflict`. A new volume may be
//! refused, an update never: it warns of pairs for which it makes things worse.

mod conflict;
mod message;
mod note;
mod view;
mod volume;

use crate::Subject;
use crate::export::{Area, Export};
use crate::findings::{Findings, fits_a_warning};
use crate::settings::{Settings, WarnOrDeny};
use conflict::{Line, Outcome, Overlap, Pair, Side};
use message::{Other, Telling};
use note::Note;
use ordinance_contract::{Holding, Key, Operation, Request, Scope, Verdict};
use view::View;
use volume::{Seat, Volume};

/// How many overlaps are told one by one; the rest is counted.
const TOLD: usize = 8;

/// The keys of a stored volume.
pub(crate) fn keys(
    scope: &Scope<'_>,
    object: &str,
    settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    Ok(read(&scope.name, object, settings)?.keys())
}

/// Reads a request.
pub(crate) fn open<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn Subject + 'a>, serde_json::Error> {
    let volume = read(&request.scope.name, object, settings)?;
    if request.operation != Operation::Update {
        return Ok(Box::new(Creation { volume, settings }));
    }
    let old = request.old_object.as_deref().map(|old| read(&request.scope.name, old, settings)).transpose()?;
    Ok(Box::new(Change { volume, old, settings }))
}

fn read(name: &str, object: &str, settings: &Settings) -> Result<Volume, serde_json::Error> {
    let view: View<'_> = serde_json::from_str(object)?;
    Ok(Volume::new(&view, name, settings))
}
