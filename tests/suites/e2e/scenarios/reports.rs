//! The reports of the audit in the background on a real API server: what is written with the rights of the chart, when it changes
//! and goes, and which replica writes.

mod kinds;
mod report;

use crate::audit::{audit_report, objects, path};
use crate::certificates::installation::fail_closed;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kinds::ReportKinds;
use kube::Api;
use ordinance_cluster::{
    Cluster, ClusterAccess, ClusterOptions, InstallManifest, Installation, Ordinance, Replica, StartMode,
    until,
};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, apply};
use report::StoredReport;
use serde_json::Value;

/// The folder `deploy` of the checkout.
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy");

/// The values of the chart: Ordinance refuses requests, and audits at the shortest interval.
const VALUES: &str = "--set=policy.mode=Enforce,audit.interval=10s";

/// The command of docs/audit.md that lists the reports.
const LIST: &str = "get reports,clusterreports --all-namespaces -l app.kubernetes.io/managed-by=ordinance";

/// A patch that mounts a volume read-only.
const READ_ONLY: &str = r#"--patch={"spec":{"mountOptions":["ro"]}}"#;

/// The objects of the audit, with rule, result and severity of what is found in each.
const FOUND: [(&str, &[&str]); 4] = [
    ("PersistentVolume/one", &["shared-export fail high"]),
    ("PersistentVolume/other", &["shared-export fail high"]),
    ("StatefulSet/cms", &["unisolated-mount fail high", "ordinance/would-change pass info"]),
    ("StorageClass/scratch", &["collapsing-class warn medium"]),
];

/// The same after volume `other` was mounted read-only.
const FOUND_READ_ONLY: [(&str, &[&str]); 4] = [
    ("PersistentVolume/one", &["shared-export warn medium"]),
    ("PersistentVolume/other", &["shared-export warn medium"]),
    FOUND[2],
    FOUND[3],
];

/// The metric of reports on all objects, each of which was written once.
const WRITTEN_ALL: &str = r#"reports_total{outcome="Written"} 4"#;

/// The metric of one report that was written.
const WRITTEN_ONE: &str = r#"reports_total{outcome="Written"} 1"#;

/// The metrics of the audit of these objects, without their prefix and without its times.
const METRICS: [&str; 15] = [
    r#"findings{policy="storage",rule="collapsing-class",severity="warn"} 1"#,
    r#"findings{policy="storage",rule="ordinance/would-change",severity="note"} 1"#,
    r#"findings{policy="storage",rule="shared-export",severity="deny"} 2"#,
    r#"findings{policy="storage",rule="unisolated-mount",severity="deny"} 1"#,
    "interval_seconds 10.0",
    r#"objects{policy="storage",resource="persistentvolumes"} 2"#,
    r#"objects{policy="storage",resource="statefulsets"} 1"#,
    r#"objects{policy="storage",resource="storageclasses"} 1"#,
    r#"reports_total{outcome="LeftOut"} 0"#,
    WRITTEN_ALL,
    r#"unreadable_objects{policy="storage"} 0"#,
    r#"would_change_objects{policy="storage",operation="CREATE"} 1"#,
    r#"would_change_objects{policy="storage",operation="UPDATE"} 0"#,
    r#"would_refuse_objects{policy="storage",operation="CREATE"} 2"#,
    r#"would_refuse_objects{policy="storage",operation="UPDATE"} 0"#,
];

/// The metrics of a replica that does not audit.
const METRICS_OF_ANOTHER: [&str; 1] = ["interval_seconds 10.0"];

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("reports::each_object_with_findings_has_a_report", open_reports),
        Scenario::with_own_clusters("reports::only_the_holder_of_the_lease_writes", one_writer),
        Scenario::with_own_clusters("reports::a_report_goes_with_its_object", deleted_with_owner),
        Scenario::with_own_clusters(
            "reports::are_policy_reports_where_only_those_are_installed",
            policy_reports,
        ),
        Scenario::with_own_clusters("reports::nothing_is_written_until_a_kind_is_installed", no_kind),
    ]
}

