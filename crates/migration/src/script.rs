//! The plan as a POSIX shell script: the fields of the plan as variables, the manifests as here-documents, and then the
//! steps, which are the same for every plan.

use crate::job::LABEL;
use crate::manifests::yaml;
use crate::stored_set::SHARED_VOLUMES;
use crate::{JobMode, MountChange, Plan};
use serde_json::Value;
use std::fmt::Write as _;

/// The steps.
const STEPS: &str = include_str!("script.sh");

/// The seconds between two looks at the cluster.
const POLL: u32 = 2;

/// The seconds that the pod of a Job may take to start.
const PENDING_LIMIT: u32 = 300;

/// How long the set may take to become ready, as kubectl reads it.
const ROLLOUT_LIMIT: &str = "600s";

/// Ends a here-document.
const END: &str = "END_OF_DOCUMENT";

// === impl Plan ===

impl Plan {
    /// Returns the script. It only checks without `--yes`, and `--roll-back` takes the migration back.
    pub fn script(&self) -> String {
        let mut script = self.heading();
        for (name, value) in self.variables_of_script() {
            let _ = writeln!(script, "{name}={}", quoted(&value));
        }
        script += &self.kubectl_function();
        script += &self.manifest_function();
        script += &function("patch", &pretty(&self.patch));
        script += &function("roll_back_patch", &pretty(&self.roll_back));
        let marks = self.marks.iter().map(|mark| format!("{} {}\n", mark.claim, mark.sub_path));
        script += &function("marks", &marks.collect::<String>());
        script + STEPS
    }

    fn heading(&self) -> String {
        let set = format!("{}/{}", self.namespace, self.stateful_set);
        format!(
            "#!/bin/sh\n\
             # Gives each ordinal of StatefulSet {set} its own directory of the files that the replicas share.\n\
             #\n\
             # Usage: sh FILE                    only checks: the set, other users of the claims, files and free space\n\
             #        sh FILE --yes              migrates; after an interruption, the same again goes on\n\
             #        sh FILE --roll-back --yes  takes the migration back\n\
             #\n\
             # Made by `ordinance migrate`. It deletes no file.\n\
             set -eu\n\n"
        )
    }

    fn variables_of_script(&self) -> Vec<(&'static str, String)> {
        let pods: Vec<String> =
            self.ordinals().map(|ordinal| format!("{}-{ordinal}", self.stateful_set)).collect();
        let claims: Vec<&str> = self.claims();
        let jobs = |mode| {
            let names: Vec<String> =
                (0..self.migrations.len()).map(|index| self.job_name(index, mode)).collect();
            names.join(" ")
        };
        vec![
            ("NAMESPACE", self.namespace.clone()),
            ("SET", self.stateful_set.clone()),
            ("REPLICAS", self.replicas.to_string()),
            ("PODS", pods.join(" ")),
            ("CLAIMS", claims.join(" ")),
            ("STATE", self.migrations.first().map(|migration| migration.state.clone()).unwrap_or_default()),
            ("LABEL", LABEL.to_owned()),
            ("CHECK_JOBS", jobs(JobMode::Check)),
            ("COPY_JOBS", jobs(JobMode::Copy)),
            ("ROLL_BACK_JOBS", jobs(JobMode::RollBack)),
            ("MOUNTS_PATH", self.mounts_path()),
            ("MOUNTS_BEFORE", self.mount_lines(|mount| (&mount.sub_path, &mount.sub_path_expr))),
            ("MOUNTS_AFTER", self.mount_lines(|mount| ("", &mount.expression))),
            ("SHARED_VOLUMES_ALL", self.shared_volumes()),
            ("SHARED_VOLUMES_BEFORE", self.shared_volumes_before()),
            ("POLL", POLL.to_string()),
            ("PENDING_LIMIT", PENDING_LIMIT.to_string()),
            ("ROLLOUT_LIMIT", ROLLOUT_LIMIT.to_owned()),
        ]
    }

