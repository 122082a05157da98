//! Directories with unusual names, many files, links in circles, and files that can't be read.

use crate::files::{creation, directory, volume, write};
use crate::run::{Ended, end, ordinance, run_in};
use ordinance_testkit::guest::component;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use tempfile::TempDir;

/// A name with a line break, an escape sequence for terminals, a quote and a carriage return.
const NAME: &str = "a\nb\u{1b}[31m\"c\r";

/// The name as text reports show it.
const SHOWN: &str = "a\u{fffd}b\u{fffd}[31m\"c\u{fffd}";

/// The id of `nobody`, who may read nothing of root's.
const NOBODY: u32 = 65_534;

/// A set whose replicas share a directory.
const SET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  replicas: 2
  template:
    spec:
      containers: [{name: shop, volumeMounts: [{name: data, mountPath: /data}]}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
";

/// A directory with an object that is refused, a broken one, a chart, a file that is none, and an object that `--fix` changes, all
/// with unusual names.
fn unusual_names() -> TempDir {
    directory(&[
        ("0.json", &volume("first", "/x").to_string()),
        (&format!("{NAME}/refused.json"), &volume("second", "/x").to_string()),
        (&format!("{NAME}/broken.yaml"), "apiVersion: v1\nkind: [\n"),
        (&format!("{NAME}/values.yaml"), "a: 1\n"),
        (&format!("{NAME}/set.yaml"), SET),
        (&format!("{NAME}-chart/Chart.yaml"), "name: shop\n"),
    ])
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Returns whether a text has no control character but line breaks.
fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && c != '\n')
}

#[test]
fn text_shows_an_unusual_name_in_one_line_without_control_characters() {
    let files = unusual_names();
    for command in ["check", "map"] {
        let ended = run_in(files.path(), &[command, ".", "-v", "--color", "never"]);
        assert_eq!(ended.code, 2);
        assert!(is_plain(&ended.stdout) && is_plain(&ended.stderr), "{ended:?}");
        assert!(ended.stderr.contains(&format!("\n  {SHOWN}/values.yaml\n")), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("note: {SHOWN}-chart is a Helm chart")), "{}", ended.stderr);
    }
    let report = run_in(files.path(), &["check", "."]).stdout;
    assert!(report.contains(&format!("--> ./{SHOWN}/broken.yaml:")), "{report}");
    assert!(report.contains(&format!("--> ./{SHOWN}/refused.json:")), "{report}");
}

#[test]
fn json_and_sarif_have_an_unusual_name_as_it_is() {
    let files = unusual_names();
    let report = json_of(&run_in(files.path(), &["check", ".", "--output", "json"]));
    assert_eq!(report["errors"][0]["file"], format!("./{NAME}/broken.yaml"));
    assert_eq!(report["unrendered"][0]["directory"], format!("./{NAME}-chart"));
    let sarif = json_of(&run_in(files.path(), &["check", ".", "--output", "sarif"]));
    let uri = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "a%0Ab%1B%5B31m%22c%0D/broken.yaml");
}

#[test]
fn junit_is_well_formed_with_an_unusual_name() {
    let files = unusual_names();
    let ended = run_in(files.path(), &["check", ".", "--output", "junit"]);
    let document = roxmltree::Document::parse(&ended.stdout).unwrap();
    let suites = document.descendants().filter(|node| node.has_tag_name("testsuite"));
    let names: Vec<&str> = suites.filter_map(|suite| suite.attribute("name")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(&format!("{SHOWN}/broken.yaml"))), "{names:?}");
}

