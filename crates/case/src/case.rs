//! The format of a case's file, and the case that is parsed from it.

use crate::json::Json;
use crate::yaml;
use ordinance_contract::{
    Annotation, Finding, Fix, Operation, Phase, Request, Scope, Severity, Stance, Verdict,
};
use ordinance_manifests::{Manifest, ManifestError, ManifestErrorKind, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A parsed and checked case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Why the verdict is what it is, in one line.
    pub why: String,
    /// The policy's settings as JSON; empty for the defaults.
    pub settings: String,
    /// The stored objects.
    pub state: Vec<Manifest>,
    /// The request of the first of [`Case::phases`].
    pub request: Request<'static>,
    /// The phases in which the request is reviewed, in this order.
    pub phases: Vec<Phase>,
    /// The requests of a race, which arrive together; empty in other cases. [`Case::request`] is the first one.
    pub race: Vec<Request<'static>>,
    /// The expected verdicts; `None` in a case that was never blessed, or that expects less than whole verdicts.
    pub expect: Option<ExpectedVerdicts>,
    /// What is expected besides whole verdicts.
    pub partial: PartialExpectation,
    /// Why the case does not run; `None` if it does.
    pub skip: Option<String>,
    /// The checks of `ordinance test` that the case does not pass through, each with the reason.
    pub skip_checks: BTreeMap<CheckName, String>,
}

/// A check that `ordinance test` makes of each case besides its expectations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckName {
    /// The API server asks the policy about the request in at least one of its phases.
    Asked,
    /// The patched object gets no further patch, neither at once nor in an update that changes nothing.
    Idempotency,
    /// What the mutating review admits, the validating review of the patched object admits.
    Phases,
    /// After the change of another webhook, the policy neither repeats nor undoes anything.
    Reinvocation,
    /// Fields that the policy does not know are still there after its patch.
    UnknownFields,
    /// The keys of the object are among those that its review asks for.
    Keys,
    /// A review that gets the holdings gives the verdict of one that asks for them.
    Resume,
    /// No review burns more fuel than the budget.
    Fuel,
}

/// An expectation of less than whole verdicts. Whatever is not set is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialExpectation {
    /// Whether the API server asks the policy about the request.
    pub asked: Option<bool>,
    /// Whether every phase admits the request.
    pub allowed: Option<bool>,
    /// The rules of all findings of all phases, as a set.
    pub rules: Option<Vec<String>>,
    /// Patterns, each of which matches a message.
    pub messages: Vec<String>,
    /// A part of the object with the patch, as JSON.
    pub patched: Option<String>,
    /// The keys of the object with the patch, in any order.
    pub keys: Option<Vec<ExpectedKey>>,
    /// The most requests of a race that are admitted.
    pub admitted: Option<usize>,
}

/// A key of the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedKey {
    /// The tree, e.g. `host`.
    pub realm: String,
    /// The segments from the root; omitted for the root itself.
    #[serde(default)]
    pub path: Vec<String>,
    /// `holds`, `uses` or `looks`.
    #[serde(default = "holds")]
    #[schemars(with = "StanceName")]
    pub stance: Stance,
    /// The note; omitted if any will do.
    #[serde(default)]
    pub note: Option<String>,
}

fn holds() -> Stance {
    Stance::Holds
}

/// The expected verdicts on the phases of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedVerdicts {
    /// The verdict of the mutating review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutate: Option<ExpectedVerdict>,
    /// The verdict of the validating review, which gets the object with the patch applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<ExpectedVerdict>,
    /// The verdict on the object as it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<ExpectedVerdict>,
}

/// A whole verdict; empty members are omitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedVerdict {
    /// True if no finding denies the request.
    pub allowed: bool,
    /// The findings of all rules, denials first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ExpectedFinding>,
    /// The JSON Patch, as a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub patch: Vec<Value>,
    /// How to change an object that is stored already, one step per item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migration: Vec<String>,
    /// Entries for the audit log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit: Vec<ExpectedAnnotation>,
}

