//! Help, invalid usage, colors and pipes.

use crate::files::directory;
use crate::run::{end, ordinance, run, run_in};
use std::process::Stdio;

const COMMANDS: [&str; 16] = [
    "check",
    "serve",
    "review",
    "request",
    "map",
    "audit",
    "explain",
    "inspect",
    "bench",
    "webhooks",
    "certs",
    "schema",
    "version",
    "component",
    "completions",
    "man",
];

#[test]
fn every_command_prints_help_with_examples_to_stdout() {
    for command in COMMANDS {
        let ended = run(&[command, "--help"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{command}");
        assert!(ended.stdout.contains("Examples:\n  "), "{}", ended.stdout);
    }
    let ended = run(&["--help"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    for command in COMMANDS {
        assert!(ended.stdout.contains(&format!("\n  {command} ")), "{}", ended.stdout);
    }
}

#[test]
fn invalid_usage_exits_with_64_and_an_explanation_on_stderr() {
    for (arguments, why) in [
        (&[][..], "Usage: ordinance"),
        (&["serve", "--lisen", "x"], "--lisen"),
        (&["serve", "--listen", "nowhere"], "--listen"),
        (&["serve", "--tls-cert", "a"], "--tls-cert and --tls-key belong together"),
        (
            &["serve", "--self-signed", "--tls-cert", "a", "--tls-key", "b"],
            "--self-signed and --tls-cert are two sources",
        ),
        (&["serve", "--cert", "files", "--self-signed"], "--cert names another source"),
        (&["serve", "--drain-delay", "15"], "write e.g. 15s"),
        (&["review", "--phase", "both"], "--phase"),
        (&["review", "--settings", "-"], "settings are not read from stdin; give a file"),
        (&["schema", "nothing"], "nothing"),
        (&["version", "-q", "-v"], "cannot be used with"),
        (&["map", "--width", "0"], "--width"),
        (&["check", "--diff", "--output", "sarif", "x.yaml"], "Usage: ordinance check [OPTIONS]"),
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{arguments:?}");
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

#[test]
fn validates_a_variable_like_its_flag() {
    let ended = end(ordinance(&["serve"]).env("ORDINANCE_LISTEN", "nowhere"));
    assert_eq!(ended.code, 64);
    assert!(ended.stderr.contains("--listen"), "{}", ended.stderr);
}

#[test]
fn exits_silently_on_a_closed_pipe() {
    for arguments in [&["schema", "config"][..], &["--help"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = ordinance(arguments).stdout(Stdio::from(writer)).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}

#[test]
fn colors_only_terminals_by_default() {
    let colored = |arguments: &[&str]| run(arguments).stderr.contains('\x1b');
    assert!(!colored(&["review", "missing.json"]));
    assert!(colored(&["review", "missing.json", "--color", "always"]));
    assert!(!colored(&["review", "missing.json", "--color=never"]));
    assert!(colored(&["--color=always", "nonsense"]));
    assert!(run(&["--color", "always", "--help"]).stdout.contains('\x1b'));
    assert!(!run(&["--help"]).stdout.contains('\x1b'));
}

#[test]
fn version_prints_host_policy_and_engine() {
    let ended = run(&["version"]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let [host, policy, engine] = lines[..] else { panic!("{ended:?}") };
    assert_eq!(host, concat!("ordinance ", env!("CARGO_PKG_VERSION")));
    let digest =
        policy.strip_prefix(concat!("policy storage ", env!("CARGO_PKG_VERSION"), " sha256:")).unwrap();
    assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()), "{policy}");
    assert!(engine.starts_with("wasmtime 48."), "{engine}");
}

#[test]
fn prints_json_schemas() {
    for (of, field) in [("settings", "isolation"), ("config", "adminListen"), ("case", "why")] {
        let ended = run(&["schema", of]);
        let schema: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(schema["properties"].get(field).is_some(), "{of}: {schema:#}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    assert_eq!(run(&["schema"]), run(&["schema", "settings"]));
}

#[test]
fn manual_and_completions_contain_every_command() {
    let manual = run(&["man"]).stdout;
    let completions = run(&["completions", "bash"]).stdout;
    for command in COMMANDS {
        assert!(manual.contains(command) && completions.contains(command), "{command}");
        assert!(run(&["man", command]).stdout.contains(".TH"), "{command}");
    }
}

#[test]
fn the_printed_component_is_the_built_in_policy() {
    let output = ordinance(&["component"]).output().unwrap();
    let files = directory(&[]);
    std::fs::write(files.path().join("storage.wasm"), output.stdout).unwrap();
    let version = run_in(files.path(), &["version", "--policy", "storage.wasm"]);
    assert_eq!((output.status.code(), version), (Some(0), run(&["version"])));
}

#[test]
fn help_that_can_not_be_written_is_an_error() {
    for arguments in [&["--help"][..], &["test", "--help"], &["--version"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = end(ordinance(arguments).stdout(full));
        assert!(ended.code == 2 && ended.stderr.starts_with("error: stdout can't be written: "), "{ended:?}");
    }
}