    /// Returns the ordinals, in order.
    pub(crate) fn ordinals(&self) -> impl Iterator<Item = u64> {
        let mut ordinals: Vec<u64> = self
            .migrations
            .iter()
            .flat_map(|migration| &migration.directories)
            .map(|one| one.ordinal)
            .collect();
        ordinals.sort_unstable();
        ordinals.dedup();
        ordinals.into_iter()
    }

    /// Returns the claims whose files move.
    fn claims(&self) -> Vec<&str> {
        let mut claims: Vec<&str> =
            self.migrations.iter().filter_map(|migration| migration.claim.as_deref()).collect();
        claims.extend(self.marks.iter().map(|mark| &*mark.claim));
        claims.sort_unstable();
        claims.dedup();
        claims
    }

    /// Returns the JSONPath of what identifies the mounts, a line each.
    fn mounts_path(&self) -> String {
        let field = |mount: &MountChange, name: &str| format!("{{.{}.{name}}}", mount.field);
        let lines = self.mounts.iter().map(|mount| {
            let members = ["name", "mountPath", "subPath", "subPathExpr"].map(|name| field(mount, name));
            members.join("{\"|\"}") + "{\"\\n\"}"
        });
        format!("jsonpath={}", lines.collect::<String>())
    }

    /// Returns what the JSONPath gives for mounts with these sub-paths.
    fn mount_lines<'p>(&'p self, sub_paths: impl Fn(&'p MountChange) -> (&'p str, &'p str)) -> String {
        let lines = self.mounts.iter().map(|mount| {
            let (sub_path, expression) = sub_paths(mount);
            [&*mount.volume, &*mount.mount_path, sub_path, expression].join("|")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Returns the annotation that opts the migrated volumes out, besides those that are opted out.
    fn shared_volumes(&self) -> String {
        let mut names: Vec<&str> = vec![self.set.annotation(SHARED_VOLUMES)];
        names.extend(self.migrations.iter().flat_map(|migration| &migration.volumes).map(String::as_str));
        names.retain(|name| !name.is_empty());
        names.dedup();
        format!("{SHARED_VOLUMES}={}", names.join(","))
    }

    /// Returns the annotation as it is before the migration, as an argument of `kubectl annotate`.
    fn shared_volumes_before(&self) -> String {
        match self.set.annotation(SHARED_VOLUMES) {
            "" => format!("{SHARED_VOLUMES}-"),
            names => format!("{SHARED_VOLUMES}={names}"),
        }
    }

    /// Returns the function that runs kubectl on the cluster of the plan, in the namespace of the set.
    fn kubectl_function(&self) -> String {
        let flags: String = self.options.kubectl.iter().map(|flag| quoted(flag) + " ").collect();
        format!("\nk() {{\n    kubectl {flags}--namespace \"$NAMESPACE\" \"$@\"\n}}\n")
    }

    /// Returns the function that prints the manifest of a Job.
    fn manifest_function(&self) -> String {
        let mut function = "\n# Prints the manifest of a Job.\nmanifest() {\n    case $1 in\n".to_owned();
        for index in 0..self.migrations.len() {
            for mode in [JobMode::Check, JobMode::Copy, JobMode::RollBack] {
                let name = self.job_name(index, mode);
                let text = self.job(index, mode).map(|job| yaml(&job)).unwrap_or_default();
                let _ = write!(
                    function,
                    "        {name})\n            cat << '{END}'\n{text}{END}\n            ;;\n"
                );
            }
        }
        function + "    esac\n}\n"
    }
}

/// Returns a function that prints a text.
fn function(name: &str, text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("\n{name}() {{\n    cat << '{END}'\n{text}{end}{END}\n}}\n")
}

fn pretty(patch: &[Value]) -> String {
    let lines: Vec<String> = patch.iter().map(Value::to_string).collect();
    format!("[\n{}\n]", lines.join(",\n"))
}

/// Returns a word that a POSIX shell reads as this text.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
