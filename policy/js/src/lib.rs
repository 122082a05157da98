//! The storage policy for Node and browsers: the functions of `policy.wit` around the crate `ordinance-policy`.
//!
//! A shell without logic. Values cross as JSON, in the form of the contract's types; `types.d.ts` beside this file says it
//! in TypeScript. One instance serves any number of calls: nothing is kept between them, and unlike in the component,
//! the allocator is Rust's own, which frees.

use js_sys::JSON;
use ordinance_contract::{Holding, Outcome, Request, Scope};
use ordinance_policy::{Opened, Settings};
use serde::Serialize;
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

/// Who the policy is.
#[wasm_bindgen(unchecked_return_type = "Description")]
pub fn describe() -> Result<JsValue, JsError> {
    value(&ordinance_policy::describe())
}

/// What is wrong with these settings; empty if they can be used.
#[wasm_bindgen(js_name = checkSettings, unchecked_return_type = "Problem[]")]
pub fn check_settings(
    #[wasm_bindgen(unchecked_optional_param_type = "Settings")] settings: JsValue,
) -> Result<JsValue, JsError> {
    let problems = ordinance_policy::check_settings(&text(&settings)?);
    value(&problems.err().unwrap_or_default())
}

/// The keys that a stored object holds, uses or looks at. Throws if the object, JSON text, can't be read.
#[wasm_bindgen(unchecked_return_type = "Key[]")]
pub fn keys(
    #[wasm_bindgen(unchecked_param_type = "Scope")] scope: JsValue,
    object: &str,
    #[wasm_bindgen(unchecked_optional_param_type = "Settings")] settings: JsValue,
) -> Result<JsValue, JsError> {
    let scope = text(&scope)?;
    let scope: Scope<'_> = serde_json::from_str(&scope)?;
    let keys = ordinance_policy::keys(&scope, object, &parsed(&settings)?);
    value(&keys.map_err(|error| JsError::new(&error))?)
}

/// The verdict on a request, given who else holds or uses something overlapping its keys; without holdings either that
/// or the keys, if the verdict depends on them.
#[wasm_bindgen(unchecked_return_type = "Outcome")]
pub fn review(
    #[wasm_bindgen(unchecked_param_type = "Request")] request: JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Settings | null")] settings: JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Holding[] | null")] holdings: JsValue,
) -> Result<JsValue, JsError> {
    let request = text(&request)?;
    let request: Request<'_> = serde_json::from_str(&request)?;
    let settings = parsed(&settings)?;
    let holdings = known(&holdings)?;
    value(&match (ordinance_policy::open(&request, &settings), holdings) {
        (Opened::Decided(verdict), _) => Outcome::Decided(verdict),
        (Opened::Asks(keys, _), None) => Outcome::Needs(keys),
        (Opened::Asks(_, inquiry), Some(holdings)) => Outcome::Decided(inquiry.verdict(&holdings)),
    })
}

fn parsed(settings: &JsValue) -> Result<Settings, JsError> {
    Ok(Settings::parse(&text(settings)?)?)
}

fn known(holdings: &JsValue) -> Result<Option<Vec<Holding>>, JsError> {
    let text = text(holdings)?;
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&text)?))
}

/// A value as JSON text; empty for `undefined` and `null`.
fn text(value: &JsValue) -> Result<String, JsError> {
    if value.is_undefined() || value.is_null() {
        return Ok(String::new());
    }
    JSON::stringify(value).map(String::from).map_err(|_| JsError::new("not a value that JSON can hold"))
}

fn value(answer: &impl Serialize) -> Result<JsValue, JsError> {
    JSON::parse(&serde_json::to_string(answer)?).map_err(|_| JsError::new("the answer is no JSON"))
}
