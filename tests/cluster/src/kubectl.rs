//! kubectl, as a person calls it.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// No call takes longer: `wait` and `rollout status` have limits of their own.
const LIMIT: Duration = Duration::from_secs(120);

/// The program, and the cluster that it talks to.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// What a call did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Whether it exited with 0.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// Its errors and warnings.
    pub stderr: String,
}

// === impl Kubectl ===

impl Kubectl {
    /// A program that talks to one cluster.
    #[must_use]
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_path_buf(), kubeconfig: kubeconfig.to_path_buf() }
    }

    /// Calls it, and returns what it said, whether it failed or not.
    ///
    /// # Errors
    ///
    /// That it can't be started, or did not end within two minutes.
    pub async fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Ran> {
        self.feed(arguments, "").await
    }

    /// Calls it with something on its standard input.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn feed<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<Ran> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", self.cache());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("can't start {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A call that does not read its input closes it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output =
            timeout(LIMIT, child.wait_with_output()).await.context("kubectl did not end within 120 s")??;
        Ok(Ran {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Calls it with arguments in one line, and returns what it printed.
    ///
    /// # Errors
    ///
    /// That it failed, and what it said.
    pub async fn ok(&self, line: &str) -> Result<String> {
        self.run(line.split_whitespace()).await?.ok().with_context(|| format!("kubectl {line}"))
    }

    /// `kubectl apply` of manifests.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn apply(&self, manifests: &str) -> Result<Ran> {
        self.feed(["apply", "--filename=-"], manifests).await
    }

    /// Discovery, kept beside the kubeconfig.
    fn cache(&self) -> PathBuf {
        self.kubeconfig.with_extension("cache")
    }
}

// === impl Ran ===

impl Ran {
    /// What it printed.
    ///
    /// # Errors
    ///
    /// That it failed, and what it said.
    pub fn ok(self) -> Result<String> {
        if !self.success {
            bail!("failed: {}{}", self.stderr, self.stdout);
        }
        Ok(self.stdout)
    }

    /// What it said of its failure.
    ///
    /// # Errors
    ///
    /// That it did not fail, and what it printed.
    pub fn refused(self) -> Result<String> {
        if self.success {
            bail!("was expected to fail, and did not: {}{}", self.stdout, self.stderr);
        }
        Ok(self.stderr)
    }
}
