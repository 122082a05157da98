//! The memory of the process, divided among what may grow: evaluations, bodies, connections and the indexes.

use crate::cluster::PAGE_BYTES;
use crate::limits::Limits;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The memory of the process without requests and indexes: its code, its threads, and the policies. Measured at 20 MiB.
pub const BASE_BYTES: usize = 32 << 20;

/// The memory of a connection without a body: its TLS session, its buffers and its task.
pub const CONNECTION_BYTES: usize = 48 << 10;

/// Evaluations of stored objects by the watches of a cluster: one for each kind that the built-in policy watches.
pub const WATCH_EVALUATIONS: usize = 3;

/// Evaluations of stored objects by the audit in the background.
pub const AUDIT_EVALUATIONS: usize = 1;

/// The page of a list that each watch may hold: once as the API server sends it, and once as objects.
pub const WATCH_BYTES: usize = 2 * PAGE_BYTES;

/// The default of `limits.bodiesBytes` is this part of the memory, and at most [`MOST_BODIES`].
const BODIES_SHARE: usize = 8;
const MOST_BODIES: usize = 128 << 20;

/// The indexes get at least this part of the memory.
const INDEX_SHARE: usize = 16;

/// Without a limit of its cgroup, the process takes this part of the machine's memory.
const MACHINE_SHARE: usize = 2;

/// Where the kernel shows the hierarchies of cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";
const OWN_CGROUPS: &str = "/proc/self/cgroup";
const MACHINE: &str = "/proc/meminfo";

/// The memory to use if the kernel says nothing.
const UNKNOWN: usize = 1 << 30;

/// The limits that the configuration sets itself. The others follow from the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExplicitLimits {
    /// `limits.evaluations`.
    pub evaluations: bool,
    /// `limits.bodiesBytes`.
    pub bodies_bytes: bool,
    /// `limits.indexBytes`.
    pub index_bytes: bool,
}

/// How the memory is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// The memory of the process.
    pub memory: usize,
    /// Concurrent evaluations in connections' tasks, and as many on the pool.
    pub evaluations: usize,
    /// The linear memory of an evaluation.
    pub policy_memory: usize,
    /// All instances that may run at once.
    pub instances: usize,
    /// The watches of a cluster, and the audit: each with a page of a list.
    pub watches: usize,
    /// All bodies.
    pub bodies_bytes: usize,
    /// Concurrent connections.
    pub connections: usize,
    /// The policies, each with an index.
    pub indexes: usize,
    /// The index of one policy.
    pub index_bytes: usize,
}

/// The parts do not fit the memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is too little: {plan}; give the pod more memory or raise limits.memory, or lower limits.evaluations, \
     limits.policyMemory, limits.bodiesBytes, limits.indexBytes or limits.connections"
)]
pub struct MemoryTooSmall {
    plan: MemoryPlan,
}

// === impl MemoryPlan ===

impl MemoryPlan {
    /// Divides [`Limits::memory`] among the policies of a process. Explicit limits keep their values.
    ///
    /// # Errors
    ///
    /// The parts do not fit.
    pub fn new(
        limits: &Limits,
        explicit: ExplicitLimits,
        policies: usize,
        watches: usize,
    ) -> Result<Self, MemoryTooSmall> {
        let least = limits.least_bodies_bytes();
        let bodies = (limits.memory / BODIES_SHARE).clamp(least, MOST_BODIES.max(least));
        let mut plan = Self {
            memory: limits.memory,
            evaluations: limits.evaluations,
            policy_memory: limits.policy_memory,
            instances: 0,
            watches,
            bodies_bytes: if explicit.bodies_bytes { limits.bodies_bytes } else { bodies },
            connections: limits.connections,
            indexes: policies.max(1),
            index_bytes: limits.index_bytes,
        };
        if !explicit.index_bytes {
            plan.index_bytes = limits.memory / INDEX_SHARE / plan.indexes;
        }
        plan.count_instances(limits);
        while !explicit.evaluations && plan.evaluations > 1 && plan.needed() > plan.memory {
            plan.evaluations -= 1;
            plan.count_instances(limits);
        }
        let Some(rest) = plan.memory.checked_sub(plan.needed()) else { return Err(MemoryTooSmall { plan }) };
        if !explicit.index_bytes {
            plan.index_bytes += rest / plan.indexes;
        }
        Ok(plan)
    }

