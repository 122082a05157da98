//! A Markdown table of all figures, with the changes against the baseline.

use crate::baseline::Baseline;
use comfy_table::{CellAlignment, Table, presets};
use ordinance_testkit::figures::{Figure, Figures, number};

/// Returns the table. A figure that the baseline lacks is `new`.
pub fn table(figures: &Figures, baseline: &Baseline) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["figure", "median", "spread", "unit", "goal", "holds", "against the baseline"]);
    for figure in &figures.figures {
        table.add_row(row(figure, baseline.value(&figure.name)));
    }
    for column in [1, 2, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

fn row(figure: &Figure, kept: Option<f64>) -> [String; 7] {
    [
        figure.name.clone(),
        number(figure.value),
        format!("{} – {}", number(figure.spread[0]), number(figure.spread[1])),
        figure.unit.to_owned(),
        figure.goal(),
        holds(figure).to_owned(),
        kept.map_or_else(|| "new".to_owned(), |kept| format!("{:+.0} %", 100.0 * figure.gain(kept))),
    ]
}

fn holds(figure: &Figure) -> &'static str {
    match (figure.goal, figure.holds) {
        (None, _) => "",
        (_, true) => "yes",
        (_, false) => "NO",
    }
}
