//! A server that runs until it is dropped. Tests wait for lines of its log instead of sleeping.

use crate::run::ordinance;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use tempfile::TempDir;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The content of the ready file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadyFile {
    pub https: String,
    pub admin: String,
    pub metrics: String,
    pub ca_bundle: String,
    pub pid: u32,
}

/// An HTTP response.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub closes: bool,
    pub body: String,
}

pub struct Host {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    pub ready: ReadyFile,
    /// The log up to the line `ready`.
    pub seen: Vec<String>,
    _directory: TempDir,
}

impl Host {
    /// Starts a server on free loopback ports, with a self-signed certificate.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(ordinance(&["serve", "--self-signed"]).args(arguments), |_| ())
    }

    /// Starts such a server, waits until its log contains this text, calls `then`, and waits until the server is ready.
    pub fn start_after(arguments: &[&str], text: &str, then: impl FnOnce()) -> Self {
        Self::spawn(ordinance(&["serve", "--self-signed"]).args(arguments), |log| {
            through(log, text);
            then();
        })
    }

    /// Starts a server with the certificate of the arguments.
    pub fn with_certificate(arguments: &[&str]) -> Self {
        Self::spawn(ordinance(&["serve"]).args(arguments), |_| ())
    }

    /// Starts a server in a shell, after this command.
    pub fn start_in_shell(before: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{before}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_ordinance")]);
        Self::spawn(shell.args(["serve", "--self-signed"]), |_| ())
    }

    fn spawn(command: &mut Command, meanwhile: impl FnOnce(&mut Lines<BufReader<ChildStderr>>)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ready.json");
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file"]);
        // A server keeps compiled components only if its configuration says so.
        command.env("ORDINANCE_CACHE_DIR", "");
        let mut process = command.arg(&file).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        meanwhile(&mut log);
        let seen: Vec<String> = through(&mut log, "ready");
        let ready = std::fs::read(&file).unwrap_or_else(|error| panic!("{error}: {seen:?}"));
        Self { process, log, ready: serde_json::from_slice(&ready).unwrap(), seen, _directory: directory }
    }

    /// Reads the log up to a line that contains this text.
    pub fn log_until(&mut self, text: &str) -> Vec<String> {
        through(&mut self.log, text)
    }

    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the exit, and returns the exit code and the rest of the log.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let mut rest: Vec<String> = Vec::new();
        rest.extend(self.log.by_ref().map(Result::unwrap));
        (self.process.wait().unwrap().code(), rest.join("\n"))
    }

    pub fn post(&self, path: &str, body: &str) -> HttpReply {
        let request = self.client().post(format!("https://{}{path}", self.ready.https));
        reply(request.content_type("application/json").send(body).unwrap())
    }

    /// Asks the listener for health checks.
    pub fn admin(&self, path: &str) -> HttpReply {
        self.ask(&self.ready.admin, path)
    }

    /// Returns all metrics.
    pub fn metrics(&self) -> String {
        self.ask(&self.ready.metrics, "/metrics").body
    }

    fn ask(&self, address: &str, path: &str) -> HttpReply {
        reply(
            ureq::agent()
                .get(format!("http://{address}{path}"))
                .config()
                .http_status_as_error(false)
                .build()
                .call()
                .unwrap(),
        )
    }

    /// Returns a client with a connection of its own, which trusts the CA of the ready file.
    fn client(&self) -> ureq::Agent {
        client(&self.ready.ca_bundle)
    }
}

/// Returns a client that trusts only this CA.
pub fn client(ca: &str) -> ureq::Agent {
    let authority = Certificate::from_pem(ca.as_bytes()).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority])).build();
    ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into()
}

fn reply(mut response: ureq::http::Response<ureq::Body>) -> HttpReply {
    let mut body = String::new();
    response.body_mut().as_reader().read_to_string(&mut body).unwrap();
    HttpReply {
        status: response.status().as_u16(),
        closes: response.headers().get("connection").is_some_and(|value| value == "close"),
        body,
    }
}

fn through(log: &mut Lines<BufReader<ChildStderr>>, text: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for line in log {
        let line = line.unwrap();
        let found = line.contains(text);
        seen.push(line);
        if found {
            return seen;
        }
    }
    panic!("the log ends without {text:?}: {seen:#?}");
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}
