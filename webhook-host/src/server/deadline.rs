//! By when a caller wants its answer: `?timeout=` as the API server writes it.

use crate::limits::Limits;
use std::time::{Duration, Instant};

/// The API server lets no webhook take longer.
const LONGEST: Duration = Duration::from_secs(30);

/// The instant by which an evaluation must end, for a request of this query that arrived then.
///
/// A timeout that can't be read counts as none: the API server writes it, and no admission should fail over it.
pub(super) fn deadline(arrival: Instant, query: Option<&str>, limits: &Limits) -> Instant {
    let time = match query.and_then(timeout) {
        Some(timeout) => {
            timeout.min(LONGEST).saturating_sub(limits.deadline_margin).max(limits.shortest_deadline)
        }
        None => limits.deadline,
    };
    arrival + time
}

/// The value of `timeout` in a query.
fn timeout(query: &str) -> Option<Duration> {
    query.split('&').find_map(|pair| pair.strip_prefix("timeout=")).and_then(go_duration)
}

/// A duration as Go prints it: numbers with units, e.g. `10s`, `1m30s`, `1.5s`, `500ms`; never negative.
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

/// The first number with its unit, and what follows.
fn component(text: &str) -> Option<(Duration, &str)> {
    let (number, rest) = split_where(text, |c| !c.is_ascii_digit() && c != '.');
    let (unit, rest) = split_where(rest, |c| c.is_ascii_digit() || c == '.');
    let seconds = number.parse::<f64>().ok()? * seconds(unit)?;
    Some((Duration::try_from_secs_f64(seconds).ok()?, rest))
}

/// The text before the first such character, and from it on.
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
    fn reads_what_go_prints() {
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
    fn other_text_is_no_duration() {
        for text in
            ["", "s", "5", "5 s", "-5s", "1e300h", "5sx", ".", "NaNs", "infs", "99999999999999999999h"]
        {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn the_deadline_leaves_a_margin_and_has_bounds() {
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
