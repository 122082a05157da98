//! Audits the objects of a page, one after the other, on the thread of the audit.

use super::AuditedPolicy;
use super::audit_error::AuditError;
use super::report::ReportedObject;
use super::report_plan::ReportPlan;
use crate::audit::{AuditedResource, Auditor};
use crate::metrics::PolicyFigures;
use ordinance_audit::{ObjectAudit, namespace};
use ordinance_engine::Failure;
use ordinance_manifests::{Manifest, ManifestError, read_wanted};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Attempts to audit an object while requests use every instance or the index is not current, and the pause between them: 30 s in
/// all.
const ATTEMPTS: u32 = 3_000;
const PAUSE: Duration = Duration::from_millis(10);

/// The namespace of an object that names none: it is cluster-scoped, since the API server names the namespace of any other.
const NO_NAMESPACE: &str = "";

/// What an audit has found so far.
#[derive(Debug)]
pub(super) struct AuditedObjects {
    policies: Arc<[AuditedPolicy]>,
    /// The figures by name of the policy.
    pub(super) figures: BTreeMap<String, PolicyFigures>,
    /// The reports; `None` if there are none.
    pub(super) reports: Option<ReportPlan>,
}

/// An object with what one policy says of it.
struct PolicyAudit {
    audit: ObjectAudit,
    is_readable: bool,
}

// === impl AuditedObjects ===

impl AuditedObjects {
    pub(super) fn new(policies: Arc<[AuditedPolicy]>, reports: Option<ReportPlan>) -> Self {
        let figures = policies.iter().map(|policy| (policy.name.clone(), PolicyFigures::default())).collect();
        Self { policies, figures, reports }
    }

    /// Audits the objects of a page. Stops early if `is_over`.
    pub(super) fn add_page(
        &mut self,
        resource: &AuditedResource,
        page: &str,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), AuditError> {
        for object in read_wanted(page, NO_NAMESPACE, &|_, _| true).objects {
            if is_over() {
                return Ok(());
            }
            let start = Instant::now();
            match object {
                Ok(object) => self.add(resource, listed(object, resource))?,
                Err(error) => self.add_error(resource, &error),
            }
            // With as long a pause as the audit of an object takes, the thread uses at most half of a core.
            std::thread::sleep(start.elapsed());
        }
        Ok(())
    }

    /// Audits an object with each policy that lists its resource.
    fn add(&mut self, resource: &AuditedResource, object: Manifest) -> Result<(), AuditError> {
        let policies = Arc::clone(&self.policies);
        let mut audits = Vec::new();
        for policy in policies.iter().filter(|policy| policy.lists(resource)) {
            let found = policy.audit(&object)?;
            self.count(policy, &object, &found);
            audits.push((&*policy.name, found.audit));
        }
        if let Some(reports) = &mut self.reports {
            reports.add(&ReportedObject { object: &object, audits: &audits });
        }
        Ok(())
    }

    fn count(&mut self, policy: &AuditedPolicy, object: &Manifest, found: &PolicyAudit) {
        let figures = self.figures.entry(policy.name.clone()).or_default();
        let PolicyAudit { audit, is_readable } = found;
        *figures.objects.entry(object.scope.resource.to_string()).or_default() += 1;
        figures.unreadable += u64::from(!is_readable || audit.reason_without_answer().is_some());
        for finding in &audit.findings {
            figures.findings.entry(finding.rule.clone()).or_default().add(finding);
        }
        figures.enforcement.add(audit, || namespace(object));
    }

    /// Counts a part of a list that is no object.
    fn add_error(&mut self, resource: &AuditedResource, error: &ManifestError) {
        for policy in self.policies.iter().filter(|policy| policy.lists(resource)) {
            self.figures.entry(policy.name.clone()).or_default().unreadable += 1;
        }
        // The message of the error may quote the object.
        let (resource, error) = (resource.name(), error.kind);
        tracing::debug!(resource, ?error, "not audited: a part of the list is no object");
    }
}

/// Returns an object with the identity under which it is listed; its own resource is guessed from its kind.
fn listed(mut object: Manifest, resource: &AuditedResource) -> Manifest {
    object.scope.group = resource.group.clone().into();
    object.scope.version = resource.version.clone().into();
    object.scope.resource = resource.resource.clone().into();
    object
}

// === impl AuditedPolicy ===

impl AuditedPolicy {
    fn lists(&self, resource: &AuditedResource) -> bool {
        let AuditedResource { group, version, resource } = resource;
        self.admission.policy().description().concerns(group, version, resource)
    }

    fn audit(&self, object: &Manifest) -> Result<PolicyAudit, AuditError> {
        let auditor =
            Auditor { admission: &self.admission, enforcing: &self.enforcing, deadline: self.deadline };
        let audit = when_free(|| auditor.try_audit(object))?;
        let is_readable = when_free(|| self.reads(object))?;
        Ok(PolicyAudit { audit, is_readable })
    }

    /// Returns whether the policy can read the keys of an object; those of other kinds it does not read.
    fn reads(&self, object: &Manifest) -> Result<bool, Failure> {
        let policy = self.admission.policy();
        if !policy.watches(&object.scope) {
            return Ok(true);
        }
        match policy.keys(&object.scope, &object.json) {
            Ok(keys) => Ok(keys.is_ok()),
            Err(Failure::Busy) => Err(Failure::Busy),
            Err(_) => Ok(false),
        }
    }
}

/// Retries while requests use every instance, or the index is not current.
fn when_free<T>(work: impl Fn() -> Result<T, Failure>) -> Result<T, AuditError> {
    for _ in 0..ATTEMPTS {
        match work() {
            Ok(done) => return Ok(done),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    Err(AuditError::NotReady)
}
