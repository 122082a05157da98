//! Paths by their segments.

/// The segments of a path: empty ones and `.` dropped, `..` resolved but not above the root; case and spaces kept.
pub(crate) fn segments(path: &str) -> Vec<String> {
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

/// The absolute path of segments.
pub(crate) fn joined(segments: &[String]) -> String {
    if segments.is_empty() {
        return "/".to_owned();
    }
    segments.iter().flat_map(|segment| ["/", segment]).collect()
}

/// A text of at most so many characters, its middle left out, with spaces for what could break a line or a terminal,
/// and without the quotes that names stand in.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    let clean = |c: char| match c {
        '"' => '\'',
        c if breaks_lines(c) => ' ',
        c => c,
    };
    let length = text.chars().count();
    if length <= chars {
        return text.chars().map(clean).collect();
    }
    let head = chars / 2;
    let tail = chars - head - 1;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).map(clean).collect()
}

/// Control characters, the separators of lines and paragraphs, and what turns the direction of writing.
fn breaks_lines(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
    fn case_and_spaces_of_a_path_count() {
        assert_eq!(segments("/Srv/my files "), ["Srv", "my files "]);
    }

    #[test]
    fn nothing_lies_above_the_root() {
        assert!(segments("/..").is_empty());
        assert_eq!(joined(&segments("/../..")), "/");
    }

    #[test]
    fn a_long_text_is_cut_in_its_middle() {
        assert_eq!(cut("abcdefghij", 5), "ab…ij");
        assert_eq!(cut("abcde", 5), "abcde");
        assert_eq!(cut("a\nb\u{2028}\"", 5), "a b '");
    }
}
