//! The judging: what the webhooks would say to each object, in the order of the input.
//!
//! Objects are rehearsed side by side, on what is remembered at that time, and concluded one after the other: where
//! somebody came in between whom a verdict depends on, the object is judged again. So the result is that of judging one
//! after the other, and most of the work is not.

use super::input::{File, Input};
use super::progress::Progress;
use crate::admission::{Admission, Decision};
use crate::command::policies::ServedPolicy;
use crate::limits::Limits;
use crate::review::{explain, worded};
use anyhow::{Context as _, Result};
use ordinance_contract::{Operation, Phase, Request, Verdict};
use ordinance_engine::Failure;
use ordinance_json::applied;
use ordinance_manifests::Manifest;
use ordinance_report::{Judgement, Report};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Claims: group and resource.
const CLAIMS: (&str, &str) = ("", "persistentvolumeclaims");

/// Objects that are rehearsed together: enough to share out, and few enough that little changes until they are concluded.
const TOGETHER: usize = 256;

/// A policy with its memory, which fills while it judges.
pub(super) struct Judging<'p> {
    policy: &'p str,
    version: &'p str,
    admission: &'p Admission,
    deadline: Duration,
    progress: &'p Progress,
}

/// An object with its file and its place among all.
type Placed<'i> = (usize, (&'i File, &'i Manifest));

/// Both reviews of an object, decided and not concluded.
struct Rehearsal<'i> {
    mutating: Request<'i>,
    mutated: Decision,
    patch: Vec<Value>,
    /// None if the mutating review refuses.
    validating: Option<(Request<'i>, Decision)>,
}

/// What both reviews of an object said.
struct Said {
    verdict: Verdict,
    patch: Vec<Value>,
}

/// What a name is generated of.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Named {
    metadata: Option<Generated>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Generated {
    generate_name: Option<String>,
}

// === impl Judging ===

impl<'p> Judging<'p> {
    pub(super) fn new(judged: &'p ServedPolicy, limits: &Limits, progress: &'p Progress) -> Self {
        let description = judged.judge.policy().description();
        Self {
            policy: &judged.name,
            version: &description.version,
            admission: &judged.judge,
            deadline: limits.deadline,
            progress,
        }
    }