#[test]
fn fix_writes_a_file_with_an_unusual_name_and_shows_it_in_one_line() {
    let files = unusual_names();
    let diff = run_in(files.path(), &["check", ".", "--diff"]);
    let name = r#""a/a\012b\033[31m\"c\015/set.yaml""#;
    assert!(diff.stdout.starts_with(&format!("--- {name}\n")) && is_plain(&diff.stdout), "{diff:?}");
    assert!(is_plain(&diff.stderr), "{diff:?}");
    let ended = run_in(files.path(), &["check", ".", "--fix"]);
    assert!(is_plain(&ended.stdout) && is_plain(&ended.stderr), "{ended:?}");
    assert!(ended.stdout.contains(&format!("fixed: ./{SHOWN}/set.yaml\n")), "{ended:?}");
    let fixed = fs::read_to_string(files.path().join(NAME).join("set.yaml")).unwrap();
    assert!(fixed.contains("subPathExpr: $(ORDINANCE_POD_NAME)"), "{fixed}");
}

#[test]
fn a_name_that_is_not_text_is_read_and_fixed() {
    let files = directory(&[]);
    let name = OsStr::from_bytes(b"\xff.yaml");
    fs::write(files.path().join(name), SET).unwrap();
    for format in ["text", "json", "sarif", "junit"] {
        let ended = run_in(files.path(), &["check", ".", "--output", format]);
        assert!(ended.code == 0 && ended.stdout.contains("shop"), "{ended:?}");
    }
    run_in(files.path(), &["check", ".", "--fix"]);
    let fixed = fs::read_to_string(files.path().join(name)).unwrap();
    assert!(fixed.contains("subPathExpr: $(ORDINANCE_POD_NAME)"), "{fixed}");
}

