//! A cgroup with a memory limit, of version 1 or 2.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// A cgroup of this process, removed when it is dropped.
#[derive(Debug)]
pub struct Cgroup {
    directory: PathBuf,
    /// The file with the most memory that the group has used.
    peak: &'static str,
}

/// The hierarchies that may have memory limits, with the files of the limit and of the peak.
const HIERARCHIES: [(&str, &str, &str); 2] = [
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
    ("/sys/fs/cgroup", "memory.max", "memory.peak"),
];

/// How often an emptied group is tried to be removed, and the pause between.
const ATTEMPTS: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);

// === impl Cgroup ===

impl Cgroup {
    /// Creates a group with this memory limit in bytes. Needs root.
    ///
    /// # Errors
    ///
    /// No hierarchy lets this process create one.
    pub fn new(limit: usize) -> io::Result<Self> {
        let mut error = io::Error::from(io::ErrorKind::Unsupported);
        for (root, limit_file, peak) in HIERARCHIES {
            let name = format!("ordinance-{}-{limit}", std::process::id());
            let group = Self { directory: Path::new(root).join(name), peak };
            match group.create(limit_file, limit) {
                Ok(()) => return Ok(group),
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }

    /// Returns a command that runs a program in the group.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        let join = r#"echo $$ > "$0" && exec "$@""#;
        command.args([OsStr::new("-c"), OsStr::new(join)]);
        command.arg(self.directory.join("cgroup.procs")).arg(program);
        command
    }

    /// Returns the most memory in bytes that the group has used.
    ///
    /// # Errors
    ///
    /// The kernel does not record it.
    pub fn peak(&self) -> io::Result<usize> {
        let text = fs::read_to_string(self.directory.join(self.peak))?;
        text.trim().parse().map_err(io::Error::other)
    }

    fn create(&self, limit_file: &str, limit: usize) -> io::Result<()> {
        fs::create_dir(&self.directory)?;
        fs::write(self.directory.join(limit_file), limit.to_string())?;
        self.peak().map(drop)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..ATTEMPTS {
            if fs::remove_dir(&self.directory).is_ok() || !self.directory.exists() {
                return;
            }
            sleep(PAUSE);
        }
    }
}
