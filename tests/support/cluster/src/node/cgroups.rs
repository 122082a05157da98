//! Control groups for a kubelet's pods, which are gone when they are dropped, or when this process ends.
//!
//! They are the one thing of a node that does not end with its namespaces. A shell waits for the end of its standard input,
//! as in [`group`](crate::process_group), and removes what is left of them as soon as nothing runs in them.

use anyhow::{Context, Result, ensure};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the kernel shows control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// What the kubelet and containers limit.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Each of its arguments is a group with groups below it. It gives up after a minute.
const GUARD: &str = r#"read -r _; left=600
for group; do
    while [ -d "$group" ] && [ $left -gt 0 ]; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1; left=$((left - 1))
    done
done"#;

/// Makes the names of the groups of one process differ.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A group of the same name in each hierarchy.
#[derive(Debug)]
pub struct Cgroups {
    name: String,
    hierarchies: Hierarchies,
    guard: Child,
}

/// How the kernel groups processes on this machine.
#[derive(Debug)]
enum Hierarchies {
    /// By each controller on its own (version 1), below these folders.
    Several(Vec<PathBuf>),
    /// By all in one tree (version 2).
    One,
}

// === impl Cgroups ===

impl Cgroups {
    /// New groups.
    ///
    /// # Errors
    ///
    /// Why they can't be made.
    pub fn new() -> Result<Self> {
        let name = format!("ordinance-node-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let hierarchies = Hierarchies::of_this_machine()?;
        let paths: Vec<PathBuf> = hierarchies.roots().iter().map(|root| root.join(&name)).collect();
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD, "guard"]).args(&paths).process_group(0);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let groups = Self { name, hierarchies, guard: guard.spawn().context("can't start /bin/sh")? };
        for path in paths {
            std::fs::create_dir(&path).with_context(|| format!("can't make {}", path.display()))?;
        }
        Ok(groups)
    }

    /// What the kubelet calls the group that its pods are below.
    pub fn root_of_pods(&self) -> String {
        match self.hierarchies {
            Hierarchies::Several(_) => format!("/{}", self.name),
            Hierarchies::One => "/pods".to_owned(),
        }
    }

    /// The group that the processes of the node must be in, if the kernel shall show them only what is below it.
    pub fn to_enter(&self) -> Option<PathBuf> {
        matches!(self.hierarchies, Hierarchies::One).then(|| Path::new(ROOT).join(&self.name))
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

// === impl Hierarchies ===

impl Hierarchies {
    fn of_this_machine() -> Result<Self> {
        let root = Path::new(ROOT);
        if let Ok(controllers) = std::fs::read_to_string(root.join("cgroup.subtree_control")) {
            let handed_on: Vec<&str> = controllers.split_whitespace().collect();
            let all = CONTROLLERS.iter().all(|controller| handed_on.contains(controller));
            ensure!(all, "of the controllers {CONTROLLERS:?} {ROOT} hands on only {handed_on:?}");
            return Ok(Self::One);
        }
        let entries = root.read_dir().context(ROOT)?.flatten();
        // Several controllers in one hierarchy are links to it.
        let mut roots: Vec<PathBuf> = entries
            .filter_map(|entry| entry.path().canonicalize().ok())
            .filter(|path| path.is_dir())
            .collect();
        roots.sort();
        roots.dedup();
        ensure!(!roots.is_empty(), "no control groups are mounted below {ROOT}");
        Ok(Self::Several(roots))
    }

    fn roots(&self) -> Vec<PathBuf> {
        match self {
            Self::Several(roots) => roots.clone(),
            Self::One => vec![PathBuf::from(ROOT)],
        }
    }
}
