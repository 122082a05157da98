//! Helm charts: directories with a `Chart.yaml`.

use crate::sources::description;
use crate::yaml::first_json;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file that makes a directory a chart.
const FILE: &str = "Chart.yaml";

/// The directories of a chart that only Helm reads: its templates, and the charts that it depends on.
const RENDERED: [&str; 2] = ["templates", "charts"];

/// The release's name for a chart whose name Helm would not accept as one.
const RELEASE: &str = "release";

/// The maximum length of a release's name, as in Helm.
const RELEASE_LENGTH: usize = 53;

/// What is read of a `Chart.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chart {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Returns the file that describes a chart, if a directory is one.
pub(crate) fn description_in(directory: &Path) -> Option<PathBuf> {
    Some(directory.join(FILE)).filter(|file| file.is_file())
}

/// Returns whether a directory is a part of the chart above it, which Helm renders with it.
pub(crate) fn is_part(directory: &Path) -> bool {
    let is_named = directory.file_name().is_some_and(|name| RENDERED.iter().any(|part| name == *part));
    is_named && directory.parent().and_then(description_in).is_some()
}

/// Returns whether a file describes a chart.
pub(crate) fn is_description(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == FILE)
}

// === impl Chart ===

impl Chart {
    /// Reads a `Chart.yaml`. What can't be read counts as absent: Helm will say so.
    pub(crate) fn read(file: &Path) -> Self {
        let json = description(file).and_then(|text| first_json(&text));
        json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default()
    }

    /// Returns whether the chart only has definitions for other charts, so that Helm renders nothing of it.
    pub(crate) fn is_library(&self) -> bool {
        self.kind.as_deref() == Some("library")
    }

    /// Returns a name for a release: that of the chart, if it is a DNS label.
    pub(crate) fn release(&self) -> &str {
        let is_label = |name: &&str| {
            let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !name.is_empty()
                && name.len() <= RELEASE_LENGTH
                && name.chars().all(is_inner)
                && !name.starts_with('-')
                && !name.ends_with('-')
        };
        self.name.as_deref().filter(is_label).unwrap_or(RELEASE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn chart(text: &str) -> Chart {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join(FILE), text).expect("written");
        Chart::read(&description_in(directory.path()).expect("a chart"))
    }

    #[test]
    fn a_release_has_the_name_of_its_chart_if_helm_accepts_it() {
        assert_eq!(chart("apiVersion: v2\nname: web-shop\n").release(), "web-shop");
        for text in ["name: Web", "name: -a", "name: [", "name: 7", &format!("name: {}", "a".repeat(54))] {
            assert_eq!(chart(text).release(), "release", "{text}");
        }
    }

    #[test]
    fn a_library_is_known_by_its_type() {
        assert!(chart("name: a\ntype: library\n").is_library());
        assert!(!chart("name: a\ntype: application\n").is_library());
    }
}