/// The result of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedFinding {
    /// The id of the rule, e.g. `shared-export`.
    pub rule: String,
    /// `deny`, `warn` or `note`.
    #[schemars(with = "SeverityName")]
    pub severity: Severity,
    /// True for a warning that is a denial once the settings no longer put it off; omitted if false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub would_deny: bool,
    /// The field at fault; omitted for the whole object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What is wrong.
    pub fact: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// The other objects, as `resource/name` or `resource/namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// Changes that resolve the finding, the best one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<ExpectedFix>,
}

/// A change of the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFix {
    /// One line.
    pub title: String,
    /// The JSON Patch, as a list.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub patch: Vec<Value>,
}

/// An entry for the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedAnnotation {
    /// 1 to 63 characters of `[A-Za-z0-9._-]`.
    pub key: String,
    /// Free text, one line.
    pub value: String,
}

/// Returns the JSON Schema (2020-12) of a case.
pub fn schema() -> Value {
    schemars::schema_for!(CaseFile).to_value()
}

/// The file of a case.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Case")]
struct CaseFile {
    /// Why the verdict is what it is, in one line.
    why: String,
    /// The policy's settings; omitted for the defaults.
    #[schemars(with = "Option<Map<String, Value>>")]
    settings: Option<Json>,
    /// Manifests of the stored objects; those without a namespace are in `default`.
    #[serde(default)]
    #[schemars(with = "Vec<Map<String, Value>>")]
    state: Vec<Json>,
    /// Why the case does not run, in one line. `ordinance test` counts and names such cases.
    skip: Option<String>,
    /// The checks of `ordinance test` that the case does not pass through, each with the reason in one line.
    #[serde(default)]
    #[schemars(with = "BTreeMap<CheckName, String>")]
    skip_checks: BTreeMap<CheckName, String>,
    /// The admission request; omitted in a race.
    request: Option<CaseRequest>,
    /// Two or three requests that arrive together at two replicas of the host: `ordinance test` tries every order of what
    /// happens to them.
    #[serde(default)]
    race: Vec<CaseRequest>,
    /// The expected verdicts. The last key of the file, since blessing rewrites the file from this key on.
    expect: Option<CaseExpectation>,
}

/// What is expected: the whole verdict of each phase, or only what matters.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Expectation")]
struct CaseExpectation {
    /// The whole verdict of the mutating review.
    mutate: Option<ExpectedVerdict>,
    /// The whole verdict of the validating review, which gets the object with the patch applied.
    validate: Option<ExpectedVerdict>,
    /// The whole verdict on the object as it is stored.
    audit: Option<ExpectedVerdict>,
    /// Whether the API server asks the policy about the request in any of its phases. With `false` the policy is not called, and
    /// nothing else can be expected.
    asked: Option<bool>,
    /// Whether every phase admits the request.
    allowed: Option<bool>,
    /// The ids of the rules of all findings of all phases, in any order, each once; `[]` for no finding.
    rules: Option<Vec<String>>,
    /// Patterns, each of which matches a whole message or warning, as the client sees it; `*` stands for any text.
    #[serde(default)]
    messages: Vec<String>,
    /// A part of the object with the patch: members may be missing, lists must be whole.
    #[schemars(with = "Option<Map<String, Value>>")]
    patched: Option<Json>,
    /// All keys of the object with the patch, in any order; `[]` for none.
    keys: Option<Vec<ExpectedKey>>,
    /// Of a race, the most requests that may be admitted, by default 1. Some order must admit as many.
    admitted: Option<usize>,
}

/// An admission request. Omitted members are taken from the object.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Request")]
struct CaseRequest {
    /// By default `UPDATE` if there is an `oldObject`, else `CREATE`.
    #[schemars(with = "Option<OperationName>")]
    operation: Option<Operation>,
    /// By default mutate and validate; the validating review gets the object with the mutating review's patch.
    #[serde(default = "both")]
    #[schemars(with = "Vec<PhaseName>")]
    phases: Vec<Phase>,
    /// Whether the API server stores nothing.
    #[serde(default)]
    dry_run: bool,
    /// e.g. `scale`.
    #[serde(default)]
    subresource: String,
    /// `group/version/resource`, or `version/resource` in the core group; by default the resource of the object's kind,
    /// and `apps/v1/statefulsets` for a `Scale`.
    resource: Option<String>,
    /// By default the object's.
    kind: Option<String>,
    /// By default the object's; empty for an object with a `generateName`.
    name: Option<String>,
    /// By default the object's, or `default`.
    namespace: Option<String>,
    /// The user that sends the request.
    #[schemars(with = "Option<Map<String, Value>>")]
    user_info: Option<Json>,
    /// The object; omitted on `DELETE`.
    #[schemars(with = "Option<Map<String, Value>>")]
    object: Option<Json>,
    /// The stored object.
    #[schemars(with = "Option<Map<String, Value>>")]
    old_object: Option<Json>,
}

