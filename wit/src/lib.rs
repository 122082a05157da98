//! The contract between host and policy as plain Rust types, the mirror of `policy.wit` beside it.
//!
//! Every item means what the item of the same name in `policy.wit` means, and is documented there. In JSON the types
//! have camelCase members, as in the npm package. Nothing here knows what a policy is about.

mod text;

pub use text::{
    ANNOTATION_KEY_BYTES, DOCUMENT_CHARS, MESSAGE_CHARS, NAME_CHARS, TITLE_CHARS, WARNING_CHARS, WARNINGS,
    acts, is_printable_ascii, one_line, rule_tag, several_lines, without_position,
};

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The text of `policy.wit`.
pub const WIT: &str = include_str!("../policy.wit");

/// The package of [`WIT`], without a version.
pub const PACKAGE: &str = "ordinance:policy";

/// The most holdings that a host passes to one review, unless it is configured otherwise.
pub const HOLDINGS: usize = 256;

/// The rule by which a policy denies everything while its settings are invalid. No host serves such a policy, so that no case can have
/// the finding.
pub const INVALID_SETTINGS: &str = "invalid-settings";

/// The version of the contract.
pub const VERSION: &str = "0.3.0";

/// The policy's identity, and what the host must know to call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// A DNS label, e.g. `storage`.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// The kinds whose stored objects the host passes to `keys` and indexes.
    pub watches: Vec<Watch>,
    /// The requests that the policy reviews.
    pub reviews: Vec<ReviewScope>,
    /// Every rule that a finding may name.
    pub rules: Vec<Rule>,
    /// The JSON Schema (2020-12) of the settings.
    pub settings_schema: String,
}

/// A kind whose objects hold or use keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// The API group; empty for the core group.
    pub group: String,
    /// e.g. `v1`.
    pub version: String,
    /// The plural, lower case.
    pub resource: String,
    /// True if `keys` reads nothing but `metadata`.
    pub metadata_only: bool,
    /// True if objects of this kind exist before the objects that refer to them.
    pub precedes: bool,
}

/// A set of requests that the policy reviews.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewScope {
    /// A DNS label, unique per phase: the webhook's name is made of it.
    pub name: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// e.g. `v1`.
    pub version: String,
    /// The plural, lower case.
    pub resource: String,
    /// e.g. `scale`; empty for the object itself.
    pub subresource: String,
    /// True if objects of this kind have a namespace.
    pub namespaced: bool,
    /// Never empty.
    pub operations: Vec<Operation>,
    /// Never empty.
    pub phases: Vec<Phase>,
    /// What the API server should do with a request if the host does not answer.
    pub failure_policy: FailurePolicy,
    /// CEL expressions that are all true of a request that the policy must see.
    pub match_conditions: Vec<MatchCondition>,
}

/// What happens to a request if the webhook does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailurePolicy {
    /// The API server rejects it.
    Fail,
    /// The API server admits it.
    Ignore,
}

/// An entry of a webhook's `matchConditions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchCondition {
    /// A qualified name.
    pub name: String,
    /// CEL, over `object`, `oldObject` and `request`.
    pub expression: String,
}

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// A kebab-case name that never changes, e.g. `shared-export`.
    pub id: String,
    /// One line that says what the rule finds.
    pub title: String,
    /// The severity under default settings.
    pub severity: Severity,
    /// The setting that changes the severity; empty if none does.
    pub setting: String,
    /// The annotations that silence the rule for one object.
    pub annotations: Vec<String>,
    /// Markdown: what goes wrong, a bad and a good manifest, and how to pass.
    pub explanation: String,
}

/// How serious a finding is, most serious first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The request is denied.
    Deny,
    /// The request is admitted with a warning.
    Warn,
    /// The request is admitted. The finding appears in the audit log, in reports and in metrics only.
    Note,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The path of the setting; empty for the whole document.
    pub field: String,
    /// One line: what is wrong, and which values are valid.
    pub message: String,
}

