//! `ordinance record`: fetches the reviews that a server keeps.

use super::exit::Exit;
use super::output::{print, print_to_stderr};
use crate::recording::{RECORDING_BYTES, RecordedReview};
use crate::server::REVIEWS_PATH;
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use ordinance_report::printable;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long the server may take to answer.
const FETCH_TIME: Duration = Duration::from_secs(30);

/// The port of plain HTTP.
const HTTP_PORT: u16 = 80;

/// The fewest digits of a file's number.
const NUMBER_DIGITS: usize = 4;

/// The longest part of a file's name that comes from a review, in characters.
const NAME_CHARS: usize = 60;

/// Fetch the reviews that a server keeps, e.g. to try another policy on them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl -n ordinance-system port-forward deployment/ordinance 8082
  ordinance record --from http://127.0.0.1:8082 --directory reviews/
  ordinance record --from http://127.0.0.1:8082 > reviews.jsonl
  ordinance replay --settings strict.yaml reviews/

A server keeps reviews if its configuration has `recording: {reviews: 1000}`. Without
`recording.users` and `recording.values` they have neither users nor data of Secrets nor values of
environment variables. Other fields are as they were sent: command lines and annotations may be
private, too.

Exit codes: 0 fetched, 2 an error occurred.")]
pub(super) struct RecordArgs {
    /// The address of the server's recording, e.g. http://127.0.0.1:8082
    #[arg(long, value_name = "URL", env = "ORDINANCE_FROM", hide_env = true)]
    from: Uri,
    /// Write a file for each review into this directory [default: a line for each to stdout]
    #[arg(long, value_name = "DIR", env = "ORDINANCE_DIRECTORY", hide_env = true)]
    directory: Option<PathBuf>,
}

pub(super) fn run(args: &RecordArgs) -> Result<Exit> {
    let text = fetched(&args.from).with_context(|| format!("--from {}", args.from))?;
    let reviews = reviews(&text)?;
    match &args.directory {
        None => print(text.as_bytes())?,
        Some(directory) => {
            let count = reviews.len();
            write_files(directory, &reviews)?;
            let plural = if count == 1 { "" } else { "s" };
            print_to_stderr(&printable(&format!(
                "{count} review{plural} written to {}",
                directory.display()
            )));
            print_to_stderr("\n");
        }
    }
    Ok(Exit::Success)
}

/// Returns the lines that a server answers.
fn fetched(from: &Uri) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(FETCH_TIME, fetch(from)).await;
        answer.map_err(|_| anyhow::anyhow!("no answer within {} s", FETCH_TIME.as_secs()))?
    })
}

async fn fetch(from: &Uri) -> Result<String> {
    let is_http = from.scheme_str() == Some("http");
    let host = from.host().filter(|_| is_http).context("give a URL such as http://127.0.0.1:8082")?;
    let address = (host.trim_matches(['[', ']']), port(from)?);
    let stream = TcpStream::connect(address).await.context(
        "can't connect; is `recording.reviews` set, and does the port lead to `recording.listen`?",
    )?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path(from)).header(HOST, host).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), RECORDING_BYTES).collect().await;
    connection.abort();
    let body = body.map_err(|error| anyhow::anyhow!("the answer could not be read: {error}"))?.to_bytes();
    let text = String::from_utf8(body.to_vec()).context("the answer is not UTF-8")?;
    ensure!(status.is_success(), "the server answered {status}: {}", printable(text.trim()));
    Ok(text)
}

/// Returns the port of a URL, which may be left out.
fn port(from: &Uri) -> Result<u16> {
    let host = from.host().unwrap_or_default();
    let has_port = from.authority().is_some_and(|authority| !authority.as_str().ends_with(host));
    match from.port_u16() {
        None if has_port => bail!("the port must be a number from 0 to {}", u16::MAX),
        port => Ok(port.unwrap_or(HTTP_PORT)),
    }
}

/// Parses the lines that a server answered.
fn reviews(text: &str) -> Result<Vec<RecordedReview<'_>>> {
    let parsed = text.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().context("the server answered with something else than reviews")
}

/// Returns the path of a URL, which may be left out.
fn path(from: &Uri) -> &str {
    match from.path() {
        "" | "/" => REVIEWS_PATH,
        path => path,
    }
}

/// Writes a file for each review, with numbers of one length, by which they sort. No file is replaced.
fn write_files(directory: &Path, reviews: &[RecordedReview<'_>]) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("--directory {}", directory.display()))?;
    let digits = reviews.len().to_string().len().max(NUMBER_DIGITS);
    for (position, recorded) in reviews.iter().enumerate() {
        let number = format!("{:0digits$}", position + 1);
        let file = directory.join(file_name(&number, recorded));
        let mut open = OpenOptions::new();
        let written = open
            .write(true)
            .create_new(true)
            .open(&file)
            .and_then(|mut file| file.write_all(recorded.review.get().as_bytes()));
        if let Err(error) = written {
            bail!("{}: {error}; give an empty directory", file.display());
        }
    }
    Ok(())
}

/// Returns e.g. `0001-mutate-create-statefulsets-web.json`.
fn file_name(number: &str, recorded: &RecordedReview<'_>) -> String {
    let review: serde_json::Value = serde_json::from_str(recorded.review.get()).unwrap_or_default();
    let part =
        |pointer: &str| review.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
    let words = ["/request/operation", "/request/resource/resource", "/request/name"].map(part);
    let name: String = words.join("-").to_ascii_lowercase().chars().map(plain).take(NAME_CHARS).collect();
    format!("{number}-{}-{name}.json", recorded.phase.word())
}

fn plain(character: char) -> char {
    if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' }
}
