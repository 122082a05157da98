//! An inspection for people: a block for each certificate, a line for each who trusts somebody.

use super::{Ca, Course, Described, Inspection, Leaf, Proof, Trust, When};
use crate::pair::{Moment, Validity};
use anstyle::{AnsiColor, Style};
use rustls::pki_types::CertificateDer;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// Whether a text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// For a terminal.
    Coloured,
    /// For whatever else.
    Plain,
}

/// Under the label of a line, so that what is said of a certificate is in one column.
const LABEL: usize = 12;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

// === impl Inspection ===

impl Inspection {
    /// For people, as of a moment; what is wrong comes last.
    pub fn text(&self, when: When, paint: Paint) -> String {
        let mut out = String::new();
        for known in &self.authorities {
            known.tell(when.at, paint, &mut out);
        }
        for leaf in &self.leaves {
            leaf.tell(when.at, paint, &mut out);
        }
        self.tell_trusts(paint, &mut out);
        for course in &self.courses {
            course.tell(when.at, paint, &mut out);
        }
        for finding in self.findings(when) {
            out.push_str(&format!("{} {finding}\n", paint.on("wrong:", BAD)));
        }
        out
    }

    /// Each who trusts somebody, in columns.
    fn tell_trusts(&self, paint: Paint, out: &mut String) {
        let Some(place) = self.trusts.iter().map(|trust| trust.place.chars().count()).max() else { return };
        let policy = self.trusts.iter().map(|trust| trust.policy().len()).max().unwrap_or(0);
        out.push_str(&format!("{}\n", paint.on("Trusted by", BOLD)));
        for trust in &self.trusts {
            let (whom, gap) = (self.whom(trust), if policy > 0 { "  " } else { "" });
            out.push_str(&format!("  {:place$}  {:policy$}{gap}{whom}\n", trust.place, trust.policy()));
        }
        out.push('\n');
    }

    /// Whom somebody trusts, by what they are here.
    fn whom(&self, trust: &Trust) -> String {
        let names: Vec<String> = trust.bundle.certificates().iter().map(|der| self.called(der)).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }

    fn called(&self, der: &CertificateDer<'_>) -> String {
        let known = self.authorities.iter().find(|known| known.certificate == *der);
        match (known, Described::of(der)) {
            (Some(known), _) => format!("{} ({})", known.described.name(), known.role.as_str()),
            (None, Ok(described)) => format!("{} (unknown here)", described.name()),
            (None, Err(_)) => "what is no certificate".to_owned(),
        }
    }
}

// === impl Ca ===

impl Ca {
    fn tell(&self, at: SystemTime, paint: Paint, out: &mut String) {
        let title = format!("CA, {}: {}", self.role.as_str(), self.described.name());
        out.push_str(&format!("{}\n", paint.on(&title, BOLD)));
        line("found in", &self.place, paint, out);
        self.described.tell("signs for", at, paint, out);
        out.push('\n');
    }
}

// === impl Leaf ===

impl Leaf {
    fn tell(&self, at: SystemTime, paint: Paint, out: &mut String) {
        let title = format!("Certificate: {}", self.described.name());
        out.push_str(&format!("{}\n", paint.on(&title, BOLD)));
        line("found in", &self.place, paint, out);
        line("signed by", &self.described.issuer, paint, out);
        self.described.tell("for", at, paint, out);
        match &self.proof {
            Proof::Own => line("key", &paint.on("its own", GOOD), paint, out),
            Proof::Foreign(place) => {
                let told = format!("{place} is another certificate's");
                line("key", &paint.on(&told, BAD), paint, out);
            }
            Proof::Unseen => {}
        }
        out.push('\n');
    }
}

// === impl Described ===

impl Described {
    fn tell(&self, names: &str, at: SystemTime, paint: Paint, out: &mut String) {
        let told = if self.names.is_empty() { "any name".to_owned() } else { self.names.join(", ") };
        line(names, &told, paint, out);
        line("valid", &valid(self.validity, at, paint), paint, out);
        if let Some(id) = &self.key_id {
            line("key id", id, paint, out);
        }
        line("sha256", &self.sha256, paint, out);
    }
}

// === impl Trust ===

impl Trust {
    fn policy(&self) -> &str {
        self.failure_policy.as_deref().unwrap_or_default()
    }
}

// === impl Course ===

impl Course {
    fn tell(&self, at: SystemTime, paint: Paint, out: &mut String) {
        let title = format!("Rotation of {}: {:?}, generation {}", self.place, self.phase, self.generation);
        out.push_str(&format!("{}\n", paint.on(&title, BOLD)));
        let when = match self.next_step {
            None => "once every webhook configuration trusts both CAs".to_owned(),
            Some(due) if due <= at => "due now".to_owned(),
            Some(due) => {
                format!("{}, in {}", Moment::from(due), left(due.duration_since(at).unwrap_or_default()))
            }
        };
        line("next step", &self.phase.next().to_string(), paint, out);
        line("when", &when, paint, out);
        out.push('\n');
    }
}

fn line(label: &str, told: &str, paint: Paint, out: &mut String) {
    // Nothing that is written to a text fails.
    let _ = writeln!(out, "  {}{told}", paint.on(&format!("{label:LABEL$}"), DIM));
}

fn valid(validity: Validity, at: SystemTime, paint: Paint) -> String {
    let (from, until) = (Moment::from(validity.not_before), Moment::from(validity.not_after));
    let rest = match at {
        at if at > validity.not_after => paint.on("expired", BAD),
        at if at < validity.not_before => paint.on("not yet", BAD),
        at => paint.on(&format!("{} left", left(validity.left(at))), GOOD),
    };
    format!("{from} to {until}, {rest}")
}

/// A time as people say it, in its largest unit.
pub fn left(time: Duration) -> String {
    let (count, unit) = match time {
        time if time >= 2 * DAY => (time.as_secs() / DAY.as_secs(), "days"),
        time if time >= 2 * HOUR => (time.as_secs() / HOUR.as_secs(), "hours"),
        time if time >= 2 * MINUTE => (time.as_secs() / MINUTE.as_secs(), "minutes"),
        time => (time.as_secs(), "s"),
    };
    format!("{count} {unit}")
}

// === impl Paint ===

impl Paint {
    fn on(self, text: &str, style: Style) -> String {
        match self {
            Self::Coloured => format!("{style}{text}{style:#}"),
            Self::Plain => text.to_owned(),
        }
    }
}
