//! Another mutating webhook changes the object after the policy, and the API server calls the policy again.

use crate::check::repetition::stays;
use crate::check::{is_mutated, with_object};
use crate::problem::CaseProblem;
use crate::world::World;
use ordinance_case::{Case, CheckName};
use ordinance_contract::{Operation, Phase, Request};
use serde_json::{Map, Value, json};

/// The name of everything that the other webhook adds.
const OTHER: &str = "other-webhook";

/// A key of a label and an annotation.
const OTHER_KEY: &str = "other-webhook.example.com/injected";

/// The review after the two of one request.
const THIRD: usize = 3;

/// A change of another webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OtherChange {
    Label,
    Annotation,
    /// A container after the others.
    LastContainer,
    /// A container before the others, so that their positions change.
    FirstContainer,
    InitContainer,
    Volume,
}

pub(super) fn reinvocation(case: &Case, world: &World<'_>) -> Result<Option<CaseProblem>, String> {
    if !is_mutated(case) || !case.request.scope.subresource.is_empty() {
        return Ok(None);
    }
    let Some(first) = world.mutated(&case.request)? else { return Ok(None) };
    // Otherwise the check of the phases tells.
    let phases_agree = is_valid(world, &with_object(&case.request, &first.object))?;
    let Ok(first) = serde_json::from_str::<Value>(&first.object) else { return Ok(None) };
    for change in OtherChange::ALL {
        let mut object = first.clone();
        if change.apply(&mut object).is_none() {
            continue;
        }
        if let Some(problem) = again(case, world, change, &object, phases_agree)? {
            return Ok(Some(problem));
        }
    }
    Ok(None)
}

/// Reviews the object with the other webhook's change, as part of the same request.
fn again(
    case: &Case,
    world: &World<'_>,
    change: OtherChange,
    object: &Value,
    phases_agree: bool,
) -> Result<Option<CaseProblem>, String> {
    let request = with_object(&case.request, &object.to_string());
    // The policy may refuse what the other webhook adds.
    let Some(second) = world.mutated(&request)? else { return Ok(None) };
    let problem = |message: String| CaseProblem::check(CheckName::Reinvocation, message);
    let result: Value = serde_json::from_str(&second.object).map_err(|error| error.to_string())?;
    if !change.is_in(&result) {
        let message = format!("the second patch undoes the {} of another webhook", change.word());
        return Ok(Some(problem(message).with_value(&second.patch)));
    }
    if let Some(place) = new_duplicate(object, &result, "") {
        let message =
            format!("after another webhook added {}, the second patch repeats {place}", change.article());
        return Ok(Some(problem(message).with_value(&second.patch)));
    }
    let third = with_object(&case.request, &second.object);
    let what = format!("the object with {} of another webhook", change.article());
    if let Some(found) = stays(CheckName::Reinvocation, world, &third, THIRD, &what)? {
        return Ok(Some(found));
    }
    if phases_agree && !is_valid(world, &third)? {
        let message = format!("the validating review denies {what} after the second patch");
        return Ok(Some(problem(message).with_value(&second.patch)));
    }
    let operation = Operation::Update;
    let update = Request { operation, old_object: third.object.clone(), ..third };
    let what = format!("an update of {what} that changes nothing");
    stays(CheckName::Reinvocation, world, &update, THIRD, &what)
}

/// Returns whether the validating review admits a request.
fn is_valid(world: &World<'_>, request: &Request<'_>) -> Result<bool, String> {
    Ok(world.verdict_in(Phase::Validate, request)?.is_allowed())
}

/// Returns where a list has two items of one name that had only one before.
fn new_duplicate(before: &Value, after: &Value, place: &str) -> Option<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => after.iter().find_map(|(name, value)| {
            let place = format!("{place}.{name}");
            new_duplicate(before.get(name).unwrap_or(&Value::Null), value, place.trim_start_matches('.'))
        }),
        (before, Value::Array(after)) => {
            let before: &[Value] = before.as_array().map(Vec::as_slice).unwrap_or_default();
            let identities = after.iter().filter_map(identity);
            let count = |items: &[Value], name: &str| {
                items.iter().filter(|item| identity(item).as_deref() == Some(name)).count()
            };
            let repeated = |name: &String| count(after, name) > 1 && count(before, name) < count(after, name);
            if let Some(name) = identities.into_iter().find(repeated) {
                return Some(format!("{place}[{name}]"));
            }
            after.iter().enumerate().find_map(|(position, item)| {
                let same =
                    before.iter().find(|other| identity(item).is_some() && identity(other) == identity(item));
                let same = same.or_else(|| before.get(position)).unwrap_or(&Value::Null);
                new_duplicate(same, item, &format!("{place}[{position}]"))
            })
        }
        _ => None,
    }
}

