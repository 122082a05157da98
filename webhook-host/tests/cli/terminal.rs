//! What is said on a terminal, a pseudo terminal here: how far a long run is, and nothing of it once it has ended.

use crate::files::volume;
use crate::run::ordinance;
use rustix_openpty::{Pty, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Goes to the beginning of the line and clears it.
const CLEAR: &str = "\r\u{1b}[K";

/// After that a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run with stdout on a terminal, which waits for what it reads.
struct Run {
    process: Child,
    stdin: ChildStdin,
    screen: Receiver<String>,
    seen: String,
}

/// Where stderr goes.
#[derive(Clone, Copy)]
enum Stderr {
    Terminal,
    Pipe,
}

// === impl Run ===

impl Run {
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

    /// Waits until something is seen.
    fn see(&mut self, wanted: &str) {
        while !self.seen.contains(wanted) {
            self.seen += &self.screen.recv_timeout(PATIENCE).unwrap();
        }
    }

    /// Gives it something to read and nothing more: what was seen in the end, what stderr said elsewhere, and the exit code.
    fn end(mut self, input: &str) -> (String, String, Option<i32>) {
        self.stdin.write_all(input.as_bytes()).unwrap();
        drop(self.stdin);
        self.seen.extend(self.screen);
        let output = self.process.wait_with_output().unwrap();
        (self.seen, String::from_utf8(output.stderr).unwrap(), output.status.code())
    }
}

/// What a terminal shows, as it comes. Its end is an error when the last process has left it.
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
fn how_far_it_is_is_told_after_a_second_and_gone_before_the_report() {
    let mut run = Run::start(&["check", "-"], "xterm", Stderr::Terminal);
    run.see("reading, 0 objects so far");
    run.see(&format!("so far{CLEAR}reading"));
    let (seen, _, code) = run.end(&one_volume());
    let (told, report) = seen.rsplit_once(CLEAR).unwrap();
    assert_eq!((report, code), ("1 object judged, nothing denied\r\n", Some(0)));
    let is_progress = |line: &str| line.ends_with(" objects so far") || line.ends_with(" objects judged");
    assert!(told.split(CLEAR).skip(1).all(is_progress), "{told:?}");
    assert!(told.starts_with(CLEAR), "{told:?}");
}

#[test]
fn a_map_tells_how_far_it_is_and_clears_it() {
    let mut run = Run::start(&["map", "-"], "xterm", Stderr::Terminal);
    run.see("reading, 0 objects so far");
    let (seen, _, code) = run.end(&one_volume());
    let (_, map) = seen.rsplit_once(CLEAR).unwrap();
    assert!(code == Some(0) && !map.contains("reading"), "{map:?}");
}

#[test]
fn nothing_is_told_quietly_or_elsewhere_or_on_a_dumb_terminal() {
    let quiet = Run::start(&["check", "--quiet", "-"], "xterm", Stderr::Terminal);
    let piped = Run::start(&["check", "-"], "xterm", Stderr::Pipe);
    let dumb = Run::start(&["check", "-"], "dumb", Stderr::Terminal);
    // They began before this one, which tells: so they would have told, too.
    let mut clock = Run::start(&["check", "-"], "xterm", Stderr::Terminal);
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
