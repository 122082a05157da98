//! The storage policy as a guest of waPC, the protocol of Kubewarden's policy-server: `docs/performance.md` compares both servers
//! with the same policy.
//!
//! A mutating policy of Kubewarden returns the changed object, and its host computes the patch. That host has no
//! index, so the policy sees only the object under review.

use ordinance_contract::{Finding, Operation, Phase, Request, Scope, Severity, Verdict, rule_tag};
use ordinance_json::applied;
use ordinance_policy::Settings;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use wapc_guest::{CallResult, register_function};

/// What policy-server asks of a module before it runs it.
const METADATA: &[u8; 231] = br#"{"protocolVersion":"v1","mutating":true,"executionMode":"kubewarden-wapc","rules":[{"apiGroups":["apps"],"apiVersions":["v1"],"resources":["statefulsets"],"operations":["CREATE","UPDATE"]}],"annotations":{},"backgroundAudit":false}"#;

#[expect(unsafe_code, reason = "a custom section needs a name")]
#[used]
#[unsafe(link_section = "io.kubewarden.metadata")]
static SECTION: [u8; 231] = *METADATA;

/// What a call of `validate` passes.
#[derive(Deserialize)]
struct Validation<'a> {
    #[serde(borrow)]
    request: ValidatedRequest<'a>,
}

/// A request as policy-server passes it: that of an AdmissionReview.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValidatedRequest<'a> {
    #[serde(borrow)]
    kind: GroupVersionKind<'a>,
    #[serde(borrow)]
    resource: GroupVersionResource<'a>,
    #[serde(borrow, default)]
    sub_resource: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    operation: Operation,
    #[serde(borrow)]
    user_info: &'a RawValue,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct GroupVersionKind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct GroupVersionResource<'a> {
    #[serde(borrow, default)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

/// The answer of `validate`.
#[derive(Serialize)]
struct ValidationAnswer {
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutated_object: Option<Box<RawValue>>,
    warnings: Vec<String>,
}

/// The answer of `validate_settings`.
#[derive(Serialize)]
struct SettingsAnswer {
    valid: bool,
}

/// Registers the functions that policy-server calls. The host calls this one first.
#[expect(unsafe_code, reason = "an export needs a name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("protocol_version", |_| Ok(br#""v1""#.to_vec()));
    register_function("validate_settings", |_| Ok(serde_json::to_vec(&SettingsAnswer { valid: true })?));
    register_function("validate", validate);
}

/// Reviews a request with the default settings.
fn validate(payload: &[u8]) -> CallResult {
    let Validation { request } = serde_json::from_slice(payload)?;
    let request = request.into_contract();
    let verdict = ordinance_policy::review(&request, &Settings::default(), &[]);
    Ok(serde_json::to_vec(&ValidationAnswer::new(&request, &verdict)?)?)
}

// === impl ValidatedRequest ===

impl<'a> ValidatedRequest<'a> {
    fn into_contract(self) -> Request<'a> {
        let text =
            |object: Option<&'a RawValue>| object.map(RawValue::get).filter(|object| *object != "null");
        Request {
            operation: self.operation,
            phase: Phase::Mutate,
            scope: Scope {
                group: self.resource.group,
                version: self.resource.version,
                resource: self.resource.resource,
                subresource: self.sub_resource.unwrap_or_default(),
                namespace: self.namespace.unwrap_or_default(),
                name: self.name.unwrap_or_default(),
            },
            kind: self.kind.kind,
            dry_run: self.dry_run.unwrap_or_default(),
            user_info: self.user_info.get().into(),
            object: text(self.object).map(Cow::Borrowed),
            old_object: text(self.old_object).map(Cow::Borrowed),
        }
    }
}

// === impl ValidationAnswer ===

impl ValidationAnswer {
    fn new(
        request: &Request<'_>,
        verdict: &Verdict,
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let mutated_object = match (request.object.as_deref(), verdict.patch.as_deref()) {
            (Some(object), Some(patch)) => {
                let patch: Vec<serde_json::Value> = serde_json::from_str(patch)?;
                Some(RawValue::from_string(applied(object, &patch)?)?)
            }
            _ => None,
        };
        Ok(Self {
            accepted: verdict.is_allowed(),
            message: (!verdict.is_allowed()).then(|| lines(verdict, Severity::Deny).join("; also: ")),
            mutated_object,
            warnings: lines(verdict, Severity::Warn),
        })
    }
}

/// Returns the findings of a severity, a line each.
fn lines(verdict: &Verdict, severity: Severity) -> Vec<String> {
    let line = |Finding { fact, remedy, rule, .. }: &Finding| format!("{fact}. {remedy}{}", rule_tag(rule));
    verdict.findings.iter().filter(|finding| finding.severity == severity).map(line).collect()
}