/// What tells an object from others, see [`Scope::identity`].
pub type Identity<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

/// The object that a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope<'a> {
    /// The API group; empty for the core group.
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    /// e.g. `v1`.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// The plural, lower case.
    #[serde(borrow)]
    pub resource: Cow<'a, str>,
    /// e.g. `scale`; empty for the object itself.
    #[serde(borrow)]
    pub subresource: Cow<'a, str>,
    /// Empty for a cluster-scoped object.
    #[serde(borrow)]
    pub namespace: Cow<'a, str>,
    /// Empty until the API server has generated it.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
}

/// How an object relates to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stance {
    /// The object owns the key: indexed, shown to others, reserved at admission.
    Holds,
    /// The object shares the key: indexed and shown to others, never reserved.
    Uses,
    /// The object only asks who holds or uses the key.
    Looks,
}

/// A place in a named tree, and how an object relates to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The tree.
    pub realm: String,
    /// The segments from the root; empty for the root itself.
    pub path: Vec<String>,
    /// How the object relates to the place.
    pub stance: Stance,
    /// Everything about the object that can change the verdict on an overlapping object.
    #[serde(default)]
    pub note: String,
}

/// A key of another object that overlaps a key of this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The tree.
    pub realm: String,
    /// The segments from the root.
    pub path: Vec<String>,
    /// [`Stance::Holds`] or [`Stance::Uses`].
    pub stance: Stance,
    /// The note of the key.
    pub note: String,
    /// The other object; of several, the first by name.
    #[serde(deserialize_with = "owned_scope")]
    pub holder: Scope<'static>,
    /// The number of objects that this entry stands for: of those that use one path with the same note, or whose keys with
    /// the same stance and note are below the requested key.
    pub count: u32,
}

/// The operation under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// The object is new.
    Create,
    /// A stored object changes.
    Update,
    /// A stored object is removed.
    Delete,
    /// A client connects to a subresource such as `exec`.
    Connect,
}

/// Why the policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// By the mutating webhook. The policy may return a patch.
    Mutate,
    /// By the validating webhook. The policy denies what still lacks its patch.
    Validate,
    /// About an object as it is stored; the operation is [`Operation::Create`]. Nothing can be refused or patched any more:
    /// the findings say what is wrong now, a denial what the policy would have refused, and [`Verdict::migration`] how to
    /// mend it.
    Audit,
}

/// An admission request. Objects are JSON text, as the API server sent them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// What happens to the object.
    pub operation: Operation,
    /// Why the policy is asked.
    pub phase: Phase,
    /// The object.
    #[serde(borrow)]
    pub scope: Scope<'a>,
    /// The kind of the object, e.g. `StatefulSet` or `Scale`.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
    /// True if nothing will be stored.
    #[serde(default)]
    pub dry_run: bool,
    /// `userInfo` as JSON; empty if there is none.
    #[serde(borrow, default)]
    pub user_info: Cow<'a, str>,
    /// The object as JSON; none on delete.
    #[serde(borrow, default)]
    pub object: Option<Cow<'a, str>>,
    /// The stored object as JSON; none on create.
    #[serde(borrow, default)]
    pub old_object: Option<Cow<'a, str>>,
}

/// The result of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The id of a [`Rule`].
    pub rule: String,
    /// How serious it is.
    pub severity: Severity,
    /// True for a warning that is a denial once the settings no longer put it off.
    #[serde(default)]
    pub would_deny: bool,
    /// The field at fault; empty for the whole object.
    #[serde(default)]
    pub field: String,
    /// What is wrong, in one line without a full stop.
    pub fact: String,
    /// What to do about it, in one line without a full stop; empty if there is nothing to do.
    #[serde(default)]
    pub remedy: String,
    /// The other objects that the finding is about.
    #[serde(default, deserialize_with = "owned_scopes")]
    pub related: Vec<Scope<'static>>,
    /// Alternative changes that resolve the finding, the best one first.
    #[serde(default)]
    pub fixes: Vec<Fix>,
}

