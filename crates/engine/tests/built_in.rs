//! Invariants of the built-in policy: it imports nothing from the host, and the host does not link it.

use ordinance_contract::{Holding, Key, Operation, Phase, Request, Scope, Stance};
use ordinance_engine::{
    Engine, EngineLimits, Failure, Metered, Policy, PoolLimits, StartedReview, UNCHECKED_BYTES, Usage,
    builtin, config,
};
use ordinance_testkit::corpus::{Sample, samples};
use std::process::Command;
use std::time::{Duration, Instant};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Store, Trap};
use wit_component::DecodedWasm;

#[test]
fn describes_itself_as_storage() {
    let engine = Engine::new(EngineLimits::default()).expect("an engine");
    let policy = Policy::built_in(&engine, "").expect("the built-in policy");
    assert_eq!(policy.description().name, "storage");
}

/// A StatefulSet whose replicas share a claim.
const SET: &str = r#"{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web"},"spec":{"replicas":2,"template":{"spec":{
    "containers":[{"name":"web","volumeMounts":[{"name":"data","mountPath":"/data"}]}],
    "volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data"}}]}}}}"#;

/// Returns a StatefulSet's creation with so many labels.
fn creation(labels: usize) -> Request<'static> {
    let labels: Vec<String> = (0..labels).map(|label| format!(r#""l{label}":"v""#)).collect();
    let object = format!(
        r#"{{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"web","labels":{{{}}}}},"spec":{{}}}}"#,
        labels.join(",")
    );
    Request {
        operation: Operation::Create,
        phase: Phase::Mutate,
        scope: Scope {
            group: "apps".into(),
            version: "v1".into(),
            resource: "statefulsets".into(),
            namespace: "default".into(),
            name: "web".into(),
            ..Scope::default()
        },
        kind: "StatefulSet".into(),
        dry_run: false,
        user_info: "".into(),
        object: Some(object.into()),
        old_object: None,
    }
}

#[test]
fn a_metered_engine_counts_the_same_fuel_each_time_and_answers_as_the_other() {
    let plain = Engine::new(EngineLimits::default()).expect("an engine");
    let metered = Engine::metered(EngineLimits::default()).expect("an engine");
    let plain = Policy::built_in(&plain, "").expect("the built-in policy");
    let metered = Policy::built_in(&metered, "").expect("the built-in policy");
    let deadline = || Instant::now() + Duration::from_secs(10);
    let review = |policy: &Policy, labels| policy.metered_review(&creation(labels), &[], deadline());

    let (small, large) = (review(&metered, 1), review(&metered, 100));
    assert_eq!(review(&metered, 1), small);
    assert!(small.usage.fuel > Some(0) && large.usage.fuel > small.usage.fuel, "{small:?} {large:?}");
    assert!(small.usage.memory > 0);
    assert_eq!(review(&plain, 1).usage, Usage { fuel: None, ..small.usage });
    assert_eq!(review(&plain, 1).answer, small.answer);
}

#[test]
fn a_review_whose_size_does_not_bound_its_cost_ends_at_its_time_limit() {
    let limits = EngineLimits { time: Duration::from_millis(1), ..EngineLimits::default() };
    let engine = Engine::new(limits).expect("an engine");
    let policy = Policy::built_in(&engine, "").expect("the built-in policy");
    let large = creation(200_000);
    assert!(large.object.as_ref().is_some_and(|object| object.len() > UNCHECKED_BYTES));
    let answer = policy.review(&large, &[], Instant::now() + Duration::from_secs(60));
    assert_eq!(answer, Err(Failure::Time { limit_ms: 1 }));
}

#[test]
fn a_review_that_is_large_with_its_holdings_gives_the_same_verdict() {
    let engine = Engine::new(EngineLimits::default()).expect("an engine");
    let policy = Policy::built_in(&engine, "").expect("the built-in policy");
    let deadline = Instant::now() + Duration::from_secs(60);
    let request = Request { object: Some(SET.into()), ..creation(1) };
    let holding = |number: usize| Holding {
        realm: "claim/default".to_owned(),
        path: vec![format!("data-{number}")],
        stance: Stance::Holds,
        note: String::new(),
        holder: Scope {
            resource: "persistentvolumeclaims".into(),
            name: "n".repeat(200).into(),
            ..Scope::default()
        },
        count: 1,
    };
    let holdings: Vec<Holding> = (0..UNCHECKED_BYTES / 200).map(holding).collect();
    let in_one_step = policy.review(&request, &holdings, deadline);
    let Ok(StartedReview::NeedsHoldings(_, pending)) = policy.start_review(&request, deadline) else {
        panic!("the verdict depends on other objects")
    };
    assert_eq!(pending.resume(&holdings), in_one_step);
    assert!(in_one_step.is_ok(), "{in_one_step:?}");
}

/// Returns holdings of another object that overlap each key.
fn overlapping(keys: &[Key]) -> Vec<Holding> {
    let holder = Scope { resource: "persistentvolumes".into(), name: "other".into(), ..Scope::default() };
    let holding = |Key { realm, path, stance, .. }: &Key| Holding {
        realm: realm.clone(),
        path: path.clone(),
        stance: *stance,
        note: String::new(),
        holder: holder.clone(),
        count: 1,
    };
    keys.iter().map(holding).collect()
}

#[test]
fn an_instance_answers_every_case_as_a_fresh_one_does_and_its_memory_does_not_grow() {
    let engine = Engine::new(EngineLimits::default()).expect("an engine");
    let default = Policy::built_in(&engine, "").expect("the built-in policy");
    let deadline = || Instant::now() + Duration::from_secs(60);
    let (mut fresh_memory, mut reused_memory) = (0, 0);
    for Sample { name, settings, request, .. } in samples().expect("cases and reviews can be read") {
        let policy = default.with_settings(&settings).expect("valid settings");
        let fresh = policy.trace(&request, |keys| Ok(overlapping(keys)), deadline());
        let started = policy.metered_start_review(&request, deadline());
        let reused = match started.answer {
            Ok(StartedReview::NeedsHoldings(keys, pending)) => pending.metered_resume(&overlapping(&keys)),
            Ok(StartedReview::Decided(verdict)) => Metered { answer: Ok(verdict), usage: started.usage },
            Err(failure) => Metered { answer: Err(failure), usage: started.usage },
        };
        assert_eq!(reused.answer, fresh.outcome, "{name}");
        for object in [&request.object, &request.old_object].into_iter().flatten() {
            let keys = policy.metered_keys(&request.scope, object);
            assert!(keys.answer.is_ok(), "{name}");
            reused_memory = reused_memory.max(keys.usage.memory);
        }
        fresh_memory = fresh_memory.max(fresh.usage.memory);
        reused_memory = reused_memory.max(reused.usage.memory);
        assert!(reused_memory <= fresh_memory, "{name} uses {reused_memory} bytes of {fresh_memory}");
    }
}

/// Only the first engine of a process runs it in place; these two may be others.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn its_code_runs_where_it_is_in_the_program_and_a_second_engine_gets_a_copy() {
    let policies = [(); 2].map(|()| {
        let engine = Engine::new(EngineLimits::default()).expect("an engine");
        Policy::built_in(&engine, "").expect("the built-in policy")
    });
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings of this process");
    let executable: Vec<_> = maps.lines().filter_map(executable_range).collect();
    for artefact in [&builtin::COMPILED, &builtin::COMPILED_UNCHECKED] {
        let bytes = artefact.bytes().as_ptr_range();
        let bytes = bytes.start.addr()..bytes.end.addr();
        assert!(executable.iter().any(|code| bytes.contains(&code.start) && code.end <= bytes.end), "{maps}");
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    let [first, second] = policies.map(|policy| policy.review(&creation(1), &[], deadline));
    assert!(first.is_ok(), "{first:?}");
    assert_eq!(first, second);
}

/// Returns the addresses of a line of `/proc/self/maps`, if they are executable.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn executable_range(line: &str) -> Option<std::ops::Range<usize>> {
    let (start, rest) = line.split_once('-')?;
    let (end, rest) = rest.split_once(' ')?;
    let address = |text| usize::from_str_radix(text, 16).expect("an address");
    rest.starts_with("r-x").then(|| address(start)..address(end))
}

