//! The map as a drawing: one SVG without scripts or fonts, in light and in dark.
//!
//! Colours, the shapes of lines and boxes, and words all say whether a location is shared. Long names are cut; the
//! titles, which pointers and screen readers find, have the whole names.

mod canvas;
mod layout;

use crate::groups::{Row, VolumeGroup, groups};
use crate::plain::{Ellipsis, cut, width};
use crate::{Location, Map, Snapshot, VolumeWriter};
use canvas::{Canvas, Rect};
use layout::{DrawingBlock, DrawingColumn, LocationBox, MARGIN, SIDES, WIDTH};
use std::io;

/// The most volumes of sets that are drawn; the others are only counted.
const GROUPS: usize = 200;

/// The most remarks that are drawn, and the most characters of a line of them.
const REMARKS: usize = 20;
const REMARK: usize = 140;

/// The most rows in the description for screen readers.
const DESCRIBED: usize = 60;

/// The most characters of a pod's name.
const POD: usize = 14;

/// The most characters of a realm beside a word, of a path, and of an overlap.
const REALM: usize = 26;
const PATH: usize = 35;
const OVERLAP: usize = 42;

const STYLE: &str = include_str!("svg/style.css");

/// Renders the map as an SVG document in UTF-8.
///
/// # Errors
///
/// None in practice: writing to memory does not fail.
pub fn svg(map: &Map) -> io::Result<Vec<u8>> {
    let groups = groups(map);
    let mut inside = Canvas::new();
    let height = body(&mut inside, map, &groups)?;
    let mut canvas = Canvas::new();
    let attributes: [(&str, &dyn std::fmt::Display); 7] = [
        ("xmlns", &"http://www.w3.org/2000/svg"),
        ("width", &WIDTH),
        ("height", &height),
        ("viewBox", &format!("0 0 {WIDTH} {height}")),
        ("role", &"img"),
        ("aria-labelledby", &"title"),
        ("aria-describedby", &"desc"),
    ];
    canvas.around("svg", &attributes, |canvas| {
        canvas.texted("title", &[("id", &"title")], "Which ordinal writes where, before and after")?;
        canvas.texted("desc", &[("id", &"desc")], &description(map, &groups))?;
        canvas.style(STYLE)?;
        canvas.around("defs", &[], definitions)?;
        let card = Rect { x: 0.5, y: 0.5, width: WIDTH - 1.0, height: height - 1.0 };
        canvas.area("card", card, 14.0)?;
        canvas.append(inside)
    })?;
    Ok(canvas.finish())
}

/// Draws the hatching of overlaps and the heads of arrows.
fn definitions(canvas: &mut Canvas) -> io::Result<()> {
    canvas.around(
        "pattern",
        &[
            ("id", &"hatching"),
            ("width", &9),
            ("height", &9),
            ("patternUnits", &"userSpaceOnUse"),
            ("patternTransform", &"rotate(45)"),
        ],
        |canvas| canvas.path("hatch", "M0 0V9"),
    )?;
    for kind in ["exclusive", "overlap"] {
        let attributes: [(&str, &dyn std::fmt::Display); 7] = [
            ("id", &format!("to-{kind}")),
            ("viewBox", &"0 0 10 10"),
            ("refX", &9),
            ("refY", &5),
            ("markerWidth", &8),
            ("markerHeight", &8),
            ("markerUnits", &"userSpaceOnUse"),
        ];
        let attributes = [&attributes[..], &[("orient", &"auto")]].concat();
        canvas.around("marker", &attributes, |canvas| {
            canvas.path(&format!("head-{kind}"), "M0 0L10 5L0 10z")
        })?;
    }
    Ok(())
}

