//! Reviews manifests as the webhooks would, in the order of the input.
//!
//! Objects are decided in parallel against the current index, and concluded one after the other while the next ones are decided.
//! If an object that a decision depends on was concluded meanwhile, the object is decided again. So the result is that of
//! reviewing one object after the other, and most of the work runs in parallel.

use super::input::{Input, InputFile};
use super::progress::Progress;
use super::stored::{StoredObjects, other_version};
use crate::admission::{Admission, Decision, Mutation, patched};
use crate::command::explanation::explanation;
use crate::command::output;
use crate::command::policies::ServedPolicy;
use crate::config::is_different;
use crate::limits::Limits;
use crate::review::explain;
use anyhow::{Context as _, Result};
use ordinance_contract::{Finding, Phase, Request, Rule, Verdict};
use ordinance_engine::Failure;
use ordinance_manifests::{Manifest, RenderedDirectory};
use ordinance_report::{
    AdmissionOutcome, CheckReport, CheckedObject, StoredSign, UnrenderedDirectory, VerdictText,
};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// The number of objects that are decided in parallel: enough for all cores, and few enough that only few of them have to be
/// decided again.
const BATCH: usize = 256;

/// The page that explains the rules of the built-in policy.
pub(in crate::command) const RULES_PAGE: &str =
    "https://github.com/ordinance-dev/ordinance/blob/main/docs/rules.md";

/// Reviews manifests with a policy, whose index grows with every admitted object.
pub(super) struct ManifestReviewer<'p, 's> {
    /// The policy's name.
    policy: &'p str,
    version: &'p str,
    rules: &'p [Rule],
    rules_page: Option<&'static str>,
    admission: &'p Admission,
    stored: &'s StoredObjects<'s>,
    deadline: Duration,
    progress: &'p Progress,
    explanations: Explanations,
}

/// Whether to explain each review on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::command) enum Explanations {
    /// Yes.
    Printed,
    /// No.
    #[default]
    Omitted,
}

/// An object of the input.
#[derive(Clone, Copy)]
struct InputObject<'i> {
    /// Its position in the input.
    position: usize,
    file: &'i InputFile,
    manifest: &'i Manifest,
    /// `None` if it is new.
    sign: Option<StoredSign>,
}

