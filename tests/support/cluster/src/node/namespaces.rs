//! Linux namespaces for a control plane and its node: mounts, network, processes, host name.
//!
//! This program is run again inside. All processes inside end with it, when the value is dropped, or when this process
//! ends. The machine outside is not changed.

use super::cgroups::Cgroups;
use crate::process_group::ProcessGroup;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The environment variable that passes the [`NodeContext`] to processes inside.
const INSIDE: &str = "ORDINANCE_NODE";

/// Moves the shell into the control group `$1`, makes that group the root of a new cgroup namespace, and executes the
/// rest of the arguments. A group with enabled controllers can't contain processes, so the program is in a subgroup.
const ENTER: &str = r#"mkdir "$1/suite" "$1/pods" && echo $$ > "$1/cgroup.procs" && exec unshare --cgroup /bin/sh -c '
    echo $$ > "$1/suite/cgroup.procs" && shift && exec "$@"' enter "$@""#;

/// Tries what a node can't do without: private mounts and an overlay.
const PROBE: &str = r#"mount -t tmpfs none "$1" && mkdir "$1/low" "$1/up" "$1/work" "$1/all" && \
    mount -t overlay none -o "lowerdir=$1/low,upperdir=$1/up,workdir=$1/work" "$1/all""#;

/// The resources outside of the namespaces. Dropping the value ends everything inside.
#[derive(Debug)]
pub struct LinuxNamespaces {
    group: ProcessGroup,
    cgroups: Cgroups,
}

/// What a process inside knows of the control groups.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NodeContext {
    cgroup: String,
    unified: bool,
}

// === impl LinuxNamespaces ===

impl LinuxNamespaces {
    /// Returns why this machine can't run a node, in one line, or `None` if it can.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("Linux namespaces and control groups need root".to_owned());
        }
        if !Path::new("/dev/kmsg").exists() {
            return Some("the kubelet reads /dev/kmsg, which does not exist".to_owned());
        }
        probe().and_then(|()| Cgroups::new()).err().map(|error| format!("{error:#}"))
    }

    /// Creates the control groups and the process group.
    ///
    /// # Errors
    ///
    /// Returns an error if they can't be created.
    pub fn new() -> Result<Self> {
        // All files are inside the namespaces: the folder of the process group stays empty.
        let folder = folder()?.keep();
        Ok(Self { group: ProcessGroup::new(&folder)?, cgroups: Cgroups::new()? })
    }

    /// Runs this program again inside, with one more environment variable. Its `main` must begin with
    /// [`run_as_init`](super::init::run_as_init).
    ///
    /// # Errors
    ///
    /// Returns an error if it can't be started.
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
        NodeContext { cgroup: self.cgroups.root_of_pods(), unified: self.cgroups.group_to_enter().is_some() }
    }

    fn unshare(&self) -> Command {
        let Some(cgroup) = self.cgroups.group_to_enter() else { return unshare() };
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

/// Returns a call of unshare(1). If it is killed, all processes inside are killed too.
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
    let output = probe.output().context("can't start unshare(1)")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", stderr.lines().next().unwrap_or("unshare(1) failed"));
    Ok(())
}

// === impl NodeContext ===

impl NodeContext {
    /// Returns the context of this process, or `None` outside the namespaces.
    pub fn from_env() -> Option<Self> {
        serde_json::from_str(&std::env::var(INSIDE).ok()?).ok()
    }

    /// The kubelet's name of the group that contains its pods.
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// Whether all controllers share one tree (version 2), of which processes inside see only a part.
    pub fn is_unified(&self) -> bool {
        self.unified
    }
}
