//! The figures of a policy and of each review, measured and saved.

use super::statistics::TimeDistribution;
use super::workload::Workload;
use crate::command::policies::ServedPolicy;
use crate::limits::Limits;
use crate::review::{AdmissionReview, explain};
use anyhow::{Result, bail};
use ordinance_contract::one_line;
use ordinance_engine::{Engine, ReviewTrace};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The version of the format in which figures are saved.
const FORMAT: u32 = 1;

/// The warm-up of each review, so that caches and the pool of instances are as in a server that runs.
const WARM_UP: Duration = Duration::from_millis(200);

/// The fewest and the most measurements of a review.
const SAMPLES: std::ops::RangeInclusive<usize> = 30..=20_000;

/// Everything that is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BenchFigures {
    format: u32,
    /// The version of this program.
    pub(super) ordinance: String,
    /// The version of wasmtime.
    pub(super) wasmtime: String,
    pub(super) policy: PolicyFigures,
    pub(super) workloads: Vec<WorkloadFigures>,
}

/// The figures of the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyFigures {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) digest: String,
    /// The size of the component.
    pub(super) bytes: u64,
}

/// The figures of one review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WorkloadFigures {
    pub(super) name: String,
    /// The time of the policy's functions.
    pub(super) evaluation: TimeDistribution,
    /// The time to make an instance.
    pub(super) instantiation: TimeDistribution,
    /// The largest linear memory of an instance, in bytes.
    pub(super) memory: u64,
    /// The fuel of a review, about the number of executed instructions.
    pub(super) fuel: u64,
}

// === impl BenchFigures ===

impl BenchFigures {
    pub(super) fn new(policy: PolicyFigures, workloads: Vec<WorkloadFigures>) -> Self {
        Self {
            format: FORMAT,
            ordinance: env!("CARGO_PKG_VERSION").to_owned(),
            wasmtime: Engine::wasmtime_version().to_owned(),
            policy,
            workloads,
        }
    }

    /// Reads saved figures.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| format!("is not JSON: {error}"))?;
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(format!("has the format {format}, and this version reads format {FORMAT}"));
            }
            None => return Err("has no figures".to_owned()),
        }
        serde_json::from_value(value)
            .map_err(|error| format!("has invalid figures: {}", one_line(&error.to_string(), 240)))
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn workload(&self, name: &str) -> Option<&WorkloadFigures> {
        self.workloads.iter().find(|workload| workload.name == name)
    }
}

// === impl WorkloadFigures ===

impl WorkloadFigures {
    /// Runs a review again and again for this time, each time on a fresh instance, and once with the policy that counts
    /// fuel: to count slows a review down by a third.
    pub(super) fn measure(
        policy: &ServedPolicy,
        metered: &ServedPolicy,
        workload: &Workload,
        limits: &Limits,
        time: Duration,
    ) -> Result<Self> {
        let review = AdmissionReview::parse(&workload.body, limits.json_depth)?;
        let request = review.request(workload.phase);
        let run = |policy: &ServedPolicy| -> Result<ReviewTrace> {
            let trace = policy.admission.trace(&request, Instant::now() + limits.deadline);
            match &trace.outcome {
                Ok(_) => Ok(trace),
                Err(failure) => bail!("{}: {}", workload.name, explain(&policy.name, failure)),
            }
        };
        let warm_up = Instant::now();
        while warm_up.elapsed() < WARM_UP.min(time) {
            run(policy)?;
        }
        let (mut evaluation, mut instantiation, mut memory) = (Vec::new(), Vec::new(), 0);
        let begin = Instant::now();
        while evaluation.len() < *SAMPLES.start()
            || (begin.elapsed() < time && evaluation.len() < *SAMPLES.end())
        {
            let trace = run(policy)?;
            evaluation.push(trace.evaluation());
            instantiation.push(trace.instantiation.time);
            memory = memory.max(trace.usage.memory as u64);
        }
        Ok(Self {
            name: workload.name.clone(),
            evaluation: TimeDistribution::of(&evaluation),
            instantiation: TimeDistribution::of(&instantiation),
            memory,
            fuel: run(metered)?.usage.fuel.unwrap_or_default(),
        })
    }
}
