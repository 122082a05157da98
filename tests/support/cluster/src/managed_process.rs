//! A process of the cluster, with its log.

use crate::wait::until;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Lines of a log that are shown when a process failed.
const TAIL: usize = 25;

/// How long a process may take to end when it is asked to.
const END: Duration = Duration::from_secs(40);

/// A process that can be stopped and started again; it ends with this value.
#[derive(Debug)]
pub struct ManagedProcess {
    name: String,
    command: Command,
    child: Option<Child>,
    log: PathBuf,
}

// === impl ManagedProcess ===

impl ManagedProcess {
    /// Starts a process whose output goes to a log in the site's folder.
    pub(crate) fn start(name: &str, mut command: Command, workspace: &Workspace) -> Result<Self> {
        let log = workspace.path(&format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        workspace.join(&mut command);
        let mut process = Self { name: name.to_owned(), command, child: None, log };
        process.resume()?;
        Ok(process)
    }

    /// Starts it again.
    ///
    /// # Errors
    ///
    /// Why it can't be started.
    pub fn resume(&mut self) -> Result<()> {
        if self.child.is_none() {
            let child = self.command.spawn().with_context(|| format!("can't start {}", self.name))?;
            self.child = Some(child);
        }
        Ok(())
    }

    /// Its process id; none while it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it was started, and neither killed nor asked to end since.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end, by SIGTERM, and waits until it did.
    ///
    /// # Errors
    ///
    /// As [`ended`](Self::ended).
    pub async fn terminate(&mut self) -> Result<()> {
        self.ask_to_end()?;
        self.ended().await
    }

    /// Asks it to end, by SIGTERM.
    ///
    /// # Errors
    ///
    /// Why the signal can't be sent.
    pub fn ask_to_end(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Stops it in the middle of what it does, without an end: it holds its sockets, and answers nobody.
    ///
    /// # Errors
    ///
    /// Why the signal can't be sent.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// Why the signal can't be sent.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match &self.child {
            Some(child) => Ok(kill_process(Pid::from_child(child), signal)?),
            None => Ok(()),
        }
    }

    /// Waits until it ended.
    ///
    /// # Errors
    ///
    /// That it did not within 40 s; it is killed then.
    pub async fn ended(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let ended = until(&format!("{} to end", self.name), END, async || Ok(child.try_wait()?)).await;
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        ended.map(|_| ())
    }

    /// Whether it runs.
    ///
    /// # Errors
    ///
    /// That it ended by itself, and the last lines of its log.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
        match ended {
            Some(status) => bail!("{} ended with {status}; its log ends so:\n{}", self.name, self.tail()),
            None => Ok(()),
        }
    }

    /// The last lines of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().rev().take(TAIL).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Its log.
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
