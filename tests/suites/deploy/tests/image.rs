//! The image's recipe, compared with the chart and the workspace. No image is built: that needs a registry.

use ordinance_deploy::{FIRST_MANIFEST, folder, manifest, only};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn file(name: &str) -> PathBuf {
    folder().join("image").join(name)
}

/// An instruction: its keyword, and its arguments with continuation lines joined.
type Instruction = (String, String);

fn instructions() -> Vec<Instruction> {
    let text =
        fs::read_to_string(file("Containerfile")).expect("the recipe can be read").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parts = lines.map(|line| line.split_once(' ').expect("an instruction with arguments"));
    parts.map(|(keyword, rest)| (keyword.to_owned(), rest.trim().to_owned())).collect()
}

/// Returns the instructions of each build stage, starting with its `FROM`.
fn stages() -> Vec<Vec<Instruction>> {
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for instruction in instructions() {
        if instruction.0 == "FROM" {
            stages.push(Vec::new());
        }
        stages.last_mut().expect("FROM comes first").push(instruction);
    }
    stages
}

/// Returns the arguments of a keyword in the final stage.
fn arguments(keyword: &str) -> Vec<String> {
    let last = stages().pop().expect("an image");
    last.into_iter().filter(|(name, _)| name == keyword).map(|(_, rest)| rest).collect()
}

fn pod() -> Value {
    let objects = manifest(FIRST_MANIFEST).expect("the manifest can be read");
    only(&objects, "Deployment").expect("there is one")["spec"]["template"]["spec"].clone()
}

#[test]
fn the_user_is_that_of_the_pods() {
    let context = &pod()["securityContext"];
    assert_eq!(arguments("USER"), [format!("{}:{}", context["runAsUser"], context["runAsGroup"])]);
}

#[test]
fn the_ports_are_those_of_the_container() {
    let container = &pod()["containers"][0];
    let ports = container["ports"].as_array().expect("ports").iter();
    let ports: Vec<String> = ports.map(|port| port["containerPort"].to_string()).collect();
    assert_eq!(arguments("EXPOSE"), [ports.join(" ")]);
}

#[test]
fn the_arguments_of_the_container_follow_the_program() {
    let container = &pod()["containers"][0];
    assert_eq!((&container["command"], &container["args"][0]), (&Value::Null, &json!("serve")));
    let program: Vec<String> =
        serde_json::from_str(&arguments("ENTRYPOINT")[0]).expect("a list, so without a shell");
    let copied = arguments("COPY").iter().any(|copy| copy.ends_with(&format!("/ordinance {}", program[0])));
    assert!(program.len() == 1 && copied, "{program:?}");
    assert_eq!(arguments("RUN"), [""; 0], "there is no shell to run anything with");
}

#[test]
fn the_program_is_built_for_the_glibc_that_it_runs_with() {
    let bases: Vec<String> = stages().into_iter().map(|stage| stage[0].1.clone()).collect();
    let release = env!("CARGO_PKG_RUST_VERSION");
    assert_eq!(
        bases,
        [
            format!("--platform=$BUILDPLATFORM docker.io/library/rust:{release}-bookworm AS build"),
            // Debian 12 is bookworm.
            "gcr.io/distroless/cc-debian12:nonroot".to_owned(),
        ]
    );
}

#[test]
fn the_sources_of_the_image_are_in_the_checkout() {
    let root = folder().join("..");
    let build =
        instructions().into_iter().find(|(keyword, _)| keyword == "RUN").expect("something is built").1;
    let script = build.split(' ').next().expect("a program");
    assert!(root.join(script).is_file(), "{script}");
    assert!(root.join("LICENSE").is_file());
}

#[test]
fn refuses_an_architecture_without_an_image() {
    let ended = Command::new(file("build")).args(["riscv64", "/nowhere"]).output().expect("sh runs it");
    let stderr = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(64), "{stderr}");
    assert_eq!(stderr, "there is no image for riscv64: give amd64 or arm64\n");
}

#[test]
fn the_labels_match_the_chart_and_the_workspace() {
    let labels = arguments("LABEL").join(" ");
    assert!(labels.contains(&format!("licenses=\"{}\"", env!("CARGO_PKG_LICENSE"))), "{labels}");
    let chart =
        fs::read_to_string(folder().join("chart/ordinance/Chart.yaml")).expect("the chart can be read");
    let chart: Value = serde_saphyr::from_str(&chart).expect("it is YAML");
    assert!(labels.contains(chart["description"].as_str().expect("a text")), "{labels}");
}

#[test]
fn the_program_is_built_with_the_profile_that_the_benchmark_measures() {
    let script = fs::read_to_string(file("build")).expect("the script can be read");
    assert!(script.contains("cargo build --locked --profile dist "), "{script}");
    assert!(script.contains("/dist/ordinance\" \"$file\""), "{script}");
}
