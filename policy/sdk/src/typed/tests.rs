//! A policy of the trait [`Policy`], asked by the functions of [`RawPolicy`].

use super::{Object, ObjectError, Patch, Policy, Review};
use crate::{
    Holding, Key, PendingVerdict as _, Phase, PolicyDescription, PolicyRule, Problem, RawPolicy, Request,
    Resource, Scope, Severity, Stance, Step, Verdict,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const SECRETS: Resource = Resource::namespaced("", "v1", "secrets");
const SHARED: PolicyRule = PolicyRule::deny("shared-name", "A name is taken");
const UNLABELLED: PolicyRule = PolicyRule::deny("unlabelled", "A label is missing");

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NameSettings {
    /// Names that are no keys.
    free: Vec<Name>,
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    /// The name.
    text: String,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    id: &'a str,
}

/// Denies an object whose `id` another one has, and labels it.
struct UniqueIds;

impl Policy for UniqueIds {
    type Settings = NameSettings;

    fn describe() -> PolicyDescription {
        let description = PolicyDescription::new("unique-ids", "1.2.3").watch(SECRETS.watch());
        description.review(SECRETS.review().and_mutate()).rule(SHARED).rule(UNLABELLED)
    }

    fn check(settings: &NameSettings) -> Vec<Problem> {
        let problem =
            |name: &Name| Problem { field: "free".to_owned(), message: format!("has {:?}", name.text) };
        settings.free.iter().filter(|name| name.text == "never").map(problem).collect()
    }

    fn keys(object: &Object<'_>, settings: &NameSettings) -> Result<Vec<Key>, ObjectError> {
        let id = object.read::<Metadata<'_>>()?.id;
        let is_free = settings.free.iter().any(|name| name.text == id);
        Ok(if is_free { Vec::new() } else { vec![Key::holds("ids", [id])] })
    }

    fn review(review: &Review<'_>, _settings: &NameSettings) -> Result<Verdict, ObjectError> {
        let Some(object) = review.object() else { return Ok(Verdict::allow()) };
        let mut verdict = review.verdict();
        for holding in review.holdings() {
            verdict.report(SHARED.finding("the id is taken").related(&holding.holder));
        }
        let mut patch = Patch::of(object)?;
        patch.add_missing(&["labels", "a"], "b")?;
        verdict.demand(&mut patch, UNLABELLED.finding("there is no label a"));
        patch.add_missing(&["labels", "c"], "d")?;
        verdict.demand(&mut patch, UNLABELLED.finding("there is no label c"));
        Ok(verdict.build())
    }
}

fn settings(text: &str) -> NameSettings {
    UniqueIds::read_settings(text.to_owned()).expect("settings")
}

fn request(phase: Phase, object: &str) -> Request<'_> {
    Request { phase, ..SECRETS.creation("shop", "token", object) }
}

fn holding() -> Holding {
    Holding {
        realm: "ids".to_owned(),
        path: vec!["7".to_owned()],
        stance: Stance::Holds,
        note: String::new(),
        holder: SECRETS.object("other", "token").into_owned(),
        count: 1,
    }
}

/// Returns the verdict, and the keys that the policy asks for.
fn reviewed(request: &Request<'_>, settings: &NameSettings, holdings: &[Holding]) -> (Vec<Key>, Verdict) {
    match <UniqueIds as RawPolicy>::review(request, settings) {
        Step::Decided(verdict) => (Vec::new(), verdict),
        Step::Needs(keys, pending) => (keys, pending.verdict(holdings)),
    }
}

fn facts(verdict: &Verdict) -> Vec<(&str, Severity, &str)> {
    verdict.findings.iter().map(|finding| (&*finding.rule, finding.severity, &*finding.fact)).collect()
}

