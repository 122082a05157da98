//! Runs the binary to its end, without the environment variables that it would read.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The exit code and the output of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Returns the command with these arguments.
pub fn ordinance(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordinance"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"ORDINANCE_") || name == "NO_COLOR" {
            command.env_remove(name);
        }
    }
    // All tests share what is compiled: a development build takes long for the built-in policy with fuel.
    command.env("ORDINANCE_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
    command
}

pub fn run(arguments: &[&str]) -> Ended {
    end(&mut ordinance(arguments))
}

/// Runs the binary in a directory, so that messages contain relative paths.
pub fn run_in(directory: &Path, arguments: &[&str]) -> Ended {
    end(ordinance(arguments).current_dir(directory))
}

pub fn end(command: &mut Command) -> Ended {
    ended(command.output().unwrap())
}

/// Runs the binary with this text on stdin.
pub fn run_with_input(arguments: &[&str], input: &str) -> Ended {
    end_with_input(&mut ordinance(arguments), input.as_bytes())
}

/// Runs the binary in a directory, with these bytes on stdin.
pub fn run_in_with_input(directory: &Path, arguments: &[&str], input: &[u8]) -> Ended {
    end_with_input(ordinance(arguments).current_dir(directory), input)
}

fn end_with_input(command: &mut Command, input: &[u8]) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    ended(child.wait_with_output().unwrap())
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
