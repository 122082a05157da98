//! Errors of lists and watches, by verb and cause, in one line with the way out.
//!
//! An error is classified by its type and status, never by its text.

use kube::runtime::watcher;
use ordinance_contract::one_line;
use std::error::Error;
use std::fmt;

/// The most characters of a foreign error message.
const DETAIL_CHARS: usize = 500;

/// A failed list or watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WatchError {
    resource: String,
    verb: WatchVerb,
    pub(super) cause: WatchErrorCause,
    /// The message of the API server, or of the network error.
    detail: String,
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchVerb {
    List,
    Watch,
    /// Entering the received objects into the indexes.
    Read,
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchErrorCause {
    /// Status 403.
    Forbidden,
    /// Status 401.
    Unauthorized,
    /// Status 404: the API server does not serve the resource.
    Unknown,
    /// Status 410: the API server no longer has the resource version from which the watch continues.
    Expired,
    /// Any other status.
    Status,
    /// No response, or an incomplete one.
    Unreachable,
    /// An invalid response.
    Garbage,
    /// A panic in this process.
    Panic,
    /// No response for longer than `limits.indexStaleness`.
    Silent,
}

// === impl WatchError ===

impl WatchError {
    pub(super) fn new(resource: &str, error: &watcher::Error) -> Self {
        use watcher::Error as Kind;
        let (verb, cause, detail) = match error {
            Kind::InitialListFailed(error) => (WatchVerb::List, cause(error), message(error)),
            Kind::WatchStartFailed(error) | Kind::WatchFailed(error) => {
                (WatchVerb::Watch, cause(error), message(error))
            }
            Kind::WatchError(status) => (WatchVerb::Watch, cause_of_status(status.code), status.to_string()),
            Kind::NoResourceVersion => (WatchVerb::Watch, WatchErrorCause::Garbage, error.to_string()),
        };
        let detail = one_line(&detail, DETAIL_CHARS).into_owned();
        Self { resource: resource.to_owned(), verb, cause, detail }
    }

    /// Returns the error of a list without a watch.
    pub(super) fn list(resource: &str, error: &kube::Error) -> Self {
        let detail = one_line(&message(error), DETAIL_CHARS).into_owned();
        Self { resource: resource.to_owned(), verb: WatchVerb::List, cause: cause(error), detail }
    }

    /// Returns the error of objects that did not reach every index.
    pub(super) fn panic(resource: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            verb: WatchVerb::Read,
            cause: WatchErrorCause::Panic,
            detail: String::new(),
        }
    }

    /// Returns the error of a watch that was silent for too long.
    pub(super) fn silent(resource: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            verb: WatchVerb::Watch,
            cause: WatchErrorCause::Silent,
            detail: String::new(),
        }
    }

    /// Returns the verb as a metric label.
    pub(super) const fn verb(&self) -> &'static str {
        match self.verb {
            WatchVerb::List => "list",
            WatchVerb::Watch => "watch",
            WatchVerb::Read => "read",
        }
    }
}

impl fmt::Display for WatchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, resource) = (self.verb(), &self.resource);
        write!(formatter, "can't {verb} {resource}: ")?;
        match self.cause {
            WatchErrorCause::Forbidden => {
                write!(formatter, "forbidden; let this user list and watch {resource}")
            }
            WatchErrorCause::Unauthorized => {
                write!(formatter, "the API server does not accept this user's credentials")
            }
            WatchErrorCause::Unknown => write!(formatter, "the API server does not serve this resource"),
            WatchErrorCause::Expired => write!(formatter, "the resource version is too old; listing again"),
            WatchErrorCause::Garbage => write!(formatter, "the response is invalid; listing again"),
            WatchErrorCause::Panic => write!(formatter, "an internal error occurred; listing again"),
            WatchErrorCause::Silent => write!(formatter, "it was silent for too long; listing again"),
            WatchErrorCause::Unreachable => {
                write!(formatter, "the API server is unreachable; check its address and the network policies")
            }
            WatchErrorCause::Status => write!(formatter, "the API server returned an error"),
        }?;
        let is_complete =
            matches!(self.cause, WatchErrorCause::Garbage | WatchErrorCause::Panic | WatchErrorCause::Silent);
        if is_complete { Ok(()) } else { write!(formatter, " ({})", self.detail) }
    }
}

// === impl WatchErrorCause ===

impl WatchErrorCause {
    /// Returns the cause as a metric label.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Status => "status",
            Self::Unreachable => "unreachable",
            Self::Garbage => "garbage",
            Self::Panic => "panic",
            Self::Silent => "silent",
        }
    }
}

fn cause(error: &kube::Error) -> WatchErrorCause {
    match error {
        kube::Error::Api(status) => cause_of_status(status.code),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => WatchErrorCause::Garbage,
        kube::Error::Auth(_) => WatchErrorCause::Unauthorized,
        _ => WatchErrorCause::Unreachable,
    }
}

const fn cause_of_status(code: u16) -> WatchErrorCause {
    match code {
        // `kube` parses any JSON object as a status without a code, and so also an event of an unknown type.
        0 => WatchErrorCause::Garbage,
        401 => WatchErrorCause::Unauthorized,
        403 => WatchErrorCause::Forbidden,
        404 => WatchErrorCause::Unknown,
        410 => WatchErrorCause::Expired,
        _ => WatchErrorCause::Status,
    }
}

/// Returns the message of an API server's error, or any other error with its sources.
fn message(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // Most messages already contain those of their sources.
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = error.source();
    }
    message
}
