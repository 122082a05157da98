//! Runs the tool that renders a directory.

use crate::rendering::RenderedDirectory;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The default of how long a tool may take for a directory.
pub const RENDER_TIME: Duration = Duration::from_secs(60);

/// The maximum size of what a tool prints for a directory, in bytes.
pub const RENDERED_BYTES: usize = 64 * 1024 * 1024;

/// The interval in which a tool that has closed its output is checked for its end.
const POLL: Duration = Duration::from_millis(10);

/// The bytes of a tool's messages that are kept; the others are read and dropped.
const MESSAGE_BYTES: usize = 64 * 1024;

/// The characters of a tool's messages that an error quotes.
const MESSAGE_CHARS: usize = 2_000;

/// What a tool may take for a directory.
#[derive(Clone, Copy, Debug)]
struct RenderLimits {
    time: Duration,
    /// Of the output.
    bytes: usize,
}

/// Why a directory is not rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// There is no such program on the `PATH`.
    #[error("{program} is not found; {installation}, or leave out --render")]
    Missing {
        /// The name of the program.
        program: String,
        /// How to install it.
        installation: &'static str,
    },
    /// The system does not start the program.
    #[error("{program} can't be started: {error}; leave out --render, or make it executable")]
    Start {
        /// The name of the program.
        program: String,
        /// The system's error.
        error: io::Error,
    },
    /// The tool and the programs that it started have not ended in time, and were killed.
    #[error(
        "`{command}` was stopped after {}; run it by itself to see why, or set --render-time",
        humantime::format_duration(*time)
    )]
    Time {
        /// The command for a shell.
        command: String,
        /// The limit.
        time: Duration,
    },
    /// The tool prints more than the limit, and was killed.
    #[error("`{command}` prints more than {bytes} bytes; run it by itself to see why, or leave out --render")]
    Size {
        /// The command for a shell.
        command: String,
        /// The limit.
        bytes: usize,
    },
    /// The tool has reported an error.
    #[error("`{command}` failed: {reason}")]
    Failed {
        /// The command for a shell.
        command: String,
        /// The tool's messages, or its exit status, in one line.
        reason: String,
    },
}

/// A tool that runs in a process group of its own. Dropping it kills the group, unless the tool has ended.
struct RunningTool {
    process: Child,
    output: Receiver<Vec<u8>>,
    messages: Receiver<Vec<u8>>,
    status: Option<ExitStatus>,
}

/// What happens to the part of a pipe beyond a limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is read and dropped, so that the tool goes on.
    Drop,
    /// It is not read.
    Leave,
}

/// Returns what the tool of a directory prints.
///
/// # Errors
///
/// The tool is missing, fails, takes longer than `time`, or prints more than [`RENDERED_BYTES`].
pub(crate) fn render(directory: &RenderedDirectory, time: Duration) -> Result<Vec<u8>, RenderError> {
    run(directory, directory.tool.program().as_ref(), RenderLimits { time, bytes: RENDERED_BYTES })
}

fn run(directory: &RenderedDirectory, program: &Path, limits: RenderLimits) -> Result<Vec<u8>, RenderError> {
    let RenderLimits { time, bytes } = limits;
    let deadline = Instant::now() + time;
    let mut tool = RunningTool::start(directory, program, bytes)?;
    let command = directory.command_line();
    let Some(output) = received(&tool.output, deadline) else {
        return Err(RenderError::Time { command, time });
    };
    if output.len() > bytes {
        return Err(RenderError::Size { command, bytes });
    }
    let ended = received(&tool.messages, deadline).zip(tool.end(deadline));
    match ended {
        None => Err(RenderError::Time { command, time }),
        Some((_, status)) if status.success() => Ok(output),
        Some((messages, status)) => Err(RenderError::Failed { command, reason: reason(&messages, status) }),
    }
}

/// Returns the bytes of a reader, or `None` if the time is up.
fn received(reader: &Receiver<Vec<u8>>, deadline: Instant) -> Option<Vec<u8>> {
    reader.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// Returns the tool's messages in one line, or its exit status if it has none.
fn reason(messages: &[u8], status: ExitStatus) -> String {
    let messages = String::from_utf8_lossy(messages);
    let words: Vec<&str> = messages.split_whitespace().collect();
    match words.join(" ").chars().take(MESSAGE_CHARS).collect::<String>() {
        reason if reason.is_empty() => status.to_string(),
        reason => reason,
    }
}

/// Reads a pipe on a thread of its own, so that no tool waits because another pipe is read. Returns the first `limit`
/// bytes.
fn reader(mut pipe: impl Read + Send + 'static, limit: usize, rest: Rest) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is kept.
        let _ = pipe.by_ref().take(limit as u64).read_to_end(&mut bytes);
        if rest == Rest::Drop {
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        // The receiver is gone if the time is up.
        let _ = sender.send(bytes);
    });
    receiver
}

// === impl RunningTool ===

impl RunningTool {
    /// Starts the tool. One byte more than the limit is read of its output.
    fn start(directory: &RenderedDirectory, program: &Path, limit: usize) -> Result<Self, RenderError> {
        let mut command = Command::new(program);
        command.args(directory.arguments()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let not_started = |error| not_started(directory, program, error);
        let mut process = command.spawn().map_err(not_started)?;
        let (Some(output), Some(messages)) = (process.stdout.take(), process.stderr.take()) else {
            return Err(not_started(io::Error::other("no pipes")));
        };
        Ok(Self {
            process,
            output: reader(output, limit.saturating_add(1), Rest::Leave),
            messages: reader(messages, MESSAGE_BYTES, Rest::Drop),
            status: None,
        })
    }

    /// Waits for the end, or returns `None` if the time is up.
    fn end(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            self.status = self.process.try_wait().ok()?;
            if self.status.is_some() || Instant::now() >= deadline {
                return self.status;
            }
            thread::sleep(POLL);
        }
    }
}