/// Runs a command as a user for whom permissions count: root may read everything.
fn run_as_user(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = ordinance(arguments);
    if fs::metadata(directory).unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    end(command.current_dir(directory))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_judged() {
    let files = directory(&[
        ("a.json", &volume("a", "/a").to_string()),
        ("closed.json", &volume("closed", "/closed").to_string()),
        ("notes.txt", "closed, too"),
        ("shut/b.json", &volume("b", "/b").to_string()),
        ("z.json", &volume("z", "/z").to_string()),
    ]);
    set_mode(files.path(), 0o755);
    let closed = ["closed.json", "notes.txt", "shut"].map(|name| files.path().join(name));
    closed.iter().for_each(|path| set_mode(path, 0));
    let ended = run_as_user(files.path(), &["check", ".", "--output", "json"]);
    let text = run_as_user(files.path(), &["check", "."]).stdout;
    let map = run_as_user(files.path(), &["map", "."]).stderr;
    set_mode(&closed[2], 0o755);
    let report = json_of(&ended);
    let row = |error: &Value| {
        (error["file"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    };
    let denied = "Permission denied (os error 13); let this process read it";
    assert_eq!(
        report["errors"].as_array().unwrap().iter().map(row).collect::<Vec<_>>(),
        [("./closed.json".to_owned(), denied.to_owned()), ("./shut".to_owned(), denied.to_owned())]
    );
    assert_eq!((ended.code, report["summary"]["objects"].as_u64()), (2, Some(2)));
    for place in ["./closed.json", "./shut"] {
        assert!(text.contains(&format!("error: {denied}\n--> {place}\n")), "{text}");
        assert!(map.contains(&format!("error: {place}: {denied}\n")), "{map}");
    }
}

#[test]
fn fix_writes_nothing_that_it_could_not_read_and_the_rest() {
    let files = directory(&[("a.yaml", SET), ("b.yaml", &SET.replace("name: shop", "name: b"))]);
    let broken = format!("{SET}---\napiVersion: v1\nkind: [\n");
    write(files.path(), "broken.yaml", &broken);
    symlink("nowhere", files.path().join("gone.yaml")).unwrap();
    let not_text = [SET.as_bytes(), b"# \xff\n"].concat();
    fs::write(files.path().join("latin1.yaml"), &not_text).unwrap();
    let ended = run_in(files.path(), &["check", ".", "--fix"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stdout.contains("fixed: ./a.yaml, ./b.yaml\n"), "{ended:?}");
    assert_eq!(fs::read_to_string(files.path().join("broken.yaml")).unwrap(), broken);
    assert_eq!(fs::read(files.path().join("latin1.yaml")).unwrap(), not_text);
    assert!(!files.path().join("nowhere").exists());
}

#[test]
fn links_in_circles_end_and_each_object_is_judged_once() {
    let files = directory(&[
        ("a/a.json", &volume("a", "/a").to_string()),
        ("b/b.json", &volume("b", "/b").to_string()),
    ]);
    for (target, link) in
        [("../b", "a/to-b"), ("../a", "b/to-a"), ("..", "a/up"), (".", "b/here"), ("loop", "loop")]
    {
        symlink(target, files.path().join(link)).unwrap();
    }
    symlink("self.yaml", files.path().join("self.yaml")).unwrap();
    let ended = run_in(files.path(), &["check", ".", "--output", "json"]);
    let report = json_of(&ended);
    assert_eq!((ended.code, report["summary"]["objects"].as_u64()), (2, Some(2)), "{report}");
    assert_eq!(report["errors"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["errors"][0]["file"], "./self.yaml");
    let link_note = "note: did not follow 4 links to directories that are read already (-v names them)\n";
    assert_eq!(ended.stderr, link_note);
}

#[test]
fn a_directory_of_a_hundred_thousand_files_is_judged() {
    let files = directory(&[("a.json", &volume("a", "/x").to_string())]);
    for directory in 0..100 {
        let directory = files.path().join(format!("{directory}"));
        fs::create_dir(&directory).unwrap();
        for file in 0..1000 {
            fs::write(directory.join(format!("{file}.yaml")), "a: 1\n").unwrap();
        }
    }
    write(files.path(), "99/z.json", &volume("z", "/x").to_string());
    let ended = run_in(files.path(), &["check", ".", "--output", "json"]);
    let report = json_of(&ended);
    assert_eq!((ended.code, report["summary"]["passedOver"].as_u64()), (1, Some(100_000)));
    let [first, second] = report["results"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&first["file"], &second["file"]), (&"./99/z.json".into(), &"./a.json".into()));
    assert_eq!(
        ended.stderr,
        "note: passed over 100000 files that are no Kubernetes objects (-v names them)\n"
    );
}

/// A name with what acts on terminals, pages, logs and CI runners: escape sequences, line breaks, directions of writing,
/// commands.
const ACTING: &str = "a\u{1b}[31m\u{202e}\u{2028}\n::error::x ##[error]y\u{9b}";

/// A set with acting texts in every name, as YAML. `escaped` is the text as a JSON string.
fn acting_set(escaped: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {escaped}, namespace: {escaped}, annotations: {{{escaped}: {escaped}}}}}
spec:
  replicas: 2
  template:
    spec:
      containers: [{{name: {escaped}, volumeMounts: [{{name: {escaped}, mountPath: {escaped}, subPath: {escaped}}}]}}]
      volumes: [{{name: {escaped}, persistentVolumeClaim: {{claimName: {escaped}}}}}]
"
    )
}

/// Returns [`ACTING`] as a JSON string of ASCII characters: YAML has not all of them.
fn escaped() -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ => format!("\\u{:04x}", u32::from(c)),
    };
    format!("\"{}\"", ACTING.chars().map(escape).collect::<String>())
}

/// A repository in which every text acts.
fn acting() -> TempDir {
    let escaped = escaped();
    let set = acting_set(&escaped);
    let acting_volume = volume("first", "/x").to_string().replace("\"first\"", &escaped);
    let pvs = format!("{}\n---\n{acting_volume}\n", volume("other", "/x"));
    directory(&[
        ("set.yaml", &set),
        (&format!("{ACTING}/set.yaml"), &set.replacen(&escaped, "web", 1)),
        ("volumes.yaml", &pvs),
        ("kind.yaml", &format!("apiVersion: {escaped}\nkind: {escaped}\nmetadata: {{name: {escaped}}}\n")),
        ("keys.yaml", &format!("apiVersion: v1\nkind: PersistentVolume\n{escaped}: 1\n{escaped}: 2\n")),
        (
            "claim.yaml",
            &format!(
                "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {escaped}}}\nspec: {escaped}\n"
            ),
        ),
        (
            "raw.yaml",
            "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: \"\u{202e}\u{2028}\u{200b} ##[error]\", x: y: z}\n",
        ),
    ])
}

