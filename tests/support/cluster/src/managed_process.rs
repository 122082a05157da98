//! A process of the cluster, with its log.

use crate::wait::until;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The number of log lines to show when a process fails.
const TAIL: usize = 25;

/// How long a process may take to end after SIGTERM.
const END: Duration = Duration::from_secs(40);

/// A process that can be stopped and started again. Dropping the value kills it.
#[derive(Debug)]
pub struct ManagedProcess {
    name: String,
    command: Command,
    child: Option<Child>,
    log: PathBuf,
}

// === impl ManagedProcess ===

impl ManagedProcess {
    /// Starts a process whose output goes to a log in the workspace.
    pub(crate) fn start(name: &str, mut command: Command, workspace: &Workspace) -> Result<Self> {
        let log = workspace.path(&format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        workspace.join(&mut command);
        let mut process = Self { name: name.to_owned(), command, child: None, log };
        process.resume()?;
        Ok(process)
    }

    /// Starts the process again if it was stopped.
    ///
    /// # Errors
    ///
    /// Returns an error if it can't be started.
    pub fn resume(&mut self) -> Result<()> {
        if self.child.is_none() {
            let child = self.command.spawn().with_context(|| format!("can't start {}", self.name))?;
            self.child = Some(child);
        }
        Ok(())
    }

    /// The process id; `None` while the process does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether the process was started, and has neither been killed nor waited for since.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends SIGTERM and waits for the end of the process.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`ended`](Self::ended).
    pub async fn terminate(&mut self) -> Result<()> {
        self.ask_to_end()?;
        self.ended().await
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// Returns an error if the signal can't be sent.
    pub fn ask_to_end(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Suspends the process with SIGSTOP: it keeps its sockets, and answers no request.
    ///
    /// # Errors
    ///
    /// Returns an error if the signal can't be sent.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Resumes a suspended process with SIGCONT.
    ///
    /// # Errors
    ///
    /// Returns an error if the signal can't be sent.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match &self.child {
            Some(child) => Ok(kill_process(Pid::from_child(child), signal)?),
            None => Ok(()),
        }
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    ///
    /// Returns an error after 40 s. The process is killed then.
    pub async fn ended(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let ended = until(&format!("{} to end", self.name), END, async || Ok(child.try_wait()?)).await;
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        ended.map(|_| ())
    }

    /// Checks that the process still runs.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of the log if the process has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
        match ended {
            Some(status) => bail!("{} ended with {status}; the end of its log:\n{}", self.name, self.tail()),
            None => Ok(()),
        }
    }

    /// The last lines of the log.
    #[must_use]
    pub fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().rev().take(TAIL).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The path of the log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for ManagedProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