/// A change of the user's object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// One line.
    pub title: String,
    /// A JSON Patch (RFC 6902) as JSON text, for the object as it was sent.
    pub patch: String,
}

/// An entry of the API server's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// 1 to 63 characters of `[A-Za-z0-9._-]`.
    pub key: String,
    /// Free text, one line.
    pub value: String,
}

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// In order of importance.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// A JSON Patch (RFC 6902) as JSON text.
    #[serde(default)]
    pub patch: Option<String>,
    /// How to change an object that is stored already without loss, one step per line.
    #[serde(default)]
    pub migration: Vec<String>,
    /// Entries for the audit log.
    #[serde(default)]
    pub audit: Vec<Annotation>,
}

/// The result of `review`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The verdict.
    Decided(Verdict),
    /// The verdict depends on the objects that hold or use these keys.
    Needs(Vec<Key>),
}

/// A holding outlives the text that it is read from.
fn owned_scope<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Scope<'static>, D::Error> {
    Ok(Scope::deserialize(deserializer)?.into_owned())
}

fn owned_scopes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Scope<'static>>, D::Error> {
    Ok(Vec::<Scope<'_>>::deserialize(deserializer)?.into_iter().map(Scope::into_owned).collect())
}

// === impl Description ===

impl Description {
    /// Returns true if the policy watches a resource in this API version.
    pub fn watches(&self, group: &str, version: &str, resource: &str) -> bool {
        let kind = (group, version, resource);
        self.watches.iter().any(|watch| (&*watch.group, &*watch.version, &*watch.resource) == kind)
    }

    /// Returns true if the policy reviews such requests. Match conditions do not count.
    pub fn reviews(&self, scope: &Scope<'_>, operation: Operation, phase: Phase) -> bool {
        self.reviews.iter().any(|reviewed| reviewed.covers(scope, operation, phase))
    }

    /// Returns true if a host asks the policy about such requests: for the API server those that it [reviews](Self::reviews),
    /// in an audit the objects of kinds that [concern](Self::concerns) it.
    pub fn is_asked(&self, scope: &Scope<'_>, operation: Operation, phase: Phase) -> bool {
        match phase {
            Phase::Mutate | Phase::Validate => self.reviews(scope, operation, phase),
            Phase::Audit => {
                scope.subresource.is_empty() && self.concerns(&scope.group, &scope.version, &scope.resource)
            }
        }
    }

    /// Returns true if the policy watches a resource, or reviews its new objects.
    pub fn concerns(&self, group: &str, version: &str, resource: &str) -> bool {
        let scope = Scope {
            group: group.into(),
            version: version.into(),
            resource: resource.into(),
            ..Scope::default()
        };
        let is_reviewed = |phase| self.reviews(&scope, Operation::Create, phase);
        self.watches(group, version, resource) || is_reviewed(Phase::Mutate) || is_reviewed(Phase::Validate)
    }

    /// Iterates over the API versions of a resource that the policy watches or reviews; some more than once.
    pub fn versions(&self, group: &str, resource: &str) -> impl Iterator<Item = &str> {
        let watched = self.watches.iter().map(|watch| (&watch.group, &watch.resource, &watch.version));
        let objects = self.reviews.iter().filter(|reviewed| reviewed.subresource.is_empty());
        let reviewed = objects.map(|reviewed| (&reviewed.group, &reviewed.resource, &reviewed.version));
        let kinds = watched.chain(reviewed);
        let is_kind = move |found: &(&String, &String, &String)| found.0 == group && found.1 == resource;
        kinds.filter(is_kind).map(|(.., version)| version.as_str())
    }

