//! Process 1 in new Linux namespaces: it makes them look like a node, runs this program in them, and reaps orphans.

use super::configuration::ADDRESS;
use super::namespaces::NodeContext;
use super::{EXPORTS, FOLDER, NAME};
use anyhow::{Context, Result, ensure};
use ordinance_tools::Tool;
use rustix::process::{Pid, WaitOptions, wait};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Kernel settings that the kubelet would change for the whole machine. It sees these values instead.
const KERNEL: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Folders in which kubelet and containerd write to fixed paths, next to files of other programs.
const OVERLAID: [&str; 2] = ["/var/lib", "/var/log"];

/// Folders of kubelet and containerd that can't be on an overlay.
const PRIVATE: [&str; 2] = ["/var/lib/kubelet", "/var/lib/containerd"];

/// Replaces `mount.nfs` of nfs-utils, which mount(8) calls for the kubelet's NFS plugin: it mounts the directory that
/// stands for the export. No NFS traffic is needed.
const MOUNT_NFS: &str = r#"#!/bin/sh
exec mount --bind "@EXPORTS@/${1%%:*}${1#*:}" "$2"
"#;

/// If this process is process 1 in [`LinuxNamespaces`](super::namespaces::LinuxNamespaces): prepares them, runs this
/// program once more, and returns its exit code. Call it first in `main`.
#[must_use]
pub fn run_as_init() -> Option<ExitCode> {
    let context = NodeContext::from_env().filter(|_| std::process::id() == 1)?;
    Some(prepare(&context).and_then(|()| run_program()).unwrap_or_else(|error| {
        eprintln!("error: the node's namespaces: {error:#}");
        ExitCode::from(2)
    }))
}

/// Runs this program and reaps orphans until the program ends.
fn run_program() -> Result<ExitCode> {
    let mut program = Command::new(std::env::current_exe()?);
    program.env("TMPDIR", FOLDER);
    let program = Pid::from_child(&program.spawn()?);
    loop {
        match wait(WaitOptions::empty())? {
            Some((ended, status)) if ended == program => {
                let code = status.exit_status().and_then(|code| u8::try_from(code).ok());
                return Ok(ExitCode::from(code.unwrap_or(2)));
            }
            _ => {}
        }
    }
}

fn prepare(context: &NodeContext) -> Result<()> {
    mount(["--make-rshared", "/"])?;
    mount_tmpfs("/run")?;
    for folder in OVERLAID {
        mount_overlay(folder)?;
    }
    for folder in PRIVATE {
        std::fs::create_dir_all(folder)?;
        mount_tmpfs(folder)?;
    }
    install_mount_helper()?;
    cover_kernel_settings()?;
    if context.is_unified() {
        mount_cgroups()?;
    }
    set_up_network()
}

// === Mounts ===

fn mount<const N: usize>(arguments: [&str; N]) -> Result<()> {
    run(Command::new("mount").args(arguments))
}

/// Mounts an empty folder that only these namespaces see.
fn mount_tmpfs(folder: &str) -> Result<()> {
    mount(["-t", "tmpfs", "-o", "mode=755", "none", folder])
}

/// Keeps the content of a folder visible, and makes writes visible only in these namespaces.
fn mount_overlay(folder: &str) -> Result<()> {
    let (upper, work) = (node_folder(&format!("upper{folder}"))?, node_folder(&format!("work{folder}"))?);
    let options = format!("lowerdir={folder},upperdir={},workdir={}", upper.display(), work.display());
    mount(["-t", "overlay", "-o", &options, "none", folder])
}

/// Puts `mount.nfs` into `/sbin`, the only folder where mount(8) looks for its helpers.
fn install_mount_helper() -> Result<()> {
    let exports = node_folder(EXPORTS)?;
    let helpers = node_folder("sbin")?;
    let helper = helpers.join("mount.nfs");
    std::fs::write(&helper, MOUNT_NFS.replace("@EXPORTS@", &exports.to_string_lossy()))?;
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755))?;
    let sbin = Path::new("/sbin").canonicalize()?;
    let lower = format!("lowerdir={}:{}", helpers.display(), sbin.display());
    mount(["-t", "overlay", "-o", &lower, "none", &sbin.to_string_lossy()])
}

fn cover_kernel_settings() -> Result<()> {
    for (name, value) in KERNEL {
        let shown = node_folder("kernel")?.join(name.replace('/', "."));
        std::fs::write(&shown, value)?;
        mount(["--bind", &shown.to_string_lossy(), &format!("/proc/sys/{name}")])?;
    }
    Ok(())
}

/// Mounts the part of the control group tree that belongs to this node, and enables all its controllers.
fn mount_cgroups() -> Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    // A cgroup2 mount can't be mounted over another one.
    run(Command::new("umount").arg("--lazy").arg(root))?;
    mount(["-t", "cgroup2", "none", &root.to_string_lossy()])?;
    let controllers = std::fs::read_to_string(root.join("cgroup.controllers"))?;
    for controller in controllers.split_whitespace() {
        std::fs::write(root.join("cgroup.subtree_control"), format!("+{controller}"))?;
    }
    Ok(())
}

/// Creates a folder for files of the node.
fn node_folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(FOLDER).join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

// === Network ===

/// Gives the loopback interface the node's address, and routes packets for unknown addresses to it, where they end.
fn set_up_network() -> Result<()> {
    let tools = ordinance_tools::find(&[Tool::Busybox], &mut |_| ())?;
    let lines: [&[&str]; 4] = [
        &["hostname", NAME],
        &["ip", "link", "set", "lo", "up"],
        &["ip", "addr", "add", ADDRESS, "dev", "lo"],
        &["ip", "route", "add", "default", "dev", "lo"],
    ];
    lines.iter().try_for_each(|line| run(Command::new(tools.path(Tool::Busybox)).args(*line)))
}

/// Runs a command, and returns its standard error as the error if it fails.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    Ok(())
}
