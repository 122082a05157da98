//! The format of a case: what stands in the file, and the case that it means.

use crate::json::Json;
use crate::yaml;
use ordinance_contract::{Annotation, Finding, Fix, Operation, Phase, Request, Scope, Severity, Verdict};
use ordinance_manifests::{Manifest, ManifestError, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A case, read and checked.
#[derive(Clone, Debug)]
pub struct Case {
    /// One line: why the answer is what it is.
    pub why: String,
    /// The policy's settings as JSON; empty for the defaults.
    pub settings: String,
    /// What exists already.
    pub state: Vec<Manifest>,
    /// The request, as the first of [`Case::phases`] asks it.
    pub request: Request<'static>,
    /// Which webhooks ask, in this order.
    pub phases: Vec<Phase>,
    /// What they must answer; none in a case that was never blessed.
    pub expect: Option<Expect>,
}

/// The expected answers of the phases that a case has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// The answer to the mutating call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutate: Option<Answer>,
    /// The answer to the validating call, which sees the object with the patch applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<Answer>,
}

/// A whole verdict; empty members are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// True if no finding denies the request.
    pub allowed: bool,
    /// Everything that the rules found, denials first.
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
    /// The field at fault; left out for the whole object.
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
    /// Changes that resolve it, the best one first.
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

/// The JSON Schema (2020-12) of a case.
pub fn schema() -> Value {
    schemars::schema_for!(File).to_value()
}

/// What stands in the file of a case.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Case")]
struct File {
    /// One line: why the answer is what it is.
    why: String,
    /// The policy's settings; left out for the defaults.
    #[schemars(with = "Option<Map<String, Value>>")]
    settings: Option<Json>,
    /// Manifests of what exists already; without a namespace they are in `default`.
    #[serde(default)]
    #[schemars(with = "Vec<Map<String, Value>>")]
    state: Vec<Json>,
    /// The admission request.
    request: Asked,
    /// The whole verdicts that are expected; the last key of the file, since `BLESS=1` rewrites all from here on.
    expect: Option<Expect>,
}

/// An admission request: what is left out is taken from the object.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Request")]
struct Asked {
    /// By default `UPDATE` where there is an `oldObject`, else `CREATE`.
    #[schemars(with = "Option<OperationName>")]
    operation: Option<Operation>,
    /// By default both; the validating call sees the object with the mutating call's patch.
    #[serde(default = "both")]
    #[schemars(with = "Vec<PhaseName>")]
    phases: Vec<Phase>,
    /// Whether nothing will be stored.
    #[serde(default)]
    dry_run: bool,
    /// e.g. `scale`.
    #[serde(default)]
    subresource: String,
    /// `group/version/resource`, or `version/resource` in the core group; by default what the object's kind belongs to,
    /// and `apps/v1/statefulsets` for a `Scale`.
    resource: Option<String>,
    /// By default the object's.
    kind: Option<String>,
    /// By default the object's; empty for an object with a `generateName`.
    name: Option<String>,
    /// By default the object's, or `default`.
    namespace: Option<String>,
    /// Who asks.
    #[schemars(with = "Option<Map<String, Value>>")]
    user_info: Option<Json>,
    /// The object; left out on `DELETE`.
    #[schemars(with = "Option<Map<String, Value>>")]
    object: Option<Json>,
    /// The stored object.
    #[schemars(with = "Option<Map<String, Value>>")]
    old_object: Option<Json>,
}

/// What [`Operation`] may say.
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

/// What [`Phase`] may say.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum PhaseName {
    Mutate,
    Validate,
}

fn both() -> Vec<Phase> {
    vec![Phase::Mutate, Phase::Validate]
}

// === impl Case ===

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    ///
    /// What is not a case, with its place: an unknown key, a value of the wrong type, an object that is none.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let file: File = serde_saphyr::from_str_with_options(text, yaml::options())
            .map_err(|error| yaml::unreadable(&error))?;
        file.check().map_err(|message| ManifestError { line: 1, column: 1, message })
    }
}

// === impl File ===

impl File {
    fn check(self) -> Result<Case, String> {
        let phases = self.request.phases.clone();
        if self.why.trim().is_empty() || self.why.trim().contains('\n') {
            return Err("why: say it in one line".to_owned());
        }
        if let Some(expect) = &self.expect {
            agrees(expect, &phases)?;
        }
        Ok(Case {
            why: self.why,
            settings: self.settings.map(|Json(text)| text).unwrap_or_default(),
            state: self.state.iter().enumerate().map(stored).collect::<Result<_, _>>()?,
            request: self.request.check()?,
            phases,
            expect: self.expect,
        })
    }
}

/// Answers are there for the phases that ask, and for no others.
fn agrees(expect: &Expect, phases: &[Phase]) -> Result<(), String> {
    let answered = [(Phase::Mutate, expect.mutate.is_some()), (Phase::Validate, expect.validate.is_some())];
    match answered.iter().find(|(phase, there)| phases.contains(phase) != *there) {
        Some((phase, true)) => Err(format!("expect: {phase:?} is answered, but not one of request.phases")),
        Some((phase, false)) => Err(format!("expect: the answer to {phase:?} is missing")),
        None => Ok(()),
    }
}