    /// Returns the limits with those that follow from the memory.
    #[must_use]
    pub fn limits(&self, limits: &Limits) -> Limits {
        Limits {
            evaluations: self.evaluations,
            bodies_bytes: self.bodies_bytes,
            index_bytes: self.index_bytes,
            ..limits.clone()
        }
    }

    fn count_instances(&mut self, limits: &Limits) {
        let most = usize::try_from(limits.policy_instances).unwrap_or(usize::MAX);
        self.instances = (2 * self.evaluations + self.watches).min(most);
    }

    fn needed(&self) -> usize {
        let parts = [
            BASE_BYTES,
            self.connections.saturating_mul(CONNECTION_BYTES),
            self.instances.saturating_mul(self.policy_memory),
            self.watches.saturating_mul(WATCH_BYTES),
            self.bodies_bytes,
            self.indexes.saturating_mul(self.index_bytes),
        ];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

impl fmt::Display for MemoryPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, instances, watches, indexes, .. } = self;
        write!(
            formatter,
            "{} of {} (memory) if all is full: {} for the process, {connections} connections of {}, {instances} evaluations of {} \
             (policyMemory), {watches} lists of {}, {} for bodies (bodiesBytes) and {indexes} x {} for the index (indexBytes)",
            size(self.needed()),
            size(self.memory),
            size(BASE_BYTES),
            size(CONNECTION_BYTES),
            size(self.policy_memory),
            size(WATCH_BYTES),
            size(self.bodies_bytes),
            size(self.index_bytes),
        )
    }
}

/// Returns the memory that this process may use: the limit of its cgroup, or of one above it, or else half of the machine's
/// memory.
pub fn available() -> usize {
    let groups = fs::read_to_string(OWN_CGROUPS).unwrap_or_default();
    let machine = fs::read_to_string(MACHINE).ok().and_then(|text| machine_memory(&text)).unwrap_or(UNKNOWN);
    let read = |path: &Path| fs::read_to_string(path).ok();
    match cgroup_limit(&groups, read).filter(|limit| *limit < machine) {
        Some(limit) => limit,
        None => machine / MACHINE_SHARE,
    }
}

