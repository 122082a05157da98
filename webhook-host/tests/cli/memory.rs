//! The server stays below the chart's memory limit, whatever its callers send and hold.

use crate::run::run;
use ordinance_hostile::memory::MemoryLoad;
use std::path::Path;

/// The memory limit of the chart in MiB.
fn chart_limit() -> usize {
    let values = include_str!("../../../deploy/chart/ordinance/values.yaml");
    let limits = values.split("\n  limits:\n").nth(1).expect("limits of resources");
    let memory = limits.lines().find_map(|line| line.trim().strip_prefix("memory: ")?.strip_suffix("Mi"));
    memory.expect("a limit in MiB").parse().expect("a number")
}

#[test]
fn stays_below_the_charts_memory_limit_under_hostile_load() {
    let load = MemoryLoad {
        limit: chart_limit() << 20,
        long_names: 5,
        deep_sets: 10,
        held_bodies: 60,
        silent_connections: 100,
        unread_answers: 10,
    };
    let figures = load.run(Path::new(env!("CARGO_BIN_EXE_ordinance"))).expect("figures");
    println!("{figures:?}");
    assert!(figures.answers, "{figures:?}");
    assert!(figures.peak < figures.limit, "{figures:?}");
    assert_eq!(figures.long_name_statuses, [400]);
}

#[test]
fn a_start_that_does_not_fit_is_refused_with_the_arithmetic() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("o.yaml");
    std::fs::write(&file, "limits: {memory: 200Mi}\n").expect("written");
    let ended = run(&["serve", "--self-signed", "--config", file.to_str().expect("text")]);
    assert_eq!(ended.code, 2, "{ended:?}");
    for part in [
        "limits.memory: is too little: 246 MiB of 200 MiB (memory) if all is full: 32 MiB for the process, 1024 connections",
        "(indexBytes); give the pod more memory or raise limits.memory",
    ] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}
