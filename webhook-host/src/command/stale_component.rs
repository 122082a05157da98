//! Warns of a component that was not built again after its sources were changed.

use super::output;
use ordinance_workshop::newer_source;
use std::path::Path;

/// Warns if a component lies in the folder of its policy and is older than a source there.
pub(super) fn warn_if_stale(component: Option<&Path>) {
    let stale = component.and_then(|component| Some((component, newer_source(component)?)));
    if let Some((component, source)) = stale {
        let (component, source) = (component.display(), source.display());
        output::warn(&format!("{component} is older than {source}; run `ordinance build`"));
    }
}