    /// Returns true if objects like this one exist before the objects that refer to them, see [`Watch::precedes`].
    pub fn precedes(&self, scope: &Scope<'_>) -> bool {
        let is_kind = |watch: &&Watch| watch.group == scope.group && watch.resource == scope.resource;
        self.watches.iter().filter(is_kind).any(|watch| watch.precedes)
    }
}

// === impl Scope ===

impl Scope<'_> {
    /// The resource as a webhook's rule has it, e.g. `statefulsets` or `statefulsets/scale`.
    pub fn qualified_resource(&self) -> String {
        qualified(&self.resource, &self.subresource)
    }

    /// The resource with its group, as kubectl takes it, e.g. `statefulsets.apps` or `statefulsets.apps/scale`.
    pub fn group_resource(&self) -> String {
        group_resource(&self.resource, &self.group, &self.subresource)
    }

    /// The `apiVersion` of the object, e.g. `apps/v1`.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// The same scope, owned.
    pub fn into_owned(self) -> Scope<'static> {
        Scope {
            group: Cow::Owned(self.group.into_owned()),
            version: Cow::Owned(self.version.into_owned()),
            resource: Cow::Owned(self.resource.into_owned()),
            subresource: Cow::Owned(self.subresource.into_owned()),
            namespace: Cow::Owned(self.namespace.into_owned()),
            name: Cow::Owned(self.name.into_owned()),
        }
    }

    /// The same scope, without copying its texts.
    pub fn borrowed(&self) -> Scope<'_> {
        Scope {
            group: Cow::Borrowed(&self.group),
            version: Cow::Borrowed(&self.version),
            resource: Cow::Borrowed(&self.resource),
            subresource: Cow::Borrowed(&self.subresource),
            namespace: Cow::Borrowed(&self.namespace),
            name: Cow::Borrowed(&self.name),
        }
    }

    /// Returns what tells the object from others: group, resource, subresource, namespace and name. The API version does
    /// not count. A subresource such as a Scale is another object than the one it belongs to, so its review is shown what
    /// the stored object holds.
    pub fn identity(&self) -> Identity<'_> {
        (&self.group, &self.resource, &self.subresource, &self.namespace, &self.name)
    }

    /// Returns true if both name one object, see [`Self::identity`].
    pub fn same_object(&self, other: &Scope<'_>) -> bool {
        self.identity() == other.identity()
    }
}

// === impl Verdict ===

impl Verdict {
    /// Admits the request without a finding.
    pub const fn allow() -> Self {
        Self { findings: Vec::new(), patch: None, migration: Vec::new(), audit: Vec::new() }
    }

    /// Returns true if no finding denies the request.
    pub fn is_allowed(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Deny)
    }

    /// Returns true if the request is admitted only because the settings put off its refusal.
    pub fn would_deny(&self) -> bool {
        self.is_allowed() && self.findings.iter().any(|finding| finding.would_deny)
    }

    /// Returns the rules that deny the request, or would deny it, by id and each once.
    pub fn refusing_rules(&self) -> Vec<&str> {
        let refusals = self.findings.iter().filter(|finding| finding.is_refusal());
        let mut rules: Vec<&str> = refusals.map(|finding| &*finding.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

// === impl Request ===

impl Request<'_> {
    /// Returns the request with texts of its own.
    pub fn into_owned(self) -> Request<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Request {
            operation: self.operation,
            phase: self.phase,
            scope: self.scope.into_owned(),
            kind: owned(self.kind),
            dry_run: self.dry_run,
            user_info: owned(self.user_info),
            object: self.object.map(owned),
            old_object: self.old_object.map(owned),
        }
    }

    /// Returns the same request with borrowed texts.
    pub fn borrowed(&self) -> Request<'_> {
        Request {
            operation: self.operation,
            phase: self.phase,
            scope: self.scope.borrowed(),
            kind: (&*self.kind).into(),
            dry_run: self.dry_run,
            user_info: (&*self.user_info).into(),
            object: self.object.as_deref().map(Cow::Borrowed),
            old_object: self.old_object.as_deref().map(Cow::Borrowed),
        }
    }
}

