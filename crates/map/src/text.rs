//! The map for a terminal: a row for each writer, before and after, in so many columns.
//!
//! A row that is too long goes on below; of names only those of pods are cut. Colours only repeat what words and marks say.

use crate::groups::{Group, Row, groups, rows};
use crate::plain::{self, Ellipsis, ascii, plain, width};
use crate::{Map, Writer};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; fewer than 40 count as 40.
    pub width: usize,
    /// Whether there are colours.
    pub is_colored: bool,
    /// Which characters there are.
    pub charset: Charset,
}

/// Which characters a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode.
    Unicode,
    /// Nothing but ASCII; other characters of names are written as `\u{…}`.
    Ascii,
}

/// Columns that a row needs at least.
const NARROWEST: usize = 40;

/// Columns of the pods' names at most, and the part of a row that they may take.
const POD: usize = 24;
const POD_SHARE: usize = 3;

/// Columns before the pods: two spaces, `before` or `after`, and spaces up to here.
const LABEL: usize = 11;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();

/// The signs of a charset.
struct Signs {
    arrow: &'static str,
    own: &'static str,
    overlap: &'static str,
    more: &'static str,
    dot: &'static str,
}

const UNICODE: Signs = Signs { arrow: " ──▶ ", own: "✔", overlap: "✘", more: "⋮", dot: "·" };
const ASCII: Signs = Signs { arrow: " --> ", own: "+", overlap: "!", more: ":", dot: "-" };

/// The map as lines.
pub fn text(map: &Map, look: Look) -> String {
    let mut page = Page { look: Look { width: look.width.max(NARROWEST), ..look }, text: String::new() };
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

/// How wide the columns of a side are.
#[derive(Clone, Copy)]
struct Columns {
    pods: usize,
    locations: usize,
}

/// What is written so far.
struct Page {
    look: Look,
    text: String,
}

// === impl Page ===

impl Page {
    fn group(&mut self, group: &Group<'_>) {
        self.heading(group);
        if group.before == group.after {
            self.side("both", group.before);
        } else {
            self.side("before", group.before);
            self.side("after", group.after);
        }
        self.text.push('\n');
    }

    fn heading(&mut self, group: &Group<'_>) {
        let set = format!("{}/{}", group.namespace, group.stateful_set);
        let heading = format!("StatefulSet {set} {} volume {}", self.signs().dot, group.volume);
        self.paragraph("", BOLD, &heading);
        self.text.push('\n');
    }

    /// One side of a group.
    fn side(&mut self, label: &str, writers: &[Writer]) {
        let rows = rows(writers);
        let widest =
            |of: &dyn Fn(&Row<'_>) -> String| rows.iter().map(|row| width(&of(row))).max().unwrap_or(0);
        let columns =
            Columns { pods: widest(&|row| self.pod(row)), locations: widest(&|row| self.location(row)) };
        if rows.is_empty() {
            self.line(&format!("  {label:<9}"), DIM, "nobody writes", Style::new());
        }
        for (index, row) in rows.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            match row {
                Row::One(writer) => self.writer(label, writer, columns),
                Row::More(more) => self.more(label, row, more.len(), columns.pods),
            }
        }
    }

    /// A writer: in one row if there is room for it.
    fn writer(&mut self, label: &str, writer: &Writer, columns: Columns) {
        let row = Row::One(writer);
        let pod = padded(self.pod(&row), columns.pods);
        let start = format!("  {label:<9}{pod}{}", self.signs().arrow);
        let room = self.look.width.saturating_sub(width(&start));
        let (sign, style) = self.verdict(writer);
        let said = format!("{sign} {}", self.shown(&writer.said()));
        let location = self.location(&row);
        let aligned = padded(location.clone(), columns.locations.min(room.saturating_sub(width(&said) + 2)));
        if width(&aligned) + 2 + width(&said) <= room {
            self.line(&format!("{start}{aligned}  "), style, &said, Style::new());
        } else {
            self.broken(&start, &location, style, &said, room);
        }
    }

    /// A writer in several rows.
    fn broken(&mut self, start: &str, location: &str, style: Style, said: &str, room: usize) {
        let location = wrapped(location, room).into_iter().map(|line| (Style::new(), line));
        let said = wrapped(said, room).into_iter().map(|line| (style, line));
        let lines = location.chain(said).filter(|(_, line)| !line.is_empty());
        for (index, (style, line)) in lines.enumerate() {
            let start = if index == 0 { start.to_owned() } else { " ".repeat(width(start)) };
            self.line(&start, style, &line, Style::new());
        }
    }

    fn more(&mut self, label: &str, row: &Row<'_>, count: usize, pods: usize) {
        let start = format!("  {label:<9}{}", self.pod(row));
        let start = padded(start, LABEL + pods + width(self.signs().arrow));
        let room = self.look.width.saturating_sub(width(&start));
        self.broken(&start, "", DIM, &format!("{count} more like these"), room);
    }

    /// The pods of a row, cut.
    fn pod(&self, row: &Row<'_>) -> String {
        match row {
            Row::One(writer) => {
                let columns = POD.min(self.look.width / POD_SHARE);
                plain::cut(&self.shown(&writer.pod.name()), columns, self.ellipsis())
            }
            Row::More(_) => self.signs().more.to_owned(),
        }
    }

    /// Where a row leads.
    fn location(&self, row: &Row<'_>) -> String {
        match row {
            Row::One(writer) => {
                let mark = if writer.is_expected() { " *" } else { "" };
                format!("{}{mark}", self.shown(&writer.location.to_string()))
            }
            Row::More(_) => String::new(),
        }
    }

    fn verdict(&self, writer: &Writer) -> (&'static str, Style) {
        if writer.is_exclusive() { (self.signs().own, GREEN) } else { (self.signs().overlap, RED) }
    }

    fn summary(&mut self, label: &str, said: &str, overlapping: usize) {
        let style = if overlapping == 0 { GREEN } else { RED };
        for (index, line) in wrapped(said, self.look.width - LABEL).iter().enumerate() {
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

    /// A line of two styles.
    fn line(&mut self, start: &str, style: Style, rest: &str, of_start: Style) {
        self.styled(of_start, start);
        self.styled(style, rest);
        self.text.push('\n');
    }

    /// Some lines of one style.
    fn paragraph(&mut self, indent: &str, style: Style, text: &str) {
        for line in wrapped(&self.shown(text), self.look.width - indent.len()) {
            self.text.push_str(indent);
            self.styled(style, &line);
            self.text.push('\n');
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        // Writing to a string does not fail.
        let _ = if self.look.is_colored && style != Style::new() {
            write!(self.text, "{style}{text}{style:#}")
        } else {
            write!(self.text, "{text}")
        };
    }

    /// Foreign text as it may be shown.
    fn shown(&self, text: &str) -> String {
        match self.look.charset {
            Charset::Unicode => plain(text),
            Charset::Ascii => ascii(text),
        }
    }

    fn signs(&self) -> &'static Signs {
        match self.look.charset {
            Charset::Unicode => &UNICODE,
            Charset::Ascii => &ASCII,
        }
    }

    fn ellipsis(&self) -> Ellipsis {
        match self.look.charset {
            Charset::Unicode => Ellipsis::Unicode,
            Charset::Ascii => Ellipsis::Ascii,
        }
    }
}

/// The text with spaces up to so many columns.
fn padded(text: String, columns: usize) -> String {
    let gap = columns.saturating_sub(width(&text));
    text + &" ".repeat(gap)
}

/// The text in lines of so many columns; words that are longer are broken.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    textwrap::wrap(text, columns.max(1)).into_iter().map(String::from).collect()
}
