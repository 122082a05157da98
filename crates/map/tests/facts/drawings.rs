//! Drawings of every scene: the SVG in `tests/golden`, which `BLESS=1` writes, and what holds of all renderers.

use crate::manifests::map;
use ordinance_map::{Charset, Map, TextOptions, svg, text};
use std::path::{Path, PathBuf};

const NARROW: TextOptions = TextOptions { width: 80, is_colored: false, charset: Charset::Unicode };
const ASCII: TextOptions = TextOptions { width: 80, is_colored: false, charset: Charset::Ascii };

/// A scene without an SVG of its own: its drawing differs from `founding-story` in two paths only.
const UNDRAWN: &str = "founding-story-repaired.yaml";

#[test]
fn every_scene_is_drawn_as_its_svg_says() {
    for (scene, map) in maps().filter(|(scene, _)| !scene.ends_with(UNDRAWN)) {
        check(&scene.with_extension("svg"), &String::from_utf8(svg(&map).unwrap()).unwrap());
    }
}

#[test]
fn every_line_fits_into_80_columns() {
    for (scene, map) in maps() {
        for options in [NARROW, ASCII] {
            for line in text(&map, options).lines() {
                let width = textwrap::core::display_width(line);
                assert!(width <= 80, "{}: {width}: {line}", scene.display());
            }
        }
    }
}

#[test]
fn ascii_text_is_printable_ascii() {
    for (scene, map) in maps() {
        let text = text(&map, ASCII);
        assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "{}", scene.display());
    }
}

#[test]
fn colours_add_nothing_to_the_text() {
    for (_, map) in maps() {
        let colored = text(&map, TextOptions { is_colored: true, ..NARROW });
        assert_eq!(uncolored(&colored), text(&map, NARROW));
    }
}

#[test]
fn an_svg_is_xml_without_scripts_or_external_resources() {
    for (scene, map) in maps() {
        let drawing = String::from_utf8(svg(&map).unwrap()).unwrap();
        let document = roxmltree::Document::parse(&drawing).unwrap();
        let elements = || document.descendants().filter(roxmltree::Node::is_element);
        let names: Vec<&str> = elements().map(|element| element.tag_name().name()).collect();
        assert!(!names.contains(&"script") && !names.contains(&"image"), "{}", scene.display());
        assert!(elements().all(|element| element.attribute("href").is_none()), "{}", scene.display());
        assert!(!drawing.contains("@import") && !drawing.contains("@font-face"), "{}", scene.display());
        let text = |name| {
            elements().find(|element| element.tag_name().name() == name).and_then(|found| found.text())
        };
        assert!(text("title").is_some_and(|title| !title.is_empty()), "{}", scene.display());
        assert!(text("desc").is_some_and(|desc| !desc.is_empty()), "{}", scene.display());
    }
}

/// Returns the manifests of all scenes.
fn scenes() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut scenes: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    scenes.sort();
    assert!(scenes.len() > 9, "{scenes:?}");
    scenes
}

fn maps() -> impl Iterator<Item = (PathBuf, Map)> {
    scenes().into_iter().map(|scene| {
        let map = map(&std::fs::read_to_string(&scene).unwrap());
        (scene, map)
    })
}

/// Removes the escape sequences of colours.
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