/// Draws the content of the card; returns its height.
fn body(canvas: &mut Canvas, map: &Map, groups: &[VolumeGroup<'_>]) -> io::Result<f64> {
    canvas.text("title", MARGIN, 48.0, "Which ordinal writes where")?;
    if groups.is_empty() {
        canvas.text("dim", MARGIN, 84.0, "No StatefulSet writes to a volume that outlives its pods.")?;
        return remarks(canvas, map, 0, 100.0);
    }
    for ((x, name), snapshot) in SIDES.into_iter().zip(["Before", "After"]).zip([&map.before, &map.after]) {
        side(canvas, x, name, snapshot)?;
    }
    let mut y = 118.0;
    for group in groups.iter().take(GROUPS) {
        y = self::group(canvas, group, y)?;
    }
    remarks(canvas, map, groups.len().saturating_sub(GROUPS), y)
}

/// Draws the heading of a column.
fn side(canvas: &mut Canvas, x: f64, name: &str, snapshot: &Snapshot) -> io::Result<()> {
    let kind = if snapshot.overlapping() == 0 { "exclusive" } else { "overlap" };
    canvas.text("side", x, 88.0, name)?;
    sign(canvas, kind, x + 68.0, 83.5)?;
    canvas.text(&format!("text-{kind}"), x + 82.0, 88.0, &snapshot.summary())
}

/// Draws a volume of a set, before and after; returns where the next one begins.
fn group(canvas: &mut Canvas, group: &VolumeGroup<'_>, y: f64) -> io::Result<f64> {
    canvas.path("rule", &format!("M{MARGIN} {}H{}", y - 10.0, WIDTH - MARGIN))?;
    let set = cut(group.stateful_set, 40, Ellipsis::Unicode);
    canvas.text("set", MARGIN, y + 20.0, &set)?;
    let of = format!(
        "StatefulSet in {} · volume {}",
        cut(group.namespace, 40, Ellipsis::Unicode),
        cut(group.volume, 40, Ellipsis::Unicode)
    );
    canvas.text_before("dim", WIDTH - MARGIN, y + 20.0, &of)?;
    let top = y + 42.0;
    let sides = [group.before, group.after].map(DrawingColumn::new);
    let height = sides.iter().map(DrawingColumn::height).fold(0.0, f64::max);
    for (x, side) in SIDES.into_iter().zip(&sides) {
        let y = top + (height - side.height()) / 2.0;
        if side.is_empty() {
            canvas.text("dim", x, y + 20.0, "no writers")?;
        }
        for block in side.blocks(x, y) {
            self::block(canvas, &block)?;
        }
    }
    Ok(top + height + 34.0)
}

/// Draws pods, the location that they write to, and the arrows between.
fn block(canvas: &mut Canvas, block: &DrawingBlock<'_>) -> io::Result<()> {
    for pod in &block.rows {
        canvas.around("g", &[], |canvas| {
            canvas.texted("title", &[], &title(pod.row))?;
            if let Some(target) = &block.target {
                arrow(canvas, pod.area, target)?;
            }
            self::pod(canvas, pod.row, pod.area)
        })?;
    }
    match &block.target {
        Some(target) => location_box(canvas, target),
        None => Ok(()),
    }
}

/// Returns the title of a row.
fn title(row: Row<'_>) -> String {
    match row {
        Row::One(writer) => sentence(writer),
        Row::More(more) => format!("{} more like these", more.len()),
    }
}

/// Describes a writer, e.g. `web-0 writes nfs://10.0.0.5/srv/www: shared with web-1`.
fn sentence(writer: &VolumeWriter) -> String {
    let claim = writer.claim.as_ref().map(|claim| format!(" by claim {claim}")).unwrap_or_default();
    let volume = writer.persistent_volume.as_ref().map(|volume| {
        format!(" and volume {}{}", volume.name, if writer.is_expected() { " (expected)" } else { "" })
    });
    let volume = volume.unwrap_or_default();
    format!("{} writes {}{claim}{volume}: {}", writer.pod.name(), writer.location, writer.overlap_text())
}

fn pod(canvas: &mut Canvas, row: Row<'_>, area: Rect) -> io::Result<()> {
    let (class, of_text, text) = match row {
        Row::One(writer) => ("pod", "mono", cut(&writer.pod.name(), POD, Ellipsis::Unicode)),
        Row::More(more) => ("more", "dim", format!("{} more alike", more.len())),
    };
    canvas.area(class, area, area.height / 2.0)?;
    canvas.text_around(of_text, area.x + area.width / 2.0, area.middle() + 4.5, &text)
}

fn arrow(canvas: &mut Canvas, from: Rect, to: &LocationBox<'_>) -> io::Result<()> {
    let kind = kind(to.writer);
    let (x, y, end, into) = (from.right() + 4.0, from.middle(), to.area.x - 3.0, to.area.middle());
    let bend = (end - x) / 2.0;
    let data = format!("M{x} {y}C{} {y} {} {into} {end} {into}", x + bend, end - bend);
    let head = format!("url(#to-{kind})");
    canvas.shape("path", &[("class", &format!("to-{kind}")), ("d", &data), ("marker-end", &head)])
}

/// Draws the box of a location: its realm, its path, and the other pods there.
fn location_box(canvas: &mut Canvas, target: &LocationBox<'_>) -> io::Result<()> {
    let LocationBox { writer, area, .. } = *target;
    let kind = kind(writer);
    canvas.area(kind, area, 8.0)?;
    if kind == "overlap" {
        let Rect { x, y, width, height } = area;
        let fill = "url(#hatching)";
        canvas.shape(
            "rect",
            &[("x", &x), ("y", &y), ("width", &width), ("height", &height), ("rx", &8), ("fill", &fill)],
        )?;
    }
    let left = area.x + 14.0;
    let star = if writer.is_expected() { " *" } else { "" };
    let realm = cut(writer.location.realm(), REALM, Ellipsis::Unicode);
    canvas.text("small dim", left, area.y + 20.0, &format!("{realm}{star}"))?;
    path(canvas, &writer.location, left, area.y + 38.0)?;
    let right = area.right() - 14.0;
    let word = if kind == "exclusive" { "its own" } else { "overlap" };
    canvas.text_before(&format!("small text-{kind}"), right, area.y + 20.0, word)?;
    sign(canvas, kind, right - 52.0, area.y + 16.0)?;
    match target.others() {
        Some(others) => {
            let others = cut(&others, OVERLAP, Ellipsis::Unicode);
            canvas.text(&format!("small text-{kind}"), left, area.y + 57.0, &others)
        }
        None => Ok(()),
    }
}

/// Draws a path, its part below the volume's root in bold.
fn path(canvas: &mut Canvas, location: &Location, x: f64, y: f64) -> io::Result<()> {
    let joined =
        |segments: &[String]| segments.iter().map(|segment| format!("/{segment}")).collect::<String>();
    let (root, sub_path) = (joined(location.root()), joined(location.sub_path()));
    if width(&root) + width(&sub_path) > PATH {
        return canvas.text("mono", x, y, &cut(&format!("{root}{sub_path}"), PATH, Ellipsis::Unicode));
    }
    let root = if root.is_empty() && sub_path.is_empty() { "/".to_owned() } else { root };
    canvas.two_texts("mono", x, y, [("", &root), ("strong", &sub_path)])
}

/// Draws a tick, or a triangle with an exclamation mark.
fn sign(canvas: &mut Canvas, kind: &str, x: f64, y: f64) -> io::Result<()> {
    let data = match kind {
        "exclusive" => format!("M{} {y}l3 3.5l6 -7", x - 5.0),
        _ => format!("M{x} {}l6 10.5h-12zm0 4v3m0 2v0.2", y - 6.0),
    };
    canvas.path(&format!("sign sign-{kind}"), &data)
}

/// Draws what the drawing leaves out and what its marks mean; returns the height of the card.
fn remarks(canvas: &mut Canvas, map: &Map, undrawn: usize, y: f64) -> io::Result<f64> {
    let mut remarks = map.remarks();
    if undrawn > 0 {
        remarks.push(format!("not drawn: {undrawn} more volumes"));
    }
    if remarks.len() > REMARKS {
        let more = remarks.split_off(REMARKS).len();
        remarks.push(format!("and {more} more remarks"));
    }
    remarks.splice(0..0, map.footnote().map(str::to_owned));
    let mut y = y;
    if !remarks.is_empty() {
        canvas.path("rule", &format!("M{MARGIN} {}H{}", y - 10.0, WIDTH - MARGIN))?;
        y += 14.0;
    }
    for remark in &remarks {
        for line in textwrap::wrap(&crate::plain::plain(remark), REMARK) {
            canvas.text("dim", MARGIN, y, &line)?;
            y += 18.0;
        }
        y += 4.0;
    }
    Ok(y + 14.0)
}

/// Describes the map in sentences.
fn description(map: &Map, groups: &[VolumeGroup<'_>]) -> String {
    let mut description = format!("Before: {}. After: {}.", map.before.summary(), map.after.summary());
    let sides = groups.iter().flat_map(|group| [("Before", group.before), ("After", group.after)]);
    let rows = sides
        .flat_map(|(when, writers)| crate::groups::rows(writers).into_iter().map(move |row| (when, row)));
    for (when, row) in rows.take(DESCRIBED) {
        description.push_str(&format!(" {when}, {}.", title(row)));
    }
    description
}

fn kind(writer: &VolumeWriter) -> &'static str {
    if writer.is_exclusive() { "exclusive" } else { "overlap" }
}