/// Returns the least limit of the groups in `/proc/self/cgroup`, of version 1 or 2. In a container, the group's own directory may
/// be the root.
fn cgroup_limit(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<usize> {
    let files = groups.lines().flat_map(limit_files);
    files.filter_map(|file| read(&file)?.trim().parse().ok()).min()
}

/// Returns the files with the limits of a group and of those above it.
fn limit_files(line: &str) -> Vec<PathBuf> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { return Vec::new() };
    let (roots, file): (&[&str], _) = match controllers {
        "" => (&["", "unified"], "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => (&["memory"], "memory.limit_in_bytes"),
        _ => return Vec::new(),
    };
    let group = Path::new(group.trim_start_matches('/'));
    let above = |root: &&str| {
        let root = Path::new(CGROUPS).join(root);
        group.ancestors().map(|group| root.join(group).join(file)).collect::<Vec<_>>()
    };
    roots.iter().flat_map(above).collect()
}

/// Returns the machine's memory from `/proc/meminfo`.
fn machine_memory(text: &str) -> Option<usize> {
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"))?;
    kib.trim().parse::<usize>().ok()?.checked_mul(1024)
}

/// Returns a size in MiB or KiB, rounded up.
fn size(bytes: usize) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const NONE: ExplicitLimits =
        ExplicitLimits { evaluations: false, bodies_bytes: false, index_bytes: false };

    fn plan(limits: &Limits, explicit: ExplicitLimits) -> Result<MemoryPlan, MemoryTooSmall> {
        MemoryPlan::new(limits, explicit, 1, WATCH_EVALUATIONS)
    }

    fn limits(memory: usize) -> Limits {
        Limits { memory: memory * MIB, evaluations: 64, ..Limits::default() }
    }

    #[test]
    fn a_node_with_64_cores_runs_as_many_evaluations_as_fit() {
        let plan = plan(&limits(768), NONE).unwrap();
        assert_eq!((plan.evaluations, plan.instances), (2, 7));
        assert_eq!((plan.bodies_bytes, plan.index_bytes), (96 * MIB, 96 * MIB));
        assert_eq!(plan.needed(), plan.memory);
    }

    #[test]
    fn a_large_memory_leaves_the_rest_to_the_index() {
        let plan = plan(&limits(64 * 1024), NONE).unwrap();
        assert_eq!((plan.evaluations, plan.bodies_bytes), (64, MOST_BODIES));
        assert_eq!(plan.needed(), plan.memory);
    }

    #[test]
    fn the_policies_share_the_memory_of_the_indexes() {
        let plan = MemoryPlan::new(&limits(768), NONE, 2, WATCH_EVALUATIONS).unwrap();
        assert_eq!((plan.indexes, plan.index_bytes), (2, 48 * MIB));
    }

    #[test]
    fn limits_that_are_set_keep_their_values_or_are_refused_with_the_arithmetic() {
        let set = ExplicitLimits { evaluations: true, bodies_bytes: true, index_bytes: true };
        let with = |evaluations| Limits {
            evaluations,
            bodies_bytes: 64 * MIB,
            index_bytes: 16 * MIB,
            ..limits(816)
        };
        let kept = plan(&with(3), set).unwrap().limits(&with(3));
        assert_eq!((kept.evaluations, kept.bodies_bytes, kept.index_bytes), (3, 64 * MIB, 16 * MIB));
        let error = plan(&with(4), set).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "is too little: 912 MiB of 816 MiB (memory) if all is full: 32 MiB for the process, 1024 connections \
                 of 48 KiB, 11 evaluations of 64 MiB (policyMemory), 3 lists of 16 MiB, 64 MiB for bodies (bodiesBytes) \
                 and 1 x 16 MiB for the index (indexBytes); "
            ),
            "{error}"
        );
    }

    #[test]
    fn one_evaluation_that_does_not_fit_is_refused() {
        assert!(plan(&limits(576), NONE).is_ok());
        assert!(plan(&limits(512), NONE).is_err());
    }

    #[test]
    fn the_least_limit_of_a_group_and_those_above_it_counts() {
        let read = |path: &Path| match path.to_str() {
            Some("/sys/fs/cgroup/a/b/memory.max") => Some("max\n".to_owned()),
            Some("/sys/fs/cgroup/a/memory.max") => Some("805306368\n".to_owned()),
            Some("/sys/fs/cgroup/memory/pod/memory.limit_in_bytes") => Some("536870912\n".to_owned()),
            _ => None,
        };
        assert_eq!(cgroup_limit("0::/a/b\n", read), Some(768 * MIB));
        assert_eq!(cgroup_limit("4:cpu,memory:/pod/container\n3:cpu:/pod\n", read), Some(512 * MIB));
        assert_eq!(cgroup_limit("0::/b\n", read), None);
        // A container sees its own group as the root.
        let inside =
            |path: &Path| (path == Path::new("/sys/fs/cgroup/memory.max")).then(|| "1048576".to_owned());
        assert_eq!(cgroup_limit("0::/\n", inside), Some(MIB));
    }

    #[test]
    fn reads_the_memory_of_the_machine() {
        assert_eq!(machine_memory("MemTotal:       24683520 kB\nMemFree: 1 kB\n"), Some(24_683_520 * 1024));
        assert_eq!(machine_memory("MemTotal: 1 MB\n"), None);
        assert!(available() > MIB);
    }
}
