//! `ordinance build`: every template becomes a component that answers its cases.

use crate::files::directory;
use crate::run::{Ended, end, ordinance, run_in};
use ordinance::admission::Admission;
use ordinance::judge::Judge as _;
use ordinance::limits::Limits;
use ordinance_case::{Bless, Build, Indexed, PolicyFunctions, check_file, files};
use ordinance_contract::{Holding, Key, Outcome, Request, Scope, Verdict};
use ordinance_engine::{ArtefactCache, Engine, Policy};
use ordinance_manifests::Manifest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than any review takes, even on a busy machine.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(60);

/// A built component behind the host's own index.
struct BuiltComponent {
    file: PathBuf,
    engine: Engine,
    limits: Limits,
}

/// The module of a policy in JavaScript, in Node. A component of it takes long to compile by the Cranelift of a development build, so
/// `cargo xtask javascript` builds one.
struct PolicyInNode {
    module: PathBuf,
}

/// What `policy_in_node.mjs` writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum NodeAnswer {
    Ok(Value),
    Error(String),
}

/// Where a policy has the SDK from. That of the checkout is compiled once for all policies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    Vendored,
    Checkout,
}

impl BuiltComponent {
    fn new(file: PathBuf) -> Self {
        let limits = Limits { policy_time: REVIEW_TIMEOUT, ..Limits::default() };
        // Otherwise each case would compile the component again.
        let cache = ArtefactCache::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
        let engine = Engine::new(limits.engine()).unwrap().with_cache(cache.ok());
        Self { file, engine, limits }
    }
}

impl Build for BuiltComponent {
    fn verdict(&self, settings: &str, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
        let policy = Policy::load(&self.engine, &self.file, settings).map_err(|error| error.to_string())?;
        let admission = Admission::new(policy, &self.limits);
        let objects = state.iter().map(|object| (object.scope.clone(), object.json.as_str()));
        admission
            .fill(objects)
            .and_then(|_left_out| admission.judge(request, Instant::now() + REVIEW_TIMEOUT))
            .map_err(|failure| failure.to_string())
    }

    fn keys(
        &self,
        settings: &str,
        scope: &Scope<'_>,
        object: &str,
    ) -> Result<Result<Vec<Key>, String>, String> {
        let policy = Policy::load(&self.engine, &self.file, settings).map_err(|error| error.to_string())?;
        policy.keys(scope, object).map_err(|failure| failure.to_string())
    }
}

impl PolicyInNode {
    fn ask<A: DeserializeOwned>(&self, question: &Value) -> Result<A, String> {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/policy_in_node.mjs");
        let mut node = Command::new("node");
        node.arg(driver).arg(&self.module).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut node = node.spawn().expect("CONTRIBUTING.md says what the tests need");
        node.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
        let answer = node.wait_with_output().unwrap().stdout;
        match serde_json::from_slice(&answer).unwrap() {
            NodeAnswer::Ok(value) => serde_json::from_value(value).map_err(|error| error.to_string()),
            NodeAnswer::Error(error) => Err(error),
        }
    }
}

impl PolicyFunctions for PolicyInNode {
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String> {
        self.ask(&json!({"keys": [scope, object, settings]}))
    }

    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        self.ask(&json!({"review": [request, settings, holdings]}))
    }
}

#[test]
fn the_template_validate_builds_and_answers_its_cases() {
    let policy = built("few-replicas", "validate", Sdk::Vendored);
    let review = ["review", "--phase", "validate", "--policy", "few-replicas.wasm", "review.json"];
    let ended = run_in(policy.path(), &review);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("[too-many-replicas]"), "{}", ended.stdout);

    let refused = [
        ("maxReplicas: 0", "maxReplicas: must be 1 or more"),
        ("maxReplica: 1", "unknown field `maxReplica`"),
    ];
    for (settings, problem) in refused {
        fs::write(policy.path().join("settings.yaml"), settings).unwrap();
        let ended = run_in(policy.path(), &[&review[..], &["--settings", "settings.yaml"]].concat());
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(problem), "{}", ended.stderr);
    }
    let schema = run_in(policy.path(), &["schema", "settings", "--policy", "few-replicas.wasm"]).stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema.pointer("/properties/maxReplicas/default"), Some(&10.into()));
}

