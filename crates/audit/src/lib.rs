//! What an audit of stored objects found.
//!
//! An [`ObjectAudit`] holds what a policy says of one stored object, and what the webhooks would answer if the object were created
//! again or updated. An [`AuditReport`] collects the audits of many objects. A [`FindingFilter`] chooses what the report shows,
//! and [`Enforcement`] answers whether it is safe to enforce. Nothing here evaluates a policy: `ordinance audit` and a server do.

mod enforcement;
mod filter;
mod json;
mod object_audit;
mod report;
mod stored_metadata;
mod table;
mod text;

pub use enforcement::{Enforcement, RequestCounts};
pub use filter::{CreationTimes, FindingFilter, LeftOut};
pub use json::json;
pub use object_audit::{ExpectedAnswer, ObjectAudit, WOULD_CHANGE, would_change_rule};
pub use report::{AuditReport, AuditSource, AuditedObject, EnforcedSettings, FindingCounts, RuleCounts};
pub use stored_metadata::{creation_time, namespace};
pub use table::{TableStyle, table};
pub use text::{enforcement_answer, enforcement_text, summary_text};
