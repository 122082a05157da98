//! The texts of a policy, made plain: the only place where a component's texts are cut and cleaned, right after each call.
//!
//! A component is foreign, and its texts reach terminals, logs, CI runners and the API server's clients. Every text
//! becomes one line, except for explanations and schemas, which keep their line breaks. Keys, notes and patches are no texts:
//! only the policy reads keys and notes, and patches are checked.

use ordinance_contract::{
    DOCUMENT_CHARS, Description, Finding, MESSAGE_CHARS, NAME_CHARS, Problem, ReviewScope, Rule, Scope,
    TITLE_CHARS, Verdict, Watch, one_line, several_lines,
};
use std::borrow::Cow;

/// Cuts and cleans all texts of a value.
pub(super) trait PlainText {
    /// Makes every text plain.
    fn make_plain(&mut self);
}

/// Makes a text one line of at most this number of characters.
pub(super) fn line(text: &mut String, chars: usize) {
    if let Cow::Owned(plain) = one_line(text, chars) {
        *text = plain;
    }
}

fn lines(texts: &mut [String], chars: usize) {
    texts.iter_mut().for_each(|text| line(text, chars));
}

fn document(text: &mut String, chars: usize) {
    if let Cow::Owned(plain) = several_lines(text, chars) {
        *text = plain;
    }
}

impl<T: PlainText> PlainText for Vec<T> {
    fn make_plain(&mut self) {
        self.iter_mut().for_each(T::make_plain);
    }
}

// === the description ===

impl PlainText for Description {
    fn make_plain(&mut self) {
        let Self { name, version, watches, reviews, rules, settings_schema } = self;
        line(name, NAME_CHARS);
        line(version, TITLE_CHARS);
        watches.make_plain();
        reviews.make_plain();
        rules.make_plain();
        // A schema that was cut off would not be JSON; its size is that of an answer.
        document(settings_schema, usize::MAX);
    }
}

impl PlainText for Watch {
    fn make_plain(&mut self) {
        for text in [&mut self.group, &mut self.version, &mut self.resource] {
            line(text, NAME_CHARS);
        }
    }
}

impl PlainText for ReviewScope {
    fn make_plain(&mut self) {
        // An expression is not changed: what acts in it is refused.
        let Self { name, group, version, resource, subresource, match_conditions, .. } = self;
        for text in [name, group, version, resource, subresource] {
            line(text, NAME_CHARS);
        }
        match_conditions.iter_mut().for_each(|condition| line(&mut condition.name, NAME_CHARS));
    }
}

impl PlainText for Rule {
    fn make_plain(&mut self) {
        let Self { id, title, setting, annotations, explanation, .. } = self;
        line(id, NAME_CHARS);
        line(title, TITLE_CHARS);
        line(setting, NAME_CHARS);
        lines(annotations, NAME_CHARS);
        document(explanation, DOCUMENT_CHARS);
    }
}

impl PlainText for Problem {
    fn make_plain(&mut self) {
        line(&mut self.field, MESSAGE_CHARS);
        line(&mut self.message, MESSAGE_CHARS);
    }
}

// === the verdict ===

impl PlainText for Verdict {
    fn make_plain(&mut self) {
        self.findings.make_plain();
        lines(&mut self.migration, MESSAGE_CHARS);
        for annotation in &mut self.audit {
            line(&mut annotation.key, NAME_CHARS);
            line(&mut annotation.value, MESSAGE_CHARS);
        }
    }
}

impl PlainText for Finding {
    fn make_plain(&mut self) {
        let Self { rule, field, fact, remedy, related, fixes, .. } = self;
        line(rule, NAME_CHARS);
        for text in [field, fact, remedy] {
            line(text, MESSAGE_CHARS);
        }
        related.make_plain();
        fixes.iter_mut().for_each(|fix| line(&mut fix.title, TITLE_CHARS));
    }
}

impl PlainText for Scope<'_> {
    fn make_plain(&mut self) {
        let Self { group, version, resource, subresource, namespace, name } = self;
        for text in [group, version, resource, subresource, namespace, name] {
            if let Cow::Owned(plain) = one_line(text, NAME_CHARS) {
                *text = Cow::Owned(plain);
            }
        }
    }
}