async fn open_reports(clusters: &TestClusters) -> Result<()> {
    let kinds = ReportKinds::OpenReports;
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let (access, kubectl) = (cluster.access(), cluster.access().kubectl());
    kinds.install(kubectl).await?;
    kinds.create_foreign(kubectl).await?;
    let foreign = kinds.foreign(kubectl).await?;
    let mut ordinance = audited(clusters, &cluster, 1).await?;
    let written = until_reported(access, kinds, &FOUND).await?;
    until_shown(&mut ordinance.replicas()[0], &METRICS).await?;
    has_texts_of_command(access, &written)?;
    let table = kubectl.ok(LIST).await?;
    ensure!(written.iter().all(|report| table.contains(report.name())), "{table}");

    kubectl.run(["patch", "persistentvolume", "other", "--type=merge", READ_ONLY]).await?.ok()?;
    let updated = until_reported(access, kinds, &FOUND_READ_ONLY).await?;
    let is_unchanged = |index: usize| written[index].version() == updated[index].version();
    ensure!([0, 1, 2, 3].map(is_unchanged) == [false, false, true, true], "{written:?} {updated:?}");

    kubectl.ok("annotate statefulset cms ordinance.dev/shared-volumes=pages").await?;
    kubectl.ok("delete persistentvolume other").await?;
    until_reported(access, kinds, &FOUND[3..]).await?;
    let left = kinds.foreign(kubectl).await?;
    ensure!(foreign.len() == 2 && left == foreign, "other reports were {foreign:?}, and are {left:?}");
    has_no_warning(&log(&mut ordinance, 0)?)
}

/// Of three replicas one writes. When it ends, another one continues, and writes only what has changed.
async fn one_writer(clusters: &TestClusters) -> Result<()> {
    let kinds = ReportKinds::OpenReports;
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let access = cluster.access();
    kinds.install(access.kubectl()).await?;
    let mut ordinance = audited(clusters, &cluster, 3).await?;
    let written = until_reported(access, kinds, &FOUND).await?;
    let first = until_leader(access, &mut ordinance).await?;
    until_shown(&mut ordinance.replicas()[first], &METRICS).await?;
    ordinance.retire(first).await?;
    let second = until_leader(access, &mut ordinance).await?;
    access.kubectl().ok(&format!("delete {}", written[3].reference())).await?;
    let replaced = until_reported(access, kinds, &FOUND).await?;
    let versions = |reports: &[StoredReport]| -> Vec<String> {
        reports[..3].iter().map(|report| report.version().to_owned()).collect()
    };
    ensure!(versions(&written) == versions(&replaced), "{written:?} {replaced:?}");
    let metrics = METRICS.map(|line| if line == WRITTEN_ALL { WRITTEN_ONE } else { line });
    until_shown(&mut ordinance.replicas()[second], &metrics).await?;
    let other = 1 - second;
    let shown = audit_metrics(&ordinance.replicas()[other]).await?;
    ensure!(shown == METRICS_OF_ANOTHER, "a replica without the Lease shows {shown:#?}");
    ensure!(
        !log(&mut ordinance, other)?.contains("wrote the reports"),
        "a replica without the Lease wrote reports"
    );
    Ok(())
}

/// The garbage collector deletes the report with its object, also while no replica runs.
async fn deleted_with_owner(clusters: &TestClusters) -> Result<()> {
    let kinds = ReportKinds::OpenReports;
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let access = cluster.access();
    kinds.install(access.kubectl()).await?;
    let ordinance = audited(clusters, &cluster, 1).await?;
    until_reported(access, kinds, &FOUND).await?;
    drop(ordinance);
    let configurations = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
    access.kubectl().ok(&format!("delete {configurations} ordinance")).await?;
    access.kubectl().ok("delete statefulset cms").await?;
    access.kubectl().ok("delete persistentvolume other").await?;
    until_reported(access, kinds, &[FOUND[0], FOUND[3]]).await.map(|_| ())
}

