//! A process group that ends with this process, even if this process is killed.
//!
//! A shell waits for the end of its standard input, whose other end only this process holds. Then it kills the group
//! and removes the folder. `PR_SET_PDEATHSIG` would not do: it fires when the thread ends that started the child.

use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `$1` is the group, `$2` the folder. Not every shell's `kill` accepts `-KILL` before `--`.
const GUARD: &str = r#"read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2""#;

/// The leader of the group, and the shell that ends the group.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Child,
    guard: Child,
}

// === impl ProcessGroup ===

impl ProcessGroup {
    /// Starts a group whose members use a folder.
    pub fn new(folder: &Path) -> Result<Self> {
        let mut leader = Command::new("sleep");
        leader
            .arg("2147483647")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let leader = leader.spawn().context("can't start sleep(1), which leads a group of processes")?;
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD, "guard", &leader.id().to_string()]).arg(folder).process_group(0);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = guard.spawn().context("can't start /bin/sh")?;
        Ok(Self { leader, guard })
    }

    /// Adds the process of a command to the group.
    pub fn join(&self, command: &mut Command) {
        command.process_group(i32::try_from(self.leader.id()).unwrap_or(0));
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        let _ = self.leader.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_it_kills_the_members_and_removes_the_folder() -> Result<()> {
        let folder = tempfile::tempdir()?.keep();
        let group = ProcessGroup::new(&folder)?;
        let mut member = Command::new("sleep");
        group.join(member.arg("2147483647"));
        let mut member = member.spawn()?;
        drop(group);
        assert!(!member.wait()?.success());
        assert!(!folder.exists());
        Ok(())
    }
}
