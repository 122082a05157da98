//! Components that import WASI: refused, or with inert stand-ins.

#[expect(dead_code, reason = "shared with the other tests of the engine")]
mod guest;

use guest::{limits, request};
use ordinance_contract::Verdict;
use ordinance_engine::{Engine, Failure, LoadErrorKind, WasiImports};
use ordinance_testkit::guest::{ImportedPackage, component_with_imports};
use std::time::{Duration, Instant};

const RANDOM: ImportedPackage<'_> = ImportedPackage {
    wit: "package wasi:random@0.2.0;
        interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }",
    interfaces: &["wasi:random/random@0.2.0"],
    module: r#"
        (import "wasi:random/random@0.2.0" "get-random-bytes" (func $bytes (param i64 i32)))
        (import "wasi:random/random@0.2.0" "get-random-u64" (func $number (result i64)))"#,
};

const CLI: ImportedPackage<'_> = ImportedPackage {
    wit: "package wasi:cli@0.2.3;
        interface environment { get-arguments: func() -> list<string>; initial-cwd: func() -> option<string>; }
        interface exit { exit: func(status: result); }",
    interfaces: &["wasi:cli/environment@0.2.3", "wasi:cli/exit@0.2.3"],
    module: r#"
        (import "wasi:cli/environment@0.2.3" "get-arguments" (func $arguments (param i32)))
        (import "wasi:cli/environment@0.2.3" "initial-cwd" (func $directory (param i32)))
        (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))"#,
};

const IO: ImportedPackage<'_> = ImportedPackage {
    wit: "package wasi:io@0.2.0;
        interface poll {
            resource pollable { ready: func() -> bool; }
            poll: func(pollables: list<borrow<pollable>>) -> list<u32>;
            when: func() -> pollable;
        }
        interface streams {
            resource trouble;
            variant stream-error { last-operation-failed(trouble), closed }
            resource output-stream {
                check-write: func() -> result<u64, stream-error>;
                write: func(contents: list<u8>) -> result<_, stream-error>;
            }
            resource input-stream { skip: func(len: u64) -> result<u64, stream-error>; }
            open: func() -> output-stream;
            source: func() -> input-stream;
        }
        interface clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    interfaces: &["wasi:io/poll@0.2.0", "wasi:io/streams@0.2.0", "wasi:io/clock@0.2.0"],
    module: r#"
        (import "wasi:io/poll@0.2.0" "when" (func $when (result i32)))
        (import "wasi:io/poll@0.2.0" "[method]pollable.ready" (func $ready (param i32) (result i32)))
        (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $forget (param i32)))
        (import "wasi:io/poll@0.2.0" "poll" (func $poll (param i32 i32 i32)))
        (import "wasi:io/streams@0.2.0" "open" (func $open (result i32)))
        (import "wasi:io/streams@0.2.0" "source" (func $source (result i32)))
        (import "wasi:io/streams@0.2.0" "[method]output-stream.check-write" (func $check (param i32 i32)))
        (import "wasi:io/streams@0.2.0" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
        (import "wasi:io/streams@0.2.0" "[method]input-stream.skip" (func $skip (param i32 i64 i32)))
        (import "wasi:io/clock@0.2.0" "now" (func $now (param i32)))"#,
};