/// The reports stay when OpenReports is installed, which later audits prefer.
async fn policy_reports(clusters: &TestClusters) -> Result<()> {
    let kinds = ReportKinds::PolicyReports;
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let (access, kubectl) = (cluster.access(), cluster.access().kubectl());
    kinds.install(kubectl).await?;
    kinds.create_foreign(kubectl).await?;
    let foreign = kinds.foreign(kubectl).await?;
    let mut ordinance = audited(clusters, &cluster, 1).await?;
    until_reported(access, kinds, &FOUND).await?;
    until_shown(&mut ordinance.replicas()[0], &METRICS).await?;
    kubectl.run(["patch", "persistentvolume", "other", "--type=merge", READ_ONLY]).await?.ok()?;
    until_reported(access, kinds, &FOUND_READ_ONLY).await?;
    kubectl.ok("delete persistentvolume other").await?;
    until_reported(access, kinds, &FOUND[2..]).await?;
    let left = kinds.foreign(kubectl).await?;
    ensure!(foreign.len() == 2 && left == foreign, "other reports were {foreign:?}, and are {left:?}");
    ReportKinds::OpenReports.install(kubectl).await?;
    until_reported(access, ReportKinds::OpenReports, &FOUND[2..]).await?;
    until_reported(access, kinds, &FOUND[2..]).await?;
    has_no_warning(&log(&mut ordinance, 0)?)
}

async fn no_kind(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let access = cluster.access();
    let mut ordinance = audited(clusters, &cluster, 1).await?;
    until("two audits", STEP_TIMEOUT, async || {
        Ok((log(&mut ordinance, 0)?.matches("is it safe to enforce?").count() >= 2).then_some(()))
    })
    .await?;
    let written = |line: &&str| !line.starts_with("reports_total");
    let without_reports: Vec<&str> = METRICS.into_iter().filter(written).collect();
    until_shown(&mut ordinance.replicas()[0], &without_reports).await?;
    let log_text = log(&mut ordinance, 0)?;
    ensure!(log_text.matches("no reports are written").count() == 1, "{log_text}");
    has_no_warning(&log_text)?;
    ReportKinds::OpenReports.install(access.kubectl()).await?;
    until_reported(access, ReportKinds::OpenReports, &FOUND).await?;
    has_no_warning(&log(&mut ordinance, 0)?)
}

// === Steps of the scenarios ===

/// Stores the objects, and installs the chart behind them, so that its webhooks refuse none of them.
async fn audited(clusters: &TestClusters, cluster: &Cluster, replicas: usize) -> Result<Ordinance> {
    let (access, kubectl) = (cluster.access(), cluster.access().kubectl());
    for object in objects() {
        apply(kubectl, &object).await?;
    }
    let release = "ordinance --namespace=ordinance-system";
    let line = format!("template {release} {DEPLOY}/chart/ordinance {VALUES}");
    let manifest = InstallManifest::parse(&cluster.helm().ok(&line).await?)?;
    kubectl.ok(&format!("apply --filename={DEPLOY}/namespace.yaml")).await?;
    kubectl.apply(&manifest.whole()).await?.ok()?;
    let installation = clusters.installation()?;
    let installation = Installation { manifest, replicas, start: StartMode::Container, ..installation };
    let ordinance = Ordinance::start(cluster, installation).await?;
    fail_closed(access).await?;
    Ok(ordinance)
}

/// Waits until exactly these objects have reports with these findings, and checks the rest of each.
async fn until_reported(
    access: &ClusterAccess,
    kinds: ReportKinds,
    expected: &[(&str, &[&str])],
) -> Result<Vec<StoredReport>> {
    let owned = |(object, findings): &(&str, &[&str])| {
        ((*object).to_owned(), findings.iter().map(|finding| (*finding).to_owned()).collect::<Vec<_>>())
    };
    let expected: Vec<_> = expected.iter().map(owned).collect();
    let mut found = Vec::new();
    let stored = until("the reports", STEP_TIMEOUT, async || {
        let reports = kinds.stored(access.kubectl()).await?;
        found = reports.iter().map(|report| (report.object.clone(), report.findings())).collect();
        Ok((found == expected).then_some(reports))
    });
    let reports = stored.await.with_context(|| format!("stored are {found:?} instead of {expected:?}"))?;
    for report in &reports {
        report.check(access.kubectl(), kinds).await?;
    }
    Ok(reports)
}