// === impl Key ===

impl Key {
    /// A key that the object owns: the host reserves it at admission. It has no note.
    pub fn holds<S: Into<String>>(realm: impl Into<String>, path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Stance::Holds, realm.into(), path)
    }

    /// A key that the object shares with others. It has no note.
    pub fn uses<S: Into<String>>(realm: impl Into<String>, path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Stance::Uses, realm.into(), path)
    }

    /// A key of which the object only asks who holds or uses it.
    pub fn looks<S: Into<String>>(realm: impl Into<String>, path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Stance::Looks, realm.into(), path)
    }

    /// The same key with a note: everything about the object that can change the verdict on an overlapping one.
    #[must_use]
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    fn new<S: Into<String>>(stance: Stance, realm: String, path: impl IntoIterator<Item = S>) -> Self {
        Self { realm, path: path.into_iter().map(Into::into).collect(), stance, note: String::new() }
    }
}

// === impl Finding ===

impl Finding {
    /// A finding about the whole object, without a remedy.
    pub fn new(rule: &str, severity: Severity, fact: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            severity,
            would_deny: false,
            field: String::new(),
            fact: fact.to_owned(),
            remedy: String::new(),
            related: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Returns true for a denial, and for a warning that would be one.
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Deny || self.would_deny
    }

    /// The severity in one word, `would-deny` for a warning that would be a denial.
    pub const fn word(&self) -> &'static str {
        if self.would_deny { "would-deny" } else { self.severity.word() }
    }

    /// The key by which findings are sorted: denials, what would be denied, other warnings, notes.
    pub const fn rank(&self) -> (Severity, bool) {
        (self.severity, !self.would_deny)
    }
}

// === impl Operation ===

impl Operation {
    /// The operation as an admission review has it, e.g. `CREATE`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

// === impl Phase ===

impl Phase {
    /// The phase in one word: `mutate`, `validate` or `audit`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
            Self::Audit => "audit",
        }
    }
}

// === impl FailurePolicy ===

impl FailurePolicy {
    /// The value of a webhook's `failurePolicy`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fail => "Fail",
            Self::Ignore => "Ignore",
        }
    }
}

// === impl Severity ===

impl Severity {
    /// The severity in one word: `deny`, `warn` or `note`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Note => "note",
        }
    }
}

// === impl ReviewScope ===

impl ReviewScope {
    /// The resource as a webhook's rule has it, e.g. `statefulsets` or `statefulsets/scale`.
    pub fn qualified_resource(&self) -> String {
        qualified(&self.resource, &self.subresource)
    }

    /// The resource with its group, as kubectl takes it, e.g. `statefulsets.apps` or `statefulsets.apps/scale`.
    pub fn group_resource(&self) -> String {
        group_resource(&self.resource, &self.group, &self.subresource)
    }

    /// Returns true if requests about objects like this one, in this phase, are reviewed. Match conditions do not
    /// count.
    pub fn covers(&self, scope: &Scope<'_>, operation: Operation, phase: Phase) -> bool {
        self.group == scope.group
            && self.version == scope.version
            && self.resource == scope.resource
            && self.subresource == scope.subresource
            && self.operations.contains(&operation)
            && self.phases.contains(&phase)
    }
}

/// Returns an `apiVersion`, e.g. `apps/v1`; of the core group, the version alone.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn qualified(resource: &str, subresource: &str) -> String {
    match subresource {
        "" => resource.to_owned(),
        _ => format!("{resource}/{subresource}"),
    }
}

fn group_resource(resource: &str, group: &str, subresource: &str) -> String {
    let separator = if group.is_empty() { "" } else { "." };
    qualified(&format!("{resource}{separator}{group}"), subresource)
}
