//! The output on a pseudo terminal: a long run shows its progress, and clears it at the end.

use crate::files::volume;
use crate::run::ordinance;
use rustix_openpty::{Pty, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// The escape sequence that clears the line.
const CLEAR: &str = "\r\u{1b}[K";

/// How long a test waits for output.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A run with stdout on a terminal and an open stdin.
struct TerminalRun {
    process: Child,
    stdin: ChildStdin,
    screen: Receiver<String>,
    seen: String,
}

/// The destination of stderr.
#[derive(Clone, Copy)]
enum Stderr {
    Terminal,
    Pipe,
}

// === impl TerminalRun ===

impl TerminalRun {
    fn start(arguments: &[&str], term: &str, stderr: Stderr) -> Self {
        let Pty { controller, user } = openpty(None, None).unwrap();
        let stderr = match stderr {
            Stderr::Terminal => Stdio::from(user.try_clone().unwrap()),
            Stderr::Pipe => Stdio::piped(),
        };
        let mut command = ordinance(arguments);
        command.env("TERM", term).stdin(Stdio::piped()).stdout(user).stderr(stderr);
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        Self { process, stdin, screen: shown(controller.into()), seen: String::new() }
    }

    /// Waits until the terminal shows this text.
    fn see(&mut self, wanted: &str) {
        while !self.seen.contains(wanted) {
            self.seen += &self.screen.recv_timeout(TIMEOUT).unwrap();
        }
    }

    /// Writes the input, closes stdin, and returns what the terminal showed, the piped stderr, and the exit code.
    fn end(mut self, input: &str) -> (String, String, Option<i32>) {
        self.stdin.write_all(input.as_bytes()).unwrap();
        drop(self.stdin);
        self.seen.extend(self.screen);
        let output = self.process.wait_with_output().unwrap();
        (self.seen, String::from_utf8(output.stderr).unwrap(), output.status.code())
    }
}

/// Returns the output of a terminal as it arrives. Reading fails when the last process has closed the terminal.
fn shown(mut controller: File) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = controller.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    receiver
}

fn one_volume() -> String {
    volume("a", "/x").to_string()
}

#[test]
fn shows_progress_after_a_second_and_clears_it_before_the_report() {
    let mut run = TerminalRun::start(&["check", "-"], "xterm", Stderr::Terminal);
    run.see("reading, 0 files with 0 objects so far");
    run.see(&format!("so far{CLEAR}reading"));
    let (seen, _, code) = run.end(&one_volume());
    let (progress, report) = seen.rsplit_once(CLEAR).unwrap();
    assert_eq!((report, code), ("1 object judged, nothing denied\r\n", Some(0)));
    let is_progress = |line: &str| line.ends_with(" objects so far") || line.ends_with(" objects judged");
    assert!(progress.split(CLEAR).skip(1).all(is_progress), "{progress:?}");
    assert!(progress.starts_with(CLEAR), "{progress:?}");
}

#[test]
fn a_map_shows_progress_and_clears_it() {
    let mut run = TerminalRun::start(&["map", "-"], "xterm", Stderr::Terminal);
    run.see("reading, 0 files with 0 objects so far");
    let (seen, _, code) = run.end(&one_volume());
    let (_, map) = seen.rsplit_once(CLEAR).unwrap();
    assert!(code == Some(0) && !map.contains("reading"), "{map:?}");
}

#[test]
fn shows_no_progress_with_quiet_without_a_terminal_or_on_a_dumb_one() {
    let quiet = TerminalRun::start(&["check", "--quiet", "-"], "xterm", Stderr::Terminal);
    let piped = TerminalRun::start(&["check", "-"], "xterm", Stderr::Pipe);
    let dumb = TerminalRun::start(&["check", "-"], "dumb", Stderr::Terminal);
    // The runs above started before this one. When this one shows progress, they would have shown it too.
    let mut clock = TerminalRun::start(&["check", "-"], "xterm", Stderr::Terminal);
    clock.see(&format!("so far{CLEAR}reading"));

    assert_eq!(quiet.end(&one_volume()), (String::new(), String::new(), Some(0)));
    let report = "1 object judged, nothing denied\r\n".to_owned();
    assert_eq!(piped.end(&one_volume()), (report, String::new(), Some(0)));
    let refused = format!("{}{}", volume("a", "/x"), volume("b", "/x"));
    let (seen, _, code) = dumb.end(&refused);
    assert!(code == Some(1) && !seen.contains('\u{1b}') && seen.contains("error: "), "{seen:?}");
    let (seen, _, code) = clock.end(&refused);
    assert!(code == Some(1) && seen.contains("\u{1b}[1m"), "{seen:?}");
}
