//! The story by kubectl, on a real API server with real controllers.

use super::{STORY, TITLE, manifest, show};
use crate::cluster::Guest;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The pods of the story.
const PODS: [&str; 2] = ["web-0", "web-1"];

/// kubectl, for the cluster of the story.
struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// Where a pod's files lie: its name, and the directory.
type Place = (String, String);

/// Tells the story on a cluster that ends with it.
pub fn run(binary: &Path) -> Result<()> {
    let guest = Guest::up(binary)?;
    let state = &guest.state;
    let who =
        format!("A real API server asks Ordinance at https://{}; kubectl tells the rest.", state.ordinance);
    show::title(TITLE, &who);
    let kubectl = Kubectl { program: state.kubectl.clone(), kubeconfig: state.kubeconfig.clone() };
    mistake(&kubectl)?;
    isolation(&kubectl)?;
    let places = repair(&kubectl)?;
    return_home(&kubectl, &places)?;
    super::map(5, binary)?;
    show::closing();
    Ok(())
}

/// The second volume on a directory is refused.
fn mistake(kubectl: &Kubectl) -> Result<()> {
    show::chapter(1, "Both PersistentVolumes name one directory: the second is refused");
    kubectl.tell("create --filename pv.yaml")?;
    let refusal = kubectl.shown("create --filename pv2-mistake.yaml")?;
    ensure!(!refusal.status.success(), "the second volume was not refused");
    kubectl.tell("delete persistentvolume pv")
}

/// The StatefulSet's mount gets a directory for each ordinal.
fn isolation(kubectl: &Kubectl) -> Result<()> {
    show::chapter(2, "Each replica of the StatefulSet gets a directory of its own, even on a shared volume");
    kubectl.tell("create --filename service.yaml --filename web.yaml")?;
    let stored = kubectl.object("statefulset web")?;
    show::difference(&mounted(&manifest("web.yaml")?), &mounted(&stored))
}

/// With a directory for each volume both pass, and the pods come one after the other.
fn repair(kubectl: &Kubectl) -> Result<Vec<Place>> {
    show::chapter(
        3,
        "The repair, a directory for each volume: both are accepted, and the pods start in order",
    );
    for (file, pod) in ["pv-repaired.yaml", "pv2-repaired.yaml"].iter().zip(PODS) {
        kubectl.tell(&format!("create --filename {file}"))?;
        kubectl.quietly(&format!("wait --for=create pod/{pod} --timeout=60s"))?;
        kubectl.tell(&format!("wait --for=condition=Ready pod/{pod} --timeout=60s"))?;
    }
    kubectl.table("get statefulsets,pods,persistentvolumeclaims")?;
    show::gap();
    show::note("Where each replica writes:");
    let places = kubectl.places()?;
    show::places(&places);
    Ok(places)
}

/// Whatever happens later, each ordinal finds its files.
fn return_home(kubectl: &Kubectl, places: &[Place]) -> Result<()> {
    show::chapter(4, "The pods are deleted, then the whole set: each replica comes back to its own files");
    kubectl.tell("delete pods web-0 web-1")?;
    kubectl.quietly("rollout status statefulset/web --timeout=60s")?;
    kubectl.tell("delete statefulset web --cascade=foreground")?;
    kubectl.tell("create --filename web.yaml")?;
    kubectl.quietly("rollout status statefulset/web --timeout=60s")?;
    kubectl.table("get pods")?;
    let now = kubectl.places()?;
    ensure!(now == places, "the pods are elsewhere: {now:?}");
    show::gap();
    show::note("Where each replica writes, as before:");
    show::places(&now);
    show::gap();
    show::note("No node runs here: pods are said to be ready as soon as their claims are bound.");
    Ok(())
}

/// Of a set's containers, by name, what matters here, and no default of the API server.
fn mounted(set: &Value) -> Value {
    let containers = set["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
    let named = |container: &Value| {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let mut mounted = json!({ "volumeMounts": container["volumeMounts"] });
        if let Some(env) = variables(container) {
            mounted["env"] = env;
        }
        (name, mounted)
    };
    json!({ "containers": containers.map(named).collect::<Map<_, _>>() })
}

fn variables(container: &Value) -> Option<Value> {
    let mut variables = container["env"].as_array()?.clone();
    for variable in &mut variables {
        variable["valueFrom"]["fieldRef"].as_object_mut().map(|field| field.remove("apiVersion"));
    }
    Some(variables.into())
}

// === impl Kubectl ===

impl Kubectl {
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(line.split_whitespace()).current_dir(crate::root().join(STORY));
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.kubeconfig.with_extension("cache"));
        command.stdin(Stdio::null());
        command
    }

    /// Calls it in the folder of the story, and shows the call and what it said.
    fn shown(&self, line: &str) -> Result<Output> {
        let said = self.command(line).output().context("can't start kubectl")?;
        show::call(line, &said);
        Ok(said)
    }

    /// The same, of a call that must not fail.
    fn tell(&self, line: &str) -> Result<()> {
        let said = self.shown(line)?;
        ensure!(said.status.success(), "kubectl {line}: {}", said.status);
        Ok(())
    }

    /// What it prints, without a word of it.
    fn quietly(&self, line: &str) -> Result<Vec<u8>> {
        let said = self.command(line).stderr(Stdio::inherit()).output().context("can't start kubectl")?;
        ensure!(said.status.success(), "kubectl {line}: {}", said.status);
        Ok(said.stdout)
    }

    /// What it prints, as it prints it.
    fn table(&self, line: &str) -> Result<()> {
        show::table(line, &self.quietly(line)?);
        Ok(())
    }

    fn object(&self, which: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.quietly(&format!("get {which} --output=json"))?)?)
    }

    fn places(&self) -> Result<Vec<Place>> {
        PODS.iter().map(|pod| self.place(pod)).collect()
    }

    fn place(&self, pod: &str) -> Result<Place> {
        let spec = &self.object(&format!("pod {pod}"))?["spec"];
        let claim = spec["volumes"].as_array().into_iter().flatten();
        let claim = claim.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str()).next();
        let claim =
            self.object(&format!("persistentvolumeclaim {}", claim.context("a pod without a claim")?))?;
        let name = claim["spec"]["volumeName"].as_str().context("a claim that is not bound")?;
        let nfs = &self.object(&format!("persistentvolume {name}"))?["spec"]["nfs"];
        let [server, path] = ["server", "path"].map(|field| nfs[field].as_str().unwrap_or_default());
        let folder = spec["containers"][0]["volumeMounts"][0]["subPathExpr"].as_str().unwrap_or_default();
        Ok(((*pod).to_owned(), format!("{server}:{path}/{}", folder.replace("$(ORDINANCE_POD_NAME)", pod))))
    }
}
