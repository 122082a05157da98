//! Claims, their marks, and StatefulSets that meet them.

use super::{Shape, ShapedReview, container, created, data, holding, many, mount, set};
use ordinance_contract::Holding;
use serde_json::json;

pub(super) const SHAPES: &[Shape] = &[
    Shape { name: "many mounts of a marked claim", build: marked },
    Shape { name: "many mounts of a claim with a long mark", build: long_mark },
    Shape { name: "many containers that mount claims with many marks", build: marks },
    Shape { name: "a claim of many sets", build: claim_of_sets },
];

fn of_claim(name: &str, path: &[&str], mark: &str) -> Holding {
    let note = format!("sub-path={mark}");
    let mut other = holding("persistentvolumeclaims", name.to_owned(), "claim/default", path, &note);
    other.holder.namespace = "default".into();
    other
}

fn marked(count: usize) -> ShapedReview {
    let set = set(vec![container("app", many(count, |at| mount(at, "")))], data());
    created(&set).with_holdings(vec![of_claim("data", &["data"], "$(ORDINANCE_POD_NAME)")])
}

fn long_mark(count: usize) -> ShapedReview {
    let mark = format!("$(ORDINANCE_POD_NAME)/{}", "m".repeat(50 * count));
    let set = set(vec![container("app", many(count, |at| mount(at, "")))], data());
    created(&set).with_holdings(vec![of_claim("data", &["data"], &mark)])
}

fn marks(count: usize) -> ShapedReview {
    let mut set = set(many(count, |at| container(&format!("c{at}"), vec![mount(at, "")])), vec![]);
    set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}}]);
    let holdings = many(count.min(256), |at| {
        of_claim(&format!("data-web-{at}"), &["data-web", &at.to_string()], "$(ORDINANCE_POD_NAME)")
    });
    created(&set).with_holdings(holdings)
}

fn claim_of_sets(count: usize) -> ShapedReview {
    let annotations: serde_json::Map<String, serde_json::Value> =
        (0..count).map(|at| (format!("a{at}"), "x".into())).collect();
    let claim = json!({"metadata": {"name": "data-web-0", "annotations": annotations}, "spec": {}});
    let mut review =
        ShapedReview::of(["", "persistentvolumeclaims", "PersistentVolumeClaim"], "default", &claim);
    review.request.scope.name = "data-web-0".into();
    let sets = many(count, |at| {
        let note = "sub-path=$(ORDINANCE_POD_NAME)";
        let mut other = holding("statefulsets", format!("web{at}"), "claim/default", &["data-web"], note);
        other.holder.group = "apps".into();
        other
    });
    review.with_holdings(sets)
}
