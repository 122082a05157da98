//! Namespaces for a control plane and its node: mounts, network, processes, host name.
//!
//! This program is run again in them. All that is started inside ends with it, or when this value is dropped, or when this
//! process ends; the machine outside stays as it is.

use super::cgroups::Cgroups;
use crate::process_group::ProcessGroup;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The environment's name for what a process inside is told.
const INSIDE: &str = "ORDINANCE_NODE";

/// Becomes what follows `$1`, a control group that it takes for the root from then on. Groups that are divided can't have
/// processes: this one is in a group below.
const ENTER: &str = r#"mkdir "$1/suite" "$1/pods" && echo $$ > "$1/cgroup.procs" && exec unshare --cgroup /bin/sh -c '
    echo $$ > "$1/suite/cgroup.procs" && shift && exec "$@"' enter "$@""#;

/// What a node can't do without: mounts of its own, and one folder laid over another.
const PROBE: &str = r#"mount -t tmpfs none "$1" && mkdir "$1/low" "$1/up" "$1/work" "$1/all" && \
    mount -t overlay none -o "lowerdir=$1/low,upperdir=$1/up,workdir=$1/work" "$1/all""#;

/// Namespaces, for as long as this value lives.
#[derive(Debug)]
pub struct LinuxNamespaces {
    group: ProcessGroup,
    cgroups: Cgroups,
}

/// What a process inside knows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NodeContext {
    cgroup: String,
    unified: bool,
}

// === impl LinuxNamespaces ===

impl LinuxNamespaces {
    /// What keeps this machine from having one, in one line.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("namespaces and control groups of its own need root".to_owned());
        }
        if !Path::new("/dev/kmsg").exists() {
            return Some("the kubelet reads /dev/kmsg, and there is none".to_owned());
        }
        probe().and_then(|()| Cgroups::new()).err().map(|error| format!("{error:#}"))
    }

    /// Makes what namespaces need outside of them.
    ///
    /// # Errors
    ///
    /// Why it can't be made.
    pub fn new() -> Result<Self> {
        // All files are inside: the folder that ends with the group stays empty.
        let folder = folder()?.keep();
        Ok(Self { group: ProcessGroup::new(&folder)?, cgroups: Cgroups::new()? })
    }

    /// Runs this program again, inside, with one variable more in its environment. Its `main` must begin with
    /// [`first`](super::first::first).
    ///
    /// # Errors
    ///
    /// That it can't be started.
    pub async fn run(&self, variable: (&str, &str)) -> Result<ExitStatus> {
        let mut command = self.unshare();
        command.arg(std::env::current_exe()?);
        command.env(variable.0, variable.1).env(INSIDE, serde_json::to_string(&self.inside())?);
        command.stdin(Stdio::null());
        self.group.join(&mut command);
        let mut child = tokio::process::Command::from(command).spawn().context("can't start unshare(1)")?;
        Ok(child.wait().await?)
    }

    fn inside(&self) -> NodeContext {
        NodeContext { cgroup: self.cgroups.root_of_pods(), unified: self.cgroups.to_enter().is_some() }
    }

    fn unshare(&self) -> Command {
        let Some(cgroup) = self.cgroups.to_enter() else { return unshare() };
        let unshare = unshare();
        let mut entering = Command::new("/bin/sh");
        entering.args(["-c", ENTER, "enter"]).arg(cgroup);
        entering.arg(unshare.get_program()).args(unshare.get_args());
        entering
    }
}

fn folder() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("ordinance-node-").tempdir()?)
}

/// Who is killed takes everybody inside along.
fn unshare() -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child=SIGKILL"]);
    unshare.args(["--mount-proc", "--propagation=private"]);
    unshare
}

fn probe() -> Result<()> {
    let folder = folder()?;
    let mut probe = unshare();
    probe.args(["/bin/sh", "-c", PROBE, "probe"]).arg(folder.path());
    let ran = probe.output().context("can't start unshare(1)")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{}", said.lines().next().unwrap_or("unshare(1) failed"));
    Ok(())
}

// === impl NodeContext ===

impl NodeContext {
    /// What this process was told, if it is inside.
    pub fn from_env() -> Option<Self> {
        serde_json::from_str(&std::env::var(INSIDE).ok()?).ok()
    }

    /// What the kubelet calls the group that its pods are below.
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// Whether there is one tree of control groups, of which only a part is to be seen inside.
    pub fn is_unified(&self) -> bool {
        self.unified
    }
}