/// The reviews of an object, decided but not concluded.
#[derive(Default)]
struct TentativeReview<'i> {
    /// `None` if the policy has no mutating webhook for the object.
    mutating: Option<(Request<'i>, Decision)>,
    patch: Vec<Value>,
    /// `None` if the mutating review denies the object, and for an object that is only audited.
    validating: Option<(Request<'i>, Decision)>,
    /// `None` if the object is new.
    audit: Option<(Request<'i>, Decision)>,
}

/// Objects with their reviews, decided but not concluded.
type DecidedBatch<'b, 'i> = Vec<(InputObject<'i>, Result<TentativeReview<'b>, Failure>)>;

/// The result of both reviews of an object.
#[derive(Default)]
struct CombinedReview {
    /// `None` if there is no verdict.
    outcome: Option<AdmissionOutcome>,
    message: VerdictText,
    findings: Vec<Finding>,
    patch: Vec<Value>,
    migration: Vec<String>,
}

/// The part of an object from which the API server generates a name.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeneratedObject {
    metadata: Option<GeneratedMetadata>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeneratedMetadata {
    generate_name: Option<String>,
}

// === impl ManifestReviewer ===

impl<'p, 's> ManifestReviewer<'p, 's> {
    pub(super) fn new(
        served: &'p ServedPolicy,
        stored: &'s StoredObjects<'s>,
        limits: &Limits,
        progress: &'p Progress,
    ) -> Self {
        let policy = served.admission.policy();
        let description = policy.description();
        Self {
            policy: &served.name,
            version: &description.version,
            rules: &description.rules,
            rules_page: policy.is_built_in().then_some(RULES_PAGE),
            admission: &served.admission,
            stored,
            deadline: limits.deadline,
            progress,
            explanations: Explanations::default(),
        }
    }

    /// Explains each review, or does not.
    pub(super) fn with_explanations(self, explanations: Explanations) -> Self {
        Self { explanations, ..self }
    }

    /// Reviews every object, in order.
    ///
    /// # Errors
    ///
    /// The index has no room for the objects that precede the others.
    pub(super) fn report<'i>(&self, input: &'i Input) -> Result<CheckReport<'i>>
    where
        's: 'i,
    {
        let objects = input.objects().enumerate().map(|(position, (file, manifest))| {
            let sign = self.sign(manifest);
            InputObject { position, file, manifest, sign }
        });
        let objects: Vec<InputObject<'i>> = objects.collect();
        self.index_preceding(&objects)?;
        Ok(CheckReport {
            objects: self.review(&objects),
            errors: self.stored.errors().chain(input.errors()).collect(),
            skipped: input.skipped(),
            unlisted: 0,
            passed_over: input.unread.passed_over(),
            unrendered: input.unread.unrendered.iter().map(unrendered).collect(),
            policy: self.policy.to_owned(),
            version: self.version.to_owned(),
            rules: self.rules.to_vec(),
            rules_page: self.rules_page,
        })
    }

    /// Reviews the objects in batches: decides the next batch while it concludes the current one. An explained
    /// review runs alone, since the explanation has its time.
    fn review<'i>(&self, objects: &[InputObject<'i>]) -> Vec<CheckedObject<'i>>
    where
        's: 'i,
    {
        let mut batches = objects.chunks(BATCH);
        let mut checked = Vec::with_capacity(objects.len());
        let mut decided = batches.next().map(|batch| self.decide_batch(batch));
        while let Some(batch) = decided {
            let mut decide_next = || batches.next().map(|batch| self.decide_batch(batch));
            let (concluded, next) = match self.explanations {
                Explanations::Printed => (self.conclude_batch(batch), decide_next()),
                Explanations::Omitted => rayon::join(|| self.conclude_batch(batch), decide_next),
            };
            checked.extend(concluded);
            decided = next;
        }
        checked
    }

    fn decide_batch<'b, 'i>(&'b self, batch: &'b [InputObject<'i>]) -> DecidedBatch<'b, 'i> {
        let decide = |object: &'b InputObject<'i>| (*object, self.decide(*object));
        batch.par_iter().map(decide).collect()
    }

    fn conclude_batch<'b, 'i>(&'b self, batch: DecidedBatch<'b, 'i>) -> Vec<CheckedObject<'i>> {
        let checked = batch.into_iter().map(|(object, tentative)| {
            self.progress.add_reviewed();
            match other_version(self.admission.policy().description(), object.manifest) {
                Some(reason) => checked_object(object, CombinedReview::failed(reason)),
                None => checked_object(object, self.reviewed(object, tentative)),
            }
        });
        checked.collect()
    }

    /// Indexes what exists already: objects with a uid, and the kinds that exist before the objects that refer to them.
    fn index_preceding(&self, objects: &[InputObject<'_>]) -> Result<()> {
        let description = self.admission.policy().description();
        let preceding = objects.iter().filter(|object| {
            object.sign == Some(StoredSign::Uid) || description.precedes(&object.manifest.scope)
        });
        // An object that the policy can't read is reported when it is reviewed.
        self.admission
            .fill(preceding.map(|object| (object.manifest.scope.borrowed(), self.json(object))))
            .map(drop)
            .context("the objects that precede others can't be remembered")
    }

    fn reviewed<'i>(
        &'i self,
        object: InputObject<'i>,
        tentative: Result<TentativeReview<'i>, Failure>,
    ) -> CombinedReview {
        if self.explanations == Explanations::Printed {
            self.explain(object);
        }
        let review = self.conclude(object, tentative);
        review.unwrap_or_else(|failure| CombinedReview::failed(explain(self.policy, &failure)))
    }

    /// Explains the reviews of an object on the index against which it is concluded.
    fn explain(&self, object: InputObject<'_>) {
        let manifest = object.manifest;
        if object.sign == Some(StoredSign::Uid) {
            return self.explain_request(&manifest.creation(Phase::Audit));
        }
        let description = self.admission.policy().description();
        let mutating = self.request(manifest, Phase::Mutate);
        let mut patch = Vec::new();
        if description.reviews(&mutating.scope, mutating.operation, Phase::Mutate) {
            self.explain_request(&mutating);
            match self.admission.decide_mutation(mutating, self.deadline()) {
                Ok(Some(mutation)) if mutation.decision.verdict.is_allowed() => patch = mutation.patch,
                Ok(None) => {}
                // There is no validating review of what the mutating one denies.
                Ok(Some(_)) | Err(_) => return,
            }
        }
        if let Ok(request) = patched(self.request(manifest, Phase::Validate), &patch) {
            self.explain_request(&request);
        }
    }

    fn explain_request(&self, request: &Request<'_>) {
        let trace = self.admission.trace(request, self.deadline());
        output::print_to_stderr(&explanation(request, &trace));
    }

    /// Returns how it is known that the object exists already. With a uid it is what exists, unless the state has another
    /// version of it.
    fn sign(&self, object: &Manifest) -> Option<StoredSign> {
        let stored = self.stored.find(&object.scope);
        let has_uid = object.has_uid();
        match stored {
            Some(stored) if !has_uid || is_different(object, stored) => Some(StoredSign::State),
            _ => has_uid.then_some(StoredSign::Uid),
        }
    }

    /// Returns the object as JSON, as it is stored if it exists already.
    fn json<'i>(&self, object: &InputObject<'i>) -> Cow<'i, str> {
        match (object.sign, self.stored.find(&object.manifest.scope)) {
            (None, _) => Cow::Borrowed(&object.manifest.json),
            (Some(StoredSign::State), Some(stored)) => object.manifest.applied_json(stored),
            (Some(_), _) => object.manifest.stored_json(),
        }
    }

    /// Returns the request that creates the object, or that updates it if it exists already.
    fn request<'i>(&'i self, object: &'i Manifest, phase: Phase) -> Request<'i> {
        match self.stored.find(&object.scope) {
            Some(stored) => object.update(stored, phase),
            None => object.creation(phase),
        }
    }

    /// Concludes a tentative review if it still stands, and otherwise decides again.
    fn conclude<'i>(
        &'i self,
        object: InputObject<'i>,
        tentative: Result<TentativeReview<'i>, Failure>,
    ) -> Result<CombinedReview, Failure> {
        let review = match tentative {
            Ok(review) if self.stands(&review)? => review,
            _ => self.decide(object)?,
        };
        let TentativeReview { mutating, patch, validating, audit } = review;
        let audit = audit.map(|(_, decision)| decision.verdict).unwrap_or_default();
        if object.sign == Some(StoredSign::Uid) {
            return Ok(CombinedReview::new(audit, Vec::new()));
        }
        let mutating = mutating.map(|(_, decision)| decision.verdict).unwrap_or_default();
        let combined = CombinedReview { migration: audit.migration, ..CombinedReview::new(mutating, patch) };
        let Some((request, decision)) = validating else { return Ok(combined) };
        Ok(combined.with_validating(self.admission.conclude(&request, decision, self.deadline())?))
    }

    fn stands(&self, review: &TentativeReview<'_>) -> Result<bool, Failure> {
        let TentativeReview { mutating, validating, audit, .. } = review;
        for (request, decision) in [mutating, validating, audit].into_iter().flatten() {
            if !self.admission.stands(request, decision)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decides the reviews of an object: a new one is created, one of `--state` is updated and audited, and one with a uid
    /// is audited as it is.
    fn decide<'i>(&'i self, object: InputObject<'i>) -> Result<TentativeReview<'i>, Failure> {
        let InputObject { position, manifest, sign, .. } = object;
        let Some(sign) = sign else { return self.decide_change(manifest, position) };
        let audit = Some(self.decide_audit(self.stored.find(&manifest.scope).unwrap_or(manifest))?);
        let change = match sign {
            StoredSign::Uid => TentativeReview::default(),
            StoredSign::State => self.decide_change(manifest, position)?,
        };
        Ok(TentativeReview { audit, ..change })
    }

    fn decide_audit<'i>(&self, object: &'i Manifest) -> Result<(Request<'i>, Decision), Failure> {
        let request = object.creation(Phase::Audit);
        let decision = self.admission.decide(&request, self.deadline())?;
        Ok((request, decision))
    }

    /// Decides the mutating review, and the validating review of the patched object.
    fn decide_change<'i>(
        &'i self,
        object: &'i Manifest,
        position: usize,
    ) -> Result<TentativeReview<'i>, Failure> {
        let mutation =
            self.admission.decide_mutation(self.request(object, Phase::Mutate), self.deadline())?;
        let (mutating, patch) = match mutation {
            Some(Mutation { request, decision, patch }) => (Some((request, decision)), patch),
            None => (None, Vec::new()),
        };
        if mutating.as_ref().is_some_and(|(_, decision)| !decision.verdict.is_allowed()) {
            return Ok(TentativeReview { mutating, ..TentativeReview::default() });
        }
        let mut request = patched(self.request(object, Phase::Validate), &patch)?;
        if request.scope.name.is_empty() {
            request.scope.name = generated_name(object, position).into();
        }
        let decision = self.admission.decide(&request, self.deadline())?;
        Ok(TentativeReview { mutating, patch, validating: Some((request, decision)), audit: None })
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }
}

