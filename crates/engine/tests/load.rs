//! Which components are taken as policies, and what is said of those that are not.

mod guest;

use guest::limits;
use ordinance_engine::{Engine, EngineLimits, Fault, LoadError, Policy, Room};
use std::path::Path;

fn engine() -> Engine {
    Engine::new(limits(2)).expect("an engine")
}

/// What is wrong with a component in text.
fn fault(text: &str) -> Fault {
    let bytes = wat::parse_str(text).expect("the text is WebAssembly");
    refusal(&bytes).fault
}

fn refusal(bytes: &[u8]) -> LoadError {
    guest::load(&engine(), bytes).err().expect("it is no policy")
}

#[test]
fn a_component_from_a_file_is_a_policy() {
    let policy = guest::policy(&engine(), "", "");
    assert_eq!(policy.description().name, "hostile");
}

#[test]
fn imports_are_refused_by_name() {
    let fault = fault(r#"(component (import "wasi:clocks/now" (func)) (import "fetch" (func)))"#);
    assert!(matches!(fault, Fault::Imports(names) if names == ["wasi:clocks/now", "fetch"]));
}

#[test]
fn a_component_of_another_world_is_refused() {
    let fault = fault("(component)");
    assert!(matches!(&fault, Fault::World(_)), "{fault}");
}

#[test]
fn a_component_of_other_types_is_refused() {
    let fault = fault(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $rules
                (export "describe" (func $f)) (export "check-settings" (func $f)) (export "keys" (func $f))
                (export "review" (func $f)) (export "resume" (func $f)))
            (export "ordinance:policy/rules@0.2.0" (instance $rules)))"#,
    );
    assert!(matches!(&fault, Fault::World(_)), "{fault}");
}

#[test]
fn a_component_of_another_contract_version_is_refused_with_both_versions() {
    let fault = fault(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $rules (export "describe" (func $f)))
            (export "ordinance:policy/rules@0.1.0" (instance $rules)))"#,
    );
    assert!(matches!(&fault, Fault::Version { found } if found == "0.1.0"), "{fault}");
    let line = fault.to_string();
    assert!(line.contains("ordinance:policy@0.1.0") && line.contains("ordinance:policy@0.2.0"), "{line}");
}

#[test]
fn a_core_module_is_refused() {
    let fault = fault("(module)");
    assert!(matches!(&fault, Fault::NotAComponent(_)), "{fault}");
}

#[test]
fn compiled_code_is_refused() {
    let refusal = refusal(ordinance_engine::builtin::COMPILED);
    assert!(matches!(refusal.fault, Fault::NotAComponent(_)), "{refusal}");
}

#[test]
fn more_memory_from_the_start_than_the_limit_is_refused() {
    let component = guest::component("", "").to_vec();
    let engine = Engine::new(EngineLimits { room: Room { memory: 1 << 20, ..limits(1).room }, ..limits(1) });
    let refusal = guest::load(&engine.expect("an engine"), &component).err().expect("it is too large");
    assert!(refusal.to_string().contains("memory"), "{refusal}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let refusal = Policy::load(&engine(), Path::new("no/such.wasm"), "").err().expect("there is none");
    assert!(refusal.to_string().starts_with("policy no/such.wasm: can't be read: "), "{refusal}");
}

#[test]
fn a_refusal_is_one_line() {
    for text in ["(module)", "(component)", r#"(component (import "fetch" (func)))"#] {
        let refusal = refusal(&wat::parse_str(text).expect("WebAssembly")).to_string();
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_told_by_field() {
    let refusal = Policy::built_in(&engine(), r#"{"mode":"Never"}"#).err().expect("there is no such mode");
    let Fault::Settings(problems) = &refusal.fault else { panic!("{refusal}") };
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["mode"]);
}