/// The values of [`Operation`].
#[derive(JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
enum OperationName {
    Create,
    Update,
    Delete,
    Connect,
}

/// The values of [`Severity`].
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum SeverityName {
    Deny,
    Warn,
    Note,
}

/// The values of [`Stance`].
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum StanceName {
    Holds,
    Uses,
    Looks,
}

/// The values of [`Phase`].
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum PhaseName {
    Mutate,
    Validate,
    Audit,
}

fn both() -> Vec<Phase> {
    vec![Phase::Mutate, Phase::Validate]
}

// === impl Case ===

impl Case {
    /// Parses a case.
    ///
    /// # Errors
    ///
    /// With its position: an unknown key, a value of the wrong type, or an object that is not a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let file: CaseFile = serde_saphyr::from_str_with_options(text, yaml::options())
            .map_err(|error| yaml::manifest_error(&error))?;
        file.check().map_err(|message| ManifestError {
            line: 1,
            column: 1,
            message,
            kind: ManifestErrorKind::Object,
            is_quotable: true,
        })
    }

    /// Returns a case of one request of a race, which is reviewed in both phases.
    #[must_use]
    pub fn alone(&self, request: &Request<'static>) -> Self {
        Self { request: request.clone(), phases: both(), race: Vec::new(), ..self.clone() }
    }
}

// === impl CaseFile ===

impl CaseFile {
    fn check(self) -> Result<Case, String> {
        check_line("why", &self.why)?;
        if let Some(reason) = &self.skip {
            check_line("skip", reason)?;
        }
        for (check, reason) in &self.skip_checks {
            check_line(&format!("skipChecks.{}", check.word()), reason)?;
        }
        let race = race(self.race)?;
        let (phases, request) = match (self.request, race.first()) {
            (Some(request), None) => (request.phases.clone(), request.check()?),
            (None, Some(first)) => (both(), first.clone()),
            (Some(_), Some(_)) => return Err("race: can't be combined with request".to_owned()),
            (None, None) => return Err("request: is missing; give a request or a race".to_owned()),
        };
        let is_race = !race.is_empty();
        let (expect, partial) = match self.expect {
            Some(expect) => expect.check(&phases, is_race)?,
            None => Default::default(),
        };
        Ok(Case {
            why: self.why,
            settings: self.settings.map(|Json(text)| text).unwrap_or_default(),
            state: self.state.iter().enumerate().map(stored).collect::<Result<_, _>>()?,
            request,
            phases,
            race,
            expect,
            partial,
            skip: self.skip,
            skip_checks: self.skip_checks,
        })
    }
}

/// Checks that a text has one line that is not empty.
fn check_line(field: &str, text: &str) -> Result<(), String> {
    let line = text.trim();
    if line.is_empty() || line.contains('\n') { Err(format!("{field}: must be one line")) } else { Ok(()) }
}

/// The most requests of a race: each one multiplies the orders.
const RACERS: usize = 3;

fn race(requests: Vec<CaseRequest>) -> Result<Vec<Request<'static>>, String> {
    if requests.len() == 1 || requests.len() > RACERS {
        return Err(format!("race: needs 2 to {RACERS} requests"));
    }
    let checked = requests.into_iter().enumerate().map(|(position, request)| {
        if request.phases != both() {
            return Err(format!("race[{position}].phases: a race always has both phases"));
        }
        let request = request.check().map_err(|error| format!("race[{position}]: {error}"))?;
        let is_complete = request.object.is_some() && !request.scope.name.is_empty();
        if is_complete { Ok(request) } else { Err(format!("race[{position}]: needs an object with a name")) }
    });
    checked.collect()
}

// === impl CheckName ===

