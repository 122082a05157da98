//! Which components load as policies, and the errors of those that do not.

mod guest;

use guest::limits;
use ordinance_engine::{COMPONENT_BYTES, Engine, EngineLimits, LoadError, LoadErrorKind, Policy, PoolLimits};
use ordinance_testkit::guest::component;
use std::path::Path;

fn engine() -> Engine {
    Engine::new(limits(2)).expect("an engine")
}

/// Returns why a component in text can't be loaded.
fn load_error_kind(text: &str) -> LoadErrorKind {
    let bytes = wat::parse_str(text).expect("the text is WebAssembly");
    refusal(&bytes).kind
}

fn refusal(bytes: &[u8]) -> LoadError {
    guest::load(&engine(), bytes).err().expect("it is no policy")
}

#[test]
fn loads_a_component_from_a_file() {
    let policy = guest::policy(&engine(), "", "");
    assert_eq!(policy.description().name, "hostile");
}

#[test]
fn refuses_imports_and_names_them() {
    let kind = load_error_kind(r#"(component (import "wasi:clocks/now" (func)) (import "fetch" (func)))"#);
    assert!(matches!(kind, LoadErrorKind::Imports(names) if names == ["wasi:clocks/now", "fetch"]));
}

#[test]
fn refuses_a_component_of_another_world() {
    let kind = load_error_kind("(component)");
    assert!(matches!(&kind, LoadErrorKind::World(_)), "{kind}");
}

#[test]
fn refuses_a_component_with_other_types() {
    let kind = load_error_kind(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $rules
                (export "describe" (func $f)) (export "check-settings" (func $f)) (export "keys" (func $f))
                (export "review" (func $f)) (export "resume" (func $f)))
            (export "ordinance:policy/rules@0.3.0" (instance $rules)))"#,
    );
    assert!(matches!(&kind, LoadErrorKind::World(_)), "{kind}");
}

#[test]
fn refuses_a_component_of_another_contract_version_and_names_both() {
    let kind = load_error_kind(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $rules (export "describe" (func $f)))
            (export "ordinance:policy/rules@0.1.0" (instance $rules)))"#,
    );
    assert!(matches!(&kind, LoadErrorKind::Version { found } if found == "0.1.0"), "{kind}");
    let line = kind.to_string();
    assert!(line.contains("ordinance:policy@0.1.0") && line.contains("ordinance:policy@0.3.0"), "{line}");
}

#[test]
fn refuses_a_core_module() {
    let kind = load_error_kind("(module)");
    assert!(matches!(&kind, LoadErrorKind::NotAComponent(_)), "{kind}");
}

#[test]
fn refuses_compiled_code() {
    let refusal = refusal(ordinance_engine::builtin::COMPILED);
    assert!(matches!(refusal.kind, LoadErrorKind::NotAComponent(_)), "{refusal}");
}

#[test]
fn refuses_an_initial_memory_over_the_limit() {
    let component = component("", "");
    let engine =
        Engine::new(EngineLimits { pool: PoolLimits { memory: 1 << 20, ..limits(1).pool }, ..limits(1) });
    let refusal = guest::load(&engine.expect("an engine"), &component).err().expect("it is too large");
    assert!(refusal.to_string().contains("memory"), "{refusal}");
}

#[test]
fn names_a_missing_file() {
    let refusal = Policy::load(&engine(), Path::new("no/such.wasm"), "").err().expect("there is none");
    assert!(refusal.to_string().starts_with("policy no/such.wasm: can't be read: "), "{refusal}");
}

#[test]
fn refuses_what_is_no_regular_file_without_waiting() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe.wasm");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    for path in [&*pipe, directory.path(), Path::new("/dev/zero")] {
        let refusal = Policy::load(&engine(), path, "").err().expect("it is refused").to_string();
        assert!(refusal.ends_with("not a regular file; give the file of a component"), "{refusal}");
    }
}

#[test]
fn refuses_a_file_over_the_limit() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(COMPONENT_BYTES as u64 + 1).expect("a sparse file");
    let refusal = Policy::load(&engine(), file.path(), "").err().expect("it is refused").to_string();
    assert!(refusal.contains(&format!("larger than {COMPONENT_BYTES} bytes")), "{refusal}");
}

#[test]
fn reports_each_error_in_one_line() {
    for text in ["(module)", "(component)", r#"(component (import "fetch" (func)))"#] {
        let refusal = refusal(&wat::parse_str(text).expect("WebAssembly")).to_string();
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn names_the_field_of_invalid_settings() {
    let refusal = Policy::built_in(&engine(), r#"{"mode":"Never"}"#).err().expect("there is no such mode");
    let LoadErrorKind::Settings(problems) = &refusal.kind else { panic!("{refusal}") };
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["mode"]);
}
