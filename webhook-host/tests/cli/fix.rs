//! `ordinance check --fix` and `--diff`: which changes are written, and that nothing else changes.

use crate::files::{directory, volume, write};
use crate::run::{Ended, run, run_in, run_in_with_input, run_with_input};
use ordinance_testkit::guest::component;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A set as people write it. One of its mounts needs isolation.
const SET: &str = "# The shop.
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web} # by hand
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: app
        image: \"app:1\"
        volumeMounts:
        - {name: cache, mountPath: /cache}
        - name: data   # shared
          mountPath: /data

      volumes:
      - name: data
        persistentVolumeClaim: {claimName: shared}
      - {name: cache, emptyDir: {}}
";

/// Returns the set with the isolated mount.
fn isolated() -> String {
    let env = "        env:\n        - name: ORDINANCE_POD_NAME\n          valueFrom:\n            fieldRef:\n              fieldPath: metadata.name\n";
    let mount = "          mountPath: /data\n";
    SET.replace(mount, &format!("{mount}          subPathExpr: $(ORDINANCE_POD_NAME)\n{env}"))
}

/// Returns the set with one more line in the mount.
fn with(line: &str) -> String {
    SET.replace("          mountPath: /data\n", &format!("          mountPath: /data\n          {line}\n"))
}

