//! The steps that isolate a stored StatefulSet: a patch moves no files, so they have to move first.

use super::review::SetReview;

/// Returns the steps, one per line; empty if the review proposes no expression.
pub(super) fn steps(review: &SetReview<'_>) -> Vec<String> {
    let moves: Vec<String> =
        review.proposals.iter().map(|(field, expression)| move_step(field, expression)).collect();
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

fn move_step(mount: &str, expression: &str) -> String {
    format!("move the files of each replica into its directory of the volume: {expression} for {mount}")
}
