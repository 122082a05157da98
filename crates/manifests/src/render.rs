//! Runs the tool that renders a directory.

use crate::rendering::{RenderTool, RenderedDirectory};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a tool may take for a directory.
const RENDER_TIME: Duration = Duration::from_secs(60);

/// The interval in which the end of a tool is looked for that has closed its output.
const POLL: Duration = Duration::from_millis(10);

/// The bytes of a tool's messages that are read.
const MESSAGE_BYTES: usize = 64 * 1024;

/// The characters of a tool's messages that an error quotes.
const MESSAGE_CHARS: usize = 2_000;

/// Returns what the tool of a directory prints, at most one byte more than the limit.
///
/// # Errors
///
/// The tool is missing, fails, or takes too long; in one line.
pub(crate) fn render(directory: &RenderedDirectory, limit: usize) -> Result<Vec<u8>, String> {
    run(directory, directory.program().as_ref(), limit, RENDER_TIME)
}

fn run(
    directory: &RenderedDirectory,
    program: &Path,
    limit: usize,
    time: Duration,
) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + time;
    let mut tool = start(directory, program)?;
    let output = tool.stdout.take().map(|output| reader(output, limit + 1));
    let messages = tool.stderr.take().map(|messages| reader(messages, MESSAGE_BYTES));
    let ended = received(output, deadline)
        .and_then(|output| Some((output, received(messages, deadline)?)))
        .and_then(|(output, messages)| Some((output, messages, ended(&mut tool, deadline)?)));
    let Some((output, messages, status)) = ended else {
        kill(&mut tool);
        let (line, seconds) = (directory.command_line(), time.as_secs());
        return Err(format!("{line} takes longer than {seconds} s; run it by itself to see why"));
    };
    if status.success() { Ok(output) } else { Err(failure(directory, status, &messages)) }
}

fn start(directory: &RenderedDirectory, program: &Path) -> Result<Child, String> {
    let mut command = Command::new(program);
    command.args(directory.arguments()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|error| {
        let program = program.display();
        match error.kind() {
            ErrorKind::NotFound => {
                format!("{program} is not found; {}, or leave out --render", directory.tool.installation())
            }
            _ => format!("{program} can't be started: {error}"),
        }
    })
}

/// Reads a pipe to its end or to a limit on a thread of its own, so that the tool is never held up.
fn reader(pipe: impl Read + Send + 'static, limit: usize) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is kept. The receiver may be gone, when the time is up.
        let _: io::Result<usize> = pipe.take(limit as u64).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// Returns the bytes of a reader, or `None` if the time is up.
fn received(reader: Option<Receiver<Vec<u8>>>, deadline: Instant) -> Option<Vec<u8>> {
    let Some(reader) = reader else { return Some(Vec::new()) };
    reader.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// Waits for the end of a process, or returns `None` if the time is up.
fn ended(process: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match process.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Ends a process and those that it has started.
fn kill(process: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = process.kill();
    let _ = process.wait();
}

/// Returns the tool's own messages, in one line.
fn failure(directory: &RenderedDirectory, status: ExitStatus, messages: &[u8]) -> String {
    let messages = String::from_utf8_lossy(messages);
    let words: Vec<&str> = messages.split_whitespace().collect();
    let reason: String = words.join(" ").chars().take(MESSAGE_CHARS).collect();
    let line = directory.command_line();
    if reason.is_empty() { format!("{line} failed: {status}") } else { format!("{line} failed: {reason}") }
}

// === impl RenderTool ===

impl RenderTool {
    /// Returns how to install the tool.
    const fn installation(&self) -> &'static str {
        match self {
            Self::Helm { .. } => "install Helm, see https://helm.sh/docs/intro/install",
            Self::Kustomize => "install kubectl, see https://kubernetes.io/docs/tasks/tools",
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// Runs a script as the tool.
    fn run_script(script: &str, time: Duration) -> Result<String, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("tool");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        let release = "web".to_owned();
        let rendered = RenderedDirectory { path: "chart".into(), tool: RenderTool::Helm { release } };
        let output = run(&rendered, &program, 8, time);
        output.map(|output| String::from_utf8(output).expect("text"))
    }

    #[test]
    fn output_is_read_up_to_its_limit() {
        assert_eq!(run_script("echo $1 $2", RENDER_TIME), Ok("template ".to_owned()));
    }

    #[test]
    fn an_error_has_the_messages_of_the_tool() {
        let error = run_script("echo 'Error: no' >&2; echo values >&2; exit 3", RENDER_TIME);
        assert!(error.as_ref().is_err_and(|error| error.ends_with(" failed: Error: no values")), "{error:?}");
        let error = run_script("exit 3", RENDER_TIME);
        assert_eq!(error, Err("helm template web chart failed: exit status: 3".to_owned()));
    }

    #[test]
    fn a_tool_that_takes_too_long_is_ended_with_its_children() {
        let start = Instant::now();
        let error = run_script("sleep 60 & sleep 60", Duration::from_millis(200));
        assert!(error.as_ref().is_err_and(|error| error.contains("takes longer than 0 s")), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