fn stored((position, Json(object)): (usize, &Json)) -> Result<Manifest, String> {
    parse(object, 1, NAMESPACE).map_err(|error| format!("state[{position}]: {}", error.message))
}

/// Where objects are that name no namespace.
const NAMESPACE: &str = "default";

// === impl Asked ===

impl Asked {
    fn check(self) -> Result<Request<'static>, String> {
        if self.phases.is_empty() || self.phases == [Phase::Validate, Phase::Mutate] || self.phases.len() > 2
        {
            return Err("request.phases: mutate, validate, or both in this order".to_owned());
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

    /// What the request is about: the object's own words, unless the request says it.
    fn subject(&self) -> Result<(Scope<'static>, String), String> {
        let object = self.object.as_ref().or(self.old_object.as_ref());
        let manifest = object.map(|Json(text)| parse(text, 1, NAMESPACE));
        let (mut scope, kind) = match (manifest, &self.resource, &self.kind) {
            (Some(Ok(manifest)), _, own) => (manifest.scope, own.clone().unwrap_or(manifest.kind)),
            (_, Some(_), Some(kind)) => (Scope::default(), kind.clone()),
            (Some(Err(error)), ..) => return Err(format!("request.object: {}", error.message)),
            (None, ..) => return Err("request: without an object, say resource and kind".to_owned()),
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
            _ => return Err("request.resource: group/version/resource, e.g. apps/v1/statefulsets".to_owned()),
        };
        scope.group = group.to_owned().into();
        scope.version = version.to_owned().into();
        scope.resource = resource.to_owned().into();
        Ok(())
    }
}

// === impl Answer ===

impl TryFrom<Verdict> for Answer {
    type Error = String;

    /// The same verdict, with its patches read.
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

/// Reads a JSON Patch that is not empty.
fn operations(patch: &str) -> Result<Vec<Value>, String> {
    match serde_json::from_str::<Vec<Value>>(patch) {
        Ok(operations) if !operations.is_empty() => Ok(operations),
        Ok(_) => Err("answered with an empty patch instead of none".to_owned()),
        Err(error) => Err(format!("answered with a patch that is none: {error}")),
    }
}

/// An object as `resource/name` or `resource/namespace/name`.
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

    fn fault(text: &str) -> String {
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
    fn takes_from_the_object_what_the_request_leaves_out() {
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
    fn is_an_update_where_there_is_an_old_object() {
        let request = case(&format!("{{object: {VOLUME}, oldObject: {VOLUME}, phases: [validate]}}")).request;
        assert_eq!((request.operation, request.phase), (Operation::Update, Phase::Validate));
        let request = case(&format!("{{operation: DELETE, oldObject: {VOLUME}}}")).request;
        assert_eq!((request.operation, request.object), (Operation::Delete, None));
    }

    #[test]
    fn takes_a_scale_for_one_of_a_stateful_set() {
        let object = "{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: web, namespace: shop}}";
        let request = case(&format!("{{subresource: scale, object: {object}}}")).request;
        assert_eq!(request.scope, scope("apps", "statefulsets", "scale", "shop", "web"));
        assert_eq!(request.kind, "Scale");
    }

    #[test]
    fn lets_the_request_speak_where_the_object_is_no_manifest() {
        let request =
            case("{resource: v1/persistentvolumes, kind: PersistentVolume, name: pv, object: {spec: 1}}")
                .request;
        assert_eq!(request.scope, scope("", "persistentvolumes", "", "", "pv"));
        assert_eq!(request.object.as_deref(), Some(r#"{"spec":1}"#));
    }

    #[test]
    fn refuses_what_the_format_does_not_know() {
        let request = format!("request: {{object: {VOLUME}}}");
        assert!(
            fault(&format!("why: x\nwhat: y\n{request}\n")).starts_with("line 2, column 1: unknown field")
        );
        assert!(
            fault(&format!("why: x\n{request}\nexpect: {{mutate: {{allowed: true, patches: []}}}}\n"))
                .contains("patches")
        );
        assert!(fault("why: x\nrequest: {objects: {}}\n").contains("objects"));
        assert!(fault(&format!("{request}\n")).contains("why"));
    }

    #[test]
    fn refuses_answers_to_phases_that_do_not_ask() {
        let text = format!(
            "why: x\nrequest: {{phases: [mutate], object: {VOLUME}}}\nexpect: {{validate: {{allowed: true}}}}\n"
        );
        assert_eq!(fault(&text), "line 1, column 1: expect: the answer to Mutate is missing");
    }

    #[test]
    fn says_which_object_of_the_state_is_none() {
        let text = format!("why: x\nstate: [{VOLUME}, {{kind: Pod}}]\nrequest: {{object: {VOLUME}}}\n");
        assert_eq!(
            fault(&text),
            "line 1, column 1: state[1]: not a Kubernetes object: apiVersion is not set"
        );
    }

    #[test]
    fn publishes_a_schema_that_knows_every_key() {
        let schema = schema();
        let keys: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
        assert_eq!(keys, ["expect", "request", "settings", "state", "why"]);
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], serde_json::json!(["why", "request"]));
    }
}
