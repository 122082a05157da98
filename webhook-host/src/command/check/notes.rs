//! Notes on what is not read of directories: files that are no objects, templates, charts and kustomizations.

use super::input::UnreadInput;
use ordinance_manifests::RenderedDirectory;
use ordinance_report::printable;

/// The number of directories that are named, unless `-v` is given.
const NAMED_DIRECTORIES: usize = 20;

/// The text of a note, for one name and for several (`#` is their number).
struct NoteText {
    one: &'static str,
    more: &'static str,
}

const OTHERS: NoteText = NoteText {
    one: "passed over 1 file that is no Kubernetes object",
    more: "passed over # files that are no Kubernetes objects",
};

const TEMPLATES: NoteText = NoteText {
    one: "passed over 1 template; render it first, and check what is printed",
    more: "passed over # templates; render them first, and check what is printed",
};

const REPEATED: NoteText = NoteText {
    one: "did not follow 1 link to a directory that is read already",
    more: "did not follow # links to directories that are read already",
};

const OUTWARD: NoteText = NoteText {
    one: "did not follow 1 link out of the directories; name its target to read it",
    more: "did not follow # links out of the directories; name their targets to read them",
};

/// Returns the notes, one per line. `is_verbose` names everything.
pub(super) fn notes(unread: &UnreadInput, is_verbose: bool) -> String {
    let UnreadInput { others, templates, unrendered, repeated, outward } = unread;
    let counted = [(others, OTHERS), (templates, TEMPLATES), (repeated, REPEATED), (outward, OUTWARD)];
    let counted = counted.into_iter().filter(|(names, _)| !names.is_empty());
    let mut lines: Vec<String> = counted.map(|(names, text)| text.line(names, is_verbose)).collect();
    lines.extend(directories(unrendered, is_verbose));
    lines.into_iter().map(|line| format!("note: {line}\n")).collect()
}

/// Returns a line for each directory, with the command that renders it.
fn directories(unrendered: &[RenderedDirectory], is_verbose: bool) -> Vec<String> {
    let named = if is_verbose { unrendered.len() } else { NAMED_DIRECTORIES };
    let mut lines: Vec<String> = unrendered.iter().take(named).map(directory).collect();
    if let Some(rest) = unrendered.len().checked_sub(named).filter(|rest| *rest > 0) {
        lines.push(format!(
            "{rest} more charts and kustomizations are not rendered; add --render, or name them by -v"
        ));
    }
    lines
}

fn directory(directory: &RenderedDirectory) -> String {
    let (path, what) = (directory.path.display().to_string(), directory.tool.what());
    let (path, command) = (short(&path), directory.command_line());
    printable(&format!(
        "{path} is {what} and is not rendered; add --render, or pipe in the output of: {command}"
    ))
}

/// Returns a path without the prefix of those below the working directory.
fn short(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

// === impl NoteText ===

impl NoteText {
    /// Returns the number of names, and the names themselves on lines of their own if `is_verbose`.
    fn line(&self, names: &[String], is_verbose: bool) -> String {
        let text = match names {
            [_] => self.one.to_owned(),
            _ => self.more.replace('#', &names.len().to_string()),
        };
        if !is_verbose {
            return format!("{text} (-v names {})", if names.len() == 1 { "it" } else { "them" });
        }
        names.iter().fold(text + ":", |text, name| text + "\n  " + &printable(short(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_manifests::RenderTool;

    fn named(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("./{number}.yaml")).collect()
    }

    #[test]
    fn a_note_counts_files_and_names_them_if_verbose() {
        let note = |count, is_verbose| {
            notes(&UnreadInput { others: named(count), ..UnreadInput::default() }, is_verbose)
        };
        assert_eq!(note(0, false), "");
        assert_eq!(note(1, false), "note: passed over 1 file that is no Kubernetes object (-v names it)\n");
        let objects = "files that are no Kubernetes objects";
        assert_eq!(note(4, false), format!("note: passed over 4 {objects} (-v names them)\n"));
        assert_eq!(
            note(4, true),
            format!("note: passed over 4 {objects}:\n  1.yaml\n  2.yaml\n  3.yaml\n  4.yaml\n")
        );
    }

    #[test]
    fn each_directory_is_named_with_its_command_up_to_twenty() {
        let directory = |number: usize| RenderedDirectory {
            path: format!("o\n{number}").into(),
            tool: RenderTool::Kustomize,
        };
        let unread = UnreadInput { unrendered: (0..23).map(directory).collect(), ..UnreadInput::default() };
        let short = notes(&unread, false);
        assert_eq!((short.lines().count(), notes(&unread, true).lines().count()), (21, 23));
        assert!(short.starts_with(
            "note: o\u{fffd}0 is a kustomization and is not rendered; add --render, or pipe in the output of: \
             kubectl kustomize './o\u{fffd}0'\n"
        ));
        assert!(short.ends_with(
            "\nnote: 3 more charts and kustomizations are not rendered; add --render, or name them by -v\n"
        ));
    }
}
