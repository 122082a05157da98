//! `ordinance check` on ten thousand manifests, compared with the YAML parser alone, and on one file. `check --diff`, which
//! changes every set, compared with `check`, and on one large file compared with many. All times include the start of the
//! process.

use crate::command::{self, CommandRun};
use crate::effort::Effort;
use anyhow::Result;
use granit_parser::Parser;
use ordinance_testkit::figures::{Better, Figure, Figures};
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The number of files. Each has a hundred manifests: twenty sets, forty volumes, and forty objects of other kinds.
const FILES: usize = 100;

/// The number of sets in a file. For each there are two volumes and two objects of other kinds.
const SETS: usize = 20;

/// The measured commands.
const CHECK: &[&str] = &["check", "--output", "json"];
const DIFF: &[&str] = &["check", "--diff"];

/// Where the sets of the manifests store their files.
#[derive(Clone, Copy)]
enum Storage {
    /// In one claim for each ordinal.
    Own,
    /// In one claim for all ordinals, so that each set gets a patch.
    Shared,
}

/// Measures `check` and `check --diff`.
pub fn measure(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    measure_check(figures, effort, ordinance)?;
    measure_diff(figures, effort, ordinance)
}

fn measure_check(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let files = write_manifests(directory.path(), Storage::Own)?;
    let one = directory.path().join("one.yaml");
    fs::write(&one, set(0, Storage::Own) + "---\n" + &volume(0))?;
    let (mut all, mut single, mut ratios, mut peaks, mut parsing) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for _ in 0..effort.rounds {
        let parser = time_parser(&files)?;
        let many = run(ordinance, CHECK, directory.path())?;
        parsing.push(parser.as_secs_f64() * 1e3);
        ratios.push(many.time.as_secs_f64() / parser.as_secs_f64());
        all.push(many.time.as_secs_f64() * 1e3);
        peaks.push(many.peak);
        single.push(run(ordinance, CHECK, &one)?.time.as_secs_f64() * 1e3);
    }
    let mut add = |name, unit, goal, rounds: &[f64]| {
        figures.add(Figure::measured(name, unit, Better::Lower, goal, rounds));
    };
    add("check, 10 000 manifests", "ms", Some(2_000.0), &all);
    add("check, 10 000 manifests, peak memory", "MB", Some(300.0), &peaks);
    add("check, 10 000 manifests, the parser alone", "ms", None, &parsing);
    add("check, 10 000 manifests, to the parser alone", "ratio", Some(1.5), &ratios);
    add("check, one file, with the start of the process", "ms", Some(30.0), &single);
    Ok(())
}

