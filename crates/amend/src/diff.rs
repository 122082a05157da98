//! What changes in a file, as a unified diff.

use anstyle::{AnsiColor, Style};
use similar::udiff::UnifiedDiffHunk;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;
use std::time::Duration;

/// How long to look for the smallest difference; beyond it a larger one is shown.
const PATIENCE: Duration = Duration::from_secs(2);

/// A unified diff that `git apply` and `patch -p1` take, empty if nothing changes. `path` is the file's name, with `/`;
/// `Color` chooses whether lines are coloured.
pub fn diff(path: &str, old: &str, new: &str, color: Color) -> String {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut text = String::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if text.is_empty() {
            line(&mut text, color, HEADER, &format!("--- a/{path}\n"));
            line(&mut text, color, HEADER, &format!("+++ b/{path}\n"));
        }
        self::hunk(&mut text, color, &hunk);
    }
    text
}

/// Whether a diff is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// As terminals show it.
    Ansi,
    /// Text alone.
    None,
}

const HEADER: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Cyan.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();

fn hunk(text: &mut String, color: Color, hunk: &UnifiedDiffHunk<'_, '_, '_, str>) {
    line(text, color, PLACE, &format!("{}\n", hunk.header()));
    for change in hunk.iter_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Equal => (' ', Style::new()),
            ChangeTag::Delete => ('-', REMOVED),
            ChangeTag::Insert => ('+', ADDED),
        };
        line(text, color, style, &format!("{sign}{}", change.value()));
        if change.missing_newline() {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// One line in a style, which ends before the line does.
fn line(text: &mut String, color: Color, style: Style, line: &str) {
    if color == Color::None || style == Style::new() {
        return text.push_str(line);
    }
    let content = line.trim_end_matches(['\r', '\n']);
    // Writing to a string can't fail.
    let _ = write!(text, "{style}{content}{style:#}{}", &line[content.len()..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_lines_with_those_around_them_and_where_they_are() {
        let old = "a\nb\nc\nd\ne\nf\ng\r\nh";
        let new = "a\nb\nc\nd\ne\nf\ng\r\nx\r\nh";
        assert_eq!(
            diff("web.yaml", old, new, Color::None),
            "--- a/web.yaml\n+++ b/web.yaml\n@@ -5,4 +5,5 @@\n e\n f\n g\r\n+x\r\n h\n\\ No newline at end of file\n"
        );
        assert_eq!(diff("web.yaml", old, old, Color::None), "");
    }

    #[test]
    fn colours_whole_lines_but_not_their_ends() {
        let shown = diff("w", "a\n", "b\n", Color::Ansi);
        assert_eq!(
            shown,
            "\u{1b}[1m--- a/w\u{1b}[0m\n\u{1b}[1m+++ b/w\u{1b}[0m\n\u{1b}[36m@@ -1 +1 @@\u{1b}[0m\n\
             \u{1b}[31m-a\u{1b}[0m\n\u{1b}[32m+b\u{1b}[0m\n"
        );
    }
}