impl CheckName {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 8] = [
        Self::Asked,
        Self::Resume,
        Self::Keys,
        Self::Phases,
        Self::Idempotency,
        Self::Reinvocation,
        Self::UnknownFields,
        Self::Fuel,
    ];

    /// The name in a case's file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Idempotency => "idempotency",
            Self::Phases => "phases",
            Self::Reinvocation => "reinvocation",
            Self::UnknownFields => "unknownFields",
            Self::Keys => "keys",
            Self::Resume => "resume",
            Self::Fuel => "fuel",
        }
    }
}

// === impl CaseExpectation ===

impl CaseExpectation {
    /// Returns the whole verdicts, if there are any, and the other expectations.
    fn check(
        self,
        phases: &[Phase],
        is_race: bool,
    ) -> Result<(Option<ExpectedVerdicts>, PartialExpectation), String> {
        let verdicts = ExpectedVerdicts { mutate: self.mutate, validate: self.validate, audit: self.audit };
        let partial = PartialExpectation {
            asked: self.asked,
            allowed: self.allowed,
            rules: self.rules,
            messages: self.messages,
            patched: self.patched.map(|Json(text)| text),
            keys: self.keys,
            admitted: self.admitted,
        };
        if is_race {
            return match (verdicts == ExpectedVerdicts::default(), partial.is_only_admitted()) {
                (true, true) => Ok((None, partial)),
                _ => Err("expect: a race has no other expectation than admitted".to_owned()),
            };
        }
        if partial.admitted.is_some() {
            return Err("expect.admitted: only a race has it".to_owned());
        }
        if partial.asked == Some(false)
            && (!partial.is_only_asked() || verdicts != ExpectedVerdicts::default())
        {
            return Err(
                "expect.asked: false has no other expectation, since the policy is not called".to_owned()
            );
        }
        if partial != PartialExpectation::default() && verdicts == ExpectedVerdicts::default() {
            return Ok((None, partial));
        }
        check_expected_phases(&verdicts, phases)?;
        Ok((Some(verdicts), partial))
    }
}

// === impl ExpectedVerdicts ===

impl ExpectedVerdicts {
    /// Returns the verdicts of all phases that have one.
    pub fn all(&self) -> impl Iterator<Item = &ExpectedVerdict> {
        [&self.mutate, &self.validate, &self.audit].into_iter().flatten()
    }

    /// Returns whether there is a verdict for a phase.
    pub const fn has(&self, phase: Phase) -> bool {
        match phase {
            Phase::Mutate => self.mutate.is_some(),
            Phase::Validate => self.validate.is_some(),
            Phase::Audit => self.audit.is_some(),
        }
    }

    /// Returns the verdicts of some phases only.
    #[must_use]
    pub fn only(&self, is_kept: impl Fn(Phase) -> bool) -> Self {
        let kept = |phase, verdict: &Option<ExpectedVerdict>| verdict.clone().filter(|_| is_kept(phase));
        Self {
            mutate: kept(Phase::Mutate, &self.mutate),
            validate: kept(Phase::Validate, &self.validate),
            audit: kept(Phase::Audit, &self.audit),
        }
    }
}

// === impl PartialExpectation ===

impl PartialExpectation {
    fn is_only_admitted(&self) -> bool {
        *self == Self { admitted: self.admitted, ..Self::default() }
    }

    fn is_only_asked(&self) -> bool {
        *self == Self { asked: self.asked, ..Self::default() }
    }

