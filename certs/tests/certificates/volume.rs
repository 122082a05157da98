//! A Secret volume, written as the kubelet's atomic writer does (`pkg/volume/util/atomic_writer.go`).

use crate::signer::Pem;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory in which `tls.crt` and `tls.key` are links through `..data`.
pub struct Volume {
    directory: TempDir,
    versions: usize,
}

impl Volume {
    pub fn new(pem: &Pem) -> Self {
        let mut volume = Self { directory: TempDir::new().unwrap(), versions: 0 };
        volume.swap(pem);
        for name in ["tls.crt", "tls.key"] {
            symlink(PathBuf::from("..data").join(name), volume.path(name)).unwrap();
        }
        volume
    }

    /// Writes a new version directory, renames `..data` to it, and removes the old one.
    pub fn swap(&mut self, pem: &Pem) {
        let old = fs::read_link(self.path("..data")).ok();
        self.versions += 1;
        let version = format!("..2024_01_01_00_00_00.{}", self.versions);
        fs::create_dir(self.path(&version)).unwrap();
        fs::write(self.path(&version).join("tls.crt"), &pem.certificate).unwrap();
        fs::write(self.path(&version).join("tls.key"), &pem.key).unwrap();
        symlink(&version, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.directory.path().join(old)).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
