//! `ordinance inspect`: usable and unusable components.

use crate::files::directory;
use crate::run::{Ended, run, run_in};
use ordinance_testkit::guest::component;
use serde_json::Value;
use std::path::Path;

/// Writes a file of these bytes and inspects it.
fn inspected(directory: &Path, name: &str, bytes: &[u8], more: &[&str]) -> Ended {
    std::fs::write(directory.join(name), bytes).unwrap();
    run_in(directory, &[&["inspect", name], more].concat())
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn inspects_the_built_in_policy_without_an_argument() {
    let ended = run(&["inspect"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    for part in
        ["ordinance:policy@0.3.0", "imports       none", "shared-export", "persistentvolumes (v1)", "64Mi"]
    {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let report = json(&run(&["inspect", "--output", "json"]));
    assert_eq!(report["usable"], true);
    let version = run(&["version"]).stdout;
    assert!(version.contains(report["digest"].as_str().unwrap()), "{version}");
    let sections = report["sections"].as_array().unwrap();
    let sum: u64 = sections.iter().map(|section| section["bytes"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), report["bytes"].as_u64(), "{sections:?}");
}

#[test]
fn inspects_a_component_from_a_file() {
    let files = directory(&[]);
    let ended = inspected(files.path(), "mine.wasm", &component("", ""), &["--output", "json"]);
    let report = json(&ended);
    assert_eq!((ended.code, &report["kind"]), (0, &"component".into()), "{ended:?}");
    assert_eq!(report["policy"]["name"], "hostile");
    assert_eq!(report["policy"]["reviews"][0]["resource"], "things");
    assert_eq!(report["exports"], serde_json::json!(["ordinance:policy/rules@0.3.0"]));
    assert_eq!(report["imports"], serde_json::json!([]));
    assert_eq!(report["limits"]["policyMemory"], "64Mi");
    let producers = report["producers"].as_array().unwrap();
    assert!(producers.iter().any(|producer| producer["name"] == "wit-component"), "{producers:?}");
}

#[test]
fn says_what_an_unusable_file_is_and_why_it_is_refused() {
    let files = directory(&[]);
    let wasm = |text: &str| wat::parse_str(text).unwrap();
    for (name, bytes, kind, why) in [
        ("module.wasm", wasm("(module)"), "core module", "`ordinance build` makes one"),
        (
            "imports.wasm",
            wasm(r#"(component (import "wasi:clocks/now" (func)))"#),
            "component",
            "imports WASI, and a policy has no clock, no files, no network and no randomness: wasi:clocks/now",
        ),
        (
            "fetch.wasm",
            wasm(r#"(component (import "fetch" (func)))"#),
            "component",
            "has imports, and a policy may have none: fetch",
        ),
        (
            "old.wasm",
            wasm(
                r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                   (func $f (canon lift (core func $i "f"))) (instance $r (export "describe" (func $f)))
                   (export "ordinance:policy/rules@0.1.0" (instance $r)))"#,
            ),
            "component",
            "implements ordinance:policy@0.1.0, but this host needs ordinance:policy@0.3.0",
        ),
        (
            "tail.wasm",
            wasm("(component (core module (func (return_call 0))))"),
            "component",
            "uses the WebAssembly feature `tail-call` at byte 0x",
        ),
        ("text.wasm", b"(component)".to_vec(), "WebAssembly text", "`wasm-tools parse FILE -o policy.wasm`"),
        (
            "notes.wasm",
            b"just notes".to_vec(),
            "no WebAssembly",
            "is not WebAssembly: it does not begin with \\0asm",
        ),
        ("empty.wasm", Vec::new(), "no WebAssembly", "is not WebAssembly"),
    ] {
        let ended = inspected(files.path(), name, &bytes, &["--output", "json"]);
        let report = json(&ended);
        assert_eq!((ended.code, report["kind"].as_str()), (2, Some(kind)), "{name}: {ended:?}");
        assert_eq!(report["usable"], false, "{name}");
        assert!(report["refusal"].as_str().unwrap().contains(why), "{name}: {report}");
        assert!(
            ended.stderr.starts_with("error: policy ") && ended.stderr.contains(why),
            "{name}: {ended:?}"
        );
        let text = run_in(files.path(), &["inspect", name]);
        assert_eq!((text.code, text.stderr), (2, ended.stderr), "{name}");
        assert!(text.stdout.contains(kind), "{name}: {}", text.stdout);
    }
}

#[test]
fn names_a_file_that_does_not_exist() {
    let ended = run(&["inspect", "none.wasm"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.starts_with("error: none.wasm: No such file or directory"), "{}", ended.stderr);
}

#[test]
fn a_component_that_is_cut_off_is_refused_with_the_place() {
    let files = directory(&[]);
    let whole = component("", "");
    let ended = inspected(files.path(), "cut.wasm", &whole[..whole.len() / 2], &[]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("is not valid WebAssembly at byte 0x"), "{}", ended.stderr);
}
