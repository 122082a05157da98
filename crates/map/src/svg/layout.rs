//! Where everything of a drawing goes: columns, rows, and the boxes that rows lead to.

use super::canvas::Area;
use crate::groups::{Row, rows};
use crate::{Location, Relation, Writer};

/// The drawing's width in pixels; it scales.
pub(super) const WIDTH: f64 = 1080.0;

/// From the card's edge to what is on it.
pub(super) const MARGIN: f64 = 36.0;

/// Where the columns `before` and `after` begin.
pub(super) const SIDES: [f64; 2] = [MARGIN, 560.0];

/// Of each column.
const SIDE: f64 = WIDTH - MARGIN - 560.0;

const POD_WIDTH: f64 = 136.0;
const POD_HEIGHT: f64 = 30.0;

/// From the top of one pod to that of the next that writes to the same place.
const PITCH: f64 = 38.0;

/// The room for arrows.
const ARROWS: f64 = 64.0;

/// A box of two lines, and of three.
const OWN_HEIGHT: f64 = 50.0;
const MEET_HEIGHT: f64 = 70.0;

/// Between the boxes.
const GAP: f64 = 14.0;

/// One column of a group: rows, those together that lead to one place.
pub(super) struct Side<'m> {
    blocks: Vec<Vec<Row<'m>>>,
}

/// Pods that write to one place.
pub(super) struct Block<'m> {
    pub(super) rows: Vec<Seat<'m>>,
    /// None of those that were folded, who write to several.
    pub(super) target: Option<Target<'m>>,
}

/// A row with its place.
pub(super) struct Seat<'m> {
    pub(super) row: Row<'m>,
    pub(super) area: Area,
}

/// The box of a place, and the first that writes to it.
pub(super) struct Target<'m> {
    pub(super) writer: &'m Writer,
    pub(super) area: Area,
    rows: usize,
}

// === impl Side ===

impl<'m> Side<'m> {
    /// The writers of a group.
    pub(super) fn new(writers: &'m [Writer]) -> Self {
        Self { blocks: together(writers) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// What it takes.
    pub(super) fn height(&self) -> f64 {
        let blocks: f64 = self.blocks.iter().map(|rows| height(rows) + GAP).sum();
        (blocks - GAP).max(POD_HEIGHT)
    }

    /// The blocks in a column whose corner is at a point.
    pub(super) fn blocks(&self, x: f64, y: f64) -> impl Iterator<Item = Block<'m>> {
        self.blocks.iter().scan(y, move |top, rows| {
            let block = Block::new(rows, x, *top);
            *top += height(rows) + GAP;
            Some(block)
        })
    }
}

/// The rows, those together that lead to one place.
fn together(writers: &[Writer]) -> Vec<Vec<Row<'_>>> {
    let mut blocks: Vec<Vec<Row<'_>>> = Vec::new();
    for row in rows(writers) {
        match blocks.last_mut() {
            Some(block) if place(block[0]).is_some_and(|location| place(row) == Some(location)) => {
                block.push(row)
            }
            _ => blocks.push(vec![row]),
        }
    }
    blocks
}

/// The one place that a row leads to.
fn place(row: Row<'_>) -> Option<&Location> {
    match row {
        Row::One(writer) => Some(&writer.location),
        Row::More(more) => {
            let (first, rest) = more.split_first()?;
            rest.iter().all(|writer| writer.location == first.location).then_some(&first.location)
        }
    }
}

/// What a block takes.
fn height(rows: &[Row<'_>]) -> f64 {
    height_of_pods(rows).max(height_of_target(first(rows)))
}

fn height_of_pods(rows: &[Row<'_>]) -> f64 {
    PITCH.mul_add(rows.len() as f64 - 1.0, POD_HEIGHT)
}

fn height_of_target(writer: Option<&Writer>) -> f64 {
    match writer {
        Some(writer) if writer.is_exclusive() => OWN_HEIGHT,
        Some(_) => MEET_HEIGHT,
        None => POD_HEIGHT,
    }
}

/// The first writer that is drawn.
fn first<'m>(rows: &[Row<'m>]) -> Option<&'m Writer> {
    rows.iter().find_map(|row| match row {
        Row::One(writer) => Some(*writer),
        Row::More(_) => None,
    })
}

// === impl Block ===

impl<'m> Block<'m> {
    /// Pods and the box in the middle of the height that the block takes.
    fn new(rows: &[Row<'m>], x: f64, y: f64) -> Self {
        let (all, pods) = (height(rows), height_of_pods(rows));
        let top = y + (all - pods) / 2.0;
        let seat = |(index, row): (usize, &Row<'m>)| {
            let y = PITCH.mul_add(index as f64, top);
            Seat { row: *row, area: Area { x, y, width: POD_WIDTH, height: POD_HEIGHT } }
        };
        let target = first(rows).map(|writer| {
            let height = height_of_target(Some(writer));
            let x = x + POD_WIDTH + ARROWS;
            let area = Area { x, y: y + (all - height) / 2.0, width: SIDE - POD_WIDTH - ARROWS, height };
            Target { writer, area, rows: rows.len() }
        });
        Self { rows: rows.iter().enumerate().map(seat).collect(), target }
    }
}

// === impl Target ===

impl Target<'_> {
    /// Who else writes there; none if nobody does.
    pub(super) fn others(&self) -> Option<String> {
        let overlap = self.writer.overlap.as_ref()?;
        Some(match overlap.relation {
            Relation::Equal if self.rows > 1 => format!("{} pods write to one directory", overlap.others + 1),
            _ => self.writer.said(),
        })
    }
}

// === impl Area ===

impl Area {
    /// The middle of its height.
    pub(super) fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }

    /// Its right edge.
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }
}
