//! A migration by the script that `ordinance migrate` prints, exactly as it is printed: of a set whose replicas share a claim,
//! and of one whose claim templates lie on one directory.

use super::pages::{PAGES, own_pages};
use super::shared_sets::{self, Files, SERVER, SETS, are_kept, create, files, run, volumes};
use anyhow::{Context, Result, ensure};
use ordinance_e2e::NodeCluster;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The image of the Jobs: the only one on the node that has the programs.
const IMAGE: &str = "nginx:1.27";

/// Every replica finds every file after the migration, writes beside the others, and sees the originals again after a
/// roll back.
pub async fn migrated(cluster: &mut NodeCluster<'_>) -> Result<()> {
    volumes(cluster).await?;
    for (name, _) in SETS {
        create(cluster, name).await?;
    }
    cluster.log_elapsed("two sets share directories, without Ordinance");
    let _ordinance = cluster.install().await?;
    for (name, path) in SETS {
        let export = cluster.node().export(SERVER, path, 0o755)?;
        let files = files(&export)?;
        ensure!(files.len() == 7, "{name}: {files:?}");
        let folder = tempfile::tempdir()?;
        migrate(cluster, name, folder.path()).await?;
        cluster.log_elapsed(&format!("{name} migrated"));
        found_by_each(cluster, name, &export, &files).await?;
        run(cluster, folder.path(), "sh migrate.sh --roll-back --yes").await?;
        rolled_back(cluster, name, &export, &files).await?;
        cluster.log_elapsed(&format!("{name} rolled back"));
        run(cluster, folder.path(), "sh migrate.sh --yes").await?;
        found_by_each(cluster, name, &export, &files).await?;
        cluster.log_elapsed(&format!("{name} migrated again"));
        clean_up(cluster, name, &export, folder.path()).await?;
        cluster.log_elapsed(&format!("the originals of {name} deleted"));
    }
    Ok(())
}

/// Prints the plan, checks with its script, and runs it.
async fn migrate(cluster: &NodeCluster<'_>, name: &str, folder: &Path) -> Result<()> {
    let plan = format!("\"$ORDINANCE_BINARY\" migrate {name} --image {IMAGE}");
    run(cluster, folder, &format!("{plan} --output script > migrate.sh")).await?;
    run(cluster, folder, &format!("{plan} --output json > plan.json")).await?;
    let before =
        run(cluster, folder, "kubectl get statefulset --output=jsonpath='{.items[*].spec.replicas}'").await?;
    run(cluster, folder, "sh migrate.sh").await?;
    let after =
        run(cluster, folder, "kubectl get statefulset --output=jsonpath='{.items[*].spec.replicas}'").await?;
    ensure!(before == after && before == "2 2", "the check changed the replicas: {before}, {after}");
    run(cluster, folder, "sh migrate.sh --yes").await.map(|_| ())
}

/// Checks that each pod sees every file, and that what one pod writes is only its own.
async fn found_by_each(cluster: &NodeCluster<'_>, name: &str, export: &Path, files: &Files) -> Result<()> {
    own_pages(cluster, name).await?;
    for ordinal in 0..2 {
        let pod = format!("{name}-{ordinal}");
        let found = shared_sets::files(&export.join(&pod))?;
        let expected: Files = files
            .iter()
            .map(|(path, content)| (path.clone(), content.clone()))
            .chain([(PathBuf::from("index.html"), format!("{pod}\n"))])
            .collect();
        ensure!(found == expected, "{pod}: {found:?}, expected {expected:?}");
        let seen = cluster.kubectl().ok(&format!("exec {pod} -- cat {PAGES}/of-{pod}")).await?;
        ensure!(seen.trim() == format!("of {pod}"), "{pod}: {seen:?}");
    }
    are_kept(export, files)
}

/// Checks that both pods see the originals again, and that the set has no trace of the migration.
async fn rolled_back(cluster: &NodeCluster<'_>, name: &str, export: &Path, files: &Files) -> Result<()> {
    let set: Value =
        serde_json::from_str(&cluster.kubectl().ok(&format!("get statefulset {name} -o json")).await?)?;
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let mount = &container["volumeMounts"][0];
    ensure!(mount.get("subPathExpr").is_none() && container.get("env").is_none(), "{container}");
    let annotation = &set["metadata"]["annotations"]["ordinance.dev/shared-volumes"];
    ensure!(annotation.is_null() && set["status"]["readyReplicas"] == 2, "{annotation}");
    for ordinal in 0..2 {
        let other = format!("{name}-{}", 1 - ordinal);
        let seen = cluster.kubectl().ok(&format!("exec {name}-{ordinal} -- cat {PAGES}/of-{other}")).await?;
        ensure!(seen.trim() == format!("of {other}"), "{seen:?}");
    }
    are_kept(export, files)?;
    ensure!(!export.join(format!("{name}-0")).exists(), "the ordinal's directory is still there");
    let aside = export.join(format!(".ordinance-migration-default.{name}/rolled-back/1/{name}-0/index.html"));
    ensure!(std::fs::read_to_string(&aside)? == format!("{name}-0\n"), "what a pod wrote is lost");
    Ok(())
}

/// Deletes the originals by the plan's Job, and checks that the pods still have their files.
async fn clean_up(cluster: &NodeCluster<'_>, name: &str, export: &Path, folder: &Path) -> Result<()> {
    let plan: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("plan.json"))?)?;
    let job = plan["jobs"]["clean-up"].to_string();
    cluster.kubectl().run_with_input(["create", "--filename=-"], &job).await?.ok()?;
    let name_of_job = plan["jobs"]["clean-up"]["items"][0]["metadata"]["name"].as_str().context("a name")?;
    cluster.kubectl().ok(&format!("wait job/{name_of_job} --for=condition=complete --timeout=60s")).await?;
    let left: Vec<String> = std::fs::read_dir(export)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    let is_expected = |entry: &String| {
        entry.starts_with(&format!("{name}-")) || *entry == format!(".ordinance-migration-default.{name}")
    };
    ensure!(left.len() == 3 && left.iter().all(is_expected), "{left:?}");
    let seen = cluster.kubectl().ok(&format!("exec {name}-1 -- cat {PAGES}/of-{name}-0")).await?;
    ensure!(seen.trim() == format!("of {name}-0"), "{seen:?}");
    Ok(())
}