fn text(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

/// Runs `check --fix` on a file, and returns its new text and the result of the run.
fn fix(text: &str) -> (String, Ended) {
    let files = directory(&[("web.yaml", text)]);
    let ended = run_in(files.path(), &["check", "--fix", "web.yaml"]);
    (self::text(files.path(), "web.yaml"), ended)
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn a_patch_is_written_and_every_other_byte_stays() {
    let (text, ended) = fix(SET);
    assert_eq!(text, isolated());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.ends_with("fixed: web.yaml\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("becomes"), "{}", ended.stdout);

    let (again, ended) = fix(&text);
    assert_eq!((again, ended.code), (text, 0));
    assert!(!ended.stdout.contains("fixed:"), "{}", ended.stdout);
}

#[test]
fn keeps_line_endings_and_a_byte_order_mark() {
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(fix(&windows(SET)).0, windows(&isolated()));
    assert_eq!(fix(SET.trim_end()).0, isolated().trim_end());
}

#[test]
fn a_fixed_sub_path_becomes_the_expression_that_the_message_proposes() {
    for (line, expression) in [
        ("subPath: shop/files # deep", "subPathExpr: $(ORDINANCE_POD_NAME)/shop/files # deep"),
        ("subPath: 'a$b'", "subPathExpr: '$(ORDINANCE_POD_NAME)/a$$b'"),
        ("\"subPathExpr\": \"all\"", "\"subPathExpr\": \"$(ORDINANCE_POD_NAME)/all\""),
    ] {
        let before = with(line);
        assert_eq!(run_with_input(&["check"], &before).code, 1, "{line}");
        let (text, ended) = fix(&before);
        assert_eq!(text, isolated().replace("subPathExpr: $(ORDINANCE_POD_NAME)", expression));
        assert_eq!(ended.code, 0, "{}", ended.stdout);
    }
}

#[test]
fn remaining_findings_are_reported_and_determine_the_exit_code() {
    let both = with("subPath: a\n          subPathExpr: $(ORDINANCE_POD_NAME)");
    let (text, ended) = fix(&both);
    assert_eq!((text, ended.code), (both, 1));
    assert!(ended.stdout.contains("sets both subPath and subPathExpr"), "{}", ended.stdout);

    let volumes = format!("---\n{}\n---\n{}\n", volume("a", "/x"), volume("b", "/x"));
    let (text, ended) = fix(&format!("{SET}{volumes}"));
    assert_eq!((text, ended.code), (format!("{}{volumes}", isolated()), 1));
}

#[test]
fn json_reports_the_remaining_findings() {
    let files = directory(&[("web.yaml", SET)]);
    let ended = run_in(files.path(), &["check", "--fix", "--output", "json", "web.yaml"]);
    let report = json_of(&ended);
    assert_eq!((ended.code, &report["summary"]["patched"]), (0, &0.into()));
    let [warning, note, fixed] = &ended.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{ended:?}") };
    assert!(warning.ends_with("from now on. To share it on purpose, annotate the set ordinance.dev/shared-volumes: data [unisolated-mount]"), "{ended:?}");
    assert!(note.starts_with("note: without --state, ") && *fixed == "fixed: web.yaml", "{ended:?}");
    assert_eq!(
        run_in(files.path(), &["check", "--fix", "-q", "web.yaml"]),
        Ended { code: 0, stdout: String::new(), stderr: String::new() }
    );
}

#[test]
fn a_claim_is_annotated_after_its_set_is_isolated() {
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        volumeMounts: [{name: www, mountPath: /www, subPathExpr: $(ORDINANCE_POD_NAME)}]\n  volumeClaimTemplates:\n  - metadata: {name: www}\n    spec: {accessModes: [ReadWriteMany]}\n";
    let claim = "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: www-web-0\nspec: {}\n";
    let (text, ended) = fix(&format!("{set}{claim}"));
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let again = run_with_input(&["check", "--output=json"], &text);
    assert_eq!(json_of(&again)["summary"]["patched"], 0, "{text}");
    assert!(text.contains("  annotations:\n    ordinance.dev/sub-path: $(ORDINANCE_POD_NAME)\n"), "{text}");
}

#[test]
fn existing_objects_are_read_once_and_count_in_every_round() {
    let files = directory(&[("web.yaml", &format!("{SET}---\n{}\n", volume("b", "/x")))]);
    let arguments = ["check", "--fix", "--state", "-", "web.yaml"];
    let ended = run_in_with_input(files.path(), &arguments, volume("a", "/x").to_string().as_bytes());
    assert!(text(files.path(), "web.yaml").starts_with(&isolated()), "{ended:?}");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("shares nfs://10.0.0.5/x with PersistentVolume \"a\""), "{}", ended.stdout);
}

#[test]
fn a_policy_is_loaded_from_a_file() {
    let files = directory(&[("web.yaml", SET)]);
    fs::write(files.path().join("policy.wasm"), ordinance_engine::builtin::COMPONENT).unwrap();
    let ended = run_in(files.path(), &["check", "--fix", "--policy", "policy.wasm", "web.yaml"]);
    assert_eq!((ended.code, text(files.path(), "web.yaml")), (0, isolated()), "{ended:?}");
}

/// A policy whose patch, in the phase `mutate`, adds an item to `spec.items` in every round. A map gets the key `-` instead, and then stays as it is.
fn policy_that_adds_an_item() -> Vec<u8> {
    let patch = r#"[{"op":"add","path":"/spec/items/-","value":1}]"#;
    let review = format!(
        "(i32.store8 (i32.const 268) (i32.eqz (i32.load8_u offset=1 (local.get 0))))
        (i32.store (i32.const 272) (i32.const 2048))
        (i32.store (i32.const 276) (i32.const {}))",
        patch.len()
    );
    component(&review, &format!("(data (i32.const 2048) {patch:?})"))
}

#[test]
fn an_object_whose_changes_never_end_is_left_and_the_others_are_fixed() {
    let endless = "apiVersion: v1\nkind: Thing\nmetadata: {name: endless}\nspec:\n  items: [0]\n";
    let settled = "apiVersion: v1\nkind: Thing\nmetadata: {name: settled}\nspec:\n  items: {a: 1}\n";
    let both = format!("{endless}---\n{settled}");
    let files = directory(&[("both.yaml", &both), ("other.yaml", settled)]);
    fs::write(files.path().join("policy.wasm"), policy_that_adds_an_item()).unwrap();
    let arguments = ["check", "--fix", "--policy", "policy.wasm", "both.yaml", "other.yaml"];
    let ended = run_in(files.path(), &arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    let fixed = settled.replace("{a: 1}", "{a: 1, '-': 1}");
    assert_eq!(text(files.path(), "both.yaml"), format!("{endless}---\n{fixed}"), "{ended:?}");
    assert_eq!(text(files.path(), "other.yaml"), fixed);
    let notes: Vec<&str> = ended.stdout.lines().filter(|line| line.contains("left as it is")).collect();
    let [note] = *notes else { panic!("one note: {ended:?}") };
    assert!(note.starts_with("note: both.yaml:1: Thing default/endless: left as it is: "), "{note}");
}

#[test]
fn a_diff_shows_what_would_be_written_and_writes_nothing() {
    let files = directory(&[("web.yaml", SET), ("pv.json", &volume("a", "/x").to_string())]);
    let ended = run_in(files.path(), &["check", "--diff", "./web.yaml", "pv.json"]);
    assert_eq!(ended.code, 0);
    assert!(
        ended.stdout.starts_with("--- a/web.yaml\n+++ b/web.yaml\n@@ -13,6 +13,12 @@\n"),
        "{}",
        ended.stdout
    );
    let added: Vec<&str> = ended.stdout.lines().filter_map(|line| line.strip_prefix('+')).skip(1).collect();
    let expected = isolated();
    let expected: Vec<&str> = expected.lines().filter(|line| !SET.lines().any(|old| old == *line)).collect();
    assert_eq!(added, expected);
    assert!(ended.stderr.ends_with("to be fixed: ./web.yaml\n"), "{}", ended.stderr);
    assert_eq!(text(files.path(), "web.yaml"), SET);
    assert_eq!(run_in(files.path(), &["check", "--fix", "--diff", "./web.yaml", "pv.json"]), ended);

    let coloured = run_in(files.path(), &["check", "--diff", "--color", "always", "web.yaml"]).stdout;
    assert!(coloured.contains("\u{1b}[32m+"), "{coloured}");
    assert_eq!(run_in(files.path(), &["check", "--diff", "pv.json"]).stdout, "");
}

#[test]
fn writes_the_fixed_stdin_to_stdout() {
    let ended = run_with_input(&["check", "--fix", "-"], SET);
    assert_eq!((ended.code, ended.stdout), (0, isolated()));
    assert!(ended.stderr.contains("1 object judged"), "{}", ended.stderr);
    let other = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: c} # as it was\n";
    assert_eq!(run_with_input(&["check", "--fix"], other).stdout, other);
    let denied = with("subPathExpr: $(NONE)");
    let ended = run_with_input(&["check", "--fix"], &denied);
    assert_eq!((ended.code, ended.stdout), (1, denied));
    assert!(ended.stderr.contains("$(NONE)"), "{}", ended.stderr);
    assert!(run_with_input(&["check", "--diff"], SET).stdout.starts_with("--- a/stdin\n+++ b/stdin\n"));
}

#[test]
fn refuses_a_report_format_when_stdout_is_reserved() {
    for arguments in
        [&["check", "--diff", "--output", "json", "x"][..], &["check", "--fix", "--output=sarif", "-"]]
    {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""));
        assert!(ended.stderr.contains("leave out --output"), "{}", ended.stderr);
    }
}

