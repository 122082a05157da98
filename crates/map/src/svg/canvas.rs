//! The elements of a drawing. All foreign text is made plain and escaped here.

use crate::plain::plain;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use std::fmt::Display;
use std::io;

/// The elements drawn so far.
pub(super) struct Canvas {
    xml: Writer<Vec<u8>>,
}

/// A corner and a size, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

// === impl Canvas ===

impl Canvas {
    pub(super) fn new() -> Self {
        Self { xml: Writer::new_with_indent(Vec::new(), b' ', 1) }
    }

    /// Returns the drawing, with a line break at its end.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = self.xml.into_inner();
        bytes.push(b'\n');
        bytes
    }

    /// Adds everything that another canvas has.
    pub(super) fn append(&mut self, other: Self) -> io::Result<()> {
        self.xml.get_mut().push(b'\n');
        self.xml.get_mut().extend(other.xml.into_inner());
        Ok(())
    }

    /// Draws an element around what `inside` draws.
    pub(super) fn around(
        &mut self,
        name: &str,
        attributes: &[(&str, &dyn Display)],
        inside: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.xml.write_event(Event::Start(start(name, attributes)))?;
        inside(self)?;
        self.xml.write_event(Event::End(BytesEnd::new(name)))
    }

    /// Draws an empty element.
    pub(super) fn shape(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) -> io::Result<()> {
        self.xml.write_event(Event::Empty(start(name, attributes)))
    }

    /// Draws an element with a text inside.
    pub(super) fn texted(
        &mut self,
        name: &str,
        attributes: &[(&str, &dyn Display)],
        text: &str,
    ) -> io::Result<()> {
        self.around(name, attributes, |canvas| {
            canvas.xml.write_event(Event::Text(BytesText::new(&plain(text))))
        })
    }

    /// Adds a style sheet, not escaped.
    pub(super) fn style(&mut self, css: &str) -> io::Result<()> {
        let css = format!("\n{css}");
        self.around("style", &[], |canvas| {
            canvas.xml.write_event(Event::Text(BytesText::from_escaped(css.as_str())))
        })
    }

    /// Draws a text that begins at a point.
    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) -> io::Result<()> {
        self.texted("text", &[("class", &class), ("x", &x), ("y", &y)], text)
    }

    /// Draws a text that ends at a point.
    pub(super) fn text_before(&mut self, class: &str, x: f64, y: f64, text: &str) -> io::Result<()> {
        self.texted("text", &[("class", &class), ("x", &x), ("y", &y), ("text-anchor", &"end")], text)
    }

    /// Draws a text around a point.
    pub(super) fn text_around(&mut self, class: &str, x: f64, y: f64, text: &str) -> io::Result<()> {
        self.texted("text", &[("class", &class), ("x", &x), ("y", &y), ("text-anchor", &"middle")], text)
    }

    /// Draws a text of two parts without a gap between them.
    pub(super) fn two_texts(
        &mut self,
        of_all: &str,
        x: f64,
        y: f64,
        parts: [(&str, &str); 2],
    ) -> io::Result<()> {
        self.around("text", &[("class", &of_all), ("x", &x), ("y", &y)], |canvas| {
            for (class, text) in parts {
                canvas.unbroken()?;
                canvas.texted("tspan", &[("class", &class)], text)?;
            }
            canvas.unbroken()
        })
    }

    /// Keeps the next element in the line, since white space in a text is drawn.
    fn unbroken(&mut self) -> io::Result<()> {
        self.xml.write_event(Event::Text(BytesText::from_escaped("")))
    }

    /// Draws a rectangle with round corners.
    pub(super) fn area(&mut self, class: &str, area: Rect, radius: f64) -> io::Result<()> {
        let Rect { x, y, width, height } = area;
        self.shape(
            "rect",
            &[
                ("class", &class),
                ("x", &x),
                ("y", &y),
                ("width", &width),
                ("height", &height),
                ("rx", &radius),
            ],
        )
    }

    /// Draws a line by its path data.
    pub(super) fn path(&mut self, class: &str, data: &str) -> io::Result<()> {
        self.shape("path", &[("class", &class), ("d", &data)])
    }
}

fn start<'n>(name: &'n str, attributes: &[(&str, &dyn Display)]) -> BytesStart<'n> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        start.push_attribute((*name, &*plain(&value.to_string())));
    }
    start
}
