//! The storage policy for Node and browsers: the functions of `policy.wit` around the crate `ordinance-policy`.
//!
//! A shell without logic. Values cross the boundary as JSON, in the form of the contract's types; `types.d.ts` beside
//! this file declares them for TypeScript. One instance serves any number of calls and keeps no state between them.
//! Unlike the component, it uses Rust's own allocator.

use js_sys::JSON;
use ordinance_contract::{Holding, Outcome, Request, Scope};
use ordinance_policy::{Settings, StartedReview};
use serde::Serialize;
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

/// Describes the policy. The result is constant.
#[wasm_bindgen(unchecked_return_type = "Description")]
pub fn describe() -> Result<JsValue, JsError> {
    to_js(&ordinance_policy::describe())
}

/// Returns the problems of the settings; empty if there are none.
#[wasm_bindgen(js_name = checkSettings, unchecked_return_type = "Problem[]")]
pub fn check_settings(
    #[wasm_bindgen(unchecked_optional_param_type = "Settings | null")] settings: JsValue,
) -> Result<JsValue, JsError> {
    let problems = ordinance_policy::check_settings(&to_json(&settings)?);
    to_js(&problems.err().unwrap_or_default())
}

/// Returns the keys that a stored object, given as JSON text, holds, uses or looks at. Throws if the object cannot be
/// read.
#[wasm_bindgen(unchecked_return_type = "Key[]")]
pub fn keys(
    #[wasm_bindgen(unchecked_param_type = "Scope")] scope: JsValue,
    object: &str,
    #[wasm_bindgen(unchecked_optional_param_type = "Settings | null")] settings: JsValue,
) -> Result<JsValue, JsError> {
    let scope = to_json(&scope)?;
    let scope: Scope<'_> = serde_json::from_str(&scope)?;
    let keys = ordinance_policy::keys(&scope, object, &parse_settings(&settings)?);
    to_js(&keys.map_err(|error| JsError::new(&error))?)
}

/// Returns the verdict on a request. Without holdings, returns the keys that the verdict depends on, if it depends on
/// any.
// `types.d.ts` declares it for TypeScript: the result depends on whether there are holdings, which takes two overloads.
#[wasm_bindgen(skip_typescript)]
pub fn review(request: JsValue, settings: JsValue, holdings: JsValue) -> Result<JsValue, JsError> {
    let request = to_json(&request)?;
    let request: Request<'_> = serde_json::from_str(&request)?;
    let settings = parse_settings(&settings)?;
    let holdings = parse_holdings(&holdings)?;
    to_js(&match (ordinance_policy::start_review(&request, &settings), holdings) {
        (StartedReview::Decided(verdict), _) => Outcome::Decided(verdict),
        (StartedReview::NeedsHoldings(keys, _), None) => Outcome::Needs(keys),
        (StartedReview::NeedsHoldings(_, pending), Some(holdings)) => {
            Outcome::Decided(pending.verdict(&holdings))
        }
    })
}

fn parse_settings(settings: &JsValue) -> Result<Settings, JsError> {
    Ok(Settings::parse(&to_json(settings)?)?)
}

/// Returns `None` for `undefined` and `null`.
fn parse_holdings(holdings: &JsValue) -> Result<Option<Vec<Holding>>, JsError> {
    let json = to_json(holdings)?;
    if json.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&json)?))
}

/// Returns the value as JSON text; empty for `undefined` and `null`.
fn to_json(value: &JsValue) -> Result<String, JsError> {
    if value.is_undefined() || value.is_null() {
        return Ok(String::new());
    }
    JSON::stringify(value).map(String::from).map_err(|_| JsError::new("JSON can't represent an argument"))
}

fn to_js(result: &impl Serialize) -> Result<JsValue, JsError> {
    JSON::parse(&serde_json::to_string(result)?).map_err(|_| JsError::new("the result is not valid JSON"))
}
