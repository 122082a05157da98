//! The commands of `deploy/ci`, run as a pre-commit hook and a workflow step run them.

use crate::files::{directory, volume};
use crate::run::ordinance;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn parsed(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/ci").join(name);
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs a script in a directory, with the binary in its PATH.
fn shell(directory: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_ordinance")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(directory).env("PATH", path);
    command.envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn the_action_fails_on_a_denial_prints_it_and_writes_sarif() {
    let action = parsed("action.yaml");
    let step = &action["runs"]["steps"][0];
    for (name, input) in [("PATHS", "paths"), ("ARGUMENTS", "arguments"), ("SARIF", "sarif")] {
        assert_eq!(step["env"][name], format!("${{{{ inputs.{input} }}}}"));
        assert!(action["inputs"][input]["default"].is_string(), "{input}");
    }
    let inputs = |paths: &'static str| [("PATHS", paths), ("ARGUMENTS", ""), ("SARIF", "ordinance.sarif")];
    let files =
        directory(&[("a.json", &volume("a", "/x").to_string()), ("b.json", &volume("b", "/x").to_string())]);
    let script = step["run"].as_str().unwrap();
    let ended = shell(files.path(), script, &inputs("a.json b.json"));
    let log = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.code() == Some(1) && log.contains("error: PersistentVolume \"b\""), "{log}");
    let sarif = std::fs::read_to_string(files.path().join("ordinance.sarif")).unwrap();
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
    assert_eq!(shell(files.path(), script, &inputs("a.json")).status.code(), Some(0));
}

#[test]
fn the_action_passes_on_an_ordinary_repository_with_its_defaults() {
    let action = parsed("action.yaml");
    let default = |input: &str| action["inputs"][input]["default"].as_str().unwrap();
    let sarif = tempfile::tempdir().unwrap();
    let file = sarif.path().join(default("sarif"));
    let variables =
        [("PATHS", default("paths")), ("ARGUMENTS", default("arguments")), ("SARIF", file.to_str().unwrap())];
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository");
    let ended = shell(&repository, action["runs"]["steps"][0]["run"].as_str().unwrap(), &variables);
    let log = String::from_utf8(ended.stdout).unwrap();
    let summary = "3 objects judged, nothing denied, 1 with warnings, 1 changed at admission\n";
    assert!(ended.status.success() && log.ends_with(summary), "{log}");
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap().iter();
    let places = results.map(|result| {
        (&result["ruleId"], &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    });
    assert_eq!(
        places.collect::<Vec<_>>(),
        [(&Value::from("unisolated-mount"), &Value::from("deploy/base/set.yaml"))]
    );
}

#[test]
fn the_hook_checks_its_files_as_one_cluster() {
    let hook = &parsed("pre-commit-config.yaml")["repos"][0]["hooks"][0];
    assert_eq!((&hook["language"], &hook["require_serial"]), (&"system".into(), &true.into()));
    let words: Vec<&str> = hook["entry"].as_str().unwrap().split(' ').skip(1).collect();
    let files =
        directory(&[("a.json", &volume("a", "/x").to_string()), ("b.json", &volume("b", "/x").to_string())]);
    let run = |names: &[&str]| {
        ordinance(&words).args(names).current_dir(files.path()).output().unwrap().status.code()
    };
    assert_eq!((run(&["a.json", "b.json"]), run(&["b.json"])), (Some(1), Some(0)));
}
