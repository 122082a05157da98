//! The layout of a drawing: columns, rows, and the boxes of the locations that pods write to.

use super::canvas::Rect;
use crate::groups::{Row, rows};
use crate::{Location, Relation, VolumeWriter};

/// The drawing's width in pixels; it scales.
pub(super) const WIDTH: f64 = 1080.0;

/// From the card's edge to its content.
pub(super) const MARGIN: f64 = 36.0;

/// The left edges of the columns `before` and `after`.
pub(super) const SIDES: [f64; 2] = [MARGIN, 560.0];

/// The width of each column.
const SIDE: f64 = WIDTH - MARGIN - 560.0;

const POD_WIDTH: f64 = 136.0;
const POD_HEIGHT: f64 = 30.0;

/// From the top of one pod to that of the next one with the same location.
const PITCH: f64 = 38.0;

/// The width of the arrows.
const ARROWS: f64 = 64.0;

/// The height of a box of two lines, and of three.
const EXCLUSIVE_HEIGHT: f64 = 50.0;
const OVERLAP_HEIGHT: f64 = 70.0;

/// Between two boxes.
const GAP: f64 = 14.0;

/// The writers of a group before or after the patches, as a column of blocks.
pub(super) struct DrawingColumn<'m> {
    blocks: Vec<Vec<Row<'m>>>,
}

/// Adjacent rows with the same location.
pub(super) struct DrawingBlock<'m> {
    pub(super) rows: Vec<PodBox<'m>>,
    /// `None` for a row of several pods, which write to several locations.
    pub(super) target: Option<LocationBox<'m>>,
}

/// A row with its area.
pub(super) struct PodBox<'m> {
    pub(super) row: Row<'m>,
    pub(super) area: Rect,
}

/// The box of a location, and the first of its writers.
pub(super) struct LocationBox<'m> {
    pub(super) writer: &'m VolumeWriter,
    pub(super) area: Rect,
    rows: usize,
}

// === impl DrawingColumn ===

impl<'m> DrawingColumn<'m> {
    /// Returns the column of some writers.
    pub(super) fn new(writers: &'m [VolumeWriter]) -> Self {
        Self { blocks: together(writers) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Returns its height in pixels.
    pub(super) fn height(&self) -> f64 {
        let blocks: f64 = self.blocks.iter().map(|rows| height(rows) + GAP).sum();
        (blocks - GAP).max(POD_HEIGHT)
    }

    /// Places the blocks below the upper left corner of the column.
    pub(super) fn blocks(&self, x: f64, y: f64) -> impl Iterator<Item = DrawingBlock<'m>> {
        self.blocks.iter().scan(y, move |top, rows| {
            let block = DrawingBlock::new(rows, x, *top);
            *top += height(rows) + GAP;
            Some(block)
        })
    }
}

/// Groups adjacent rows with the same location.
fn together(writers: &[VolumeWriter]) -> Vec<Vec<Row<'_>>> {
    let mut blocks: Vec<Vec<Row<'_>>> = Vec::new();
    for row in rows(writers) {
        match blocks.last_mut() {
            Some(block) if location(block[0]).is_some_and(|common| location(row) == Some(common)) => {
                block.push(row)
            }
            _ => blocks.push(vec![row]),
        }
    }
    blocks
}

/// Returns the location of a row, or `None` if its pods have several.
fn location(row: Row<'_>) -> Option<&Location> {
    match row {
        Row::One(writer) => Some(&writer.location),
        Row::More(more) => {
            let (first, rest) = more.split_first()?;
            rest.iter().all(|writer| writer.location == first.location).then_some(&first.location)
        }
    }
}

/// Returns the height of a block in pixels.
fn height(rows: &[Row<'_>]) -> f64 {
    height_of_pods(rows).max(height_of_target(first(rows)))
}

fn height_of_pods(rows: &[Row<'_>]) -> f64 {
    PITCH.mul_add(rows.len() as f64 - 1.0, POD_HEIGHT)
}

fn height_of_target(writer: Option<&VolumeWriter>) -> f64 {
    match writer {
        Some(writer) if writer.is_exclusive() => EXCLUSIVE_HEIGHT,
        Some(_) => OVERLAP_HEIGHT,
        None => POD_HEIGHT,
    }
}

/// Returns the first writer that is drawn by itself.
fn first<'m>(rows: &[Row<'m>]) -> Option<&'m VolumeWriter> {
    rows.iter().find_map(|row| match row {
        Row::One(writer) => Some(*writer),
        Row::More(_) => None,
    })
}

// === impl DrawingBlock ===

impl<'m> DrawingBlock<'m> {
    /// Centres pods and box in the height of the block.
    fn new(rows: &[Row<'m>], x: f64, y: f64) -> Self {
        let (all, pods) = (height(rows), height_of_pods(rows));
        let top = y + (all - pods) / 2.0;
        let pod = |(index, row): (usize, &Row<'m>)| {
            let y = PITCH.mul_add(index as f64, top);
            PodBox { row: *row, area: Rect { x, y, width: POD_WIDTH, height: POD_HEIGHT } }
        };
        let target = first(rows).map(|writer| {
            let height = height_of_target(Some(writer));
            let x = x + POD_WIDTH + ARROWS;
            let area = Rect { x, y: y + (all - height) / 2.0, width: SIDE - POD_WIDTH - ARROWS, height };
            LocationBox { writer, area, rows: rows.len() }
        });
        Self { rows: rows.iter().enumerate().map(pod).collect(), target }
    }
}

// === impl LocationBox ===

impl LocationBox<'_> {
    /// Names the other pods that write there, or `None` if there are none.
    pub(super) fn others(&self) -> Option<String> {
        let overlap = self.writer.overlap.as_ref()?;
        Some(match overlap.relation {
            Relation::Equal if self.rows > 1 => format!("{} pods write to one directory", overlap.others + 1),
            _ => self.writer.overlap_text(),
        })
    }
}

// === impl Rect ===

impl Rect {
    /// Returns the middle of its height.
    pub(super) fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }

    /// Returns its right edge.
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }
}