#[test]
fn asks_for_the_keys_of_an_object_and_for_no_others() {
    let request = request(Phase::Mutate, r#"{"id": "7"}"#);
    let settings = settings("");
    let (keys, _) = reviewed(&request, &settings, &[]);
    assert_eq!(keys, [Key::holds("ids", ["7"])]);
    let own = <UniqueIds as RawPolicy>::keys(&SECRETS.object("shop", "token"), r#"{"id": "7"}"#, &settings);
    assert_eq!(own, Ok(keys));
}

#[test]
fn decides_at_once_about_an_object_without_keys() {
    let request = request(Phase::Mutate, r#"{"id": "7"}"#);
    let free = settings(r#"{"free": [{"text": "7"}]}"#);
    assert_eq!(reviewed(&request, &free, &[holding()]).0, []);
}

#[test]
fn patches_in_the_phase_mutate_and_denies_in_the_phase_validate() {
    let settings = settings("");
    let object = r#"{"id": "7"}"#;
    let (_, mutated) = reviewed(&request(Phase::Mutate, object), &settings, &[]);
    assert_eq!(facts(&mutated), []);
    let patch: Value = serde_json::from_str(&mutated.patch.expect("a patch")).expect("JSON");
    let expected = json!([
        {"op": "add", "path": "/labels", "value": {"a": "b"}},
        {"op": "add", "path": "/labels/c", "value": "d"},
    ]);
    assert_eq!(patch, expected);

    let (_, validated) = reviewed(&request(Phase::Validate, object), &settings, &[]);
    assert_eq!(validated.patch, None);
    let expected = [
        ("unlabelled", Severity::Deny, "there is no label a"),
        ("unlabelled", Severity::Deny, "there is no label c"),
    ];
    assert_eq!(facts(&validated), expected);
}

#[test]
fn a_denied_request_has_no_patch() {
    let (_, verdict) = reviewed(&request(Phase::Mutate, r#"{"id": "7"}"#), &settings(""), &[holding()]);
    assert_eq!(facts(&verdict), [("shared-name", Severity::Deny, "the id is taken")]);
    assert_eq!(verdict.patch, None);
    assert_eq!(verdict.findings.first().map(|finding| &*finding.related), Some(&[holding().holder][..]));
}

#[test]
fn denies_an_object_that_can_not_be_read() {
    let (keys, verdict) = reviewed(&request(Phase::Validate, r#"{"id": 7}"#), &settings(""), &[]);
    let reason = "secrets \"token\" can't be read: id: invalid type: integer `7`, expected a borrowed string";
    assert_eq!((keys, facts(&verdict)), (Vec::new(), vec![("unreadable-object", Severity::Deny, reason)]));
    let own = <UniqueIds as RawPolicy>::keys(&SECRETS.object("shop", "token"), r#"{"id": 7}"#, &settings(""));
    assert_eq!(own, Err(reason.to_owned()));
}

#[test]
fn names_the_path_of_a_setting_that_can_not_be_used() {
    let problem = |field: &str, message: &str| {
        Err(vec![Problem { field: field.to_owned(), message: message.to_owned() }])
    };
    for (text, expected) in [
        (
            r#"{"free": [{"text": 1}]}"#,
            problem("free[0].text", "invalid type: integer `1`, expected a string"),
        ),
        (r#"{"free": [{"text": "never"}]}"#, problem("free", "has \"never\"")),
        (r#"{"other": 1}"#, problem("other", "unknown field `other`, expected `free`")),
        ("{} {}", problem("", "trailing characters")),
        ("[", problem("", "EOF while parsing a list")),
        ("", Ok(String::new())),
        (r#"{"free": []}"#, Ok(r#"{"free": []}"#.to_owned())),
    ] {
        assert_eq!(UniqueIds::check_settings(text), expected, "{text}");
    }
}

#[test]
fn describes_its_own_rules_those_of_the_sdk_and_the_settings() {
    let description = <UniqueIds as RawPolicy>::describe();
    let rules: Vec<&str> = description.rules.iter().map(|rule| &*rule.id).collect();
    assert_eq!(rules, ["shared-name", "unlabelled", "invalid-settings", "unreadable-object"]);
    let schema: Value = serde_json::from_str(&description.settings_schema).expect("JSON");
    assert_eq!(schema.pointer("/$schema"), Some(&json!("https://json-schema.org/draft/2020-12/schema")));
    assert_eq!(schema.pointer("/properties/free/description"), Some(&json!("Names that are no keys.")));
    assert_eq!(schema.pointer("/additionalProperties"), Some(&json!(false)));
    let scope = Scope { version: "v1".into(), resource: "secrets".into(), ..Scope::default() };
    assert!(description.reviews(&scope, crate::Operation::Update, Phase::Mutate));
}

#[test]
fn a_subresource_has_a_name_of_its_own() {
    let name = |review: crate::ReviewedResource| crate::ReviewScope::from(review).name;
    assert_eq!(name(SECRETS.review()), "secrets");
    assert_eq!(name(SECRETS.review().subresource("scale")), "secrets-scale");
    assert_eq!(name(SECRETS.review().named("secrets").subresource("scale")), "secrets");
    assert_eq!(name(SECRETS.review().subresource("scale").named("scales")), "scales");
}

#[test]
fn quotes_the_prefix_of_a_name_that_is_not_generated_yet() {
    let scope = SECRETS.object("shop", "");
    let quoted = |text| Object::new(&scope, text).quoted_name();
    assert_eq!(quoted(r#"{"metadata": {"generateName": "job-"}}"#), r#""job-*""#);
    assert_eq!(quoted("{}"), r#""*""#);
    assert_eq!(Object::new(&SECRETS.object("shop", "token"), "{}").quoted_name(), r#""token""#);
}
