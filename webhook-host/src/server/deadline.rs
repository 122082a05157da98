//! The deadline of a request, from `?timeout=` as the API server writes it.

use crate::limits::Limits;
use std::time::{Duration, Instant};

/// The longest timeout that the API server accepts for a webhook.
const LONGEST: Duration = Duration::from_secs(30);

/// Returns when the evaluation of a request must end.
///
/// An invalid timeout is ignored: it is a fault of the API server, and should not fail an admission.
pub(super) fn deadline(arrival: Instant, query: Option<&str>, limits: &Limits) -> Instant {
    let time = match query.and_then(timeout) {
        Some(timeout) => {
            timeout.min(LONGEST).saturating_sub(limits.deadline_margin).max(limits.shortest_deadline)
        }
        None => limits.deadline,
    };
    arrival + time
}

/// Returns the value of `timeout` in a query.
fn timeout(query: &str) -> Option<Duration> {
    query.split('&').find_map(|pair| pair.strip_prefix("timeout=")).and_then(go_duration)
}

/// Parses a duration as Go prints it, such as `10s`, `1m30s`, `1.5s` or `500ms`. Refuses negative ones.
fn go_duration(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (part, after) = component(rest)?;
        total = total.checked_add(part)?;
        rest = after;
    }
    Some(total)
}

/// Parses the first number with its unit, and returns the rest.
fn component(text: &str) -> Option<(Duration, &str)> {
    let (number, rest) = split_where(text, |c| !c.is_ascii_digit() && c != '.');
    let (unit, rest) = split_where(rest, |c| c.is_ascii_digit() || c == '.');
    let seconds = number.parse::<f64>().ok()? * seconds(unit)?;
    Some((Duration::try_from_secs_f64(seconds).ok()?, rest))
}

/// Splits a text before its first such character.
fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3_600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations_of_go() {
        for (text, millis) in [
            ("5s", 5_000),
            ("10s", 10_000),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("250ms", 250),
            ("0s", 0),
        ] {
            assert_eq!(go_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_other_texts() {
        for text in
            ["", "s", "5", "5 s", "-5s", "1e300h", "5sx", ".", "NaNs", "infs", "99999999999999999999h"]
        {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn subtracts_the_margin_and_keeps_the_deadline_in_range() {
        let (limits, arrival) = (Limits::default(), Instant::now());
        for (query, millis) in [
            (None, 10_000),
            (Some("timeout=5s"), 3_900),
            (Some("a=b&timeout=10s"), 8_900),
            (Some("timeout=1s"), 300),
            (Some("timeout=24h"), 28_900),
            (Some("timeout=soon"), 10_000),
        ] {
            assert_eq!(
                deadline(arrival, query, &limits) - arrival,
                Duration::from_millis(millis),
                "{query:?}"
            );
        }
    }
}