    /// Returns true if nothing is expected besides whole verdicts.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Checks that there is an expected verdict, and none for another phase than those of the request. A verdict may be missing for a
/// phase in which the policy is not asked.
fn check_expected_phases(expect: &ExpectedVerdicts, phases: &[Phase]) -> Result<(), String> {
    let expected = [Phase::Mutate, Phase::Validate, Phase::Audit].map(|phase| (phase, expect.has(phase)));
    if let Some((phase, _)) =
        expected.iter().find(|(phase, is_expected)| *is_expected && !phases.contains(phase))
    {
        return Err(format!("expect: {} is not one of request.phases", phase.word()));
    }
    match phases {
        [phase, ..] if *expect == ExpectedVerdicts::default() => {
            Err(format!("expect: {} is missing", phase.word()))
        }
        _ => Ok(()),
    }
}

fn stored((position, Json(object)): (usize, &Json)) -> Result<Manifest, String> {
    let object = parse(object, 1, NAMESPACE).map(Manifest::stored);
    object.map_err(|error| format!("state[{position}]: {}", error.message))
}

/// The namespace of objects that name none.
const NAMESPACE: &str = "default";

// === impl CaseRequest ===

impl CaseRequest {
    fn check(self) -> Result<Request<'static>, String> {
        if !matches!(*self.phases, [_] | [Phase::Mutate, Phase::Validate]) {
            return Err("request.phases: must be mutate, validate, both in this order, or audit".to_owned());
        }
        let (scope, kind) = self.subject()?;
        let operation = self.operation.unwrap_or(match self.old_object {
            Some(_) => Operation::Update,
            None => Operation::Create,
        });
        let text = |json: Json| json.0.into();
        Ok(Request {
            operation,
            phase: self.phases.first().copied().unwrap_or(Phase::Mutate),
            scope,
            kind: kind.into(),
            dry_run: self.dry_run,
            user_info: self.user_info.map(text).unwrap_or_default(),
            object: self.object.map(text),
            old_object: self.old_object.map(text),
        })
    }

    /// Returns the scope and the kind: those of the request, else those of the object.
    fn subject(&self) -> Result<(Scope<'static>, String), String> {
        let object = self.object.as_ref().or(self.old_object.as_ref());
        let manifest = object.map(|Json(text)| parse(text, 1, NAMESPACE));
        let (mut scope, kind) = match (manifest, &self.resource, &self.kind) {
            (Some(Ok(manifest)), _, own) => (manifest.scope, own.clone().unwrap_or(manifest.kind)),
            (_, Some(_), Some(kind)) => (Scope::default(), kind.clone()),
            (Some(Err(error)), ..) => return Err(format!("request.object: {}", error.message)),
            (None, ..) => return Err("request: needs resource and kind if there is no object".to_owned()),
        };
        self.name_resource(&mut scope, &kind)?;
        scope.subresource = self.subresource.clone().into();
        if let Some(name) = &self.name {
            scope.name = name.clone().into();
        }
        if let Some(namespace) = &self.namespace {
            scope.namespace = namespace.clone().into();
        }
        Ok((scope, kind))
    }

    fn name_resource(&self, scope: &mut Scope<'static>, kind: &str) -> Result<(), String> {
        let resource = match &self.resource {
            Some(resource) => resource.as_str(),
            None if kind == "Scale" => "apps/v1/statefulsets",
            None => return Ok(()),
        };
        let parts: Vec<&str> = resource.split('/').collect();
        let (group, version, resource) = match *parts {
            [version, resource] => ("", version, resource),
            [group, version, resource] => (group, version, resource),
            _ => {
                return Err(
                    "request.resource: must be group/version/resource, e.g. apps/v1/statefulsets".to_owned()
                );
            }
        };
        scope.group = group.to_owned().into();
        scope.version = version.to_owned().into();
        scope.resource = resource.to_owned().into();
        Ok(())
    }
}

// === impl ExpectedVerdict ===

impl TryFrom<Verdict> for ExpectedVerdict {
    type Error = String;

    /// Parses the patches of a verdict.
    fn try_from(verdict: Verdict) -> Result<Self, String> {
        let allowed = verdict.is_allowed();
        let annotation = |Annotation { key, value }| ExpectedAnnotation { key, value };
        Ok(Self {
            allowed,
            findings: verdict
                .findings
                .into_iter()
                .map(ExpectedFinding::try_from)
                .collect::<Result<_, _>>()?,
            patch: verdict.patch.as_deref().map(operations).transpose()?.unwrap_or_default(),
            migration: verdict.migration,
            audit: verdict.audit.into_iter().map(annotation).collect(),
        })
    }
}

// === impl ExpectedFinding ===

impl TryFrom<Finding> for ExpectedFinding {
    type Error = String;

