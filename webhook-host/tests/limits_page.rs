//! The page on limits lists the fields and defaults of the code.

use ordinance::cluster::{
    AUDIT_LEASE_POLL, AUDIT_LEASE_TIME, AUDIT_REQUEST_TIME, AUDIT_RETRY_TIME, EVENT_INTERVAL,
    EVENTS_PER_INTERVAL, FLUSH_TIME, LOG_INTERVAL, NOTE_BYTES, PAGE_BYTES, REPORT_RESULTS, REPORT_TEXT_CHARS,
    REPORT_WRITES_PER_SECOND, REPORTS, WAITING_REPORT_BYTES, WRITE_TIME,
};
use ordinance::events::QUEUED_EVENTS;
use ordinance::limits::Limits;
use ordinance::memory::{AUDIT_EVALUATIONS, BASE_BYTES, CONNECTION_BYTES, WATCH_BYTES, WATCH_EVALUATIONS};
use ordinance::recording::{RECORDING_BYTES, WAITING_REVIEWS};
use ordinance::reservations::{
    ABANDONED_INTERVAL, ABANDONED_PER_INTERVAL, ABANDONED_PER_REALM, ANSWER_MARGIN, PATIENCE,
};
use ordinance::review::{NAME_BYTES, UID_BYTES};
use ordinance::server::{
    PLAIN_CONNECTION_TIME, PLAIN_CONNECTIONS, PLAIN_CONNECTIONS_PER_ADDRESS, PLAIN_HEAD_TIME,
};
use ordinance_engine::{
    ARTEFACT_BYTES, CACHED_ARTEFACTS, RANDOM_BYTES, REUSED_MEMORY, REVIEWS_OF_AN_INSTANCE, UNCHECKED_BYTES,
};
use ordinance_index::{OBJECT_BYTES, PATH_BYTES, PATH_SEGMENTS, REALM_BYTES};
use ordinance_manifests::{RENDER_TIME, RENDERED_BYTES};
use std::time::Duration;

const PAGE: &str = include_str!("../../docs/limits.md");

#[test]
fn the_page_names_every_limit_with_its_default() {
    // These depend on the machine.
    let limits = Limits { evaluations: 0, handshakes: 0, memory: 0, index_bytes: 0, ..Limits::default() };
    let mut fields: Vec<(String, String)> = format!("{limits:#?}").lines().filter_map(field).collect();
    let mut rows: Vec<(String, String)> = PAGE.lines().filter_map(row).collect();
    fields.sort();
    rows.sort();
    assert_eq!(rows, fields);
}

