//! Fixes of findings about StatefulSets, as JSON Patches for the object as it was sent.

use ordinance_contract::Fix;
use ordinance_storage::json;
use ordinance_storage::{PlacedMount, SubPath};

/// Returns a fix that replaces the sub-path of a mount by an expression; `None` unless the mount has exactly one of the
/// two fields.
pub(super) fn replace_sub_path(mount: &PlacedMount<'_>, expression: &str) -> Option<Fix> {
    let pointer = mount.pointer();
    let value = json::quoted(expression);
    let patch = match mount.part() {
        SubPath::Fixed(_) => [
            r#"[{"op":"remove","path":""#,
            &pointer,
            r#"/subPath"},{"op":"add","path":""#,
            &pointer,
            r#"/subPathExpr","value":"#,
            &value,
            "}]",
        ]
        .concat(),
        SubPath::Expression(_) => {
            [r#"[{"op":"replace","path":""#, &pointer, r#"/subPathExpr","value":"#, &value, "}]"].concat()
        }
        SubPath::Root | SubPath::Both => return None,
    };
    Some(Fix { title: format!("Write subPathExpr: {expression}"), patch })
}