    fn try_from(finding: Finding) -> Result<Self, String> {
        let fix = |Fix { title, patch }| Ok(ExpectedFix { title, patch: operations(&patch)? });
        Ok(Self {
            rule: finding.rule,
            severity: finding.severity,
            would_deny: finding.would_deny,
            field: finding.field,
            fact: finding.fact,
            remedy: finding.remedy,
            related: finding
                .related
                .iter()
                .map(|scope| reference(&scope.resource, &scope.namespace, &scope.name))
                .collect(),
            fixes: finding.fixes.into_iter().map(fix).collect::<Result<_, String>>()?,
        })
    }
}

/// Parses a JSON Patch that is not empty.
fn operations(patch: &str) -> Result<Vec<Value>, String> {
    match serde_json::from_str::<Vec<Value>>(patch) {
        Ok(operations) if !operations.is_empty() => Ok(operations),
        Ok(_) => Err("returned an empty patch instead of none".to_owned()),
        Err(error) => Err(format!("returned an invalid patch: {error}")),
    }
}

/// Returns an object as `resource/name` or `resource/namespace/name`.
pub(crate) fn reference(resource: &str, namespace: &str, name: &str) -> String {
    if namespace.is_empty() { format!("{resource}/{name}") } else { format!("{resource}/{namespace}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLUME: &str = "{apiVersion: v1, kind: PersistentVolume, metadata: {name: pv}}";

    fn case(request: &str) -> Case {
        Case::parse(&format!("why: it is so\nrequest: {request}\n")).expect("a case")
    }

    fn error(text: &str) -> String {
        Case::parse(text).expect_err("not a case").to_string()
    }

    fn scope(group: &str, resource: &str, subresource: &str, namespace: &str, name: &str) -> Scope<'static> {
        let owned = |text: &str| text.to_owned().into();
        Scope {
            group: owned(group),
            version: owned("v1"),
            resource: owned(resource),
            subresource: owned(subresource),
            namespace: owned(namespace),
            name: owned(name),
        }
    }

    #[test]
    fn omitted_members_of_the_request_are_taken_from_the_object() {
        let request = case(&format!("{{object: {VOLUME}}}")).request;
        assert_eq!(
            request,
            Request {
                operation: Operation::Create,
                phase: Phase::Mutate,
                scope: scope("", "persistentvolumes", "", "", "pv"),
                kind: "PersistentVolume".into(),
                dry_run: false,
                user_info: "".into(),
                object: Some(
                    r#"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"}}"#.into()
                ),
                old_object: None,
            }
        );
    }

    #[test]
    fn a_request_with_an_old_object_is_an_update() {
        let request = case(&format!("{{object: {VOLUME}, oldObject: {VOLUME}, phases: [validate]}}")).request;
        assert_eq!((request.operation, request.phase), (Operation::Update, Phase::Validate));
        let request = case(&format!("{{operation: DELETE, oldObject: {VOLUME}}}")).request;
        assert_eq!((request.operation, request.object), (Operation::Delete, None));
    }

    #[test]
    fn a_scale_belongs_to_a_stateful_set() {
        let object = "{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: web, namespace: shop}}";
        let request = case(&format!("{{subresource: scale, object: {object}}}")).request;
        assert_eq!(request.scope, scope("apps", "statefulsets", "scale", "shop", "web"));
        assert_eq!(request.kind, "Scale");
    }

    #[test]
    fn the_request_can_identify_an_object_that_is_not_a_manifest() {
        let request =
            case("{resource: v1/persistentvolumes, kind: PersistentVolume, name: pv, object: {spec: 1}}")
                .request;
        assert_eq!(request.scope, scope("", "persistentvolumes", "", "", "pv"));
        assert_eq!(request.object.as_deref(), Some(r#"{"spec":1}"#));
    }

    #[test]
    fn refuses_unknown_and_missing_keys() {
        let request = format!("request: {{object: {VOLUME}}}");
        assert!(
            error(&format!("why: x\nwhat: y\n{request}\n")).starts_with("line 2, column 1: unknown field")
        );
        assert!(
            error(&format!("why: x\n{request}\nexpect: {{mutate: {{allowed: true, patches: []}}}}\n"))
                .contains("patches")
        );
        assert!(error("why: x\nrequest: {objects: {}}\n").contains("objects"));
        assert!(error(&format!("{request}\n")).contains("why"));
    }

    #[test]
    fn refuses_verdicts_on_other_phases_than_those_of_the_request() {
        let text = format!(
            "why: x\nrequest: {{phases: [mutate], object: {VOLUME}}}\nexpect: {{validate: {{allowed: true}}}}\n"
        );
        assert_eq!(error(&text), "line 1, column 1: expect: validate is not one of request.phases");
        let text = format!("why: x\nrequest: {{phases: [validate], object: {VOLUME}}}\nexpect: {{}}\n");
        assert_eq!(error(&text), "line 1, column 1: expect: validate is missing");
    }

    #[test]
    fn names_the_object_of_the_state_that_is_not_a_manifest() {
        let text = format!("why: x\nstate: [{VOLUME}, {{kind: Pod}}]\nrequest: {{object: {VOLUME}}}\n");
        assert_eq!(
            error(&text),
            "line 1, column 1: state[1]: not a Kubernetes object: apiVersion is not set"
        );
    }

    #[test]
    fn a_case_may_expect_less_than_whole_verdicts() {
        let text = format!(
            "why: x\nskipChecks: {{idempotency: it counts}}\nrequest: {{object: {VOLUME}}}\n\
             expect: {{allowed: false, rules: [a], messages: ['*b*'], patched: {{c: 1}}, keys: [{{realm: d}}]}}\n"
        );
        let case = Case::parse(&text).expect("a case");
        let key = ExpectedKey { realm: "d".to_owned(), path: vec![], stance: Stance::Holds, note: None };
        let partial = PartialExpectation {
            asked: None,
            allowed: Some(false),
            rules: Some(vec!["a".to_owned()]),
            messages: vec!["*b*".to_owned()],
            patched: Some(r#"{"c":1}"#.to_owned()),
            keys: Some(vec![key]),
            admitted: None,
        };
        assert_eq!((case.expect, case.partial), (None, partial));
        assert_eq!(case.skip_checks, BTreeMap::from([(CheckName::Idempotency, "it counts".to_owned())]));
    }

    #[test]
    fn a_case_that_is_not_asked_about_expects_nothing_else() {
        let with = |expect: &str| {
            format!("why: x\nrequest: {{object: {VOLUME}}}\nexpect: {{asked: false{expect}}}\n")
        };
        let case = Case::parse(&with("")).expect("a case");
        assert_eq!((case.expect, case.partial.asked), (None, Some(false)));
        for other in [", allowed: true", ", validate: {allowed: true}"] {
            assert!(error(&with(other)).contains("expect.asked: false has no other expectation"), "{other}");
        }
    }

    #[test]
    fn a_race_has_two_or_three_requests_with_names_and_expects_how_many_are_admitted() {
        let other = VOLUME.replace("name: pv", "name: other");
        let race = |requests: &str| format!("why: x\nrace: [{requests}]\nexpect: {{admitted: 2}}\n");
        let case = Case::parse(&race(&format!("{{object: {VOLUME}}}, {{object: {other}}}"))).expect("a case");
        assert_eq!((case.race.len(), case.partial.admitted), (2, Some(2)));
        assert_eq!(case.race.first(), Some(&case.request));
        for (requests, message) in [
            (format!("{{object: {VOLUME}}}"), "race: needs 2 to 3 requests"),
            (format!("{{object: {VOLUME}}}, {{object: {other}, phases: [mutate]}}"), "race[1].phases"),
            (format!("{{object: {VOLUME}}}, {{operation: DELETE, oldObject: {other}}}"), "race[1]: needs"),
        ] {
            assert!(error(&race(&requests)).contains(message), "{}", error(&race(&requests)));
        }
    }

    #[test]
    fn a_reason_for_skipping_is_mandatory() {
        let with = |skip: &str| error(&format!("why: x\n{skip}\nrequest: {{object: {VOLUME}}}\n"));
        assert!(with("skip: ''").contains("skip: must be one line"));
        assert!(with("skipChecks: {fuel: ' '}").contains("skipChecks.fuel: must be one line"));
        assert!(with("skipChecks: {speed: x}").contains("speed"), "{}", with("skipChecks: {speed: x}"));
    }

    #[test]
    fn the_schema_has_every_key() {
        let schema = schema();
        let keys: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
        assert_eq!(keys, ["expect", "race", "request", "settings", "skip", "skipChecks", "state", "why"]);
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], serde_json::json!(["why"]));
    }
}
