//! Distorted objects in requests.

use ordinance_contract::Request;
use serde_json::Value;

/// A change of one node of an object.
#[derive(Clone, Debug)]
pub enum Distortion {
    /// Replaces the node by another value.
    Replace(Value),
    /// Removes the node from its object. From a list it removes the last element.
    Remove,
    /// Appends a copy of all elements to the list that contains the node.
    Double,
}

/// The object and the old object of a request.
#[derive(Clone, Debug)]
pub struct Objects {
    /// The new object.
    pub object: Value,
    /// The stored object.
    pub old: Option<Value>,
}

// === impl Objects ===

impl Objects {
    /// Returns the objects of a request, or `None` if it has no new object.
    pub fn of(request: &Request<'_>) -> Option<Self> {
        let parsed = |text: &str| serde_json::from_str(text).ok();
        let object = request.object.as_deref().and_then(parsed)?;
        Some(Self { object, old: request.old_object.as_deref().and_then(parsed) })
    }

    /// Returns the request with these objects.
    pub fn request(&self, request: &Request<'static>) -> Request<'static> {
        Request {
            object: Some(self.object.to_string().into()),
            old_object: self.old.as_ref().map(|old| old.to_string().into()),
            ..request.clone()
        }
    }

    /// Distorts a node of the object, or of the old object if `in_old` is set and there is one. `place` counts the
    /// nodes, modulo their number.
    pub fn distort(&mut self, in_old: bool, place: usize, distortion: &Distortion) {
        match &mut self.old {
            Some(old) if in_old => distort(old, place, distortion),
            _ => distort(&mut self.object, place, distortion),
        }
    }
}

fn distort(root: &mut Value, place: usize, distortion: &Distortion) {
    let mut places = pointers(root, |_| true);
    let place = places.swap_remove(place % places.len());
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    match (root.pointer_mut(parent), distortion) {
        (_, Distortion::Replace(value)) => {
            root.pointer_mut(&place).into_iter().for_each(|node| *node = value.clone())
        }
        (Some(Value::Object(members)), Distortion::Remove) => drop(members.remove(name)),
        (Some(Value::Array(elements)), Distortion::Remove) => drop(elements.pop()),
        (Some(Value::Array(elements)), Distortion::Double) => elements.extend(elements.clone()),
        _ => {}
    }
}

/// Returns the JSON pointers of all nodes for which `wanted` holds. The root comes last.
pub fn pointers(value: &Value, wanted: fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, String::new(), wanted, &mut found);
    found
}

fn collect(value: &Value, at: String, wanted: fn(&Value) -> bool, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            collect(member, format!("{at}/{name}"), wanted, found);
        }),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .for_each(|(position, element)| collect(element, format!("{at}/{position}"), wanted, found)),
        _ => {}
    }
    if wanted(value) {
        found.push(at);
    }
}