// === impl CombinedReview ===

impl CombinedReview {
    /// Returns a review without a verdict, and why there is none.
    fn failed(reason: String) -> Self {
        Self { message: VerdictText { message: reason, ..VerdictText::default() }, ..Self::default() }
    }

    /// Returns the result of the mutating review.
    fn new(verdict: Verdict, patch: Vec<Value>) -> Self {
        Self {
            outcome: Some(outcome(&verdict)),
            message: VerdictText::from_findings(&verdict.findings),
            findings: verdict.findings,
            patch,
            migration: verdict.migration,
        }
    }

    /// Adds the validating review: its outcome, and the warnings and findings that are new.
    fn with_validating(mut self, verdict: Verdict) -> Self {
        let mut message = VerdictText::from_findings(&verdict.findings);
        message.warnings = merged(self.message.warnings, message.warnings);
        let outcome = outcome(&verdict);
        self.findings = merged(self.findings, verdict.findings);
        self.findings.sort_by_key(Finding::rank);
        Self { outcome: Some(outcome), message, ..self }
    }
}

fn unrendered(directory: &RenderedDirectory) -> UnrenderedDirectory {
    UnrenderedDirectory { directory: directory.path.display().to_string(), command: directory.command_line() }
}

fn checked_object<'i>(object: InputObject<'i>, review: CombinedReview) -> CheckedObject<'i> {
    let InputObject { file, manifest, sign, .. } = object;
    CheckedObject {
        file: &file.name,
        text: &file.text,
        origin: file.origin(),
        object: manifest,
        name: shown_name(manifest),
        outcome: review.outcome.unwrap_or(AdmissionOutcome::Failed),
        message: review.message,
        findings: review.findings,
        patch: review.patch,
        stored: sign,
        migration: review.migration,
    }
}

fn outcome(verdict: &Verdict) -> AdmissionOutcome {
    if verdict.is_allowed() { AdmissionOutcome::Admitted } else { AdmissionOutcome::Denied }
}

/// Returns the first list, followed by the elements of the second that it does not contain.
fn merged<T: PartialEq>(mut first: Vec<T>, second: Vec<T>) -> Vec<T> {
    let new: Vec<T> = second.into_iter().filter(|element| !first.contains(element)).collect();
    first.extend(new);
    first
}

/// Returns the prefix of the name that the API server will generate.
fn name_prefix(object: &Manifest) -> String {
    let object = serde_json::from_str::<GeneratedObject>(&object.json).unwrap_or_default();
    object.metadata.unwrap_or_default().generate_name.unwrap_or_default()
}

fn shown_name(object: &Manifest) -> Cow<'_, str> {
    match &*object.scope.name {
        "" => Cow::Owned(format!("{}*", name_prefix(object))),
        name => Cow::Borrowed(name),
    }
}

/// Returns a name like those that the API server generates, but the same in every run.
fn generated_name(object: &Manifest, position: usize) -> String {
    format!("{}{position:05}", name_prefix(object))
}
