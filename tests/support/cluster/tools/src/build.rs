//! Builds of one program with Go.

use crate::error::Error;
use crate::recipe::Tool;
use crate::recipe::{Module, ToolSource};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The interval between two progress lines of a long build.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(20);

/// The number of Go's output lines to show if a build fails.
const TAIL: usize = 20;

/// Returns an error if a program must be built and Go is missing.
pub(crate) fn require_go(unbuilt: &[Tool]) -> Result<(), Error> {
    let go = || Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let built = unbuilt.iter().filter(|tool| matches!(tool.source(), ToolSource::Module(_)));
    let names: Vec<&str> = built.map(|tool| tool.name()).collect();
    if names.is_empty() || go().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(Error::NoGo { missing: names.join(", ") })
}

/// Builds a program into a file.
pub(crate) fn program(
    tool: Tool,
    module: Module,
    output: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let begin = Instant::now();
    let mut go = command(tool, module, output)?;
    let spawned = go.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut go = spawned.map_err(|error| Error::Build { tool: tool.name(), output: error.to_string() })?;
    let last = go.stderr.take().map(|stderr| follow(stderr, begin, progress)).unwrap_or_default();
    match go.wait() {
        Ok(status) if status.success() => {
            progress(&format!("  built {} in {} s", tool.name(), begin.elapsed().as_secs()));
            Ok(())
        }
        _ => Err(Error::Build { tool: tool.name(), output: last }),
    }
}

/// Returns a reproducible `go build`: its result does not depend on this machine.
fn command(tool: Tool, module: Module, output: &Path) -> Result<Command, Error> {
    let folder = module.folder();
    let path = folder.join("go.mod");
    let go_mod = std::fs::read_to_string(&path).map_err(|error| Error::File { path, error })?;
    let mut go = Command::new("go");
    go.current_dir(folder).env("CGO_ENABLED", "0").env("GOFLAGS", "").env("GOWORK", "off");
    go.args(["build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false"]);
    go.arg("-tags").arg(module.tags()).arg("-ldflags").arg(module.linker_flags(&go_mod));
    go.arg("-o").arg(output).arg(module.package(tool));
    Ok(go)
}

/// Counts the packages that Go names as it compiles them, reports progress, and returns the last lines.
fn follow(stderr: impl Read, begin: Instant, progress: &mut dyn FnMut(&str)) -> String {
    let (mut packages, mut last_report) = (0_u32, begin);
    let mut last = VecDeque::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        packages += 1;
        if last_report.elapsed() > PROGRESS_INTERVAL {
            last_report = Instant::now();
            progress(&format!(
                "  {packages} packages compiled in {} s, at {line}",
                begin.elapsed().as_secs()
            ));
        }
        last.truncate(TAIL - 1);
        last.push_front(line);
    }
    Vec::from(last).into_iter().rev().collect::<Vec<_>>().join("\n")
}