#[test]
fn the_page_names_the_limits_of_events() {
    let minutes = EVENT_INTERVAL.as_secs() / 60;
    for row in [
        format!("| {QUEUED_EVENTS} | Events that wait to be written |"),
        format!("| {minutes} min | interval of Events about the same object and the same rules |"),
        format!("| {EVENTS_PER_INTERVAL} | Events in {minutes} min |"),
        format!("| {NOTE_BYTES} bytes | size of the message |"),
        format!("| {} s | duration of a write |", WRITE_TIME.as_secs()),
        format!("| {} min | interval of log lines about failed writes |", LOG_INTERVAL.as_secs() / 60),
        format!("| {} s | duration of the writes of a stopping process |", FLUSH_TIME.as_secs()),
    ] {
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn the_page_names_the_limits_of_the_audit() {
    for row in [
        format!("| {} s | interval of renewals of the Lease;", AUDIT_LEASE_POLL.as_secs()),
        format!("another replica takes it over after {} s without one |", AUDIT_LEASE_TIME.as_secs()),
        format!("| {} s | duration of a request to the API server |", AUDIT_REQUEST_TIME.as_secs()),
        format!(
            "| {} min | longest pause after an audit that did not end |",
            AUDIT_RETRY_TIME.as_secs() / 60
        ),
        format!("| {WAITING_REVIEWS} | reviews that wait to be kept |"),
        format!("| {} MiB | an answer that `ordinance record` reads", RECORDING_BYTES >> 20),
        format!("| {REPORTS} | reports of a cluster |"),
        format!("| {REPORT_RESULTS} | results of a report |"),
        format!("| {REPORT_TEXT_CHARS} characters | length of a text in a report |"),
        format!("| {} MiB | reports that wait to be written |", WAITING_REPORT_BYTES >> 20),
        format!("| {REPORT_WRITES_PER_SECOND} | reports that are written or deleted in a second |"),
    ] {
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn the_page_names_the_limits_of_reservations() {
    for row in [
        format!("| {} ms | how long a replica waits until its watch", PATIENCE.as_millis()),
        format!("| {} ms | how long before its deadline", ANSWER_MARGIN.as_millis()),
        format!("| {ABANDONED_PER_REALM} | objects in one realm whose reservations were abandoned"),
        format!("| {ABANDONED_PER_INTERVAL} | the same within {} s |", ABANDONED_INTERVAL.as_secs()),
    ] {
        assert!(PAGE.contains(&row), "{row}");
    }
    let Limits { pending_time, index_staleness, .. } = Limits::default();
    assert_eq!(Limits::default().retention().own, pending_time + index_staleness + Duration::from_secs(60));
}

#[test]
fn the_page_names_the_limits_of_the_plain_listeners() {
    for row in [
        format!("| {PLAIN_CONNECTIONS} | concurrent connections |"),
        format!("| {PLAIN_CONNECTIONS_PER_ADDRESS} | concurrent connections from one address |"),
        format!("| {} s | time from the start of a connection to the end", PLAIN_HEAD_TIME.as_secs()),
        format!("| {} s | lifetime of a connection |", PLAIN_CONNECTION_TIME.as_secs()),
    ] {
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn the_page_names_the_limits_of_rendering() {
    let (seconds, mebibytes) = (RENDER_TIME.as_secs(), RENDERED_BYTES / 1024 / 1024);
    for row in [
        format!("| {seconds} s | how long `helm` or `kubectl` may take for a directory under `--render`;"),
        format!("| {mebibytes} MiB | size of what `helm` or `kubectl` prints for a directory |"),
    ] {
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn the_page_names_the_limits_of_a_reviews_texts() {
    for part in [
        format!("the\nuid may have {UID_BYTES} bytes"),
        format!("and the group, version and resource {NAME_BYTES} bytes"),
    ] {
        assert!(PAGE.contains(&part), "{part}");
    }
}

#[test]
fn the_page_names_the_limits_of_keys_and_the_parts_of_the_memory() {
    for row in [
        format!("| {PATH_SEGMENTS} | segments of a path |"),
        format!("| {PATH_BYTES} bytes | length of a path |"),
        format!("| {REALM_BYTES} bytes | length of a realm |"),
        format!("| {} KiB | memory for what an object of a namespace uses |", OBJECT_BYTES >> 10),
        format!("{} MiB for the process", BASE_BYTES >> 20),
        format!("{} KiB for each of `connections`", CONNECTION_BYTES >> 10),
        format!("one for each of the {WATCH_EVALUATIONS} kinds"),
        format!("and {AUDIT_EVALUATIONS} for the audit in the background"),
        format!("{} MiB for each of these kinds and for the audit", WATCH_BYTES >> 20),
        format!("at most 500 objects and {} MiB", PAGE_BYTES >> 20),
    ] {
        assert!(PAGE.contains(&row), "{row}");
    }
}

/// Returns a field of the debug output, with its name in the configuration.
fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim().trim_end_matches(',').split_once(": ")?;
    let mut words = name.split('_');
    let first = words.next()?.to_owned();
    let name = words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..]);
    Some((name, value.to_owned()))
}

/// Returns a row of the page, with its default as debug output.
fn row(line: &str) -> Option<(String, String)> {
    let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
    let (default, _) = rest.split_once(" | ")?;
    Some((name.to_owned(), printed(default)))
}

fn printed(default: &str) -> String {
    let in_bytes = |number: &str, unit: usize| (number.parse::<usize>().unwrap() * unit).to_string();
    if default.starts_with("cores") || ["cgroup", "rest"].contains(&default) {
        return "0".to_owned();
    }
    let (kibi, mebi) = (default.strip_suffix("Ki"), default.strip_suffix("Mi"));
    let number =
        kibi.map(|number| in_bytes(number, 1 << 10)).or(mebi.map(|number| in_bytes(number, 1 << 20)));
    number.unwrap_or_else(|| default.to_owned())
}

#[test]
fn the_page_names_the_limits_of_compiled_components() {
    let sentence = format!(
        "keep at most {CACHED_ARTEFACTS} compiled components, each of at most {} MiB",
        ARTEFACT_BYTES >> 20
    );
    assert!(PAGE.contains(&sentence), "{sentence}");
    let randomness = format!("at most {} KiB from its\nstand-in of randomness", RANDOM_BYTES >> 10);
    assert!(PAGE.contains(&randomness), "{randomness}");
    let unchecked = format!("policy that have at most {} KiB, their objects", UNCHECKED_BYTES >> 10);
    assert!(PAGE.contains(&unchecked), "{unchecked}");
    let reviews = format!("An instance without time checks serves up to {REVIEWS_OF_AN_INSTANCE} reviews");
    assert!(PAGE.contains(&reviews), "{reviews}");
    let memory = format!("if its memory has at most {} MiB", REUSED_MEMORY >> 20);
    assert!(PAGE.contains(&memory), "{memory}");
}
