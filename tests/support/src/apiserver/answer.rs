//! Answers that are given in place of the right one, once each.

use serde_json::{Value, json};
use tokio::sync::oneshot;

/// What one request gets.
#[derive(Debug)]
pub enum Answer {
    /// A failure with this code.
    Status(u16),
    /// 200, and this text.
    Text(String),
    /// 200, and this text, after which the connection breaks.
    Broken(String),
    /// The right one, but not before the gate is open.
    Late(oneshot::Receiver<()>),
}

/// Keeps an answer back until it is dropped.
#[derive(Debug)]
pub struct Gate(#[expect(dead_code, reason = "its end is the signal")] oneshot::Sender<()>);

// === impl Answer ===

impl Answer {
    /// An answer that waits, and what it waits for.
    pub fn late() -> (Self, Gate) {
        let (open, opened) = oneshot::channel();
        (Self::Late(opened), Gate(open))
    }
}

/// A failure as the API server writes it.
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
        410 => "Expired",
        _ => "InternalError",
    }
}
