//! Container images made of one static busybox, so that no registry is needed.

use super::configuration::PAUSE;
use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// Replaces the image of `deploy/examples/founding-story`: a container writes its host name into the page, and only
/// then serves it.
const PAGES: &str = "docker.io/library/nginx:1.27";

/// The command of its containers. It works for any user.
const WRITE_AND_SERVE: &str =
    "hostname > /usr/share/nginx/html/index.html && exec httpd -f -p 80 -h /usr/share/nginx/html";

/// The busybox programs in the image.
const PROGRAMS: [&str; 8] = ["sh", "cat", "hostname", "httpd", "id", "ls", "sleep", "stat"];

const FOLDERS: [&str; 9] =
    ["bin", "dev", "etc", "proc", "sys", "usr", "usr/share", "usr/share/nginx", "usr/share/nginx/html"];

/// Blobs by their SHA-256 digest.
type Blobs = BTreeMap<String, Vec<u8>>;

/// Writes both images into an archive in the OCI image layout.
pub fn archive(busybox: &Path, output: &Path) -> Result<()> {
    let layer = layer(&std::fs::read(busybox)?)?;
    let mut blobs = Blobs::new();
    let sleeps = ["sleep", "2147483647"];
    let manifests = [
        image(PAUSE, &sleeps, &layer, &mut blobs),
        image(PAGES, &["sh", "-c", WRITE_AND_SERVE], &layer, &mut blobs),
    ];
    let mut archive = Builder::new(std::fs::File::create(output)?);
    file(&mut archive, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
    let index = json!({ "schemaVersion": 2, "manifests": manifests }).to_string();
    file(&mut archive, "index.json", index.as_bytes(), 0o644)?;
    for (digest, blob) in &blobs {
        file(&mut archive, &format!("blobs/sha256/{digest}"), blob, 0o644)?;
    }
    Ok(archive.into_inner()?.sync_all()?)
}

/// Returns the file system of the images as a tar archive.
fn layer(busybox: &[u8]) -> Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    for folder in FOLDERS {
        entry(EntryType::Directory, 0o755, 0, |header| layer.append_data(header, folder, [].as_slice()))?;
    }
    file(&mut layer, "bin/busybox", busybox, 0o755)?;
    for program in PROGRAMS {
        let path = format!("bin/{program}");
        entry(EntryType::Symlink, 0o777, 0, |header| layer.append_link(header, path, "busybox"))?;
    }
    file(&mut layer, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644)?;
    Ok(layer.into_inner()?)
}

fn file(archive: &mut Builder<impl std::io::Write>, path: &str, content: &[u8], mode: u32) -> Result<()> {
    let size = u64::try_from(content.len())?;
    Ok(entry(EntryType::Regular, mode, size, |header| archive.append_data(header, path, content))?)
}

fn entry(
    kind: EntryType,
    mode: u32,
    size: u64,
    append: impl FnOnce(&mut Header) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    append(&mut header)
}

/// Adds the blobs of an image, and returns its entry in the index.
fn image(name: &str, entrypoint: &[&str], layer: &[u8], blobs: &mut Blobs) -> Value {
    let layer = blob(layer.to_vec(), "application/vnd.oci.image.layer.v1.tar", blobs);
    let platform = json!({ "architecture": architecture(), "os": "linux" });
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        // As process 1 the programs ignore other signals, and they have nothing to clean up.
        "config": { "Env": ["PATH=/bin"], "Entrypoint": entrypoint, "StopSignal": "SIGKILL" },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = blob(config.to_string().into_bytes(), "application/vnd.oci.image.config.v1+json", blobs);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer] });
    let mut described = blob(manifest.to_string().into_bytes(), kind, blobs);
    described["platform"] = platform;
    described["annotations"] = json!({ "io.containerd.image.name": name });
    described
}

/// Adds a blob and returns its descriptor.
fn blob(content: Vec<u8>, kind: &str, blobs: &mut Blobs) -> Value {
    let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let described = json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": content.len() });
    blobs.insert(digest, content);
    described
}

/// Returns this machine's architecture, as Go names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
