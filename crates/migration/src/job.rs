//! The Jobs that copy the files: the same script in several modes, in a pod that can mount what the set's pods mount.

use crate::{Plan, VolumeMigration};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The script of the Jobs, for `sh -c`; its first lines describe its arguments.
pub const JOB_SCRIPT: &str = include_str!("job.sh");

/// Where the Jobs mount the volume.
const ROOT: &str = "/volume";

/// Where the Jobs write temporary files.
const SCRATCH: &str = "/scratch";

/// The most characters of a Job's name: its pods have it as the value of a label.
const NAME_CHARACTERS: usize = 63;

/// The digits of the hash in a Job's name.
const HASH_DIGITS: usize = 8;

/// The label of the Jobs and their pods.
pub(crate) const LABEL: &str = "ordinance.dev/migration";

/// The capabilities with which root copies files of any owner.
const CAPABILITIES: [&str; 4] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"];

/// The fields of the set's pods that decide where a pod can run and what it can mount.
const POD_FIELDS: [&str; 6] = [
    "imagePullSecrets",
    "nodeSelector",
    "runtimeClassName",
    "schedulerName",
    "serviceAccountName",
    "tolerations",
];

/// The fields of the pods' security context that a pod needs to read the volume.
const SECURITY_FIELDS: [&str; 2] = ["seLinuxOptions", "supplementalGroups"];

/// What a Job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobMode {
    /// Counts the files and the room that their copies need.
    Check,
    /// Copies the files and compares the copies.
    Copy,
    /// Compares the originals with their checksums from before the copy.
    Verify,
    /// Sets the directories of the ordinals aside.
    RollBack,
    /// Deletes the originals.
    CleanUp,
}

// === impl JobMode ===

impl JobMode {
    /// All modes, in the order of a migration.
    pub const ALL: [Self; 5] = [Self::Check, Self::Copy, Self::Verify, Self::RollBack, Self::CleanUp];

    /// The mode as the script's argument, e.g. `roll-back`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::RollBack => "roll-back",
            Self::CleanUp => "clean-up",
        }
    }
}

// === impl Plan ===

impl Plan {
    /// Returns the name of the Job of a volume, by its index in [`Plan::migrations`].
    pub(crate) fn job_name(&self, index: usize, mode: JobMode) -> String {
        let suffix = format!("-migrate-{}-{index}-{}", self.id(), mode.name());
        let mut name = self.stateful_set.clone();
        name.truncate(NAME_CHARACTERS - suffix.len());
        name.trim_end_matches(['.', '-']).replace('.', "-") + &suffix
    }

    /// Returns a hash that differs between plans of different sets or directories.
    pub(crate) fn id(&self) -> String {
        let text = json!([self.namespace, self.stateful_set, self.migrations]).to_string();
        let mut digits = format!("{:x}", Sha256::digest(text));
        digits.truncate(HASH_DIGITS);
        digits
    }

    /// Returns the Job of a volume.
    pub fn job(&self, index: usize, mode: JobMode) -> Option<Value> {
        let migration = self.migrations.get(index)?;
        let labels = json!({ LABEL: self.id(), "sidecar.istio.io/inject": "false" });
        Some(json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": { "name": self.job_name(index, mode), "namespace": self.namespace, "labels": labels },
            "spec": {
                "backoffLimit": 0,
                "template": {
                    "metadata": { "labels": labels, "annotations": { "linkerd.io/inject": "disabled" } },
                    "spec": self.job_pod(migration, mode),
                },
            },
        }))
    }

    fn job_pod(&self, migration: &VolumeMigration, mode: JobMode) -> Value {
        let mut volume = migration.source.clone();
        volume["name"] = json!("volume");
        let template = self.set.value.pointer("/spec/template/spec").unwrap_or(&Value::Null);
        let mut pod = selected(template, &POD_FIELDS);
        if let Some(affinity) = template.pointer("/affinity/nodeAffinity") {
            pod.insert("affinity".to_owned(), json!({ "nodeAffinity": affinity }));
        }
        let context = &template["securityContext"];
        let context = if self.options.as_pod {
            context.clone()
        } else {
            let mut context = selected(context, &SECURITY_FIELDS);
            context.insert("seccompProfile".to_owned(), json!({ "type": "RuntimeDefault" }));
            context.into()
        };
        pod.insert("securityContext".to_owned(), if context.is_null() { json!({}) } else { context });
        pod.insert("restartPolicy".to_owned(), json!("Never"));
        pod.insert("automountServiceAccountToken".to_owned(), json!(false));
        pod.insert("volumes".to_owned(), json!([volume, { "name": "scratch", "emptyDir": {} }]));
        pod.insert("containers".to_owned(), json!([self.job_container(migration, mode, template)]));
        pod.into()
    }

    fn job_container(&self, migration: &VolumeMigration, mode: JobMode, template: &Value) -> Value {
        let mut arguments = vec![mode.name().to_owned(), ROOT.to_owned(), SCRATCH.to_owned()];
        arguments.extend(self.job_arguments(migration));
        // Kubernetes replaces `$(NAME)` in arguments, and reads `$$` as `$`.
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace('$', "$$")).collect();
        json!({
            "name": "migrate",
            "image": self.options.image,
            "command": ["sh", "-c", JOB_SCRIPT, "migrate"],
            "args": arguments,
            "securityContext": self.container_context(migration, template),
            "volumeMounts": [
                { "name": "volume", "mountPath": ROOT },
                { "name": "scratch", "mountPath": SCRATCH },
            ],
        })
    }

    /// Returns the arguments of the script after ROOT and SCRATCH.
    pub fn job_arguments(&self, migration: &VolumeMigration) -> Vec<String> {
        let sources = migration.sources.iter().map(|source| format!("source={source}"));
        let excluded = self.options.excluded.iter().map(|name| format!("exclude={name}"));
        let tops = migration.tops().into_iter().map(|top| format!("top={top}"));
        let directories = migration.directories.iter().map(|directory| {
            let key = if directory.gets_files { "copy" } else { "empty" };
            format!("{key}={}", directory.directory)
        });
        [migration.state.clone()]
            .into_iter()
            .chain(sources)
            .chain(excluded)
            .chain(tops)
            .chain(directories)
            .collect()
    }

    /// Returns the security context of the Job's container: that of the first container which mounts the volume, or root
    /// with the capabilities that it needs.
    fn container_context(&self, migration: &VolumeMigration, template: &Value) -> Value {
        let mut context = if self.options.as_pod {
            let mounts_volume = |container: &&Value| {
                let mounts = container["volumeMounts"].as_array().into_iter().flatten();
                mounts
                    .into_iter()
                    .any(|mount| migration.volumes.iter().any(|volume| mount["name"] == **volume))
            };
            let containers = template["containers"].as_array().into_iter().flatten();
            let first = containers.into_iter().find(mounts_volume);
            first.and_then(|container| container.get("securityContext")).cloned().unwrap_or_else(|| json!({}))
        } else {
            json!({
                "runAsUser": 0,
                "runAsGroup": 0,
                "runAsNonRoot": false,
                "capabilities": { "drop": ["ALL"], "add": CAPABILITIES },
            })
        };
        context["allowPrivilegeEscalation"] = json!(false);
        context["readOnlyRootFilesystem"] = json!(true);
        context
    }
}

/// Returns the members of an object that it has of these names.
fn selected(object: &Value, names: &[&str]) -> Map<String, Value> {
    let members = names.iter().filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone())));
    members.collect()
}