#[test]
fn the_template_mutate_builds_and_answers_its_cases() {
    let policy = built("no-token", "mutate", Sdk::Checkout);
    let ended = run_in(policy.path(), &["review", "--policy", "no-token.wasm", "review.json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("\"patchType\":\"JSONPatch\""), "{}", ended.stdout);
}

#[test]
fn the_template_unique_builds_and_answers_its_cases() {
    // A name of a policy may begin with a digit, a name of a Rust package may not.
    let policy = built("1-host", "unique", Sdk::Checkout);
    let review = ["review", "--phase", "validate", "--policy", "1-host.wasm", "review.json"];
    assert_eq!(run_in(policy.path(), &review).code, 0);
    let ended = run_in(policy.path(), &[&review[..], &["--state", "cluster.yaml"]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("[shared-host]"), "{}", ended.stdout);
}

#[test]
fn the_templates_in_c_build_and_answer_the_same_cases() {
    for kind in ["validate", "mutate", "unique"] {
        let policy = directory(&[]);
        let new = run_in(policy.path(), &["new", "in-c", "--lang", "c", "--kind", kind, "."]);
        assert_eq!(new.code, 0, "{new:?}");
        // A missing folder of the output is created.
        let ended = run_in(policy.path(), &["build", "--output", "built/policy.wasm"]);
        assert_eq!(ended.code, 0, "CONTRIBUTING.md says what the tests need: {ended:?}");
        assert!(ended.stdout.starts_with("built/policy.wasm: policy in-c 0.1.0, "), "{}", ended.stdout);
        answers_its_cases(policy.path(), "built/policy.wasm");
        assert_eq!(run_in(policy.path(), &["build"]).code, 0);
        has_the_schema_of_its_settings(policy.path(), "in-c.wasm");
    }
}

#[test]
fn the_templates_in_javascript_answer_the_same_cases_in_node() {
    for kind in ["validate", "mutate", "unique"] {
        let policy = directory(&[]);
        let new = run_in(policy.path(), &["new", "in-js", "--lang", "js", "--kind", kind, "."]);
        assert_eq!(new.code, 0, "{new:?}");
        let tests = Command::new("node").arg("--test").current_dir(policy.path()).output().unwrap();
        let printed = String::from_utf8_lossy(&tests.stdout);
        assert!(tests.status.success() && printed.contains("pass 2\n"), "{kind}: {printed}");
        run_cases(policy.path(), &Indexed(PolicyInNode { module: policy.path().join("policy.js") }));
    }
}

#[test]
fn the_library_of_policies_in_javascript_passes_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut node = Command::new("node");
    node.arg("--test").arg(root.join("tests/cli/ordinance_js.test.mjs"));
    let library = root.join("../policy/templates/js/files/ordinance.js");
    let tests = node.env("ORDINANCE_JS", library).output().unwrap();
    let printed = String::from_utf8_lossy(&tests.stdout);
    assert!(tests.status.success() && printed.contains("fail 0\n"), "{printed}");
}