fn measure_diff(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    let (directory, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let files = write_manifests(directory.path(), Storage::Shared)?;
    let together = files.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    let one = other.path().join("one.yaml");
    fs::write(&one, together.join("---\n"))?;
    let (mut all, mut to_check, mut peaks, mut to_many) = <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for _ in 0..effort.rounds {
        let check = run(ordinance, CHECK, directory.path())?;
        let many = run(ordinance, DIFF, directory.path())?;
        let one = run(ordinance, DIFF, &one)?;
        all.push(many.time.as_secs_f64() * 1e3);
        to_check.push(many.time.as_secs_f64() / check.time.as_secs_f64());
        peaks.push(many.peak.max(one.peak));
        to_many.push(one.time.as_secs_f64() / many.time.as_secs_f64());
    }
    let mut add = |name, unit, goal, rounds: &[f64]| {
        figures.add(Figure::measured(name, unit, Better::Lower, goal, rounds));
    };
    add("check --diff, 10 000 manifests", "ms", None, &all);
    add("check --diff, 10 000 manifests, to check", "ratio", Some(4.0), &to_check);
    add("check --diff, 10 000 manifests, peak memory", "MB", Some(300.0), &peaks);
    add("check --diff, one file to a hundred", "ratio", Some(1.5), &to_many);
    Ok(())
}

/// Reads and parses the files in one thread, and returns the time.
fn time_parser(files: &[PathBuf]) -> Result<Duration> {
    let start = Instant::now();
    for file in files {
        let text = fs::read_to_string(file)?;
        let mut parser = Parser::new_from_str(&text);
        while let Some(event) = parser.next_event() {
            black_box(event?);
        }
    }
    Ok(start.elapsed())
}

fn run(ordinance: &Path, arguments: &[&str], what: &Path) -> Result<CommandRun> {
    command::run(ordinance, arguments, what, 0)
}

/// Writes about 30 MB of manifests into a directory.
fn write_manifests(directory: &Path, storage: Storage) -> Result<Vec<PathBuf>> {
    let write = |file: usize| {
        let documents = (file * SETS..(file + 1) * SETS).flat_map(|number| {
            let (first, second) = (2 * number, 2 * number + 1);
            [set(number, storage), volume(first), config(first), volume(second), config(second)]
        });
        let path = directory.join(format!("{file:03}.yaml"));
        fs::write(&path, documents.collect::<Vec<_>>().join("---\n"))?;
        Ok(path)
    };
    (0..FILES).map(write).collect()
}

/// Returns a set with storage for its files.
fn set(number: usize, storage: Storage) -> String {
    let data = match storage {
        Storage::Own => {
            "  volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:\n      accessModes: [ReadWriteMany]\n      \
             resources:\n        requests:\n          storage: 10Gi\n"
        }
        Storage::Shared => "      - name: data\n        persistentVolumeClaim:\n          claimName: data\n",
    };
    let mut variables = String::new();
    for variable in 0..25 {
        // Writing to a `String` can't fail.
        let _ = write!(
            variables,
            "        - name: SETTING_{variable}\n          value: \"value {variable} of {number}\"\n"
        );
    }
    format!(
        "# Source: web/templates/statefulset.yaml\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: web-{number}\n  \
         namespace: shop-{}\n  labels:\n    app.kubernetes.io/name: web\n    app.kubernetes.io/instance: web-{number}\nspec:\n  \
         replicas: 3\n  serviceName: web-{number}\n  selector:\n    matchLabels:\n      app: web-{number}\n  template:\n    \
         metadata:\n      labels:\n        app: web-{number}\n    spec:\n      containers:\n      - name: web\n        image: \
         registry.example.com/web:1.2.{number}\n        env:\n{variables}        ports:\n        - containerPort: 8080\n        \
         resources:\n          requests:\n            cpu: 100m\n            memory: 128Mi\n        volumeMounts:\n        - name: \
         data\n          mountPath: /data\n        - name: config\n          mountPath: /etc/web\n      volumes:\n      - name: \
         config\n        configMap:\n          name: config-{number}\n{data}",
        number % 50
    )
}

/// Returns a volume with an export of its own and many annotations.
fn volume(number: usize) -> String {
    let mut annotations = String::new();
    for note in 0..24 {
        let _ = writeln!(
            annotations,
            "    example.com/note-{note}: \"note {note} about volume {number}, which an operator wrote at some length\""
        );
    }
    format!(
        "apiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: pv-{number}\n  annotations:\n{annotations}spec:\n  capacity:\n    \
         storage: 10Gi\n  accessModes:\n  - ReadWriteMany\n  persistentVolumeReclaimPolicy: Retain\n  mountOptions:\n  - hard\n  - \
         nfsvers=4.1\n  nfs:\n    server: nas-{}.example.com\n    path: /srv/volumes/{}/{number}\n",
        number % 20,
        number / 100
    )
}

/// Returns an object of another kind.
fn config(number: usize) -> String {
    let mut lines = String::new();
    for line in 0..42 {
        let _ = writeln!(
            lines,
            "    option-{line} = a value that configuration {number} has in line {line} of its file"
        );
    }
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-{number}\n  namespace: shop-{}\ndata:\n  main.conf: |\n{lines}",
        number % 50
    )
}
