//! Volumes of CSI drivers, and classes, with much of what a driver locates them by.

use super::{Shape, ShapedReview, container, created, many, mount_of, set, volume};
use serde_json::{Map, Value, json};

pub(super) const SHAPES: &[Shape] = &[
    Shape { name: "a volume with many attributes", build: attributes },
    Shape { name: "a volume of an unknown driver with many attributes", build: unknown_attributes },
    Shape { name: "a volume with keys that differ by case only", build: keys_by_case },
    Shape { name: "a volume with a long attribute", build: long_attribute },
    Shape { name: "a volume with a handle of many parts", build: parts },
    Shape { name: "a volume with a long handle", build: long_handle },
    Shape { name: "a volume with many options that its driver reads", build: options },
    Shape { name: "a volume with a long affinity to a node", build: affinity },
    Shape { name: "a volume whose driver has one of many rows", build: rows },
    Shape { name: "many inline volumes of one driver", build: inline },
    Shape { name: "a class with many parameters", build: parameters },
];

fn csi(driver: &str, handle: &str, attributes: Value, options: &[String]) -> ShapedReview {
    let csi = json!({"driver": driver, "volumeHandle": handle, "volumeAttributes": attributes});
    volume(&json!({}), &json!({"csi": csi, "mountOptions": options}))
}

fn numbered(count: usize, more: Value) -> Value {
    let mut attributes: Map<String, Value> = (0..count).map(|at| (format!("key-{at}"), json!("v"))).collect();
    attributes.extend(more.as_object().cloned().unwrap_or_default());
    Value::Object(attributes)
}

/// The templates of Azure Files ask for more attributes than those of any other driver.
fn attributes(count: usize) -> ShapedReview {
    csi("file.csi.azure.com", "a", numbered(count, json!({"shareName": "web"})), &[])
}

fn unknown_attributes(count: usize) -> ShapedReview {
    csi("csi.example.com", "a", numbered(count, json!({})), &[])
}

fn keys_by_case(count: usize) -> ShapedReview {
    // The bits of a number choose the letters that are capital.
    let letter = |at: usize, (place, letter): (usize, char)| {
        if at >> place & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
    };
    let key = |at: usize| {
        "storageaccountsharename".chars().enumerate().map(|it| letter(at, it)).collect::<String>()
    };
    let mut attributes: Map<String, Value> = (0..count).map(|at| (key(at), json!(at.to_string()))).collect();
    attributes.extend((0..count).map(|at| (key(at).chars().skip(14).collect(), json!(at.to_string()))));
    csi("file.csi.azure.com", "a", Value::Object(attributes), &[])
}

fn long_attribute(count: usize) -> ShapedReview {
    let share = format!("/{}", "${pv.metadata.name}/".repeat(count));
    csi(
        "nfs.csi.k8s.io",
        "a",
        json!({"server": "nas", "share": share, "csi.storage.k8s.io/pv/name": "pv"}),
        &[],
    )
}

fn parts(count: usize) -> ShapedReview {
    csi("file.csi.azure.com", &"part#".repeat(count), json!({}), &[])
}

fn long_handle(count: usize) -> ShapedReview {
    csi("beegfs.csi.netapp.com", &format!("beegfs://host/{}", "d/".repeat(count)), json!({}), &[])
}

fn options(count: usize) -> ShapedReview {
    let options = many(count, |at| format!("only-dir-{at}=x"));
    csi("gcsfuse.csi.storage.gke.io", "bucket", json!({"mountOptions": options.join(",")}), &options)
}

fn affinity(count: usize) -> ShapedReview {
    let names = many(count, |at| format!("node-{at}"));
    let term =
        json!({"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": names}]});
    let affinity = json!({"required": {"nodeSelectorTerms": [term]}});
    volume(&json!({}), &json!({"local": {"path": "/data"}, "nodeAffinity": affinity}))
}

fn rows(count: usize) -> ShapedReview {
    const ROWS: &str =
        r#"{"drivers":[{"names":["*.example.org"],"location":["[a!=b]x://{a|b|c|d=e}/{f?}/{handle}"]}]}"#;
    csi("csi.example.org", "a", numbered(count, json!({})), &[]).with_settings(ROWS)
}

fn inline(count: usize) -> ShapedReview {
    let volumes = many(count, |at| {
        let attributes = json!({"containerName": format!("c{at}"), "secretName": "s"});
        json!({"name": format!("v{at}"), "csi": {"driver": "blob.csi.azure.com", "volumeAttributes": attributes}})
    });
    created(&set(vec![container("app", many(count, |at| mount_of(&format!("v{at}"), at, "")))], volumes))
}

fn parameters(count: usize) -> ShapedReview {
    let class = json!({
        "metadata": {"name": "web"},
        "provisioner": "smb.csi.k8s.io",
        "parameters": numbered(count, json!({"source": "//nas/share", "subDir": "constant"})),
        "mountOptions": many(count, |at| format!("option-{at}")),
    });
    ShapedReview::of(["storage.k8s.io", "storageclasses", "StorageClass"], "", &class)
}
