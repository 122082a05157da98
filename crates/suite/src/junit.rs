//! The report as JUnit XML, for continuous integration: a test case for each file.

use crate::problem::{CaseProblem, FoundBy};
use crate::run::{CaseReport, CaseResult};
use crate::suite::SuiteReport;
use ordinance_case::Evidence;
use ordinance_report::{plain_lines, printable};
use quick_xml::Writer;
use quick_xml::events::BytesText;
use similar::TextDiff;
use std::io;

/// Returns the report of a suite with this name as JUnit XML.
pub fn junit(report: &SuiteReport, name: &str) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory can't fail.
    let _ = write_suite(&mut writer, report, name);
    let body = String::from_utf8(writer.into_inner()).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n")
}

fn write_suite(writer: &mut Writer<Vec<u8>>, report: &SuiteReport, name: &str) -> io::Result<()> {
    let counts = report.counts();
    let of_suite = report.errors.len() + usize::from(!report.unfired.is_empty());
    let attributes = [
        ("name", printable(name)),
        ("tests", (report.cases.len() + of_suite).to_string()),
        ("failures", (counts.failed - counts.errors + usize::from(!report.unfired.is_empty())).to_string()),
        ("errors", (counts.errors + report.errors.len()).to_string()),
        ("skipped", counts.skipped.to_string()),
    ];
    writer.create_element("testsuites").write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attributes(borrowed(&attributes));
        suite.write_inner_content(|writer| {
            report.cases.iter().try_for_each(|case| write_case(writer, case, name))?;
            write_unfired(writer, report, name)?;
            report.errors.iter().try_for_each(|error| write_error(writer, error, name))
        })?;
        Ok(())
    })?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &CaseReport, suite: &str) -> io::Result<()> {
    let attributes = [
        ("name", printable(&case.name)),
        ("classname", printable(suite)),
        ("file", printable(&case.path.display().to_string())),
        ("time", format!("{:.6}", case.time.as_secs_f64())),
    ];
    let element = writer.create_element("testcase").with_attributes(borrowed(&attributes));
    match &case.result {
        CaseResult::Passed | CaseResult::Blessed => element.write_empty()?,
        CaseResult::Skipped(reason) => element.write_inner_content(|writer| {
            let reason = [("message", printable(reason))];
            writer.create_element("skipped").with_attributes(borrowed(&reason)).write_empty()?;
            Ok(())
        })?,
        CaseResult::Failed(problems) => element.write_inner_content(|writer| {
            problems.iter().try_for_each(|problem| write_problem(writer, problem))
        })?,
    };
    Ok(())
}

fn write_problem(writer: &mut Writer<Vec<u8>>, problem: &CaseProblem) -> io::Result<()> {
    let element = if problem.found_by == FoundBy::Error { "error" } else { "failure" };
    let attributes = [("type", problem.found_by.word().to_owned()), ("message", printable(&problem.message))];
    let text = match &problem.evidence {
        Evidence::None => String::new(),
        Evidence::Value(value) => value.clone(),
        Evidence::Steps(steps) => steps.join("\n"),
        Evidence::Difference { expected, answered } => {
            TextDiff::from_lines(expected, answered).unified_diff().header("expected", "answered").to_string()
        }
    };
    let element = writer.create_element(element).with_attributes(borrowed(&attributes));
    element.write_text_content(BytesText::new(&plain_lines(&text)))?;
    Ok(())
}

fn write_unfired(writer: &mut Writer<Vec<u8>>, report: &SuiteReport, suite: &str) -> io::Result<()> {
    if report.unfired.is_empty() {
        return Ok(());
    }
    let message = format!("no case has a finding of {}", report.unfired.join(", "));
    write_own(writer, "every rule has a finding", suite, "failure", &message)
}

fn write_error(writer: &mut Writer<Vec<u8>>, error: &str, suite: &str) -> io::Result<()> {
    write_own(writer, "the suite can be read", suite, "error", error)
}

/// Writes a test case about the suite as a whole.
fn write_own(
    writer: &mut Writer<Vec<u8>>,
    name: &str,
    suite: &str,
    element: &str,
    message: &str,
) -> io::Result<()> {
    let attributes = [("name", name.to_owned()), ("classname", printable(suite))];
    writer.create_element("testcase").with_attributes(borrowed(&attributes)).write_inner_content(
        |writer| {
            let reason = [("type", "suite".to_owned()), ("message", printable(message))];
            writer.create_element(element).with_attributes(borrowed(&reason)).write_empty()?;
            Ok(())
        },
    )?;
    Ok(())
}

fn borrowed<'a>(pairs: &'a [(&'a str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    pairs.iter().map(|(name, value)| (*name, &**value))
}
