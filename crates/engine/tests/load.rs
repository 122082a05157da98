//! Which components load as policies, and the errors of those that do not.

mod guest;

use guest::{limits, request};
use ordinance_contract::Verdict;
use ordinance_engine::{
    BinaryKind, COMPONENT_BYTES, Engine, EngineLimits, LoadError, LoadErrorKind, Policy, PoolLimits,
};
use ordinance_testkit::guest::{component, component_of_contract};
use std::path::Path;
use std::time::{Duration, Instant};

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
    assert!(matches!(kind, LoadErrorKind::Imports(names) if names == ["fetch"]));
}

#[test]
fn refuses_a_component_of_another_world() {
    let kind = load_error_kind("(component)");
    assert!(matches!(&kind, LoadErrorKind::World(_)), "{kind}");
}

#[test]
fn refuses_a_component_with_a_function_of_another_type() {
    for function in ["describe", "check-settings", "keys", "review", "resume"] {
        let declared = format!("    {function}: func(");
        let of_another_type = |line: &str| match line.split_once(" -> ") {
            Some((call, _)) if line.starts_with(&declared) => format!("{call} -> string;\n"),
            _ => format!("{line}\n"),
        };
        let wit: String = ordinance_contract::WIT.lines().map(of_another_type).collect();
        assert_ne!(wit, ordinance_contract::WIT, "{function}");
        let kind = refusal(&component_of_contract(&wit, "", "")).kind;
        assert!(matches!(&kind, LoadErrorKind::World(_)), "{function}: {kind}");
    }
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
fn refuses_a_core_module_and_names_the_command_that_makes_a_component() {
    let kind = load_error_kind("(module)");
    assert!(matches!(&kind, LoadErrorKind::CoreModule(BinaryKind::CoreModule)), "{kind}");
    let line = kind.to_string();
    assert!(line.contains("core module") && line.contains("`ordinance build`"), "{line}");
    let kind = load_error_kind(r#"(module (@custom "component-type" "x"))"#);
    assert!(kind.to_string().contains("`wasm-tools component new FILE -o policy.wasm`"), "{kind}");
}

#[test]
fn refuses_what_is_no_webassembly_and_says_what_it_is() {
    for (bytes, is) in [
        (ordinance_engine::builtin::COMPILED.bytes(), BinaryKind::Compiled),
        (b"\n(component)", BinaryKind::Text),
        (b"notes", BinaryKind::Other),
        (b"", BinaryKind::Other),
    ] {
        let refusal = refusal(bytes);
        assert!(matches!(refusal.kind, LoadErrorKind::NotWasm(kind) if kind == is), "{refusal}");
    }
}

#[test]
fn names_a_feature_that_is_not_accepted_and_its_place() {
    for (text, feature) in [
        (
            "(func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
            "relaxed-simd",
        ),
        ("(func (return_call 0))", "tail-call"),
        ("(memory 1) (memory 1)", "multi-memory"),
        ("(memory i64 1)", "memory64"),
        ("(tag)", "exceptions"),
        ("(memory 1 1 shared)", "threads"),
    ] {
        let bytes = wat::parse_str(format!("(component (core module {text}))")).expect("WebAssembly");
        let kind = refusal(&bytes).kind;
        let LoadErrorKind::Feature { feature: named, offset, .. } = &kind else { panic!("{text}: {kind}") };
        assert_eq!(named, feature, "{text}: {kind}");
        assert!((8..bytes.len()).contains(offset), "{text}: {kind}");
    }
}

#[test]
fn refuses_a_component_on_which_the_compiler_panics() {
    // A call from one memory to another needs an adapter with both.
    let kind = load_error_kind(
        r#"(component
            (component $a
                (core module $m (memory (export "memory") 1) (func (export "f") (param i32 i32))
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
                (core instance $i (instantiate $m))
                (func (export "f") (param "text" string)
                    (canon lift (core func $i "f") (memory $i "memory") (realloc (func $i "realloc")))))
            (component $b
                (import "f" (func $f (param "text" string)))
                (core module $m (memory (export "memory") 1))
                (core instance $i (instantiate $m))
                (core func $g (canon lower (func $f) (memory $i "memory")))
                (core module $n (import "" "g" (func (param i32 i32))))
                (core instance (instantiate $n (with "" (instance (export "g" (func $g)))))))
            (instance $a (instantiate $a))
            (instance (instantiate $b (with "f" (func $a "f")))))"#,
    );
    assert!(kind.to_string().contains("the compiler failed on it; a policy has one memory"), "{kind}");
}

#[test]
fn names_the_place_of_invalid_code() {
    let mut bytes = component("", "");
    bytes.truncate(bytes.len() / 2);
    let kind = refusal(&bytes).kind;
    assert!(matches!(&kind, LoadErrorKind::Malformed { .. }), "{kind}");
}

/// Returns a policy with this in its component.
fn with(parts: &str) -> Vec<u8> {
    let text = wasmprinter(&component("", ""));
    let end = text.rfind(')').expect("a component");
    wat::parse_str(format!("{}{parts})", &text[..end])).expect("a component")
}

fn wasmprinter(bytes: &[u8]) -> String {
    wasmprinter::print_bytes(bytes).expect("a component")
}

#[test]
fn accepts_constant_expressions_that_add() {
    let bytes = component("", "(global i32 (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3))))");
    assert!(guest::load(&engine(), &bytes).is_ok());
}

#[test]
fn accepts_several_core_instances_and_runs_as_many_policies_as_the_pool_has() {
    let adapter = "(core module $adapter (table 8 funcref) (global i32 (i32.const 1)))";
    let bytes = with(&format!("{adapter}{}", "(core instance (instantiate $adapter))".repeat(3)));
    let engine = engine();
    let policy = guest::load(&engine, &bytes).expect("it is accepted");
    let deadline = Instant::now() + Duration::from_secs(60);
    for _ in 0..10 {
        assert_eq!(policy.review(&request(), &[], deadline), Ok(Verdict::allow()));
    }
}

#[test]
fn refuses_a_second_memory_and_more_core_instances_than_the_limit() {
    let memory = with("(core module $more (memory 1))(core instance (instantiate $more))");
    let refusal = guest::load(&engine(), &memory).err().expect("it is refused");
    assert!(refusal.to_string().contains("memories"), "{refusal}");
    let instances = format!("(core module $more){}", "(core instance (instantiate $more))".repeat(70));
    let refusal = guest::load(&engine(), &with(&instances)).err().expect("it is refused");
    assert!(refusal.to_string().contains("core module instances"), "{refusal}");
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
