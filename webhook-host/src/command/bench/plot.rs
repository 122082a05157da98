//! A drawing of the distributions of evaluation time: a panel for each review, without scripts or fonts of its own.

use super::figures::{BenchFigures, WorkloadFigures};
use super::statistics::TimeDistribution;
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// Widths and heights, in pixels.
const WIDTH: f64 = 760.0;
const MARGIN: f64 = 24.0;
const HEADING: f64 = 44.0;
const PANEL: f64 = 156.0;
const BARS: f64 = 80.0;

/// The bars of a panel.
const BINS: usize = 76;

/// The quantile at which a panel ends, of 200: 99.5 %. The outliers beyond would squeeze everything else.
const LAST: usize = 199;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#222}.title{font-weight:600}.tick{font-size:10px;text-anchor:middle}.bar{fill:#5b8def}.old{fill:none;stroke:#c2571a;stroke-width:1.5}\
.band{fill:#222;opacity:.12}.median{stroke:#222;stroke-width:1.5}.p99{stroke:#222;stroke-dasharray:3 3}.axis{stroke:#999}.paper{fill:#fff}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#16181d}.median,.p99{stroke:#ddd}.band{fill:#ddd}}";

/// The logarithmic scale of a panel, from nanoseconds to pixels: on a busy machine, the slowest reviews take a hundred times as
/// long as the median. The ends are natural logarithms.
struct TimeScale {
    from: f64,
    to: f64,
}

/// How the title begins.
pub(super) const TITLE: &str = "Evaluation time of";

/// Returns the drawing. Earlier figures of the same review are an outline over its bars.
pub(super) fn svg(figures: &BenchFigures, before: Option<&BenchFigures>) -> String {
    let height = HEADING + PANEL * figures.workloads.len() as f64 + MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{TITLE} {0} {1}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"28\">{TITLE} {0} {1}</text>\n",
        plain(&figures.policy.name),
        plain(&figures.policy.version),
    );
    for (position, workload) in figures.workloads.iter().enumerate() {
        let top = HEADING + PANEL * position as f64;
        panel(&mut text, top, workload, before.and_then(|before| before.workload(&workload.name)));
    }
    text.push_str("</svg>\n");
    text
}

/// Returns a text without characters that are invalid in XML, escaped.
fn plain(text: &str) -> String {
    escape(ordinance_report::printable(text)).into_owned()
}

fn panel(text: &mut String, top: f64, workload: &WorkloadFigures, before: Option<&WorkloadFigures>) {
    let (times, old) = (&workload.evaluation, before.map(|before| &before.evaluation));
    let scale = TimeScale::of(times, old);
    let base = top + 20.0 + BARS;
    let _ = writeln!(text, "<text x=\"{MARGIN}\" y=\"{:.1}\">{}</text>", top + 14.0, plain(&workload.name));
    let (low, high) = (scale.at(times.median.low), scale.at(times.median.high));
    let (above, width) = (base - BARS, (high - low).max(1.0));
    let _ = writeln!(
        text,
        "<rect class=\"band\" x=\"{low:.1}\" y=\"{above:.1}\" width=\"{width:.1}\" height=\"{BARS}\"/>"
    );
    let bins = scale.bins(times);
    let old_bins = old.map(|old| scale.bins(old));
    let highest = bins.iter().chain(old_bins.iter().flatten()).copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = (WIDTH - 2.0 * MARGIN) / BINS as f64;
    for (position, share) in bins.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        let (x, height) = (MARGIN + bar * position as f64, BARS * share / highest);
        let y = base - height;
        let _ = writeln!(
            text,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            bar - 1.0
        );
    }
    if let Some(bins) = old_bins {
        let steps = bins.iter().enumerate().map(|(position, share)| {
            format!("H{:.1}V{:.1}", MARGIN + bar * position as f64, base - BARS * share / highest)
        });
        let _ =
            writeln!(text, "<path class=\"old\" d=\"M{MARGIN} {base:.1}{}\"/>", steps.collect::<String>());
    }
    for (class, value) in [("median", times.median.value), ("p99", times.p99.value)] {
        let x = scale.at(value);
        let _ = writeln!(
            text,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{above:.1}\" y2=\"{base:.1}\"/>"
        );
    }
    let right = WIDTH - MARGIN;
    let _ = writeln!(
        text,
        "<line class=\"axis\" x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{base:.1}\" y2=\"{base:.1}\"/>"
    );
    for tick in scale.ticks() {
        let (x, end, below) = (scale.at(tick), base + 4.0, base + 16.0);
        let _ = writeln!(
            text,
            "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{base:.1}\" y2=\"{end:.1}\"/>"
        );
        let _ = writeln!(text, "<text class=\"tick\" x=\"{x:.1}\" y=\"{below:.1}\">{}</text>", micros(tick));
    }
    let below = base + 32.0;
    let legend = format!(
        "line: median {}; dashed: p99 {}; band: confidence of the median",
        micros(times.median.value),
        micros(times.p99.value)
    );
    let was = old.map(|old| format!("; outline: before, median {}", micros(old.median.value)));
    let _ =
        writeln!(text, "<text x=\"{MARGIN}\" y=\"{below:.1}\">{legend}{}</text>", was.unwrap_or_default());
}

