//! How to isolate a StatefulSet that is stored already: files do not move because a manifest says where they should be.

use super::review::SetReview;

/// The steps, one per line. Empty if nothing would change.
pub(super) fn steps(review: &SetReview<'_>) -> Vec<String> {
    let moves: Vec<String> = if review.findings.is_allowed() {
        review.draft.expressions().map(|(mount, expression)| relocation(&mount.field(), expression)).collect()
    } else {
        review.proposals.iter().map(|(field, expression)| relocation(field, expression)).collect()
    };
    if moves.is_empty() {
        return moves;
    }
    let set = &review.set;
    let scale = |replicas| {
        format!("kubectl scale statefulset {} --namespace {} --replicas={replicas}", set.name, set.namespace)
    };
    let apply =
        "write the expressions into the manifest that the set is applied from, and apply it".to_owned();
    [vec![scale(0)], moves, vec![apply, scale(set.replicas)]].concat()
}

fn relocation(mount: &str, expression: &str) -> String {
    format!("move the files of each replica into its directory of the volume: {expression} for {mount}")
}