/// Returns what tells an item of a list from the others: its path of a mount, else its name; a text is itself.
fn identity(item: &Value) -> Option<String> {
    let member = |name| item.get(name).and_then(Value::as_str).map(str::to_owned);
    match item {
        Value::Object(_) => member("mountPath").or_else(|| member("devicePath")).or_else(|| member("name")),
        _ => None,
    }
}

// === impl OtherChange ===

impl OtherChange {
    const ALL: [Self; 6] = [
        Self::Label,
        Self::Annotation,
        Self::LastContainer,
        Self::FirstContainer,
        Self::InitContainer,
        Self::Volume,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Annotation => "annotation",
            Self::LastContainer | Self::FirstContainer => "container",
            Self::InitContainer => "init container",
            Self::Volume => "volume",
        }
    }

    const fn article(self) -> &'static str {
        match self {
            Self::Label => "a label",
            Self::Annotation => "an annotation",
            Self::LastContainer => "a container at the end",
            Self::FirstContainer => "a container at the beginning",
            Self::InitContainer => "an init container",
            Self::Volume => "a volume",
        }
    }

    /// Changes an object; `None` if it has no place for this.
    fn apply(self, object: &mut Value) -> Option<()> {
        let container = json!({"name": OTHER, "image": "registry.example.com/other:1"});
        match self {
            Self::Label => insert(object.get_mut("metadata")?, "labels")?,
            Self::Annotation => insert(object.get_mut("metadata")?, "annotations")?,
            Self::LastContainer => list(pod(object)?, "containers")?.push(container),
            Self::FirstContainer => list(pod(object)?, "containers")?.insert(0, container),
            Self::InitContainer => {
                let pod = pod(object)?.as_object_mut()?;
                pod.entry("initContainers").or_insert_with(|| json!([])).as_array_mut()?.push(container);
            }
            Self::Volume => {
                let pod = pod(object)?.as_object_mut()?;
                let volume = json!({"name": OTHER, "emptyDir": {}});
                pod.entry("volumes").or_insert_with(|| json!([])).as_array_mut()?.push(volume);
            }
        }
        Some(())
    }

    /// Returns whether the change is still in an object.
    fn is_in(self, object: &Value) -> bool {
        let has_key = |map: &str| {
            object.pointer(&format!("/metadata/{map}")).and_then(|map| map.get(OTHER_KEY)).is_some()
        };
        let has_item = |name: &str| {
            let pod = object.pointer("/spec/template/spec").or_else(|| object.get("spec"));
            let items = pod.and_then(|pod| pod.get(name)).and_then(Value::as_array);
            items.is_some_and(|items| {
                items.iter().any(|item| item.get("name").is_some_and(|name| name == OTHER))
            })
        };
        match self {
            Self::Label => has_key("labels"),
            Self::Annotation => has_key("annotations"),
            Self::LastContainer | Self::FirstContainer => has_item("containers"),
            Self::InitContainer => has_item("initContainers"),
            Self::Volume => has_item("volumes"),
        }
    }
}

/// Adds a label or an annotation; `None` if the object has another value in their place.
fn insert(metadata: &mut Value, map: &str) -> Option<()> {
    let entries = metadata.as_object_mut()?.entry(map).or_insert_with(|| Value::Object(Map::new()));
    if entries.is_null() {
        *entries = Value::Object(Map::new());
    }
    entries.as_object_mut()?.insert(OTHER_KEY.to_owned(), "true".into());
    Some(())
}

/// Returns the specification of the object's pods.
fn pod(object: &mut Value) -> Option<&mut Value> {
    let path = if object.pointer("/spec/template/spec").is_some() { "/spec/template/spec" } else { "/spec" };
    object.pointer_mut(path).filter(|pod| pod.get("containers").is_some_and(Value::is_array))
}

fn list<'v>(pod: &'v mut Value, name: &str) -> Option<&'v mut Vec<Value>> {
    pod.get_mut(name)?.as_array_mut()
}
