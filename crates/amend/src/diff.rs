//! The difference between two versions of a file, as a unified diff.

use crate::lines;
use anstyle::{AnsiColor, Style};
use ordinance_contract::acts;
use similar::udiff::UnifiedDiffHunk;
use similar::{ChangeTag, TextDiff};
use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

/// How long to search for the smallest difference; after that a larger one is shown.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Returns a unified diff for `git apply` and `patch -p1`, or an empty text if both versions are equal. `path` is the
/// file's name, with `/`.
pub fn diff(path: &str, old: &str, new: &str, color: DiffColor) -> String {
    let diff = TextDiff::configure().timeout(TIMEOUT).diff_lines(old, new);
    let mut text = String::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if text.is_empty() {
            line(&mut text, color, HEADER, &format!("--- {}\n", quoted(&format!("a/{path}"))));
            line(&mut text, color, HEADER, &format!("+++ {}\n", quoted(&format!("b/{path}"))));
        }
        self::hunk(&mut text, color, &hunk);
    }
    text
}

/// Whether the lines of a diff are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffColor {
    /// With escape sequences for a terminal.
    Ansi,
    /// Without colour.
    None,
}

const HEADER: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Cyan.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();

/// How the commands of a CI runner begin that stand within a line.
const RUNNER_COMMAND: &str = "##[";

/// Returns a path as git writes and reads it: in quotes, with octal escapes, if it has a character that acts, a quote, a
/// backslash or a command of a CI runner.
fn quoted(path: &str) -> Cow<'_, str> {
    let is_special = |c: char| acts(c) || c == '"' || c == '\\';
    if !path.contains(is_special) && !path.contains(RUNNER_COMMAND) {
        return path.into();
    }
    let escaped = path.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if acts(c) => octal(c),
        c => c.to_string(),
    });
    let escaped = escaped.collect::<String>().replace(RUNNER_COMMAND, "##\\133");
    format!("\"{escaped}\"").into()
}

fn octal(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03o}")).collect()
}

/// Returns a line of a file without characters that act and commands of a CI runner. The diff does not apply to such a line.
fn plain(content: &str) -> Cow<'_, str> {
    let is_foreign = |c: char| acts(c) && c != '\t';
    if !content.contains(is_foreign) && !content.contains(RUNNER_COMMAND) {
        return content.into();
    }
    content.replace(is_foreign, "\u{fffd}").replace(RUNNER_COMMAND, "##\u{fffd}[").into()
}

fn hunk(text: &mut String, color: DiffColor, hunk: &UnifiedDiffHunk<'_, '_, '_, str>) {
    line(text, color, PLACE, &format!("{}\n", hunk.header()));
    for change in hunk.iter_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Equal => (' ', Style::new()),
            ChangeTag::Delete => ('-', REMOVED),
            ChangeTag::Insert => ('+', ADDED),
        };
        let content = lines::without_end(change.value());
        let end = &change.value()[content.len()..];
        line(text, color, style, &format!("{sign}{}{end}", plain(content)));
        if change.missing_newline() {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// Appends a line in a style; the style ends before the line ending.
fn line(text: &mut String, color: DiffColor, style: Style, line: &str) {
    if color == DiffColor::None || style == Style::new() {
        return text.push_str(line);
    }
    let content = lines::without_end(line);
    // Writing to a string can't fail.
    let _ = write!(text, "{style}{content}{style:#}{}", &line[content.len()..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_changed_lines_with_their_context_and_position() {
        let old = "a\nb\nc\nd\ne\nf\ng\r\nh";
        let new = "a\nb\nc\nd\ne\nf\ng\r\nx\r\nh";
        assert_eq!(
            diff("web.yaml", old, new, DiffColor::None),
            "--- a/web.yaml\n+++ b/web.yaml\n@@ -5,4 +5,5 @@\n e\n f\n g\r\n+x\r\n h\n\\ No newline at end of file\n"
        );
        assert_eq!(diff("web.yaml", old, old, DiffColor::None), "");
    }

    #[test]
    fn a_name_with_a_line_break_is_quoted_as_by_git() {
        let shown = diff("a\n+b\"\\é.yaml", "a\n", "b\n", DiffColor::None);
        assert!(shown.starts_with(r#"--- "a/a\012+b\"\\é.yaml""#), "{shown}");
        assert_eq!(shown.lines().count(), 5);
    }

    #[test]
    fn acting_characters_and_commands_are_shown_as_replaced() {
        let shown = diff("##[a]\u{202e}", "a\n", "\tb\u{2028} ##[error]\r\n", DiffColor::None);
        assert!(shown.starts_with(r#"--- "a/##\133a]\342\200\256""#), "{shown}");
        assert!(shown.ends_with("+\tb\u{fffd} ##\u{fffd}[error]\r\n"), "{shown:?}");
    }

    #[test]
    fn colours_lines_but_not_their_endings() {
        let shown = diff("w", "a\n", "b\n", DiffColor::Ansi);
        assert_eq!(
            shown,
            "\u{1b}[1m--- a/w\u{1b}[0m\n\u{1b}[1m+++ b/w\u{1b}[0m\n\u{1b}[36m@@ -1 +1 @@\u{1b}[0m\n\
             \u{1b}[31m-a\u{1b}[0m\n\u{1b}[32m+b\u{1b}[0m\n"
        );
    }
}
