//! Paths by their segments.

/// Splits a path at `/`: drops empty segments and `.`, and resolves `..`, which does not lead above the root. Case and
/// spaces are kept.
pub fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment.to_owned()),
        }
    }
    segments
}

/// Returns the absolute path of segments, e.g. `/srv/www`, or `/` without any.
pub fn joined(segments: &[String]) -> String {
    if segments.is_empty() {
        return "/".to_owned();
    }
    segments.iter().flat_map(|segment| ["/", segment]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_directory_have_the_same_segments() {
        for path in ["/srv/www", "/srv/www/", "//srv///www", "/srv/./www", "/srv/x/../www", "/../srv/www"] {
            assert_eq!(segments(path), ["srv", "www"], "{path}");
        }
    }

    #[test]
    fn keeps_case_and_spaces() {
        assert_eq!(segments("/Srv/my files "), ["Srv", "my files "]);
    }

    #[test]
    fn does_not_lead_above_the_root() {
        assert!(segments("/..").is_empty());
        assert_eq!(joined(&segments("/../..")), "/");
    }
}