/// Returns a time in microseconds, without a fraction if it is a round one.
fn micros(nanoseconds: u64) -> String {
    match nanoseconds.is_multiple_of(1000) {
        true => format!("{} µs", nanoseconds / 1000),
        false => format!("{:.1} µs", nanoseconds as f64 / 1e3),
    }
}

/// Returns the natural logarithm of a time.
fn logarithm(nanoseconds: u64) -> f64 {
    (nanoseconds.max(1) as f64).ln()
}

// === impl TimeScale ===

impl TimeScale {
    fn of(times: &TimeDistribution, old: Option<&TimeDistribution>) -> Self {
        let all = || std::iter::once(times).chain(old);
        let first = all().filter_map(|times| times.quantiles.first()).min().copied().unwrap_or_default();
        let last = all().filter_map(|times| times.quantiles.get(LAST)).max().copied().unwrap_or_default();
        // At least a twentieth wide, so that equal times have a place.
        let from = logarithm(first);
        Self { from, to: logarithm(last).max(from + 0.05) }
    }

    /// Returns the place of a time, at the right end for outliers.
    fn at(&self, nanoseconds: u64) -> f64 {
        let share = (logarithm(nanoseconds) - self.from) / (self.to - self.from);
        MARGIN + (WIDTH - 2.0 * MARGIN) * share.clamp(0.0, 1.0)
    }

    /// Returns the times that are written below the axis: 1, 2 and 5 times each power of ten.
    fn ticks(&self) -> impl Iterator<Item = u64> {
        let all = (2..=10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
        all.filter(|tick| (self.from..=self.to).contains(&logarithm(*tick)))
    }

    /// Returns the share of the measurements in each bar. Between two quantiles, they are spread evenly.
    fn bins(&self, times: &TimeDistribution) -> Vec<f64> {
        let mut bins = vec![0.0; BINS];
        let width = (self.to - self.from) / BINS as f64;
        for pair in times.quantiles.windows(2) {
            let [low, high] =
                [pair.first(), pair.last()].map(|value| logarithm(value.copied().unwrap_or_default()));
            for (position, bin) in bins.iter_mut().enumerate() {
                let (begin, end) =
                    (self.from + width * position as f64, self.from + width * (position + 1) as f64);
                let is_last = position + 1 == BINS;
                *bin += match high > low {
                    true => (high.min(end) - low.max(begin)).max(0.0) / (high - low),
                    false if low >= begin && (low < end || is_last && low <= end) => 1.0,
                    false => 0.0,
                };
            }
        }
        bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_bars_hold_all_measurements_but_outliers() {
        let times: Vec<Duration> = (0..1000).map(|time| Duration::from_nanos(1000 + time % 100)).collect();
        let times = TimeDistribution::of(&times);
        let bins = TimeScale::of(&times, None).bins(&times);
        let sum: f64 = bins.iter().sum();
        assert!((198.0..=200.001).contains(&sum), "{sum}");
    }
}
