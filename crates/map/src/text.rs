//! The map for a terminal: a row for each writer, before and after.
//!
//! A row that is too long continues below; only the names of pods are cut. Colours repeat what words and marks say.

use crate::groups::{Row, VolumeGroup, groups, rows};
use crate::plain::{self, Ellipsis, ascii, plain, width};
use crate::{Map, VolumeWriter};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// How to render the map as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns of the terminal, at least 40.
    pub width: usize,
    /// Whether to write ANSI colours.
    pub is_colored: bool,
    /// Which characters to write.
    pub charset: Charset,
}

/// The characters that a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode.
    Unicode,
    /// ASCII; other characters of names are escaped as `\u{…}`.
    Ascii,
}

/// The fewest columns that a row needs.
const NARROWEST: usize = 40;

/// The most columns of a pod's name, and the share of a row that it may take: a third.
const POD: usize = 24;
const POD_SHARE: usize = 3;

/// Columns before the names of pods: two spaces, `before` or `after`, and padding.
const LABEL: usize = 11;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();

/// The symbols of a charset.
struct Symbols {
    arrow: &'static str,
    exclusive: &'static str,
    overlap: &'static str,
    more: &'static str,
    dot: &'static str,
}

const UNICODE: Symbols =
    Symbols { arrow: " ──▶ ", exclusive: "✔", overlap: "✘", more: "⋮", dot: "·" };
const ASCII: Symbols = Symbols { arrow: " --> ", exclusive: "+", overlap: "!", more: ":", dot: "-" };

/// Renders the map as lines.
pub fn text(map: &Map, options: TextOptions) -> String {
    let mut page =
        Page { options: TextOptions { width: options.width.max(NARROWEST), ..options }, text: String::new() };
    let groups = groups(map);
    for group in &groups {
        page.group(group);
    }
    if groups.is_empty() {
        page.paragraph("", Style::new(), "No StatefulSet writes to a volume that outlives its pods.");
    } else {
        page.summary("before", &map.before.summary(), map.before.overlapping());
        page.summary("after", &map.after.summary(), map.after.overlapping());
    }
    page.remarks(map);
    page.text
}

/// Widths of the columns of a side.
#[derive(Clone, Copy)]
struct Columns {
    pods: usize,
    locations: usize,
}

/// The text written so far.
struct Page {
    options: TextOptions,
    text: String,
}

// === impl Page ===

impl Page {
    fn group(&mut self, group: &VolumeGroup<'_>) {
        self.heading(group);
        if group.before == group.after {
            self.side("both", group.before);
        } else {
            self.side("before", group.before);
            self.side("after", group.after);
        }
        self.text.push('\n');
    }

    fn heading(&mut self, group: &VolumeGroup<'_>) {
        let set = format!("{}/{}", group.namespace, group.stateful_set);
        let heading = format!("StatefulSet {set} {} volume {}", self.symbols().dot, group.volume);
        self.paragraph("", BOLD, &heading);
        self.text.push('\n');
    }

    /// Writes the rows before or after.
    fn side(&mut self, label: &str, writers: &[VolumeWriter]) {
        let rows = rows(writers);
        let widest =
            |of: &dyn Fn(&Row<'_>) -> String| rows.iter().map(|row| width(&of(row))).max().unwrap_or(0);
        let columns =
            Columns { pods: widest(&|row| self.pod(row)), locations: widest(&|row| self.location(row)) };
        if rows.is_empty() {
            self.line(&format!("  {label:<9}"), DIM, "no writers", Style::new());
        }
        for (index, row) in rows.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            match row {
                Row::One(writer) => self.writer(label, writer, columns),
                Row::More(more) => self.more(label, row, more.len(), columns.pods),
            }
        }
    }

    /// Writes a writer, in one row if there is room for it.
    fn writer(&mut self, label: &str, writer: &VolumeWriter, columns: Columns) {
        let row = Row::One(writer);
        let pod = padded(self.pod(&row), columns.pods);
        let start = format!("  {label:<9}{pod}{}", self.symbols().arrow);
        let room = self.options.width.saturating_sub(width(&start));
        let (sign, style) = self.mark(writer);
        let overlap = format!("{sign} {}", self.shown(&writer.overlap_text()));
        let location = self.location(&row);
        let aligned =
            padded(location.clone(), columns.locations.min(room.saturating_sub(width(&overlap) + 2)));
        if width(&aligned) + 2 + width(&overlap) <= room {
            self.line(&format!("{start}{aligned}  "), style, &overlap, Style::new());
        } else {
            self.broken(&start, &location, style, &overlap, room);
        }
    }

