//! The report as JUnit XML, for continuous integration: a test suite for each file, a test case for each object.

use crate::{AdmissionOutcome, CheckReport, CheckedObject, ReadError, plain_lines, printable};
use quick_xml::Writer;
use quick_xml::events::BytesText;
use std::io;

/// A file's part of the report.
#[derive(Default)]
struct Suite<'r> {
    file: &'r str,
    objects: Vec<&'r CheckedObject<'r>>,
    errors: Vec<&'r ReadError<'r>>,
}

/// Returns the report as JUnit XML.
pub fn junit(report: &CheckReport<'_>) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory can't fail.
    let _ = write_suites(&mut writer, &suites(report));
    let body = String::from_utf8(writer.into_inner()).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n")
}

/// Groups errors and objects by file: first the files with errors, in the order of the report.
fn suites<'r>(report: &'r CheckReport<'_>) -> Vec<Suite<'r>> {
    let mut suites: Vec<Suite<'r>> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    let mut position = |file: &'r str, suites: &mut Vec<Suite<'r>>| {
        *positions.entry(file).or_insert_with(|| {
            suites.push(Suite { file, ..Suite::default() });
            suites.len() - 1
        })
    };
    for error in &report.errors {
        let at = position(error.file, &mut suites);
        suites[at].errors.push(error);
    }
    for object in &report.objects {
        let at = position(object.file, &mut suites);
        suites[at].objects.push(object);
    }
    suites
}

fn write_suites(writer: &mut Writer<Vec<u8>>, suites: &[Suite<'_>]) -> io::Result<()> {
    let tests: usize = suites.iter().map(Suite::tests).sum();
    let failures: usize = suites.iter().map(Suite::failures).sum();
    let errors: usize = suites.iter().map(Suite::failed).sum();
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

// === impl Suite ===

impl Suite<'_> {
    fn tests(&self) -> usize {
        self.objects.len() + self.errors.len()
    }

    fn count(&self, outcome: AdmissionOutcome) -> usize {
        self.objects.iter().filter(|object| object.outcome == outcome).count()
    }

    fn failures(&self) -> usize {
        self.count(AdmissionOutcome::Denied)
    }

    fn failed(&self) -> usize {
        self.errors.len() + self.count(AdmissionOutcome::Failed)
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let counts = [
            ("name", printable(self.file)),
            ("tests", self.tests().to_string()),
            ("failures", self.failures().to_string()),
            ("errors", self.failed().to_string()),
        ];
        let element = writer.create_element("testsuite").with_attributes(attributes(&counts));
        element.write_inner_content(|writer| {
            self.errors.iter().try_for_each(|error| unreadable(error, writer))?;
            self.objects.iter().try_for_each(|object| case(object, writer))
        })?;
        Ok(())
    }
}

fn unreadable(error: &ReadError<'_>, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let place = format!("{}:{}", error.line, error.column);
    let names = [("name", place), ("classname", printable(error.file)), ("line", error.line.to_string())];
    let case = writer.create_element("testcase").with_attributes(attributes(&names));
    case.write_inner_content(|writer| {
        write_reason(
            writer,
            "error",
            "unreadable",
            &error.message,
            &format!("{}:{}:{}", printable(error.file), error.line, error.column),
        )
    })?;
    Ok(())
}

fn case(checked: &CheckedObject<'_>, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let names = [
        ("name", checked.title()),
        ("classname", printable(checked.file)),
        ("line", checked.object.line.to_string()),
    ];
    let case = writer.create_element("testcase").with_attributes(attributes(&names));
    if checked.is_admitted() && checked.message.warnings.is_empty() {
        case.write_empty()?;
        return Ok(());
    }
    case.write_inner_content(|writer| {
        match checked.outcome {
            AdmissionOutcome::Admitted => {}
            AdmissionOutcome::Denied => {
                write_reason(writer, "failure", "denied", &checked.message.message, &places(checked))?
            }
            AdmissionOutcome::Failed => {
                write_reason(writer, "error", "unjudged", &checked.message.message, &places(checked))?
            }
        }
        if !checked.message.warnings.is_empty() {
            let text = plain_lines(&checked.message.warnings.join("\n"));
            writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Returns every cause with its file, line and column, one per line.
fn places(checked: &CheckedObject<'_>) -> String {
    let place = |field: &str, message: &str| {
        let region = checked.region(field);
        format!("{}:{}:{}: {message}", printable(checked.file), region.line, region.column)
    };
    let causes = &checked.message.causes;
    if causes.is_empty() {
        return place("", &checked.message.message);
    }
    causes.iter().map(|cause| place(&cause.field, &cause.message)).collect::<Vec<_>>().join("\n")
}

fn write_reason(
    writer: &mut Writer<Vec<u8>>,
    element: &str,
    kind: &str,
    message: &str,
    text: &str,
) -> io::Result<()> {
    let attributes_of_reason = [("type", kind.to_owned()), ("message", printable(message))];
    let element = writer.create_element(element).with_attributes(attributes(&attributes_of_reason));
    element.write_text_content(BytesText::new(&plain_lines(text)))?;
    Ok(())
}
