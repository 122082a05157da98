//! A server that runs until it is dropped. Its log says what it does, so nobody has to wait for a time.

use crate::run::ordinance;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use tempfile::TempDir;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// What the server writes once it is ready.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ready {
    pub https: String,
    pub admin: String,
    pub ca_bundle: String,
    pub pid: u32,
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub status: u16,
    pub closes: bool,
    pub body: String,
}

pub struct Host {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    pub ready: Ready,
    _directory: TempDir,
}

impl Host {
    /// On free ports of the loopback, with a self-signed certificate.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(ordinance(&["serve", "--self-signed"]).args(arguments), |_| ())
    }

    /// The same for one that is not ready before something is done, which is after it has logged this text.
    pub fn start_after(arguments: &[&str], text: &str, then: impl FnOnce()) -> Self {
        Self::spawn(ordinance(&["serve", "--self-signed"]).args(arguments), |log| {
            through(log, text);
            then();
        })
    }

    /// The same with a certificate that the arguments give.
    pub fn with_certificate(arguments: &[&str]) -> Self {
        Self::spawn(ordinance(&["serve"]).args(arguments), |_| ())
    }

    fn spawn(command: &mut Command, meanwhile: impl FnOnce(&mut Lines<BufReader<ChildStderr>>)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ready.json");
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file"]);
        let mut process = command.arg(&file).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        meanwhile(&mut log);
        let seen: Vec<String> = through(&mut log, "ready");
        let ready = std::fs::read(&file).unwrap_or_else(|error| panic!("{error}: {seen:?}"));
        Self { process, log, ready: serde_json::from_slice(&ready).unwrap(), _directory: directory }
    }

    /// Reads the log up to a line that holds a text.
    pub fn log_until(&mut self, text: &str) -> Vec<String> {
        through(&mut self.log, text)
    }

    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The exit code, and the rest of the log.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let mut rest: Vec<String> = Vec::new();
        rest.extend(self.log.by_ref().map(Result::unwrap));
        (self.process.wait().unwrap().code(), rest.join("\n"))
    }

    pub fn post(&self, path: &str, body: &str) -> Told {
        let request = self.client().post(format!("https://{}{path}", self.ready.https));
        told(request.content_type("application/json").send(body).unwrap())
    }

    pub fn admin(&self, path: &str) -> Told {
        told(
            ureq::agent()
                .get(format!("http://{}{path}", self.ready.admin))
                .config()
                .http_status_as_error(false)
                .build()
                .call()
                .unwrap(),
        )
    }

    /// A client with a connection of its own, which trusts what the server says it can be trusted by.
    fn client(&self) -> ureq::Agent {
        client(&self.ready.ca_bundle)
    }
}

/// A client that trusts this CA alone.
pub fn client(ca: &str) -> ureq::Agent {
    let authority = Certificate::from_pem(ca.as_bytes()).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority])).build();
    ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into()
}

fn told(mut response: ureq::http::Response<ureq::Body>) -> Told {
    let mut body = String::new();
    response.body_mut().as_reader().read_to_string(&mut body).unwrap();
    Told {
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

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}
