//! Files and objects for the tests.

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Creates a temporary directory with these files.
pub fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(directory.path(), name, text);
    }
    directory
}

/// Writes a file, and creates the directories above it.
pub fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Returns a self-signed certificate for `localhost` and its key, PEM.
pub fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Returns a PersistentVolume on an NFS export.
pub fn volume(name: &str, path: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": name },
        "spec": {
            "capacity": { "storage": "1Gi" },
            "accessModes": ["ReadWriteMany"],
            "nfs": { "server": "10.0.0.5", "path": path },
        },
    })
}

/// Returns the AdmissionReview of a PersistentVolume's creation.
pub fn creation(object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "", "version": "v1", "kind": object["kind"] },
            "resource": { "group": "", "version": "v1", "resource": "persistentvolumes" },
            "name": object["metadata"]["name"],
            "operation": "CREATE",
            "userInfo": { "username": "test" },
            "object": object,
            "oldObject": null,
            "dryRun": false,
        },
    })
}