    /// Writes a location and its overlap below each other.
    fn broken(&mut self, start: &str, location: &str, style: Style, overlap: &str, room: usize) {
        let location = wrapped(location, room).into_iter().map(|line| (Style::new(), line));
        let overlap = wrapped(overlap, room).into_iter().map(|line| (style, line));
        let lines = location.chain(overlap).filter(|(_, line)| !line.is_empty());
        for (index, (style, line)) in lines.enumerate() {
            let start = if index == 0 { start.to_owned() } else { " ".repeat(width(start)) };
            self.line(&start, style, &line, Style::new());
        }
    }

    fn more(&mut self, label: &str, row: &Row<'_>, count: usize, pods: usize) {
        let start = format!("  {label:<9}{}", self.pod(row));
        let start = padded(start, LABEL + pods + width(self.symbols().arrow));
        let room = self.options.width.saturating_sub(width(&start));
        self.broken(&start, "", DIM, &format!("{count} more like these"), room);
    }

    /// Returns the pod of a row, its name cut.
    fn pod(&self, row: &Row<'_>) -> String {
        match row {
            Row::One(writer) => {
                let columns = POD.min(self.options.width / POD_SHARE);
                plain::cut(&self.shown(&writer.pod.name()), columns, self.ellipsis())
            }
            Row::More(_) => self.symbols().more.to_owned(),
        }
    }

    /// Returns the location of a row.
    fn location(&self, row: &Row<'_>) -> String {
        match row {
            Row::One(writer) => {
                let mark = if writer.is_expected() { " *" } else { "" };
                format!("{}{mark}", self.shown(&writer.location.to_string()))
            }
            Row::More(_) => String::new(),
        }
    }

    fn mark(&self, writer: &VolumeWriter) -> (&'static str, Style) {
        if writer.is_exclusive() { (self.symbols().exclusive, GREEN) } else { (self.symbols().overlap, RED) }
    }

    fn summary(&mut self, label: &str, summary: &str, overlapping: usize) {
        let style = if overlapping == 0 { GREEN } else { RED };
        for (index, line) in wrapped(summary, self.options.width - LABEL).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(&format!("  {label:<9}"), style, line, BOLD);
        }
    }

    fn remarks(&mut self, map: &Map) {
        let remarks = map.remarks();
        if let Some(footnote) = map.footnote() {
            self.text.push('\n');
            self.paragraph("  ", DIM, footnote);
        }
        for remark in remarks {
            self.text.push('\n');
            self.paragraph("  ", Style::new(), &remark);
        }
    }

    /// Writes a line of two styles.
    fn line(&mut self, start: &str, style: Style, rest: &str, of_start: Style) {
        self.styled(of_start, start);
        self.styled(style, rest);
        self.text.push('\n');
    }

    /// Writes lines of one style.
    fn paragraph(&mut self, indent: &str, style: Style, text: &str) {
        for line in wrapped(&self.shown(text), self.options.width - indent.len()) {
            self.text.push_str(indent);
            self.styled(style, &line);
            self.text.push('\n');
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        // Writing to a string does not fail.
        let _ = if self.options.is_colored && style != Style::new() {
            write!(self.text, "{style}{text}{style:#}")
        } else {
            write!(self.text, "{text}")
        };
    }

    /// Returns foreign text as it may be shown.
    fn shown(&self, text: &str) -> String {
        match self.options.charset {
            Charset::Unicode => plain(text),
            Charset::Ascii => ascii(text),
        }
    }

    fn symbols(&self) -> &'static Symbols {
        match self.options.charset {
            Charset::Unicode => &UNICODE,
            Charset::Ascii => &ASCII,
        }
    }

    fn ellipsis(&self) -> Ellipsis {
        match self.options.charset {
            Charset::Unicode => Ellipsis::Unicode,
            Charset::Ascii => Ellipsis::Ascii,
        }
    }
}

/// Pads a text with spaces to a number of columns.
fn padded(text: String, columns: usize) -> String {
    let gap = columns.saturating_sub(width(&text));
    text + &" ".repeat(gap)
}

/// Wraps a text to a number of columns; longer words are broken.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    textwrap::wrap(text, columns.max(1)).into_iter().map(String::from).collect()
}
