//! The container of `deploy/ordinance.yaml`: the binary accepts its arguments and configuration, listens on the ports of
//! the manifest, and has enough time to stop.

use crate::files::{pair, write};
use crate::run::{Ended, run};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const MANIFEST: &str = include_str!("../../../deploy/ordinance.yaml");

/// Returns the manifest's only object of a kind.
fn only(kind: &str) -> Value {
    let objects: Vec<Value> = serde_saphyr::from_multiple(MANIFEST).expect("it is YAML");
    let mut found = objects.into_iter().filter(|object| object["kind"] == kind);
    found.next().expect("there is one")
}

fn pod() -> Value {
    only("Deployment")["spec"]["template"]["spec"].clone()
}

/// A directory in place of the container's root, with all its mounts.
struct Container {
    root: TempDir,
    mounts: Vec<String>,
}

// === impl Container ===

impl Container {
    fn new() -> Self {
        let (root, container) = (tempfile::tempdir().expect("a folder"), &pod()["containers"][0]);
        let mounts = container["volumeMounts"].as_array().expect("it mounts something").iter();
        let mounts = mounts.map(|mount| mount["mountPath"].as_str().expect("a path").to_owned()).collect();
        let container = Self { root, mounts };
        container.fill();
        container
    }

    /// Writes a certificate, its key and the configuration to the mounts.
    fn fill(&self) {
        for mount in &self.mounts {
            std::fs::create_dir_all(self.below(mount)).expect("a folder");
        }
        let config = only("ConfigMap")["data"]["ordinance.yaml"].as_str().expect("a text").to_owned();
        let (certificate, key) = pair();
        for mount in &self.mounts {
            for (name, text) in
                [("ordinance.yaml", &*self.below(&config)), ("tls.crt", &certificate), ("tls.key", &key)]
            {
                write(Path::new(&self.below(mount)), name, text);
            }
        }
    }

    /// Returns a text with its mount paths moved below the root.
    fn below(&self, text: &str) -> String {
        let root = self.root.path().display();
        self.mounts
            .iter()
            .fold(text.to_owned(), |text, mount| text.replace(mount.as_str(), &format!("{root}{mount}")))
    }

    /// Returns the effective configuration of the container in a cluster.
    fn printed(&self) -> Value {
        let container = &pod()["containers"][0];
        let arguments = container["args"].as_array().expect("it has arguments").iter();
        let mut arguments: Vec<String> =
            arguments.map(|argument| self.below(argument.as_str().expect("a text"))).collect();
        write(self.root.path(), "kubeconfig", &kubeconfig());
        arguments.push(format!("--kubeconfig={}/kubeconfig", self.root.path().display()));
        arguments.push("--print-config".to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let Ended { code, stdout, stderr } = run(&arguments);
        assert_eq!((code, &*stderr), (0, ""));
        serde_saphyr::from_str(&stdout).expect("it prints YAML")
    }
}

/// Returns the kubeconfig of a cluster that the test never contacts.
fn kubeconfig() -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "none", "cluster": { "server": "https://127.0.0.1:1" } }],
        "users": [{ "name": "none", "user": { "token": "none" } }],
        "contexts": [{ "name": "none", "context": { "cluster": "none", "user": "none" } }],
        "current-context": "none",
    })
    .to_string()
}

#[test]
fn the_container_listens_on_its_declared_ports() {
    let printed = Container::new().printed();
    for (field, name) in [("listen", "https"), ("adminListen", "admin"), ("metricsListen", "metrics")] {
        let ports = pod()["containers"][0]["ports"].as_array().expect("it has ports").clone();
        let port =
            ports.iter().find(|port| port["name"] == name).expect("it is named")["containerPort"].clone();
        assert_eq!(printed[field], format!("0.0.0.0:{port}"), "{field}");
    }
}

#[test]
fn the_grace_period_covers_the_shutdown() {
    let (printed, grace) = (Container::new().printed(), &pod()["terminationGracePeriodSeconds"]);
    let limit = |name: &str| {
        let text = printed["limits"][name].as_str().expect("a limit");
        humantime::parse_duration(text).expect("a time")
    };
    let grace = Duration::from_secs(grace.as_u64().expect("a number of seconds"));
    assert!(grace > limit("drainDelay") + limit("drainTime"), "{grace:?}");
}

#[test]
fn the_container_serves_the_policies_of_the_webhook_paths() {
    let printed = Container::new().printed();
    let policies: Vec<&String> = printed["policies"].as_object().expect("policies").keys().collect();
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        for webhook in only(kind)["webhooks"].as_array().expect("webhooks") {
            let path = webhook["clientConfig"]["service"]["path"].as_str().expect("a path");
            let policy = path.rsplit('/').next().expect("a name").to_owned();
            assert!(policies.contains(&&policy), "{path}, and there is {policies:?}");
        }
    }
}
