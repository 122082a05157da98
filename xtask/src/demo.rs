//! `cargo xtask demo`: the founding story on a real host over TLS.
//!
//! The manifests are those of `deploy/examples/founding-story`. Each is sent as the API server would send it, first to
//! the mutating and then to the validating webhook. With `--cluster` kubectl sends them to a real API server.

mod host;
mod kubectl;
mod show;

use crate::build::{self, Profile};
use crate::drawing;
use anyhow::{Context, Result, bail};
use host::HostProcess;
use serde_json::Value;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

/// The folder of the manifests, from the root of the checkout.
pub const STORY: &str = "deploy/examples/founding-story";

/// The problem that the story shows.
const TITLE: &str = "Two replicas, two NFS volumes made by hand, one directory";

/// How to show the story.
#[derive(clap::Args)]
pub struct Arguments {
    /// Use kubectl and a real API server with real controllers. Go builds them once, which takes some minutes.
    #[arg(long)]
    cluster: bool,
    /// The program to run; by default it is built from this checkout.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_BINARY")]
    binary: Option<PathBuf>,
}

/// Shows the story.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let binary = match &arguments.binary {
        Some(binary) => absolute(binary).context("the program to run")?,
        None => {
            build::wasm_target()?;
            build::binary("ordinance", Profile::Dev)?
        }
    };
    if arguments.cluster {
        kubectl::run(&binary)?
    } else {
        requests(&binary)?
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the story with admission reviews, without an API server.
fn requests(binary: &Path) -> Result<()> {
    let host = HostProcess::start(binary)?;
    let source = format!(
        "Ordinance listens on {}; every line below is its answer to an AdmissionReview.",
        host.address()
    );
    show::title(TITLE, &source);
    mistake(&host)?;
    isolation(&host)?;
    repair(&host)?;
    map(4, binary)?;
    show::closing();
    Ok(())
}

/// Shows that the second volume on a directory is refused.
fn mistake(host: &HostProcess) -> Result<()> {
    show::chapter(1, "Both PersistentVolumes name one directory: the second is refused");
    for file in ["pv.yaml", "pv2-mistake.yaml"] {
        let object = manifest(file)?;
        show::answer(&object, &host.create(&object)?);
    }
    Ok(())
}

/// Shows that the StatefulSet's mount gets a directory for each ordinal.
fn isolation(host: &HostProcess) -> Result<()> {
    show::chapter(2, "Each replica of the StatefulSet gets a directory of its own, even on a shared volume");
    let object = manifest("web.yaml")?;
    let answer = host.create(&object)?;
    show::answer(&object, &answer);
    show::difference(&object, &answer.applied_to(&object)?)
}

/// Shows that both volumes are accepted with a directory each.
fn repair(host: &HostProcess) -> Result<()> {
    show::chapter(3, "The repair, a directory for each volume: both are accepted");
    show::note("PersistentVolume \"pv\" is deleted, and created again with a directory of its own.");
    host.delete(&manifest("pv.yaml")?)?;
    for file in ["pv-repaired.yaml", "pv2-repaired.yaml"] {
        let object = manifest(file)?;
        show::answer(&object, &host.create(&object)?);
    }
    Ok(())
}

/// Shows which ordinal writes where, before and after.
fn map(chapter: u8, ordinance: &Path) -> Result<()> {
    show::chapter(chapter, "The map: which ordinal writes where, as the mistake stands and with Ordinance");
    let status = drawing::map(ordinance).status().context("can't start ordinance map")?;
    match status.code() {
        Some(0 | 1) => Ok(()),
        _ => bail!("ordinance map failed: {status}"),
    }
}

/// Reads a manifest of the story.
fn manifest(file: &str) -> Result<Value> {
    let text = std::fs::read_to_string(crate::root().join(STORY).join(file))?;
    Ok(serde_saphyr::from_str(&text)?)
}
