//! The builder of a verdict, which keeps the contract's rules on patches.

use super::patch::{self, Patch};
use ordinance_contract::{Annotation, Finding, Phase, Verdict};
use serde_json::Value;

/// The verdict on one request under construction; [`Review::verdict`](crate::Review::verdict) begins one.
#[derive(Clone, Debug)]
pub struct VerdictBuilder {
    phase: Phase,
    verdict: Verdict,
    operations: Vec<Value>,
}

// === impl VerdictBuilder ===

impl VerdictBuilder {
    pub(super) fn new(phase: Phase) -> Self {
        Self { phase, verdict: Verdict::allow(), operations: Vec::new() }
    }

    /// Adds a finding, the most important one first.
    pub fn report(&mut self, finding: impl Into<Finding>) -> &mut Self {
        self.verdict.findings.push(finding.into());
        self
    }

    /// Adds to the object what the patch has gained since the last call: in the phase `mutate` by the patch, in the others by
    /// the finding that it is missing. So no object can bypass the policy while the mutating webhook is unavailable.
    pub fn demand(&mut self, patch: &mut Patch, finding: impl Into<Finding>) -> &mut Self {
        let operations = patch.take_operations();
        match self.phase {
            _ if operations.is_empty() => self,
            Phase::Mutate => {
                self.operations.extend(operations);
                self
            }
            Phase::Validate | Phase::Audit => self.report(finding),
        }
    }

    /// Adds an entry to the audit log: 1 to 63 characters of `[A-Za-z0-9._-]`, and a value of one line.
    pub fn audit(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.verdict.audit.push(Annotation { key: key.to_owned(), value: value.into() });
        self
    }

    /// Adds a step that applies the change to an object that is stored already.
    pub fn migration(&mut self, step: impl Into<String>) -> &mut Self {
        self.verdict.migration.push(step.into());
        self
    }

    /// Returns the verdict. A denied request has no patch.
    pub fn build(self) -> Verdict {
        let mut verdict = self.verdict;
        if !self.operations.is_empty() && verdict.is_allowed() {
            verdict.patch = Some(patch::text(&self.operations));
        }
        verdict
    }
}