/// Returns the outcome of a review that runs these instructions.
fn outcome(packages: &[ImportedPackage<'_>], review: &str) -> Result<Verdict, Failure> {
    let engine = Engine::new(limits(2)).expect("an engine");
    let component = component_with_imports(packages, review);
    let policy = guest::load_with(&engine, &component, WasiImports::StandIns).expect("it is loaded");
    policy.review(&request(), &[], Instant::now() + Duration::from_secs(60))
}

/// Returns instructions that trap unless an expression is one.
fn require(expression: &str) -> String {
    format!("(if (i32.eqz {expression}) (then unreachable))")
}

/// Returns an expression that is one if the number at an address is as expected.
fn is_at(address: u32, number: u32) -> String {
    format!("(i32.eq (i32.load (i32.const {address})) (i32.const {number}))")
}

#[test]
fn without_stand_ins_the_refusal_names_the_imports_and_the_way_out() {
    let engine = Engine::new(limits(1)).expect("an engine");
    let refusal = guest::load(&engine, &component_with_imports(&[RANDOM, CLI], "")).err().expect("refused");
    let LoadErrorKind::Wasi(names) = &refusal.kind else { panic!("{refusal}") };
    assert_eq!(names[0], "wasi:random/random@0.2.0");
    for part in ["wasi:cli/exit@0.2.3", "--allow-wasi-stubs", "`allowWasiStubs: true`"] {
        assert!(refusal.to_string().contains(part), "{refusal}");
    }
}

#[test]
fn stand_ins_are_for_wasi_alone() {
    let other = ImportedPackage {
        wit: "package my:library; interface things { now: func() -> u64; }",
        interfaces: &["my:library/things"],
        module: r#"(import "my:library/things" "now" (func (result i64)))"#,
    };
    let engine = Engine::new(limits(1)).expect("an engine");
    let component = component_with_imports(&[RANDOM, other], "");
    let refusal = guest::load_with(&engine, &component, WasiImports::StandIns).err().expect("refused");
    assert!(
        matches!(&refusal.kind, LoadErrorKind::Imports(names) if names == &["my:library/things"]),
        "{refusal}"
    );
}

#[test]
fn randomness_is_the_same_each_time() {
    let same = require("(i64.eq (call $number) (call $number))");
    let other_than_zero = require("(i64.ne (call $number) (i64.const 0))");
    // A list of 16 bytes, whose halves are the number.
    let bytes = "(call $bytes (i64.const 16) (i32.const 8192))".to_owned()
        + &require("(i32.eq (i32.load (i32.const 8196)) (i32.const 16))")
        + &require("(i64.eq (i64.load (i32.load (i32.const 8192))) (call $number))")
        + &require("(i64.eq (i64.load offset=8 (i32.load (i32.const 8192))) (call $number))");
    assert_eq!(outcome(&[RANDOM], &(same + &other_than_zero + &bytes)), Ok(Verdict::allow()));
}

#[test]
fn a_guest_that_asks_for_too_much_randomness_is_ended() {
    for count in [65_537_i64, i64::MAX, -1] {
        let call = format!("(call $bytes (i64.const {count}) (i32.const 8192))");
        let failure = outcome(&[RANDOM], &call).expect_err("it is ended");
        assert!(matches!(&failure, Failure::Trap(text) if text.contains("more bytes")), "{failure}");
    }
}

#[test]
fn there_are_no_arguments_and_no_directories() {
    let review = "(i32.store (i32.const 8196) (i32.const 7)) (call $arguments (i32.const 8192))".to_owned()
        + &require(&is_at(8196, 0))
        + "(i32.store8 (i32.const 8192) (i32.const 7)) (call $directory (i32.const 8192))"
        + &require("(i32.eqz (i32.load8_u (i32.const 8192)))");
    assert_eq!(outcome(&[CLI], &review), Ok(Verdict::allow()));
}

#[test]
fn a_guest_that_exits_has_no_verdict() {
    let failure = outcome(&[CLI], "(call $exit (i32.const 0))").expect_err("it is ended");
    let text = "it called wasi:cli/exit@0.2.3 exit, which ends it".to_owned();
    assert_eq!(failure, Failure::Trap(text));
}

#[test]
fn whatever_is_waited_for_has_happened() {
    let review = "(i32.store (i32.const 8192) (call $when)) (i32.store (i32.const 8196) (call $when))"
        .to_owned()
        + &require("(call $ready (i32.load (i32.const 8192)))")
        + "(call $poll (i32.const 8192) (i32.const 2) (i32.const 8200))"
        + &require(&is_at(8204, 2))
        + &require("(i32.eq (i32.load (i32.load (i32.const 8200))) (i32.const 0))")
        + &require("(i32.eq (i32.load offset=4 (i32.load (i32.const 8200))) (i32.const 1))")
        + "(call $forget (i32.load (i32.const 8192)))";
    assert_eq!(outcome(&[IO], &review), Ok(Verdict::allow()));
}

#[test]
fn a_stream_has_nothing_to_read_and_drops_what_is_written() {
    // `Err(closed)`: the discriminants are at 0 and at 8.
    let review = "(call $skip (call $source) (i64.const 1) (i32.const 8192))".to_owned()
        + &require("(i32.eq (i32.load8_u (i32.const 8192)) (i32.const 1))")
        + &require("(i32.eq (i32.load8_u (i32.const 8200)) (i32.const 1))")
        + "(call $check (call $open) (i32.const 8192))"
        + &require("(i32.eqz (i32.load8_u (i32.const 8192)))")
        + &require("(i64.eq (i64.load (i32.const 8200)) (i64.const 65536))")
        + "(i32.store8 (i32.const 8192) (i32.const 7))"
        + "(call $write (call $open) (i32.const 0) (i32.const 16) (i32.const 8192))"
        + &require("(i32.eqz (i32.load8_u (i32.const 8192)))");
    assert_eq!(outcome(&[IO], &review), Ok(Verdict::allow()));
}

#[test]
fn the_clock_stands_still() {
    let review = "(i64.store (i32.const 8224) (i64.const 7)) (call $now (i32.const 8224))".to_owned()
        + &require("(i64.eqz (i64.load (i32.const 8224)))");
    assert_eq!(outcome(&[IO], &review), Ok(Verdict::allow()));
}
