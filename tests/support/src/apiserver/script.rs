//! Scripted answers, each of which replaces one regular answer.

use serde_json::{Value, json};
use tokio::sync::oneshot;

/// The answer to one request.
#[derive(Debug)]
pub enum ScriptedAnswer {
    /// A `Status` with this HTTP code.
    Status(u16),
    /// HTTP 200 with this body.
    Text(String),
    /// HTTP 200 with this body, after which the connection breaks.
    Broken(String),
    /// The regular answer, but only after the gate has opened.
    Late(oneshot::Receiver<()>),
}

/// Delays an answer until the value is dropped.
#[derive(Debug)]
pub struct Gate(#[expect(dead_code, reason = "its end is the signal")] oneshot::Sender<()>);

// === impl ScriptedAnswer ===

impl ScriptedAnswer {
    /// Returns a delayed answer and its gate.
    pub fn late() -> (Self, Gate) {
        let (open, opened) = oneshot::channel();
        (Self::Late(opened), Gate(open))
    }
}

/// Returns a failure as the API server writes it.
pub(crate) fn status(code: u16) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason(code), "message": format!("scripted: {code}"),
    })
}

const fn reason(code: u16) -> &'static str {
    match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        _ => "InternalError",
    }
}