/// Fails on a character that acts, and on a line that is a command of a CI runner.
fn assert_nothing_acts(text: &str, what: &str) {
    let acting: Vec<char> = text.chars().filter(|c| ordinance_contract::acts(*c) && *c != '\n').collect();
    assert!(acting.is_empty(), "{what}: {acting:?} in {text:?}");
    let command = text.lines().find(|line| line.trim_start().starts_with("::") || line.contains("##["));
    assert_eq!(command, None, "{what}");
}

#[test]
fn nothing_acts_in_any_output() {
    let files = acting();
    let state = acting();
    let state = state.path().to_str().unwrap();
    for arguments in [
        "check .",
        "check -v .",
        "check --output json .",
        "check --output sarif .",
        "check --output junit .",
        "check --diff .",
        "check --diff -v set.yaml",
        "map .",
        "map -v --width 40 .",
        "map --ascii .",
        "map --output json .",
        "map --output svg .",
        "migrate web --state .",
        "migrate web --state set.yaml",
        "migrate web --state volumes.yaml --output json",
        "check --settings set.yaml .",
        "check --config set.yaml",
        "explain \u{1b}[31m",
        "certs show set.yaml",
        "check \u{1b}[31m.yaml",
    ] {
        let ended = run_in(files.path(), &arguments.split(' ').collect::<Vec<_>>());
        assert_nothing_acts(&(ended.stdout + &ended.stderr), arguments);
    }
    for command in ["check", "map"] {
        let ended = run_in(files.path(), &[command, "set.yaml", "--state", state]);
        assert_nothing_acts(&(ended.stdout + &ended.stderr), command);
    }
    let fixed = run_in(files.path(), &["check", "--fix", "."]);
    assert_nothing_acts(&(fixed.stdout + &fixed.stderr), "--fix");
}

#[test]
fn json_reports_have_acting_texts_as_they_are() {
    let files = acting();
    for format in ["json", "sarif"] {
        let ended = run_in(files.path(), &["check", "set.yaml", "--output", format]);
        let report = json_of(&ended).to_string();
        assert!(report.contains("\u{202e}"), "{format}: {report}");
    }
    let report = json_of(&run_in(files.path(), &["check", "set.yaml", "--output", "json"]));
    assert_eq!(report["results"][0]["object"]["name"], ACTING);
    let map = json_of(&run_in(files.path(), &["map", "set.yaml", "--output", "json"]));
    assert_eq!(map["writers"][0]["namespace"], ACTING);
}

#[test]
fn an_answer_to_a_review_has_no_acting_characters() {
    let review = creation(&volume(ACTING, "/x"));
    let files = directory(&[
        ("review.json", &review.to_string()),
        ("state.json", &volume("other", "/x").to_string()),
    ]);
    let arguments = ["review", "review.json", "--phase", "validate", "--state", "state.json"];
    let ended = run_in(files.path(), &arguments);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_nothing_acts(&(ended.stdout + &ended.stderr), "review");
}

/// The text that no output may have.
const SECRET: &str = "s3cr3t";

