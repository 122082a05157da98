//! What one side answers to a recorded request.

use super::recorded_request::RecordedRequest;
use crate::admission::{Admission, operations, patched};
use crate::command::policies::ServedPolicy;
use crate::judge::Judge as _;
use crate::limits::Limits;
use ordinance_contract::{Finding, Phase, Request, Verdict};
use ordinance_engine::Failure;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A policy with its settings, and what it has admitted so far.
pub(super) struct Side<'p> {
    admission: &'p Admission,
    deadline: Duration,
}

/// The answer of a side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SideAnswer {
    pub(super) is_allowed: bool,
    /// Of both webhooks, each once.
    pub(super) findings: Vec<Finding>,
    pub(super) patch: Vec<Value>,
}

// === impl Side ===

impl<'p> Side<'p> {
    pub(super) fn new(policy: &'p ServedPolicy, limits: &Limits) -> Self {
        Self { admission: &policy.admission, deadline: limits.deadline }
    }

    /// Reviews a request with the webhooks that get it. One that the policy does not review is admitted.
    pub(super) fn answer(&self, recorded: &RecordedRequest) -> Result<SideAnswer, Failure> {
        let mut answer = SideAnswer { is_allowed: true, ..SideAnswer::default() };
        if recorded.phase != Some(Phase::Validate) {
            let verdict = self.verdict(&self.request(recorded, Phase::Mutate))?;
            answer.patch = verdict.as_ref().map(operations).transpose()?.unwrap_or_default();
            answer.add(verdict);
        }
        if answer.is_allowed {
            let request = patched(self.request(recorded, Phase::Validate), &answer.patch)?;
            answer.add(self.verdict(&request)?);
        }
        Ok(answer)
    }

    fn request<'r>(&self, recorded: &'r RecordedRequest, phase: Phase) -> Request<'r> {
        Request { phase, ..recorded.request.borrowed() }
    }

    fn verdict(&self, request: &Request<'_>) -> Result<Option<Verdict>, Failure> {
        let description = self.admission.policy().description();
        let is_reviewed = description.reviews(&request.scope, request.operation, request.phase);
        is_reviewed.then(|| self.admission.judge(request, Instant::now() + self.deadline)).transpose()
    }
}

// === impl SideAnswer ===

impl SideAnswer {
    /// Adds the verdict of the next webhook.
    fn add(&mut self, verdict: Option<Verdict>) {
        let Some(verdict) = verdict else { return };
        self.is_allowed = verdict.is_allowed();
        for finding in verdict.findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
    }
}