    /// Judges everything in its order.
    ///
    /// # Errors
    ///
    /// There is no room for all claims.
    pub(super) fn report<'i>(&self, input: &'i Input) -> Result<Report<'i>> {
        self.store_claims(input)?;
        let objects: Vec<Placed<'i>> = input.objects().enumerate().collect();
        let judgements = objects.chunks(TOGETHER).flat_map(|together| self.judgements(together)).collect();
        Ok(Report {
            judgements,
            troubles: input.troubles(),
            skipped: input.skipped(),
            policy: self.policy.to_owned(),
            version: self.version.to_owned(),
        })
    }

    fn judgements<'i>(&self, objects: &[Placed<'i>]) -> Vec<Judgement<'i>> {
        let rehearse = |(position, (_, object)): &Placed<'i>| self.rehearsed(object, *position);
        let rehearsals: Vec<Result<Rehearsal<'i>, Failure>> = objects.par_iter().map(rehearse).collect();
        let concluded = objects.iter().zip(rehearsals).map(|((position, (file, object)), rehearsal)| {
            self.progress.judged();
            self.judgement(file, object, self.said(object, *position, rehearsal))
        });
        concluded.collect()
    }

    /// Claims are there before whatever uses them.
    fn store_claims(&self, input: &Input) -> Result<()> {
        let claims = input.objects().map(|(_, object)| object);
        let claims = claims.filter(|object| (&*object.scope.group, &*object.scope.resource) == CLAIMS);
        let claims = claims.map(|claim| (claim.scope.clone(), claim.json.as_str()));
        // One that the policy can't read is told as what it is when it is judged.
        self.admission.fill(claims).map(drop).context("the claims can't be remembered")
    }

    fn judgement<'i>(
        &self,
        file: &'i File,
        object: &'i Manifest,
        said: Result<Said, Failure>,
    ) -> Judgement<'i> {
        let base = Judgement {
            file: &file.name,
            text: &file.text,
            object,
            name: shown_name(object),
            allowed: false,
            code: 500,
            message: String::new(),
            causes: Vec::new(),
            warnings: Vec::new(),
            patch: Vec::new(),
        };
        match said {
            Ok(Said { verdict, patch }) => Judgement {
                allowed: verdict.allowed,
                code: if verdict.allowed { 200 } else { 403 },
                message: verdict.message,
                causes: verdict.causes,
                warnings: verdict.warnings,
                patch,
                ..base
            },
            Err(failure) => Judgement { message: explain(self.policy, &failure), ..base },
        }
    }

    /// Concludes a rehearsal, if it still stands; else there is another, which nobody can come in between.
    fn said<'i>(
        &self,
        object: &'i Manifest,
        position: usize,
        rehearsal: Result<Rehearsal<'i>, Failure>,
    ) -> Result<Said, Failure> {
        let rehearsal = match rehearsal {
            Ok(rehearsal) if self.stands(&rehearsal)? => rehearsal,
            _ => self.rehearsed(object, position)?,
        };
        let Rehearsal { mutated, patch, validating, .. } = rehearsal;
        let mutated = worded(self.policy, mutated.verdict);
        let Some((request, decision)) = validating else {
            return Ok(Said { verdict: mutated, patch });
        };
        let validated = self.admission.conclude(&request, decision, self.deadline())?;
        Ok(Said { verdict: with_warnings(worded(self.policy, validated), mutated.warnings), patch })
    }

    fn stands(&self, rehearsal: &Rehearsal<'_>) -> Result<bool, Failure> {
        let Rehearsal { mutating, mutated, validating, .. } = rehearsal;
        Ok(self.admission.stands(mutating, mutated)?
            && match validating {
                Some((request, decision)) => self.admission.stands(request, decision)?,
                None => true,
            })
    }

    /// The mutating review, and of what that makes the validating one.
    fn rehearsed<'i>(&self, object: &'i Manifest, position: usize) -> Result<Rehearsal<'i>, Failure> {
        let mutating = creation(object);
        let mutated = self.admission.decide(&mutating, self.deadline())?;
        if !mutated.verdict.allowed {
            return Ok(Rehearsal { mutating, mutated, patch: Vec::new(), validating: None });
        }
        let patch = operations(&mutated.verdict)?;
        let mut request = Request { phase: Phase::Validate, ..creation(object) };
        if !patch.is_empty() {
            request.object = Some(applied(&object.json, &patch).map_err(Failure::Nonsense)?.into());
        }
        if request.scope.name.is_empty() {
            request.scope.name = generated_name(object, position).into();
        }
        let validated = self.admission.decide(&request, self.deadline())?;
        Ok(Rehearsal { mutating, mutated, patch, validating: Some((request, validated)) })
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }
}

fn creation(object: &Manifest) -> Request<'_> {
    Request {
        operation: Operation::Create,
        phase: Phase::Mutate,
        scope: object.scope.borrowed(),
        kind: Cow::Borrowed(&object.kind),
        dry_run: false,
        user_info: Cow::Borrowed(""),
        object: Some(Cow::Borrowed(&object.json)),
        old_object: None,
    }
}

fn operations(verdict: &Verdict) -> Result<Vec<Value>, Failure> {
    let Some(patch) = &verdict.patch else { return Ok(Vec::new()) };
    serde_json::from_str(patch).map_err(|error| Failure::Nonsense(format!("a patch that is none: {error}")))
}

/// A verdict that begins with the warnings of the one before, each once.
fn with_warnings(verdict: Verdict, mut warnings: Vec<String>) -> Verdict {
    let more: Vec<String> =
        verdict.warnings.into_iter().filter(|warning| !warnings.contains(warning)).collect();
    warnings.extend(more);
    Verdict { warnings, ..verdict }
}

/// What the API server would make a name of.
fn name_prefix(object: &Manifest) -> String {
    let named = serde_json::from_str::<Named>(&object.json).unwrap_or_default();
    named.metadata.unwrap_or_default().generate_name.unwrap_or_default()
}

fn shown_name(object: &Manifest) -> Cow<'_, str> {
    match &*object.scope.name {
        "" => Cow::Owned(format!("{}*", name_prefix(object))),
        name => Cow::Borrowed(name),
    }
}

/// A name as the API server generates one, but the same in every run.
fn generated_name(object: &Manifest, position: usize) -> String {
    format!("{}{position:05}", name_prefix(object))
}
