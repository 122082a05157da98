//! The plan for people.

use crate::manifests::yaml;
use crate::{ClaimMark, Plan, VolumeMigration};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The width of the text in columns.
const COLUMNS: usize = 100;

/// A step of the plan.
struct Step {
    why: String,
    /// Commands, or fields to write.
    lines: Vec<String>,
}

// === impl Step ===

impl Step {
    fn of(why: &str, lines: impl IntoIterator<Item = String>) -> Self {
        Self { why: why.to_owned(), lines: lines.into_iter().collect() }
    }
}

// === impl Plan ===

impl Plan {
    /// Returns the steps with their reasons.
    pub fn text(&self) -> String {
        let set = format!("StatefulSet {}/{}", self.namespace, self.stateful_set);
        let mut text = if self.is_empty() {
            format!("{set}: nothing to migrate\n")
        } else {
            format!("{set}: files of {} replicas move into a directory per ordinal\n\n", self.replicas)
        };
        for migration in &self.migrations {
            let _ = writeln!(text, "  {}", described(migration));
        }
        for left_out in &self.left_out {
            let _ = writeln!(text, "  volume {} stays as it is: {}", left_out.volume, left_out.reason);
        }
        if self.is_empty() {
            return text;
        }
        for warning in &self.warnings {
            paragraph(&mut text, "warning: ", warning);
        }
        text.push('\n');
        for (number, step) in self.steps().into_iter().enumerate() {
            paragraph(&mut text, &format!("{number}. "), &step.why);
            for line in step.lines {
                let _ = writeln!(text, "     {line}");
            }
        }
        text
    }

    fn steps(&self) -> Vec<Step> {
        let write_fields = Step {
            why: "Write the fields, here and in the manifests that the set is applied from. Otherwise the next apply takes \
                  them away."
                .to_owned(),
            lines: self.fields().lines().map(str::to_owned).collect(),
        };
        vec![
            self.preparation(),
            Step::of(
                "Take a snapshot or a backup of the volume, and pause whatever writes the set again (GitOps, operators, \
                 autoscalers). No step deletes a file, but a backup also helps against what this plan does not know.",
                [],
            ),
            Step::of(
                "Scale the set to 0 and wait until its pods are gone: files that change while they are copied would \
                 differ from their copies.",
                [self.kubectl(&format!("scale statefulset {} --replicas=0", self.stateful_set))],
            ),
            Step { why: self.copy_step(), lines: vec!["sh migrate.sh --yes".to_owned()] },
            write_fields,
            self.marking(),
            Step::of(
                "Scale up, and check the files of every replica.",
                [self.kubectl(&format!(
                    "scale statefulset {} --replicas={}",
                    self.stateful_set, self.replicas
                ))],
            ),
            Step::of(
                "To roll back: the fields are taken back, and the replicas see the originals as before. What they wrote \
                 since is kept beside them.",
                ["sh migrate.sh --roll-back --yes".to_owned()],
            ),
            Step::of(
                "Weeks later, delete the originals if you need the room and nothing else uses them. The Job refuses if \
                 one of them has changed, and there is no way back from it.",
                ["jq '.jobs[\"clean-up\"]' plan.json | kubectl create -f -".to_owned()],
            ),
        ]
    }

    fn preparation(&self) -> Step {
        let command = format!("ordinance migrate {} -n {} --output", self.stateful_set, self.namespace);
        Step::of(
            "Write the script and the data of the plan, with the same flags: once the set is migrated, nothing is left to \
             plan. The script makes steps 2 to 6, and stops before one whose precondition fails. Without --yes it only \
             checks.",
            [
                format!("{command} script > migrate.sh"),
                format!("{command} json > plan.json"),
                "sh migrate.sh".to_owned(),
            ],
        )
    }

    fn marking(&self) -> Step {
        let lines = self.marks.iter().map(|mark| {
            let ClaimMark { claim, sub_path } = mark;
            self.kubectl(&format!("annotate pvc {claim} --overwrite ordinance.dev/sub-path='{sub_path}'"))
        });
        Step::of("Annotate the claims: a set that is created again finds its files then.", lines)
    }

    fn kubectl(&self, line: &str) -> String {
        format!("kubectl -n {} {line}", self.namespace)
    }

    fn copy_step(&self) -> String {
        let who = match self.options.owner {
            Some(owner) => format!(
                "Copy the files into the directory of ordinal {owner}, and make empty directories for the others"
            ),
            None => "Copy the files into a directory for each ordinal, as Ordinance can't know which ordinal wrote which \
                     file (--owner ORDINAL gives them to one only)"
                .to_owned(),
        };
        format!(
            "{who}. A Job checks the free space, copies, compares checksums, modes, owners and times, and puts a directory \
             into place only if all are equal. The originals stay."
        )
    }

    /// Returns the fields to write, as YAML.
    fn fields(&self) -> String {
        let mut containers: Map<String, Value> = Map::new();
        for variables in &self.variables {
            containers.entry(variables.container.clone()).or_insert_with(|| json!({}))["env"] =
                json!(variables.env);
        }
        for mount in &self.mounts {
            let container = containers.entry(mount.container.clone()).or_insert_with(|| json!({}));
            let entry = json!({ "name": mount.volume, "mountPath": mount.mount_path, "subPathExpr": mount.expression });
            match container["volumeMounts"].as_array_mut() {
                Some(mounts) => mounts.push(entry),
                None => container["volumeMounts"] = json!([entry]),
            }
        }
        let named = containers.into_iter().map(|(name, mut container)| {
            container["name"] = json!(name);
            container
        });
        yaml(&named.collect::<Vec<_>>().into())
    }
}

fn described(migration: &VolumeMigration) -> String {
    let sources: Vec<&str> =
        migration.sources.iter().map(|source| if source.is_empty() { "/" } else { &**source }).collect();
    let directories: Vec<&str> = migration.directories.iter().map(|one| &*one.directory).collect();
    format!(
        "volume {} on {}: from {} to {}",
        migration.volumes.join(", "),
        migration.location,
        sources.join(", "),
        shortened(&directories)
    )
}

/// Returns names, of many only the first and the last.
fn shortened(names: &[&str]) -> String {
    match names {
        [first, second, .., last] if names.len() > 4 => format!("{first}, {second}, … {last}"),
        _ => names.join(", "),
    }
}

/// Adds a paragraph whose further lines are indented as deep as its first words.
fn paragraph(text: &mut String, initial: &str, words: &str) {
    let indent = " ".repeat(initial.len());
    let options = textwrap::Options::new(COLUMNS).initial_indent(initial).subsequent_indent(&indent);
    text.push_str(&textwrap::fill(words, options));
    text.push('\n');
}
