//! For continuous integration: a test suite for each file, a test case for each object.

use crate::{Judgement, Report, Trouble};
use quick_xml::Writer;
use quick_xml::events::BytesText;
use std::io;

/// A file's part of the report.
#[derive(Default)]
struct Suite<'r> {
    file: &'r str,
    judgements: Vec<&'r Judgement<'r>>,
    troubles: Vec<&'r Trouble<'r>>,
}

/// The report as JUnit's XML.
pub fn junit(report: &Report<'_>) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Written to memory: there is nothing that can fail.
    let _ = whole(&mut writer, &suites(report));
    let body = String::from_utf8(writer.into_inner()).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n")
}

/// Suites in the order in which their files come first.
fn suites<'r>(report: &'r Report<'_>) -> Vec<Suite<'r>> {
    let mut suites: Vec<Suite<'r>> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    let mut position = |file: &'r str, suites: &mut Vec<Suite<'r>>| {
        *positions.entry(file).or_insert_with(|| {
            suites.push(Suite { file, ..Suite::default() });
            suites.len() - 1
        })
    };
    for trouble in &report.troubles {
        let at = position(trouble.file, &mut suites);
        suites[at].troubles.push(trouble);
    }
    for judgement in &report.judgements {
        let at = position(judgement.file, &mut suites);
        suites[at].judgements.push(judgement);
    }
    suites
}

fn whole(writer: &mut Writer<Vec<u8>>, suites: &[Suite<'_>]) -> io::Result<()> {
    let tests: usize = suites.iter().map(Suite::tests).sum();
    let failures: usize = suites.iter().map(Suite::failures).sum();
    let errors: usize = suites.iter().map(Suite::errors).sum();
    let counts = [
        ("name", "ordinance".to_owned()),
        ("tests", tests.to_string()),
        ("failures", failures.to_string()),
        ("errors", errors.to_string()),
    ];
    let element = writer.create_element("testsuites").with_attributes(attributes(&counts));
    element.write_inner_content(|writer| suites.iter().try_for_each(|suite| suite.write(writer)))?;
    Ok(())
}

fn attributes<'a>(pairs: &'a [(&'a str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    pairs.iter().map(|(name, value)| (*name, &**value))
}

/// A text without the characters that XML can't hold.
fn clean(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

// === impl Suite ===

impl Suite<'_> {
    fn tests(&self) -> usize {
        self.judgements.len() + self.troubles.len()
    }

    fn failures(&self) -> usize {
        self.judgements.iter().filter(|judgement| judgement.code == 403).count()
    }

    fn errors(&self) -> usize {
        self.troubles.len() + self.judgements.iter().filter(|judgement| judgement.code == 500).count()
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let counts = [
            ("name", clean(self.file)),
            ("tests", self.tests().to_string()),
            ("failures", self.failures().to_string()),
            ("errors", self.errors().to_string()),
        ];
        let element = writer.create_element("testsuite").with_attributes(attributes(&counts));
        element.write_inner_content(|writer| {
            self.troubles.iter().try_for_each(|trouble| unreadable(trouble, writer))?;
            self.judgements.iter().try_for_each(|judgement| case(judgement, writer))
        })?;
        Ok(())
    }
}

fn unreadable(trouble: &Trouble<'_>, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let place = format!("{}:{}", trouble.line, trouble.column);
    let names = [("name", place), ("classname", clean(trouble.file)), ("line", trouble.line.to_string())];
    let case = writer.create_element("testcase").with_attributes(attributes(&names));
    case.write_inner_content(|writer| {
        told(
            writer,
            "error",
            "unreadable",
            &trouble.message,
            &format!("{}:{}:{}", trouble.file, trouble.line, trouble.column),
        )
    })?;
    Ok(())
}

fn case(judgement: &Judgement<'_>, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let names = [
        ("name", clean(&judgement.title())),
        ("classname", clean(judgement.file)),
        ("line", judgement.object.line.to_string()),
    ];
    let case = writer.create_element("testcase").with_attributes(attributes(&names));
    if judgement.allowed && judgement.warnings.is_empty() {
        case.write_empty()?;
        return Ok(());
    }
    case.write_inner_content(|writer| {
        if !judgement.allowed {
            let (element, kind) =
                if judgement.code == 500 { ("error", "unjudged") } else { ("failure", "denied") };
            told(writer, element, kind, &judgement.message, &places(judgement))?;
        }
        if !judgement.warnings.is_empty() {
            let text = clean(&judgement.warnings.join("\n"));
            writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Each reason with its place, a line each.
fn places(judgement: &Judgement<'_>) -> String {
    let place = |(field, message): (&str, &str)| {
        let region = judgement.region(field);
        format!("{}:{}:{}: {message}", judgement.file, region.line, region.column)
    };
    judgement.refusals().into_iter().map(place).collect::<Vec<_>>().join("\n")
}

fn told(
    writer: &mut Writer<Vec<u8>>,
    element: &str,
    kind: &str,
    message: &str,
    text: &str,
) -> io::Result<()> {
    let said = [("type", kind.to_owned()), ("message", clean(message))];
    let element = writer.create_element(element).with_attributes(attributes(&said));
    element.write_text_content(BytesText::new(&clean(text)))?;
    Ok(())
}