#[test]
fn a_policy_with_other_settings_is_the_same_policy() {
    let engine = Engine::new(EngineLimits::default()).expect("an engine");
    let policy = Policy::built_in(&engine, "").expect("the built-in policy");
    let warning = policy.with_settings(r#"{"mode":"Warn"}"#).expect("valid settings");
    assert_eq!(warning.settings(), r#"{"mode":"Warn"}"#);
    assert_eq!(warning.description(), policy.description());
    assert!(policy.with_settings(r#"{"mode":"Never"}"#).is_err());
}

#[test]
fn has_no_imports() {
    let decoded = wit_component::decode(builtin::COMPONENT).expect("a component");
    let DecodedWasm::Component(resolve, world) = decoded else { panic!("a package is no component") };
    let world = &resolve.worlds[world];
    assert_eq!(world.imports.keys().count(), 0);
    let exports: Vec<String> = world.exports.keys().map(|name| resolve.name_world_key(name)).collect();
    assert_eq!(exports, ["ordinance:policy/rules@0.3.0"]);
}

#[test]
fn scans_by_simd_without_calls_of_the_host() {
    let text = wasmprinter::print_bytes(builtin::COMPONENT).expect("a component");
    assert!(text.contains("i8x16.bitmask"));
    assert!(!text.contains("i8x16.shuffle"), "a shuffle is a call of wasmtime without SSSE3");
}

#[test]
fn traps_on_resume_without_a_review() {
    let engine = wasmtime::Engine::new(&config(&PoolLimits::default(), None).expect("a configuration"))
        .expect("an engine");
    #[expect(unsafe_code, reason = "the artefact is the one of this build")]
    let component =
        unsafe { Component::deserialize(&engine, builtin::COMPILED.bytes()) }.expect("the artefact");
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    let instance = Linker::new(&engine).instantiate(&mut store, &component).expect("an instance");
    let rules =
        instance.get_export_index(&mut store, None, "ordinance:policy/rules@0.3.0").expect("the interface");
    let resume = instance.get_export_index(&mut store, Some(&rules), "resume").expect("the function");
    let resume = instance.get_func(&mut store, resume).expect("the function");
    let error = resume
        .call(&mut store, &[Val::List(Vec::new())], &mut [Val::Bool(false)])
        .expect_err("nothing to resume");
    assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
}

#[test]
fn is_not_linked_into_the_host() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "ordinance", "--edges", "no-dev", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let packages = String::from_utf8(tree.stdout).expect("text");
    let names: Vec<&str> = packages.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"ordinance-contract"));
    assert!(!names.contains(&"ordinance-policy"));
}
