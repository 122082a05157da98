//! The story with kubectl, on a real API server with real controllers.

use super::show;
use super::story::{manifest, map};
use crate::checkout;
use crate::cluster::TemporaryCluster;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The pods of the story.
const PODS: [&str; 2] = ["web-0", "web-1"];

/// kubectl for the cluster of the story.
struct StoryKubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// The name of a pod, and the directory of its files.
type PodDirectory = (String, String);

/// Shows the story on a cluster that is removed afterwards.
pub fn run(binary: &Path) -> Result<()> {
    let cluster = TemporaryCluster::up(binary)?;
    let state = &cluster.state;
    let source = format!(
        "A real API server asks Ordinance at https://{}; kubectl shows its answers.",
        state.ordinance
    );
    show::title(&source);
    let kubectl = StoryKubectl { program: state.kubectl.clone(), kubeconfig: state.kubeconfig.clone() };
    mistake(&kubectl)?;
    isolation(&kubectl)?;
    let places = repair(&kubectl)?;
    return_home(&kubectl, &places)?;
    map(5, binary)?;
    show::closing();
    Ok(())
}

/// Shows that the second volume on a directory is refused.
fn mistake(kubectl: &StoryKubectl) -> Result<()> {
    show::chapter(1, "Both PersistentVolumes name one directory: the second is refused");
    kubectl.succeed("create --filename pv.yaml")?;
    let refusal = kubectl.shown("create --filename pv2-mistake.yaml")?;
    ensure!(!refusal.status.success(), "the second volume was not refused");
    kubectl.succeed("delete persistentvolume pv")
}

/// Shows that the StatefulSet's mount gets a directory for each ordinal.
fn isolation(kubectl: &StoryKubectl) -> Result<()> {
    show::chapter(2, "Each replica of the StatefulSet gets a directory of its own, even on a shared volume");
    kubectl.succeed("create --filename service.yaml --filename web.yaml")?;
    let stored = kubectl.object("statefulset web")?;
    show::difference(&mounted(&manifest("web.yaml")?), &mounted(&stored))
}

/// Shows that both volumes are accepted with a directory each, and that the pods start in order.
fn repair(kubectl: &StoryKubectl) -> Result<Vec<PodDirectory>> {
    show::chapter(
        3,
        "The repair, a directory for each volume: both are accepted, and the pods start in order",
    );
    for (file, pod) in ["pv-repaired.yaml", "pv2-repaired.yaml"].iter().zip(PODS) {
        kubectl.succeed(&format!("create --filename {file}"))?;
        kubectl.output(&format!("wait --for=create pod/{pod} --timeout=60s"))?;
        kubectl.succeed(&format!("wait --for=condition=Ready pod/{pod} --timeout=60s"))?;
    }
    kubectl.table("get statefulsets,pods,persistentvolumeclaims")?;
    show::gap();
    show::note("Where each replica writes:");
    let places = kubectl.places()?;
    show::places(&places);
    Ok(places)
}

/// Shows that each ordinal finds its files again after its pod or the set was deleted.
fn return_home(kubectl: &StoryKubectl, places: &[PodDirectory]) -> Result<()> {
    show::chapter(4, "The pods are deleted, then the whole set: each replica comes back to its own files");
    kubectl.succeed("delete pods web-0 web-1")?;
    kubectl.output("rollout status statefulset/web --timeout=60s")?;
    kubectl.succeed("delete statefulset web --cascade=foreground")?;
    kubectl.succeed("create --filename web.yaml")?;
    kubectl.output("rollout status statefulset/web --timeout=60s")?;
    kubectl.table("get pods")?;
    let now = kubectl.places()?;
    ensure!(now == places, "the pods are elsewhere: {now:?}");
    show::gap();
    show::note("Where each replica writes, as before:");
    show::places(&now);
    show::gap();
    show::note("No node runs here: pods are reported ready as soon as their claims are bound.");
    Ok(())
}

/// Returns the mounts and variables of a set's containers by name, without the API server's defaults.
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

// === impl StoryKubectl ===

impl StoryKubectl {
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(line.split_whitespace()).current_dir(checkout::root().join(checkout::STORY));
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.kubeconfig.with_extension("cache"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs kubectl in the folder of the story, and shows the command and its output.
    fn shown(&self, line: &str) -> Result<Output> {
        let output = self.command(line).output().context("can't start kubectl")?;
        show::call(line, &output);
        Ok(output)
    }

    /// Runs and shows a command that must succeed.
    fn succeed(&self, line: &str) -> Result<()> {
        let output = self.shown(line)?;
        ensure!(output.status.success(), "kubectl {line}: {}", output.status);
        Ok(())
    }

    /// Runs a command without showing it, and returns its standard output.
    fn output(&self, line: &str) -> Result<Vec<u8>> {
        let output = self.command(line).stderr(Stdio::inherit()).output().context("can't start kubectl")?;
        ensure!(output.status.success(), "kubectl {line}: {}", output.status);
        Ok(output.stdout)
    }

    /// Runs a command and shows its standard output as a table.
    fn table(&self, line: &str) -> Result<()> {
        show::table(line, &self.output(line)?);
        Ok(())
    }

    fn object(&self, which: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.output(&format!("get {which} --output=json"))?)?)
    }

    fn places(&self) -> Result<Vec<PodDirectory>> {
        PODS.iter().map(|pod| self.place(pod)).collect()
    }

    fn place(&self, pod: &str) -> Result<PodDirectory> {
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
