//! Control groups for the pods of a kubelet. They are removed when the value is dropped, or when this process ends.
//!
//! Control groups are the only part of a node that does not end with its namespaces. A shell waits for the end of its
//! standard input, as in [`process_group`](crate::process_group), and removes them as soon as no process is left in
//! them.

use anyhow::{Context, Result, ensure};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The kernel's mount point of control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// The controllers that the kubelet and the containers need.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Each argument is a group that may contain groups. The shell gives up after a minute.
const GUARD: &str = r#"read -r _; left=600
for group; do
    while [ -d "$group" ] && [ $left -gt 0 ]; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1; left=$((left - 1))
    done
done"#;

/// A counter that makes the groups of one process unique.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// One group of the same name in each hierarchy.
#[derive(Debug)]
pub struct Cgroups {
    name: String,
    hierarchies: Hierarchies,
    guard: Child,
}

/// The hierarchies of control groups on this machine.
#[derive(Debug)]
enum Hierarchies {
    /// Version 1: one hierarchy for each controller, mounted at these folders.
    Version1(Vec<PathBuf>),
    /// Version 2: one tree for all controllers.
    Version2,
}

// === impl Cgroups ===

impl Cgroups {
    /// Creates the groups.
    ///
    /// # Errors
    ///
    /// Returns an error if they can't be created.
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

    /// The kubelet's name of the group that contains its pods.
    pub fn root_of_pods(&self) -> String {
        match self.hierarchies {
            Hierarchies::Version1(_) => format!("/{}", self.name),
            Hierarchies::Version2 => "/pods".to_owned(),
        }
    }

    /// The group that the node's processes must enter so that the kernel shows them only what is below it; `None` under
    /// version 1.
    pub fn group_to_enter(&self) -> Option<PathBuf> {
        matches!(self.hierarchies, Hierarchies::Version2).then(|| Path::new(ROOT).join(&self.name))
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
            let enabled: Vec<&str> = controllers.split_whitespace().collect();
            let all = CONTROLLERS.iter().all(|controller| enabled.contains(controller));
            ensure!(
                all,
                "{ROOT} must enable the controllers {CONTROLLERS:?} for its children, and enables only {enabled:?}"
            );
            return Ok(Self::Version2);
        }
        let entries = root.read_dir().context(ROOT)?.flatten();
        // Controllers that share a hierarchy are links to it.
        let mut roots: Vec<PathBuf> = entries
            .filter_map(|entry| entry.path().canonicalize().ok())
            .filter(|path| path.is_dir())
            .collect();
        roots.sort();
        roots.dedup();
        ensure!(!roots.is_empty(), "no control groups are mounted below {ROOT}");
        Ok(Self::Version1(roots))
    }

    fn roots(&self) -> Vec<PathBuf> {
        match self {
            Self::Version1(roots) => roots.clone(),
            Self::Version2 => vec![PathBuf::from(ROOT)],
        }
    }
}
