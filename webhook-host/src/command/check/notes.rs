//! Notes on what is not read of directories: files that are no objects, templates, charts and kustomizations.

use super::input::UnreadInput;
use ordinance_manifests::RenderedDirectory;
use ordinance_report::printable;

/// The number of files that a note names, unless `-v` is given.
const NAMED_FILES: usize = 2;

/// The number of directories that are named, unless `-v` is given.
const NAMED_DIRECTORIES: usize = 20;

/// Returns the notes, one per line. `is_verbose` names everything.
pub(super) fn notes(unread: &UnreadInput, is_verbose: bool) -> String {
    let UnreadInput { others, templates, unrendered, repeated } = unread;
    let mut lines: Vec<String> = Vec::new();
    let mut add = |names: &[String], one: &str, more: &str| {
        if !names.is_empty() {
            lines.push(format!("note: {}", counted(names, one, more, is_verbose)));
        }
    };
    add(
        others,
        "passed over 1 file that is no Kubernetes object",
        "passed over # files that are no Kubernetes objects",
    );
    add(
        templates,
        "passed over 1 template, which has to be rendered first",
        "passed over # templates, which have to be rendered first",
    );
    add(
        repeated,
        "1 link leads to a directory that is read already",
        "# links lead to directories that are read already",
    );
    lines.extend(directories(unrendered, is_verbose));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// Returns the number of files, in the singular or the plural, and the names of the first ones.
fn counted(names: &[String], one: &str, more: &str, is_verbose: bool) -> String {
    let text = if names.len() == 1 { one.to_owned() } else { more.replace('#', &names.len().to_string()) };
    let shown = |name: &String| printable(short(name));
    if is_verbose {
        return names.iter().map(shown).fold(text + ":", |text, name| text + "\n  " + &name);
    }
    // "and 1 more" would be as long as the name itself.
    let named = if names.len() == NAMED_FILES + 1 { names.len() } else { NAMED_FILES };
    let first: Vec<String> = names.iter().take(named).map(shown).collect();
    match names.len().saturating_sub(named) {
        0 => format!("{text} ({})", first.join(", ")),
        rest => format!("{text} ({} and {rest} more)", first.join(", ")),
    }
}

/// Returns a line for each directory, with the command that renders it.
fn directories(unrendered: &[RenderedDirectory], is_verbose: bool) -> Vec<String> {
    let named = if is_verbose { unrendered.len() } else { NAMED_DIRECTORIES };
    let mut lines: Vec<String> = unrendered.iter().take(named).map(directory).collect();
    if let Some(rest) = unrendered.len().checked_sub(named).filter(|rest| *rest > 0) {
        lines.push(format!("note: {rest} more charts and kustomizations have to be rendered; -v names them"));
    }
    lines
}

fn directory(directory: &RenderedDirectory) -> String {
    let (path, what) = (directory.path.display().to_string(), directory.tool.what());
    let (path, command) = (short(&path), directory.command_line());
    let line = format!("note: {path} is {what}; to check it, run: {command} | ordinance check -");
    printable(&line)
}

/// Returns a path without the prefix of those below the working directory.
fn short(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_manifests::RenderTool;

    fn named(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("./{number}.yaml")).collect()
    }

    #[test]
    fn a_note_counts_files_and_names_the_first_ones() {
        let note = |count, is_verbose| {
            notes(&UnreadInput { others: named(count), ..UnreadInput::default() }, is_verbose)
        };
        assert_eq!(note(0, false), "");
        assert_eq!(note(1, false), "note: passed over 1 file that is no Kubernetes object (1.yaml)\n");
        let objects = "files that are no Kubernetes objects";
        assert_eq!(note(3, false), format!("note: passed over 3 {objects} (1.yaml, 2.yaml, 3.yaml)\n"));
        assert_eq!(note(4, false), format!("note: passed over 4 {objects} (1.yaml, 2.yaml and 2 more)\n"));
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
        let notes = notes(&unread, false);
        assert_eq!(notes.lines().count(), 21);
        assert!(notes.starts_with(
            "note: o\u{fffd}0 is a kustomization; to check it, run: kubectl kustomize 'o\u{fffd}0' | ordinance check -\n"
        ));
        assert!(
            notes.ends_with("\nnote: 3 more charts and kustomizations have to be rendered; -v names them\n")
        );
    }
}