#[test]
fn prints_the_migration_of_a_stored_object_and_does_not_change_it() {
    let existing = SET.replace("{name: web}", "{name: web, namespace: shop, uid: 1b2c}");
    let (text, ended) = fix(&existing);
    assert_eq!((text, ended.code), (existing.clone(), 1));
    for part in [
        "note: web.yaml:2: StatefulSet shop/web: exists already (it has metadata.uid), so nothing is written",
        "\n  1. kubectl scale statefulset web --namespace shop --replicas=0\n",
        ": $(ORDINANCE_POD_NAME) for spec.template.spec.containers[0].volumeMounts[1]\n",
        "\n  4. kubectl scale statefulset web --namespace shop --replicas=2\n",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let fixed_one = existing.replace("mountPath: /data", "mountPath: /data\n          subPath: x");
    let (text, ended) = fix(&fixed_one);
    assert_eq!((text, ended.code), (fixed_one, 1));
    assert!(ended.stdout.contains(": $(ORDINANCE_POD_NAME)/x for spec"), "{}", ended.stdout);
}

#[test]
fn notes_and_leaves_objects_that_can_not_be_edited_safely() {
    let mounts = "        volumeMounts:\n        - {name: cache, mountPath: /cache}\n        - name: data   # shared\n          mountPath: /data\n";
    let template = SET.replace("\"app:1\"", "\"{{ .Values.image }}\"");
    let shared =
        SET.replace("      containers:", "      x: &m [{name: data, mountPath: /data}]\n      containers:");
    let shared = shared.replace(mounts, "        volumeMounts: *m\n");
    assert_ne!(shared, SET);
    for (before, why) in [
        (&template, "web.yaml:2: StatefulSet default/web: left as it is: line 11 is a Helm template"),
        (&shared, "an anchor shares"),
    ] {
        let (text, ended) = fix(before);
        assert_eq!((&text, ended.code), (before, 0), "{}", ended.stdout);
        assert!(ended.stdout.contains(why), "{}", ended.stdout);
    }
    let broken = format!("{SET}---\na: b: c\n");
    let (text, ended) = fix(&broken);
    assert_eq!((text, ended.code), (broken, 2));
    assert!(
        ended.stdout.contains("note: web.yaml: left as it is: the file can't be parsed"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_file_given_by_two_names_is_written_once() {
    let files = directory(&[("web.yaml", SET)]);
    let ended = run_in(files.path(), &["check", "--fix", "web.yaml", "./web.yaml"]);
    assert_eq!((ended.code, text(files.path(), "web.yaml")), (0, isolated()), "{ended:?}");
}

#[test]
fn keeps_the_mode_of_a_file() {
    let files = directory(&[("web.yaml", SET)]);
    let path = files.path().join("web.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(run_in(files.path(), &["check", "--fix", "web.yaml"]).code, 0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(text(files.path(), "web.yaml"), isolated());
}

#[test]
fn a_file_is_not_written_through_a_link_of_it_or_above_it() {
    let files = directory(&[(".real/web.yaml", SET), ("tree/none.yaml", "")]);
    let tree = files.path().join("tree");
    symlink("../.real/web.yaml", tree.join("file.yaml")).unwrap();
    symlink("../.real", tree.join("directory")).unwrap();
    for (arguments, links) in [
        // The links are within the directories of the command line.
        (&["check", "--fix", "."][..], &["./tree/directory/web.yaml", "./tree/file.yaml"][..]),
        (&["check", "--fix", "tree", ".real/none"], &[]),
        (&["check", "--fix", "tree/file.yaml"], &["tree/file.yaml"]),
    ] {
        let ended = run_in(files.path(), arguments);
        assert_eq!(text(files.path(), ".real/web.yaml"), SET, "{ended:?}");
        let target = fs::canonicalize(files.path().join(".real/web.yaml")).unwrap();
        for link in links {
            let note = format!(
                "note: {link}: left as it is: it is reached by a link, through which --fix does not write; name the file \
                 itself: {}\n",
                target.display()
            );
            assert!(ended.stdout.contains(&note), "{ended:?}");
        }
        assert!(!ended.stdout.contains("fixed:"), "{ended:?}");
    }
    // A directory that is named itself may be a link.
    let ended = run_in(files.path(), &["check", "--fix", "tree/directory"]);
    assert!(ended.stdout.contains("fixed: tree/directory/web.yaml\n"), "{ended:?}");
    assert_eq!(text(files.path(), ".real/web.yaml"), isolated());
}

#[test]
fn a_file_that_is_found_itself_is_written_whatever_links_lead_to_it() {
    let files = directory(&[("z/web.yaml", SET)]);
    symlink("z", files.path().join("a")).unwrap();
    symlink("z/web.yaml", files.path().join("b.yaml")).unwrap();
    let ended = run_in(files.path(), &["check", "--fix", "."]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("fixed: ./z/web.yaml\n"), "{ended:?}");
    assert_eq!(text(files.path(), "z/web.yaml"), isolated());
    assert!(fs::symlink_metadata(files.path().join("b.yaml")).unwrap().is_symlink());
}

#[test]
fn another_hard_link_keeps_its_text() {
    let files = directory(&[("tree/web.yaml", SET)]);
    fs::hard_link(files.path().join("tree/web.yaml"), files.path().join("outside")).unwrap();
    assert_eq!(run_in(files.path(), &["check", "--fix", "tree"]).code, 0);
    assert_eq!(
        (text(files.path(), "tree/web.yaml"), text(files.path(), "outside")),
        (isolated(), SET.to_owned())
    );
}

#[test]
fn a_write_error_exits_with_2() {
    let files = directory(&[]);
    let pipe = files.path().join("web.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn(move || fs::write(pipe, SET).unwrap());
    let ended = run_in(files.path(), &["check", "--fix", "web.yaml"]);
    writer.join().unwrap();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stdout.contains("error: web.yaml can't be written: not a regular file"), "{ended:?}");
    assert!(!ended.stdout.contains("fixed:"), "{ended:?}");
}

// === All cases and the corpus ===

/// Returns the entries of a directory in order.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Returns the new StatefulSet of a case as it is written there, without its indentation.
fn object(case: &str) -> Option<String> {
    if case.lines().any(|line| line == "  oldObject:" || line.starts_with("  operation:")) {
        return None;
    }
    let lines: Vec<&str> = case.lines().skip_while(|line| *line != "  object:").skip(1).collect();
    let own = lines.iter().take_while(|line| line.is_empty() || line.starts_with("    "));
    let own: String = own.map(|line| format!("{}\n", line.get(4..).unwrap_or_default())).collect();
    own.contains("kind: StatefulSet").then_some(own)
}

/// Returns whether `after` differs from `before` only by insertions.
fn only_adds(before: &str, after: &str) -> bool {
    let mut after = after.chars();
    before.chars().all(|wanted| after.any(|char| char == wanted))
}

#[test]
fn the_fixed_sets_of_all_cases_need_no_patches() {
    let files = directory(&[]);
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/cases");
    let mut before = Vec::new();
    for case in entries(&cases).iter().filter(|path| path.is_dir()).flat_map(|group| entries(group)) {
        let Some(object) = object(&fs::read_to_string(&case).unwrap()) else { continue };
        let group = case.parent().and_then(Path::file_name).unwrap().to_string_lossy();
        let name = format!("{group}-{}", case.file_name().unwrap().to_string_lossy());
        write(files.path(), &name, &object);
        before.push((name, object));
    }
    assert!(before.len() > 200, "{}", before.len());

    let first = json_of(&run_in(files.path(), &["check", "--output", "json", "."]));
    let fixed = run_in(files.path(), &["check", "--output", "json", "--fix", "."]);
    let left: Vec<&str> = fixed.stderr.lines().filter(|line| line.contains("left as it is")).collect();
    assert_eq!(left, [""; 0]);
    let second = json_of(&run_in(files.path(), &["check", "--output", "json", "."]));
    assert_eq!(json_of(&fixed), second);
    assert_eq!(second["summary"]["patched"], 0);
    assert!(first["summary"]["patched"].as_u64() > Some(50), "{}", first["summary"]);
    assert!(second["summary"]["denied"].as_u64() < first["summary"]["denied"].as_u64());

    for (name, object) in before {
        let after = text(files.path(), &name);
        let is_replaced = object.contains("subPath: ")
            || object.contains("null")
            || object.contains("[]")
            || object.contains("subPathExpr: ");
        assert!(is_replaced || only_adds(&object, &after), "{name}:\n{object}\n{after}");
        let mut lost = object.lines().filter(|line| !after.lines().any(|other| other == *line));
        let needless = lost.find(|line| {
            !["mountPath", "subPath", "env", "name: app"].iter().any(|part| line.contains(part))
        });
        assert_eq!(needless, None, "{name}:\n{object}\n{after}");
    }
}

#[test]
fn the_fixed_corpus_needs_no_changes_and_notes_name_what_was_left() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/corpus");
    let mut notes = Vec::new();
    for path in entries(&corpus).into_iter().filter(|path| !path.is_dir() && !path.ends_with("README.md")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let before = fs::read_to_string(&path).unwrap();
        let files = directory(&[(name, &before)]);
        let ended = run_in(files.path(), &["check", "--fix", "--output=json", name]);
        let after = text(files.path(), name);
        let lost = before.lines().filter(|line| !after.lines().any(|other| other == *line));
        let needless: Vec<&str> = lost
            .filter(|line| !["ount", "env", "subPath", "annotations"].iter().any(|part| line.contains(part)))
            .collect();
        assert_eq!(needless, [""; 0], "{name}");

        let again = run_in(files.path(), &["check", "--fix", "--output=json", name]);
        assert_eq!((again.stdout, text(files.path(), name)), (ended.stdout.clone(), after), "{name}");
        if json_of(&ended)["summary"]["patched"] != 0 {
            notes.push((name.to_owned(), ended.stderr.lines().next().unwrap_or_default().to_owned()));
        }
    }
    let notes: Vec<String> = notes.into_iter().map(|(name, note)| note.replace(&name, "FILE")).collect();
    let [merged] = &notes[..] else { panic!("{notes:#?}") };
    assert!(
        merged.ends_with("volumeMounts[0].subPathExpr comes from a merge key (<<): write it out"),
        "{merged}"
    );
}
