//! Every case of `tests/golden`, drawn in every way as the files beside it say; `BLESS=1` writes them.

use crate::manifests::map;
use ordinance_map::{Charset, Look, Map, json, svg, text};
use std::path::{Path, PathBuf};

const TERMINAL: Look = Look { width: 120, is_colored: false, charset: Charset::Unicode };
const NARROW: Look = Look { width: 80, is_colored: false, charset: Charset::Unicode };
const ASCII: Look = Look { width: 80, is_colored: false, charset: Charset::Ascii };

/// Writers that a person still reads in JSON.
const FEW: usize = 100;

#[test]
fn every_case_is_drawn_as_its_files_say() {
    for case in cases() {
        let map = map(&std::fs::read_to_string(&case).unwrap());
        check(&case.with_extension("txt"), &text(&map, TERMINAL));
        check(&case.with_extension("ascii.txt"), &text(&map, ASCII));
        if map.after.writers.len() <= FEW {
            check(&case.with_extension("json"), &json(&map).unwrap());
        }
        check(&case.with_extension("svg"), &String::from_utf8(svg(&map).unwrap()).unwrap());
    }
}

#[test]
fn every_line_has_room_in_80_columns() {
    for (case, map) in maps() {
        for look in [NARROW, ASCII] {
            for line in text(&map, look).lines() {
                let width = textwrap::core::display_width(line);
                assert!(width <= 80, "{}: {width}: {line}", case.display());
            }
        }
    }
}

#[test]
fn ascii_is_nothing_else() {
    for (case, map) in maps() {
        let text = text(&map, ASCII);
        assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "{}", case.display());
    }
}

#[test]
fn colours_only_repeat_what_is_said() {
    for (_, map) in maps() {
        let colored = text(&map, Look { is_colored: true, ..NARROW });
        assert_eq!(uncolored(&colored), text(&map, NARROW));
    }
}

#[test]
fn a_drawing_is_xml_without_scripts_or_anything_from_elsewhere() {
    for (case, map) in maps() {
        let drawing = String::from_utf8(svg(&map).unwrap()).unwrap();
        let document = roxmltree::Document::parse(&drawing).unwrap();
        let elements = || document.descendants().filter(roxmltree::Node::is_element);
        let names: Vec<&str> = elements().map(|element| element.tag_name().name()).collect();
        assert!(!names.contains(&"script") && !names.contains(&"image"), "{}", case.display());
        assert!(elements().all(|element| element.attribute("href").is_none()), "{}", case.display());
        assert!(!drawing.contains("@import") && !drawing.contains("@font-face"), "{}", case.display());
        let text = |name| {
            elements().find(|element| element.tag_name().name() == name).and_then(|found| found.text())
        };
        assert!(text("title").is_some_and(|title| !title.is_empty()), "{}", case.display());
        assert!(text("desc").is_some_and(|desc| !desc.is_empty()), "{}", case.display());
    }
}

/// The manifests of the cases.
fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    cases.sort();
    assert!(cases.len() > 9, "{cases:?}");
    cases
}

fn maps() -> impl Iterator<Item = (PathBuf, Map)> {
    cases().into_iter().map(|case| {
        let map = map(&std::fs::read_to_string(&case).unwrap());
        (case, map)
    })
}

/// The text without the sequences that colour it.
fn uncolored(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| plain + piece.split_once('m').map_or(piece, |(_, rest)| rest))
}

fn check(file: &Path, drawn: &str) {
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        std::fs::write(file, drawn).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(&*expected, drawn);
    let shown = diff.unified_diff().header("expected", "drawn").to_string();
    assert!(expected == drawn, "{} (BLESS=1 writes it)\n{shown}", file.display());
}
