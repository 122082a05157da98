//! An inspection as text: a block for each certificate, a line for each trust bundle.

use super::description::CertificateDescription;
use super::finding::{InspectionTime, Remedy};
use super::inspection::{InspectedBundle, InspectedCa, InspectedLeaf, Inspection, KeyProof, RotationState};
use crate::certificate::Validity;
use crate::time::{Timestamp, rough_duration};
use anstyle::{AnsiColor, Style};
use rustls::pki_types::CertificateDer;
use std::fmt::Write as _;
use std::time::SystemTime;

/// Whether a text has terminal colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextStyle {
    /// With ANSI escape sequences.
    Colored,
    /// Without.
    Plain,
}

/// The width of the label column.
const LABEL: usize = 12;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

// === impl Inspection ===

impl Inspection {
    /// Returns the text as of `time`, with the findings last. `describe` words their remedies.
    pub fn text(
        &self,
        time: InspectionTime,
        style: TextStyle,
        describe: impl Fn(&Remedy) -> String,
    ) -> String {
        let mut out = String::new();
        for known in &self.authorities {
            known.write(time.at, style, &mut out);
        }
        for leaf in &self.leaves {
            leaf.write(time.at, style, &mut out);
        }
        self.write_trust_bundles(style, &mut out);
        for rotation in &self.rotations {
            rotation.write(time.at, style, &mut out);
        }
        for finding in self.findings(time) {
            let (place, message) = (&finding.place, finding.message(&describe));
            out.push_str(&format!("{} {place}: {message}\n", style.paint("wrong:", BAD)));
        }
        out
    }

    /// Writes the trust bundles, in columns.
    fn write_trust_bundles(&self, style: TextStyle, out: &mut String) {
        let places = self.trust_bundles.iter().map(|trust| trust.place.chars().count());
        let Some(place) = places.max() else { return };
        let policy = self.trust_bundles.iter().map(|trust| trust.policy().len()).max().unwrap_or(0);
        out.push_str(&format!("{}\n", style.paint("Trust bundles", BOLD)));
        for trust in &self.trust_bundles {
            let (members, gap) = (self.members(trust), if policy > 0 { "  " } else { "" });
            out.push_str(&format!("  {:place$}  {:policy$}{gap}{members}\n", trust.place, trust.policy()));
        }
        out.push('\n');
    }

    /// Lists the CAs of a trust bundle, with their roles.
    fn members(&self, trust: &InspectedBundle) -> String {
        let names: Vec<String> =
            trust.bundle.certificates().iter().map(|der| self.authority_name(der)).collect();
        if names.is_empty() { "no CA".to_owned() } else { names.join(", ") }
    }

    fn authority_name(&self, der: &CertificateDer<'_>) -> String {
        let known = self.authorities.iter().find(|known| known.certificate == *der);
        match (known, CertificateDescription::of(der)) {
            (Some(known), _) => format!("{} ({})", known.description.name(), known.role.as_str()),
            (None, Ok(description)) => format!("{} (unknown)", description.name()),
            (None, Err(_)) => "an unreadable certificate".to_owned(),
        }
    }
}

// === impl InspectedCa ===

impl InspectedCa {
    fn write(&self, at: SystemTime, style: TextStyle, out: &mut String) {
        let title = format!("CA, {}: {}", self.role.as_str(), self.description.name());
        out.push_str(&format!("{}\n", style.paint(&title, BOLD)));
        line("found in", &self.place, style, out);
        self.description.write("signs for", at, style, out);
        out.push('\n');
    }
}

// === impl InspectedLeaf ===

impl InspectedLeaf {
    fn write(&self, at: SystemTime, style: TextStyle, out: &mut String) {
        let title = format!("Certificate: {}", self.description.name());
        out.push_str(&format!("{}\n", style.paint(&title, BOLD)));
        line("found in", &self.place, style, out);
        line("signed by", &self.description.issuer, style, out);
        self.description.write("for", at, style, out);
        match &self.key {
            KeyProof::Matches => line("key", &style.paint("matches", GOOD), style, out),
            KeyProof::Mismatch(place) => {
                let text = format!("{place} belongs to another certificate");
                line("key", &style.paint(&text, BAD), style, out);
            }
            KeyProof::Unknown => {}
        }
        out.push('\n');
    }
}

// === impl CertificateDescription ===

impl CertificateDescription {
    fn write(&self, label: &str, at: SystemTime, style: TextStyle, out: &mut String) {
        let names = if self.names.is_empty() { "any name".to_owned() } else { self.names.join(", ") };
        line(label, &names, style, out);
        line("valid", &validity_text(self.validity, at, style), style, out);
        if let Some(id) = &self.key_id {
            line("key id", id, style, out);
        }
        line("sha256", &self.sha256, style, out);
    }
}

// === impl InspectedBundle ===

impl InspectedBundle {
    fn policy(&self) -> &str {
        self.failure_policy.as_deref().unwrap_or_default()
    }
}

// === impl RotationState ===

impl RotationState {
    fn write(&self, at: SystemTime, style: TextStyle, out: &mut String) {
        let title = format!("Rotation of {}: {:?}, generation {}", self.place, self.phase, self.generation);
        out.push_str(&format!("{}\n", style.paint(&title, BOLD)));
        let when = match self.next_step {
            None => "once every webhook configuration trusts both CAs".to_owned(),
            Some(due) if due <= at => "due now".to_owned(),
            Some(due) => {
                let left = rough_duration(due.duration_since(at).unwrap_or_default());
                format!("{}, in {left}", Timestamp::from(due))
            }
        };
        line("next step", &self.phase.next().to_string(), style, out);
        line("when", &when, style, out);
        out.push('\n');
    }
}

fn line(label: &str, value: &str, style: TextStyle, out: &mut String) {
    // Writing to a string can't fail.
    let _ = writeln!(out, "  {}{value}", style.paint(&format!("{label:LABEL$}"), DIM));
}

fn validity_text(validity: Validity, at: SystemTime, style: TextStyle) -> String {
    let (from, until) = (Timestamp::from(validity.not_before), Timestamp::from(validity.not_after));
    let rest = match at {
        at if at > validity.not_after => style.paint("expired", BAD),
        at if at < validity.not_before => style.paint("not yet valid", BAD),
        at => style.paint(&format!("{} left", rough_duration(validity.left(at))), GOOD),
    };
    format!("{from} to {until}, {rest}")
}

// === impl TextStyle ===

impl TextStyle {
    fn paint(self, text: &str, style: Style) -> String {
        match self {
            Self::Colored => format!("{style}{text}{style:#}"),
            Self::Plain => text.to_owned(),
        }
    }
}
