//! Writing what a policy answered into a case.

use crate::file::yaml;
use crate::format::{Case, Expect};

/// The text of a case with these answers; everything before `expect:` stays byte for byte.
///
/// # Errors
///
/// That something follows after `expect`, which would be lost.
pub fn bless(text: &str, answers: &Expect) -> Result<String, String> {
    let (kept, old) = split(text);
    if old.lines().skip(1).any(|line| !line.is_empty() && !line.starts_with([' ', '\r', '#'])) {
        return Err("expect: is not the last key of the file".to_owned());
    }
    let gap = if kept.ends_with('\n') { "" } else { "\n" };
    let blessed = format!("{kept}{gap}expect:\n{}", indented(&yaml(answers)));
    match Case::parse(&blessed) {
        Ok(case) if case.expect.as_ref() == Some(answers) => Ok(blessed),
        Ok(_) => Err("the answers do not survive being written as YAML".to_owned()),
        Err(error) => Err(format!("the answers can't be written as YAML: {error}")),
    }
}

/// The text before the line `expect:`, and the text from it on.
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

fn indented(yaml: &str) -> String {
    let lines =
        yaml.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Answer, ExpectedFinding};
    use ordinance_contract::Severity;
    use serde_json::json;

    const KEPT: &str = "# a comment\nwhy:   it is so\nrequest: # and another\n  phases: [mutate]\n  object: {apiVersion: v1, kind: Pod}\n";

    fn answers(message: &str) -> Expect {
        let answer = Answer {
            allowed: true,
            findings: vec![ExpectedFinding {
                rule: "a-rule".to_owned(),
                severity: Severity::Warn,
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
        Expect { mutate: Some(answer), validate: None }
    }

    #[test]
    fn keeps_everything_before_the_answers_byte_for_byte() {
        let first = bless(KEPT, &answers("")).expect("blessed");
        assert!(first.starts_with(KEPT), "{first}");
        let second = bless(&first, &answers("other")).expect("blessed again");
        assert!(second.starts_with(KEPT), "{second}");
        assert_eq!(second.matches("expect:").count(), 1);
        assert_eq!(bless(&second, &answers("")), Ok(first));
    }

    #[test]
    fn ends_the_last_line_of_a_text_that_does_not() {
        let blessed = bless(KEPT.trim_end(), &answers("")).expect("blessed");
        assert!(blessed.starts_with(&format!("{KEPT}expect:\n")), "{blessed}");
    }

    #[test]
    fn writes_texts_that_look_like_something_else_so_that_they_are_read_as_they_were() {
        for text in ["yes", "1e3", "null", "- a", "a\tb", "ü\u{2028}", " x ", "#", "a: b", "…"] {
            assert!(bless(KEPT, &answers(text)).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn refuses_to_lose_what_follows_the_answers() {
        let text = format!("{KEPT}expect:\n  mutate: {{allowed: true}}\nsettings: {{}}\n");
        assert_eq!(bless(&text, &answers("")), Err("expect: is not the last key of the file".to_owned()));
    }
}