#[test]
fn passes_on_the_messages_of_node_about_a_policy_in_javascript() {
    let files = [("package.json", r#"{"type": "module"}"#), ("policy.js", "export const rules = missing;\n")];
    let policy = directory(&files);
    let ended = run_in(policy.path(), &["build"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("policy.js:1\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("ReferenceError: missing is not defined"), "{}", ended.stderr);
    let last = "policy.js: node can't load the policy; its messages are above\n";
    assert!(ended.stderr.ends_with(last), "{}", ended.stderr);
}

#[test]
fn passes_on_the_messages_of_npm() {
    // The lock does not have the package, so that `npm ci` fails before it asks a registry.
    let manifest = r#"{"name": "mine", "type": "module", "devDependencies": {"@bytecodealliance/componentize-js": "0.23.0"}}"#;
    let lock = r#"{"name": "mine", "lockfileVersion": 3, "packages": {"": {"name": "mine"}}}"#;
    let files = [("package.json", manifest), ("package-lock.json", lock), ("policy.js", "")];
    let policy = directory(&files);
    let npm_config = policy.path().join("npmrc");
    let mut build = ordinance(&["build"]);
    build
        .current_dir(policy.path())
        .env("npm_config_offline", "true")
        .env("npm_config_userconfig", npm_config);
    let ended = end(&mut build);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    let first = "npm installs the packages of package.json in node_modules\n";
    assert!(ended.stderr.starts_with(first), "{}", ended.stderr);
    let last = "error: npm did not install the packages of the policy; its messages are above\n";
    assert!(ended.stderr.ends_with(last) && ended.stderr.contains("npm error"), "{}", ended.stderr);
}

#[test]
fn names_the_package_that_a_policy_in_javascript_lacks() {
    let policy = directory(&[("package.json", r#"{"type": "module"}"#), ("policy.js", "")]);
    let ended = run_in(policy.path(), &["build", "--quiet"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    let remedy = "package.json: the packages do not include componentize-js; run `npm install --save-dev --save-exact \
                  @bytecodealliance/componentize-js`\n";
    assert!(ended.stderr.ends_with(remedy), "{}", ended.stderr);
}

#[test]
fn says_how_to_install_a_missing_node() {
    let files = directory(&[("package.json", ""), ("policy.js", "")]);
    let ended = end(ordinance(&["build"]).current_dir(files.path()).env("PATH", files.path()));
    assert_eq!(ended.code, 2);
    let message = "error: node is not installed: install Node 20 or newer from https://nodejs.org; it brings npm along\n";
    assert_eq!(ended.stderr, message);
}

#[test]
fn passes_on_the_messages_of_clang() {
    let policy = directory(&[("policy.c", "int answer(void) { return missing; }\n")]);
    let ended = run_in(policy.path(), &["build"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("policy.c:1:27: error: use of undeclared identifier"), "{}", ended.stderr);
    let last = "error: clang did not build the policy; its messages are above\n";
    assert!(ended.stderr.ends_with(last), "{}", ended.stderr);
}

#[test]
fn says_how_to_install_a_missing_clang() {
    let files = directory(&[("policy.c", "")]);
    let ended = end(ordinance(&["build"]).current_dir(files.path()).env("PATH", files.path()));
    assert_eq!(ended.code, 2);
    let message =
        "error: clang is not installed: install clang and wasm-ld, e.g. by `apt-get install clang lld`\n";
    assert_eq!(ended.stderr, message);
}

#[test]
fn passes_on_the_messages_of_the_compiler() {
    let policy = new("broken", "validate", Sdk::Checkout);
    fs::write(policy.path().join("src/lib.rs"), "fn answer() -> u8 { \"no\" }\n").unwrap();
    let ended = build(policy.path(), &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("error[E0308]: mismatched types"), "{}", ended.stderr);
    let last = "error: cargo did not build the policy; its messages are above\n";
    assert!(ended.stderr.ends_with(last), "{}", ended.stderr);
}

#[test]
fn refuses_an_output_that_is_no_regular_file() {
    let files = directory(&[("policy.c", ""), ("folder/x", "")]);
    let pipe = files.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for output in ["folder", "pipe"] {
        let ended = run_in(files.path(), &["build", "--output", output]);
        let message = format!("error: --output: {output}: is no regular file; name a file\n");
        assert_eq!((ended.code, ended.stderr), (2, message));
    }
    assert!(!fs::metadata(&pipe).unwrap().is_file());
}

#[test]
fn refuses_a_folder_without_sources() {
    let files = directory(&[("README.md", "")]);
    let ended = run_in(files.path(), &["build"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.starts_with("error: .: there is no policy to build"), "{}", ended.stderr);
    assert!(ended.stderr.contains("`ordinance new NAME`"), "{}", ended.stderr);
}

#[test]
fn says_how_to_install_a_missing_cargo() {
    let files = directory(&[("Cargo.toml", "")]);
    let ended = end(ordinance(&["build"]).current_dir(files.path()).env("PATH", files.path()));
    assert_eq!(ended.code, 2);
    assert_eq!(ended.stderr, "error: cargo is not installed: install Rust from https://rustup.rs\n");
}

#[test]
fn refuses_a_package_that_makes_no_module() {
    let files = package("without-a-module", "", "");
    let ended = build(files.path(), &[]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("crate-type = [\"cdylib\", \"rlib\"]"), "{}", ended.stderr);
}

#[test]
fn refuses_a_module_without_the_contract() {
    let files = package("without-a-contract", "crate-type = [\"cdylib\"]", "");
    let ended = build(files.path(), &[]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("does not implement the world `policy`"), "{}", ended.stderr);
    let left: Vec<_> = fs::read_dir(files.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".wasm")), "{left:?}");
}

#[test]
fn refuses_a_module_with_imports_and_names_them() {
    let source = "unsafe extern \"C\" { fn now() -> u64; }\n\
                  #[unsafe(no_mangle)] pub extern \"C\" fn f() -> u64 { unsafe { now() } }\n";
    let files = package("with-imports", "crate-type = [\"cdylib\"]", source);
    let ended = build(files.path(), &[]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("now") && ended.stderr.contains("a policy imports nothing"),
        "{}",
        ended.stderr
    );
}

/// Creates a policy, builds it, runs its unit tests and its cases.
fn built(name: &str, kind: &str, sdk: Sdk) -> TempDir {
    let policy = new(name, kind, sdk);
    let ended = build(policy.path(), &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let file = format!("{name}.wasm");
    let summary = format!("{file}: policy {name} 0.1.0, ");
    assert!(ended.stdout.trim_start_matches("./").starts_with(&summary), "{}", ended.stdout);

    let mut tests = Command::new("cargo");
    let tests =
        cargo_environment(tests.args(["test", "--quiet"]).current_dir(policy.path())).output().unwrap();
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stderr));
    assert!(String::from_utf8_lossy(&tests.stdout).contains("1 passed"), "{tests:?}");

    answers_its_cases(policy.path(), &file);
    has_the_schema_of_its_settings(policy.path(), &file);
    policy
}

/// The settings of the template are those of the schema that its first line names, and that is the policy's own.
fn has_the_schema_of_its_settings(policy: &Path, component: &str) {
    let settings = fs::read_to_string(policy.join("settings.yaml")).unwrap();
    let schema = settings.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
    assert_eq!(schema, component.replace(".wasm", ".settings.schema.json"));
    let written = fs::read_to_string(policy.join(schema)).unwrap();
    assert_eq!(written, run_in(policy, &["schema", "settings", "--policy", component]).stdout);
    let setting = settings.lines().last().unwrap().split(':').next().unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert!(written.pointer(&format!("/properties/{setting}")).is_some(), "{settings}{written:#}");
    let review = [
        "review",
        "review.json",
        "--phase",
        "validate",
        "--policy",
        component,
        "--settings",
        "settings.yaml",
    ];
    let ended = run_in(policy, &review);
    assert!(ended.code < 2 && ended.stderr.is_empty(), "{ended:?}");
}

fn answers_its_cases(policy: &Path, component: &str) {
    run_cases(policy, &BuiltComponent::new(policy.join(component)));
}

fn run_cases(policy: &Path, build: &dyn Build) {
    let cases = files(&policy.join("cases")).unwrap();
    assert!(cases.len() >= 3, "{cases:?}");
    for case in cases {
        check_file(&case, build, Bless::No).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    }
}

/// Creates a policy with the versions of the project's own dependencies, so that cargo needs no registry.
pub fn new(name: &str, kind: &str, sdk: Sdk) -> TempDir {
    let folder = directory(&[]);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut new = ordinance(&["new", name, "--kind", kind, "."]);
    if sdk == Sdk::Checkout {
        new.arg("--sdk").arg(&checkout);
    }
    let ended = end(new.current_dir(folder.path()));
    assert_eq!(ended.code, 0, "{ended:?}");
    fs::copy(checkout.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    folder
}

/// Creates a package without dependencies. Each has a name of its own, since all have one target directory.
fn package(name: &str, lib: &str, source: &str) -> TempDir {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[lib]\n{lib}\n"
    );
    directory(&[("Cargo.toml", &manifest), ("src/lib.rs", source)])
}

/// Runs `ordinance build` in a folder.
pub fn build(folder: &Path, arguments: &[&str]) -> Ended {
    end(cargo_environment(ordinance(&["build"]).args(arguments).current_dir(folder)))
}

/// Lets cargo build the dependencies of all templates once, without the network.
fn cargo_environment(command: &mut Command) -> &mut Command {
    command
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("workshop"))
        .env("CARGO_NET_OFFLINE", "true")
}