fn not_started(directory: &RenderedDirectory, program: &Path, error: io::Error) -> RenderError {
    let program = program.display().to_string();
    match error.kind() {
        ErrorKind::NotFound => RenderError::Missing { program, installation: directory.tool.installation() },
        _ => RenderError::Start { program, error },
    }
}

impl Drop for RunningTool {
    fn drop(&mut self) {
        if self.status.is_some() {
            return;
        }
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // Its processes may have ended meanwhile.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::rendering::RenderTool;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;
    use tempfile::TempDir;

    const LIMITS: RenderLimits = RenderLimits { time: RENDER_TIME, bytes: 1024 };

    fn chart() -> RenderedDirectory {
        RenderedDirectory { path: "chart".into(), tool: RenderTool::Helm { release: "web".to_owned() } }
    }

    /// Runs a script as the tool. The script's first argument is `template`.
    fn run_script(script: &str, limits: RenderLimits) -> Result<String, String> {
        run_in(&tempfile::tempdir().expect("a directory"), script, limits)
    }

    fn run_in(directory: &TempDir, script: &str, limits: RenderLimits) -> Result<String, String> {
        // A program that is being written can't be started, and every fork of another test holds it open for a moment.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock();
        let program = directory.path().join("tool");
        fs::write(&program, format!("#!/bin/sh\ncd {}\n{script}\n", directory.path().display()))
            .expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        let output = run(&chart(), &program, limits).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(output).expect("text"))
    }

    #[test]
    fn the_output_of_a_tool_is_returned() {
        assert_eq!(run_script("echo \"$@\"", LIMITS), Ok("template web ./chart\n".to_owned()));
    }

    #[test]
    fn messages_beyond_the_limit_do_not_stop_a_tool() {
        let flood = format!("head -c {} /dev/zero >&2 && echo a", 2 * MESSAGE_BYTES);
        assert_eq!(run_script(&flood, LIMITS), Ok("a\n".to_owned()));
    }

    #[test]
    fn an_error_has_the_messages_of_the_tool_or_its_status() {
        let error = run_script("echo 'Error: no' >&2; echo values >&2; exit 3", LIMITS);
        assert_eq!(error, Err("`helm template web ./chart` failed: Error: no values".to_owned()));
        let error = run_script("exit 3", LIMITS);
        assert_eq!(error, Err("`helm template web ./chart` failed: exit status: 3".to_owned()));
        let long = run_script("head -c 9000 /dev/zero | tr '\\0' x >&2; exit 1", LIMITS);
        assert!(long.is_err_and(|error| error.matches('x').count() == MESSAGE_CHARS));
    }

    #[test]
    fn a_tool_that_prints_too_much_is_killed() {
        let start = Instant::now();
        // `yes` would end by itself when its pipe is closed; this shell does not.
        let error = run_script("trap '' PIPE; yes & while true; do sleep 1; done", LIMITS);
        let message = "`helm template web ./chart` prints more than 1024 bytes";
        assert!(error.is_err_and(|error| error.starts_with(message)));
        assert!(start.elapsed() < RENDER_TIME / 2);
        assert_eq!(run_script("head -c 1024 /dev/zero", LIMITS).map(|output| output.len()), Ok(1024));
    }

    #[test]
    fn a_tool_that_takes_too_long_is_killed_with_the_processes_that_it_started() {
        let limits = RenderLimits { time: Duration::from_millis(500), ..LIMITS };
        for script in [
            "sleep 100 & echo $! >children; sleep 100 & echo $! >>children; wait",
            // The tool itself ends, but a process that it started keeps the pipes open.
            "sleep 100 & echo $! >children",
            "exec >&- 2>&-; sleep 100 & echo $! >children; wait",
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let start = Instant::now();
            let error = run_in(&directory, script, limits);
            let message = "`helm template web ./chart` was stopped after 500ms";
            assert!(error.as_ref().is_err_and(|error| error.starts_with(message)), "{script}: {error:?}");
            assert!(start.elapsed() < RENDER_TIME / 2, "{script}");
            let children = fs::read_to_string(directory.path().join("children")).expect("children");
            for child in children.lines() {
                assert!(has_ended(child), "{script}");
            }
        }
    }

    /// Returns whether a process ends within a moment.
    fn has_ended(process: &str) -> bool {
        let is_running = || {
            // Until its parent waits for it, an ended process stays in the list as a zombie.
            let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            !status.is_empty() && !status.contains(") Z ")
        };
        for _ in 0..100 {
            if !is_running() {
                return true;
            }
            thread::sleep(POLL);
        }
        false
    }

    #[test]
    fn a_missing_tool_is_named_with_its_installation() {
        let error = run(&chart(), Path::new("/nowhere/helm"), LIMITS).expect_err("no tool").to_string();
        assert!(error.starts_with("/nowhere/helm is not found; install Helm (https://helm.sh"), "{error}");
        let error = run(&chart(), Path::new("/"), LIMITS).expect_err("no tool").to_string();
        assert!(error.starts_with("/ can't be started: "), "{error}");
    }
}