/// Checks that the reports say the same of their objects as `ordinance audit`.
fn has_texts_of_command(access: &ClusterAccess, reports: &[StoredReport]) -> Result<()> {
    let audit = audit_report(&["--kubeconfig", path(access.kubeconfig())?])?;
    let of_object = |finding: &&Value, report: &StoredReport| {
        let text = |name: &str| finding["object"][name].as_str().unwrap_or_default().to_owned();
        report.object == format!("{}/{}", text("kind"), text("name"))
    };
    let line = |finding: &Value| {
        let [rule, fact, field, remedy] =
            ["rule", "fact", "field", "remedy"].map(|name| finding[name].as_str().unwrap_or_default());
        format!("{rule}: {fact} ({field}): {remedy}")
    };
    for report in reports {
        let findings = audit["findings"].as_array().context("findings")?.iter();
        let expected: Vec<String> = findings.filter(|finding| of_object(finding, report)).map(line).collect();
        ensure!(report.texts() == expected, "{:#?} instead of {expected:#?}", report.texts());
    }
    Ok(())
}

/// Waits until one replica shows an audit, and checks that it is the one that holds the Lease. Returns its index.
async fn until_leader(access: &ClusterAccess, ordinance: &mut Ordinance) -> Result<usize> {
    let mut auditing = Vec::new();
    until("an audit", STEP_TIMEOUT, async || {
        auditing.clear();
        for (index, replica) in ordinance.replicas().iter().enumerate() {
            if audit_metrics(replica).await? != METRICS_OF_ANOTHER {
                auditing.push(index);
            }
        }
        Ok((!auditing.is_empty()).then_some(()))
    })
    .await?;
    let [leader] = auditing[..] else { anyhow::bail!("the replicas {auditing:?} audit") };
    let leases: Api<Lease> = Api::namespaced(access.client(), "ordinance-system");
    let holder = leases.get("ordinance-audit").await?.spec.and_then(|spec| spec.holder_identity);
    let holder = holder.context("the Lease has no holder")?;
    let process = ordinance.replicas()[leader].process().pid().context("the replica has ended")?;
    ensure!(
        holder.contains(&format!("_{process}_")),
        "{holder} holds the Lease, and process {process} audits"
    );
    Ok(leader)
}

/// Waits until a replica has exactly these metrics of an audit.
async fn until_shown(replica: &mut Replica, expected: &[&str]) -> Result<()> {
    let mut found = Vec::new();
    let shown = until("the metrics of the audit", STEP_TIMEOUT, async || {
        found = audit_metrics(replica).await?;
        Ok((found == expected).then_some(()))
    });
    shown.await.with_context(|| format!("{found:#?}; the end of the log:\n{}", replica.process().tail()))
}

/// Returns the sorted metrics of the audit without their prefix, but for its times.
async fn audit_metrics(replica: &Replica) -> Result<Vec<String>> {
    let metrics = replica.metrics().await?;
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("ordinance_audit_"));
    let is_time = |line: &&str| line.starts_with("duration_seconds") || line.starts_with("timestamp_seconds");
    let mut lines: Vec<String> = lines.filter(|line| !is_time(line)).map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn log(ordinance: &mut Ordinance, index: usize) -> Result<String> {
    Ok(std::fs::read_to_string(ordinance.replicas()[index].process().log())?)
}

/// Checks that a log has neither a warning nor an error of the audit or of its reports.
fn has_no_warning(log: &str) -> Result<()> {
    let is_serious = |line: &str| line.contains(r#""level":"WARN""#) || line.contains(r#""level":"ERROR""#);
    let is_of_audit = |line: &str| line.contains("audit") || line.contains("report");
    let warnings: Vec<&str> = log.lines().filter(|line| is_serious(line) && is_of_audit(line)).collect();
    ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}
