//! The story with admission reviews that this program sends to a host, without an API server.

use super::host::HostProcess;
use super::show;
use super::story::{manifest, map};
use anyhow::Result;
use std::path::Path;

/// Shows the story.
pub fn run(binary: &Path) -> Result<()> {
    let host = HostProcess::start(binary)?;
    let source = format!(
        "Ordinance listens on {}; every line below is its answer to an AdmissionReview.",
        host.address()
    );
    show::title(&source);
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