#[test]
fn no_command_quotes_a_file_of_secrets() {
    let contents = [
        "AWS_SECRET_ACCESS_KEY=s3cr3t\nURL=postgres://me:s3cr3t@host/db\n",
        "password: \"s3cr3t\nkind: PersistentVolume\napiVersion: v1\n",
        "token: s3cr3t: x\n",
        "-----BEGIN PRIVATE KEY-----\ns3cr3t: x: y\n-----END PRIVATE KEY-----\n",
        "[remote]\n\turl = https://x:s3cr3t@example.com\n",
        "\"s3cr3t\"",
        "[s3cr3t, {",
        "{\"type\": \"service_account\", \"private_key\": \"s3cr3t\", \"kind\": ",
        "{\"metadata\": \"s3cr3t\"}",
        "PATH=/bin\0SECRET=s3cr3t\0",
        "apiVersion: v1\nkind: PersistentVolume\nx: [\0SECRET=s3cr3t\0",
        "apiVersion: v1\nkind: Secret\nstringData: {password: s3cr3t: x}\n",
        "apiVersion: v1\nkind: Config\nusers: [{name: me, user: {token: s3cr3t: x\n",
        "apiVersion: v1\nkind: Config\nusers: s3cr3t\n",
    ];
    for content in contents {
        let files = directory(&[("secrets.yaml", content), ("web.yaml", SET)]);
        for arguments in [
            "check secrets.yaml",
            "check -v secrets.yaml",
            "check .",
            "check --diff secrets.yaml",
            "check --output json secrets.yaml",
            "check --output sarif secrets.yaml",
            "check --output junit secrets.yaml",
            "map secrets.yaml",
            "check --state secrets.yaml web.yaml",
            "check --settings secrets.yaml web.yaml",
            "review secrets.yaml",
            "serve --check --config secrets.yaml",
            "serve --check --settings secrets.yaml",
            "serve --kubeconfig secrets.yaml",
            "migrate web --state secrets.yaml",
            "migrate web --kubeconfig secrets.yaml",
            "certs show secrets.yaml",
            "certs show --kubeconfig secrets.yaml",
            "certs verify secrets.yaml",
        ] {
            let ended = run_in(files.path(), &arguments.split(' ').collect::<Vec<_>>());
            let text = format!("{}{}", ended.stdout, ended.stderr);
            assert!(!text.contains(SECRET), "{arguments} of {content:?}: {text}");
        }
    }
}

#[test]
fn a_broken_manifest_is_quoted_with_its_place() {
    let files = directory(&[("pv.yaml", "apiVersion: v1\nkind: PersistentVolume\nspec: a: b\n")]);
    let ended = run_in(files.path(), &["check", "pv.yaml"]);
    assert!(ended.stdout.contains("3 | spec: a: b"), "{ended:?}");
}

#[test]
fn the_environment_of_the_process_is_never_shown() {
    let files = directory(&[("none.yaml", "")]);
    symlink("/proc/self/environ", files.path().join("environ.yaml")).unwrap();
    for arguments in [
        "check .",
        "check environ.yaml",
        "check /proc/self/environ",
        "map environ.yaml",
        "check --state environ.yaml none.yaml",
        "check --settings environ.yaml none.yaml",
        "serve --config environ.yaml",
        "migrate web --kubeconfig environ.yaml",
        "explain --policy environ.yaml",
        "certs show environ.yaml",
        "review environ.yaml",
        "check --fix environ.yaml",
    ] {
        let mut command = ordinance(&arguments.split(' ').collect::<Vec<_>>());
        let ended = end(command.env("CI_TOKEN", SECRET).current_dir(files.path()));
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(SECRET), "{arguments}: {ended:?}");
    }
}

