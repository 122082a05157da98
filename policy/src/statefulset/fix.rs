//! Changes of a StatefulSet that resolve a finding, as JSON Patches for the object as it was sent.

use ordinance_contract::Fix;
use ordinance_storage::json;
use ordinance_storage::{PlacedMount as Mounted, SubPath as Part};

/// Writes an expression in the place of a mount's sub-path. `None` for a mount without exactly one of both fields.
pub(super) fn replace_sub_path(mounted: &Mounted<'_>, expression: &str) -> Option<Fix> {
    let mount = mounted.pointer();
    let value = json::quoted(expression);
    let patch = match mounted.part() {
        Part::Fixed(_) => [
            r#"[{"op":"remove","path":""#,
            &mount,
            r#"/subPath"},{"op":"add","path":""#,
            &mount,
            r#"/subPathExpr","value":"#,
            &value,
            "}]",
        ]
        .concat(),
        Part::Expression(_) => {
            [r#"[{"op":"replace","path":""#, &mount, r#"/subPathExpr","value":"#, &value, "}]"].concat()
        }
        Part::Root | Part::Both => return None,
    };
    Some(Fix { title: format!("Write subPathExpr: {expression}"), patch })
}
