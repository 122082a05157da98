//! Writes the verdicts of a policy into the file of a case.

use crate::case::{Case, ExpectedVerdicts};
use crate::yaml;
use granit_parser::{Event, Parser};

/// Returns the text of a case with these verdicts under `expect:`. The text before that key stays byte for byte.
///
/// # Errors
///
/// Another key follows `expect`, or the old verdicts have a comment, which would be lost, or the verdicts can't be written as YAML.
pub fn bless(text: &str, verdicts: &ExpectedVerdicts) -> Result<String, String> {
    let (kept, old) = split(text);
    if old.lines().skip(1).any(|line| !line.is_empty() && !line.starts_with([' ', '\r', '#'])) {
        return Err("expect: is not the last key of the file".to_owned());
    }
    if let Some(comment) = comment(old)? {
        return Err(format!(
            "expect: has the comment `#{comment}`, which would be lost; move it above expect:"
        ));
    }
    let ending = if kept.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if kept.ends_with('\n') { "" } else { ending };
    let new = format!("expect:\n{}", indented(&yaml::to_text(verdicts))).replace('\n', ending);
    let blessed = format!("{kept}{gap}{new}");
    match Case::parse(&blessed) {
        Ok(case) if case.expect.as_ref() == Some(verdicts) => Ok(blessed),
        Ok(_) => Err("the verdicts change when they are written as YAML and read again".to_owned()),
        Err(error) => Err(format!("the verdicts can't be written as YAML: {error}")),
    }
}

/// Splits a text before the line `expect:`.
fn split(text: &str) -> (&str, &str) {
    let start = text
        .split_inclusive('\n')
        .scan(0, |end, line| {
            let start = *end;
            *end += line.len();
            Some((start, line))
        })
        .find(|(_, line)| line.starts_with("expect:"))
        .map_or(text.len(), |(start, _)| start);
    text.split_at(start)
}

/// Returns the first comment of a part of a text. What can't be parsed by itself may have one.
fn comment(part: &str) -> Result<Option<String>, String> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        max_buffered_comment_events: usize::MAX,
    };
    for event in Parser::new_from_str_with_options(part, options) {
        match event {
            Ok((Event::Comment(text, ..), _)) => return Ok(Some(text.to_string())),
            Ok(_) => {}
            Err(error) => return Err(format!("expect: may have a comment, which would be lost: {error}")),
        }
    }
    Ok(None)
}

fn indented(yaml: &str) -> String {
    let lines =
        yaml.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{ExpectedFinding, ExpectedVerdict};
    use ordinance_contract::Severity;
    use serde_json::json;

    const KEPT: &str = "# a comment\nwhy:   it is so\nrequest: # and another\n  phases: [mutate]\n  object: {apiVersion: v1, kind: Pod}\n";

    fn verdicts(message: &str) -> ExpectedVerdicts {
        let verdict = ExpectedVerdict {
            allowed: true,
            findings: vec![ExpectedFinding {
                rule: "a-rule".to_owned(),
                severity: Severity::Warn,
                would_deny: false,
                field: String::new(),
                fact: format!("a: # \"b\" 'c' $(D) no{message}"),
                remedy: format!("{}end ", "word ".repeat(60)),
                related: vec!["things/n/a".to_owned()],
                fixes: Vec::new(),
            }],
            migration: Vec::new(),
            patch: vec![json!({"op": "add", "path": "/spec/env/-", "value": {"value": "off", "name": "1"}})],
            audit: Vec::new(),
        };
        ExpectedVerdicts { mutate: Some(verdict), ..ExpectedVerdicts::default() }
    }

    #[test]
    fn keeps_the_text_before_the_verdicts_byte_for_byte() {
        let first = bless(KEPT, &verdicts("")).expect("blessed");
        assert!(first.starts_with(KEPT), "{first}");
        let second = bless(&first, &verdicts("other")).expect("blessed again");
        assert!(second.starts_with(KEPT), "{second}");
        assert_eq!(second.matches("expect:").count(), 1);
        assert_eq!(bless(&second, &verdicts("")), Ok(first));
    }

    #[test]
    fn adds_a_missing_line_ending_before_the_verdicts() {
        let blessed = bless(KEPT.trim_end(), &verdicts("")).expect("blessed");
        assert!(blessed.starts_with(&format!("{KEPT}expect:\n")), "{blessed}");
    }

    #[test]
    fn quotes_texts_that_yaml_would_read_as_another_value() {
        for text in ["yes", "1e3", "null", "- a", "a\tb", "ü\u{2028}", " x ", "#", "a: b", "…"] {
            assert!(bless(KEPT, &verdicts(text)).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn keeps_a_file_whose_old_verdicts_have_a_comment() {
        for old in [
            "expect: # so\n  mutate: {allowed: true}\n",
            "expect:\n  mutate: # so\n    allowed: true\n",
            "expect:\n  mutate: {allowed: true}\n# so\n",
        ] {
            let error = bless(&format!("{KEPT}{old}"), &verdicts("")).expect_err("a comment");
            assert_eq!(error, "expect: has the comment `# so`, which would be lost; move it above expect:");
        }
        let text = format!("{KEPT}expect:\n  mutate: {{allowed: false, findings: [{{fact: \"a # b\"}}]}}\n");
        assert!(bless(&text, &verdicts("")).is_ok());
    }

    #[test]
    fn keeps_a_file_whose_old_verdicts_can_not_be_searched_for_comments() {
        let text = format!(
            "%TAG !e! tag:yaml.org,2002:\n---\n{KEPT}expect: !e!map\n  mutate: {{allowed: true}} # so\n"
        );
        let error = bless(&text, &verdicts("")).expect_err("a comment");
        assert!(error.starts_with("expect: may have a comment"), "{error}");
    }

    #[test]
    fn keeps_the_line_endings_of_windows() {
        let blessed = bless(&KEPT.replace('\n', "\r\n"), &verdicts("")).expect("blessed");
        assert_eq!(blessed.matches('\n').count(), blessed.matches("\r\n").count());
        assert_eq!(bless(&blessed, &verdicts("")), Ok(blessed));
    }

    #[test]
    fn refuses_a_key_after_the_verdicts() {
        let text = format!("{KEPT}expect:\n  mutate: {{allowed: true}}\nsettings: {{}}\n");
        assert_eq!(bless(&text, &verdicts("")), Err("expect: is not the last key of the file".to_owned()));
    }
}
