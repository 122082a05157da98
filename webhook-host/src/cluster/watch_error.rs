//! What keeps a watch from getting on, in one line: resource, verb, why, and the way out.
//!
//! Errors are told apart by their types and statuses, never by their texts.

use crate::review::one_line;
use kube::runtime::watcher;
use std::error::Error;
use std::fmt;

/// Characters of what the API server, or the network, said.
const SAID_CHARS: usize = 500;

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    resource: String,
    verb: Verb,
    pub(super) cause: Cause,
    /// What the API server, or the network, said.
    said: String,
}

/// What was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    Watch,
    /// Bring what came into the memories.
    Read,
}

/// Why it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// 403.
    Forbidden,
    /// 401.
    Unauthorized,
    /// 404: the API server does not know the resource.
    Unknown,
    /// 410: the version from which to go on is too old.
    Expired,
    /// Any other status.
    Status,
    /// No answer, or one that broke off.
    Unreachable,
    /// An answer that can't be read.
    Garbage,
    /// A fault of this process.
    Panic,
}

// === impl Trouble ===

impl Trouble {
    pub(super) fn new(resource: &str, error: &watcher::Error) -> Self {
        use watcher::Error::{
            InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed,
        };
        let (verb, cause, said) = match error {
            InitialListFailed(error) => (Verb::List, cause(error), chain(error)),
            WatchStartFailed(error) | WatchFailed(error) => (Verb::Watch, cause(error), chain(error)),
            WatchError(status) => (Verb::Watch, of_status(status.code), status.to_string()),
            NoResourceVersion => (Verb::Watch, Cause::Garbage, error.to_string()),
        };
        Self { resource: resource.to_owned(), verb, cause, said: one_line(&said, SAID_CHARS).into_owned() }
    }

    /// What came could not be brought into every memory.
    pub(super) fn of_a_panic(resource: &str) -> Self {
        Self { resource: resource.to_owned(), verb: Verb::Read, cause: Cause::Panic, said: String::new() }
    }

    pub(super) const fn verb(&self) -> &'static str {
        match self.verb {
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Read => "read",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, resource) = (self.verb(), &self.resource);
        write!(formatter, "can't {verb} {resource}: ")?;
        match self.cause {
            Cause::Forbidden => write!(formatter, "forbidden; let this user list and watch {resource}"),
            Cause::Unauthorized => {
                write!(formatter, "the API server does not accept this user's credentials")
            }
            Cause::Unknown => write!(formatter, "the API server does not know them"),
            Cause::Expired => write!(formatter, "too much has changed since; listing again"),
            Cause::Garbage => write!(formatter, "the answer makes no sense; listing again"),
            Cause::Panic => write!(formatter, "this process is at fault; listing again"),
            Cause::Unreachable => {
                write!(formatter, "the API server can't be reached; check its address, and network policies")
            }
            Cause::Status => write!(formatter, "the API server can't answer now"),
        }?;
        let is_all = matches!(self.cause, Cause::Garbage | Cause::Panic);
        if is_all { Ok(()) } else { write!(formatter, " ({})", self.said) }
    }
}

// === impl Cause ===

impl Cause {
    /// One word for metrics.
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
        }
    }
}

fn cause(error: &kube::Error) -> Cause {
    match error {
        kube::Error::Api(status) => of_status(status.code),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Cause::Garbage,
        kube::Error::Auth(_) => Cause::Unauthorized,
        _ => Cause::Unreachable,
    }
}

const fn of_status(code: u16) -> Cause {
    match code {
        // Any object is a status without a code to the client, an event of an unknown type too.
        0 => Cause::Garbage,
        401 => Cause::Unauthorized,
        403 => Cause::Forbidden,
        404 => Cause::Unknown,
        410 => Cause::Expired,
        _ => Cause::Status,
    }
}

/// An error of the API server by its message, any other with what it comes from.
fn chain(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // Most texts have those of their sources in them.
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        source = error.source();
    }
    said
}