#[test]
fn pipes_and_devices_are_refused_where_a_file_is_needed() {
    let files = directory(&[("web.yaml", SET)]);
    let pipe = files.path().join("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // The pipe of a directory is passed over, although nothing writes to it.
    assert_eq!(run_in(files.path(), &["check", "."]).code, 0);
    for path in ["pipe.yaml", "/dev/zero"] {
        for flags in [
            &["check", "--policy"][..],
            &["explain", "--policy"],
            &["version", "--policy"],
            &["map", "--policy"],
        ] {
            let ended = run_in(files.path(), &[flags, &[path]].concat());
            assert!(ended.code == 2 && ended.stderr.contains("not a regular file"), "{flags:?}: {ended:?}");
        }
        let ended = run_in(files.path(), &["migrate", "web", "--kubeconfig", path]);
        assert!(ended.code == 2 && ended.stderr.contains("not a regular file"), "{ended:?}");
    }
    for flags in [
        &["check"][..],
        &["check", "web.yaml", "--state"],
        &["check", "web.yaml", "--settings"],
        &["review"],
        &["serve", "--config"],
    ] {
        for path in ["/dev/zero", "/dev/tty"] {
            let ended = run_in(files.path(), &[flags, &[path]].concat());
            let text = format!("{}{}", ended.stdout, ended.stderr);
            assert!(
                ended.code == 2 && text.contains("neither a regular file nor a pipe"),
                "{flags:?}: {ended:?}"
            );
        }
    }
}

#[test]
fn a_named_pipe_of_the_command_line_is_read() {
    let files = directory(&[]);
    let pipe = files.path().join("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn(move || fs::write(pipe, SET).unwrap());
    let ended = run_in(files.path(), &["check", "pipe.yaml", "--output", "json"]);
    writer.join().unwrap();
    assert_eq!(json_of(&ended)["summary"]["objects"], 1);
}

/// A policy whose texts all act, and which denies each thing.
fn acting_policy() -> Vec<u8> {
    let text = r"::error::\1b[31m\0a::error::x ##[error]y\e2\80\ae\e2\80\a8";
    let bytes = 42;
    let place = |field| format!(r#"(data (i32.const {field}) "\00\08\00\00\{bytes:02x}\00\00\00")"#);
    let places: String = [72, 520, 532, 548, 780, 788, 796].map(place).concat();
    let finding = "(i32.store (i32.const 260) (i32.const 768)) (i32.store (i32.const 264) (i32.const 1))";
    component(finding, &format!(r#"(data (i32.const 2048) "{text}"){places}"#))
}

#[test]
fn nothing_of_a_foreign_policy_acts() {
    let files = directory(&[("thing.yaml", "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n")]);
    fs::write(files.path().join("acting.wasm"), acting_policy()).unwrap();
    for (arguments, code) in [
        ("explain --policy acting.wasm", 0),
        ("explain a-rule --policy acting.wasm", 0),
        ("explain other --policy acting.wasm", 64),
        ("version --policy acting.wasm", 0),
        ("schema settings --policy acting.wasm", 0),
        ("webhooks --policy acting.wasm", 0),
        ("check thing.yaml --policy acting.wasm", 1),
        ("check thing.yaml -v --policy acting.wasm --output json", 1),
        ("check thing.yaml --policy acting.wasm --output sarif", 1),
        ("check thing.yaml --policy acting.wasm --output junit", 1),
    ] {
        let ended = run_in(files.path(), &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, code, "{arguments}: {ended:?}");
        assert_nothing_acts(&(ended.stdout + &ended.stderr), arguments);
    }
}

#[test]
fn a_patch_that_is_none_is_an_error_with_its_fault() {
    let patch = r#"[{"op":"merge","path":"/spec"}]"#;
    let review = format!(
        "(i32.store8 (i32.const 268) (i32.eqz (i32.load8_u offset=1 (local.get 0))))
        (i32.store (i32.const 272) (i32.const 2048)) (i32.store (i32.const 276) (i32.const {}))",
        patch.len()
    );
    let files = directory(&[("thing.yaml", "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n")]);
    let component = component(&review, &format!("(data (i32.const 2048) {patch:?})"));
    fs::write(files.path().join("merging.wasm"), component).unwrap();
    let ended = run_in(files.path(), &["check", "thing.yaml", "--policy", "merging.wasm"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    let fault = "returned an invalid response: a patch that is not a JSON Patch (RFC 6902): its operation 0 has another \
                 \"op\" than add, remove, replace, move, copy and test";
    assert!(ended.stdout.contains(fault), "{ended:?}");
}
