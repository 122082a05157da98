//! The run of a case: what a build of a policy answers.

use crate::format::{Answer, Case, Expect};
use ordinance_contract::{HOLDINGS, Holding, Key, Outcome, Phase, Request, Scope, Verdict};
use ordinance_index::Index;
use ordinance_json::applied;
use ordinance_manifests::Manifest;

/// A build of a policy with whatever stands around it: asked as an API server would.
pub trait Build {
    /// The verdict on a request, given what exists.
    ///
    /// # Errors
    ///
    /// Why there is none, in one line.
    fn verdict(&self, settings: &str, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String>;
}

/// A policy alone, as in `policy.wit`; [`Indexed`] remembers for it.
pub trait Policy {
    /// The keys of a stored object.
    ///
    /// # Errors
    ///
    /// One line, if the object can't be read.
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String>;

    /// The verdict, or the keys that it depends on if there are no holdings yet.
    ///
    /// # Errors
    ///
    /// Why there is none, in one line.
    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String>;
}

/// A policy over an index of what exists.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<P>(pub P);

/// The answers to the phases of a case.
///
/// # Errors
///
/// Why there is no verdict, or that a patch does not fit the object.
pub fn run(case: &Case, build: &dyn Build) -> Result<Expect, String> {
    let mut request = case.request.clone();
    let mut answers = Expect::default();
    for phase in &case.phases {
        request.phase = *phase;
        let answer = Answer::try_from(build.verdict(&case.settings, &case.state, &request)?)?;
        if let (true, Some(object)) = (answer.allowed, request.object.as_deref()) {
            request.object = Some(applied(object, &answer.patch)?.into());
        }
        match phase {
            Phase::Mutate => answers.mutate = Some(answer),
            Phase::Validate => answers.validate = Some(answer),
        }
    }
    Ok(answers)
}

// === impl Indexed ===

impl<P: Policy> Build for Indexed<P> {
    fn verdict(&self, settings: &str, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
        let keys = match self.0.review(request, settings, None)? {
            Outcome::Decided(verdict) => return Ok(verdict),
            Outcome::Needs(keys) => keys,
        };
        let holdings = self
            .index(settings, state)
            .overlaps(&keys, &request.scope, HOLDINGS)
            .map_err(|error| error.to_string())?;
        match self.0.review(request, settings, Some(&holdings))? {
            Outcome::Decided(verdict) => Ok(verdict),
            Outcome::Needs(_) => Err("asked for keys although it had the holdings".to_owned()),
        }
    }
}

impl<P: Policy> Indexed<P> {
    /// What exists; an object that the policy can't read, or whose keys are too deep, is left out, as in the server.
    fn index(&self, settings: &str, state: &[Manifest]) -> Index {
        let mut index = Index::default();
        for object in state {
            let keys = self.0.keys(&object.scope, &object.json, settings);
            let _left_out = keys.map(|keys| index.insert(object.scope.clone(), keys));
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::{Annotation, Finding, Severity, Stance};

    /// Allows each name to one object, adds a label in the mutating phase, and records its input in audit annotations.
    struct OneAName;

    impl Policy for OneAName {
        fn keys(&self, scope: &Scope<'_>, _object: &str, _settings: &str) -> Result<Vec<Key>, String> {
            let key = |stance| Key {
                realm: "name".to_owned(),
                path: vec![scope.name.to_string()],
                stance,
                note: String::new(),
            };
            match &*scope.name {
                "unreadable" => Err("unreadable".to_owned()),
                _ => Ok(vec![key(Stance::Holds)]),
            }
        }

        fn review(
            &self,
            request: &Request<'_>,
            settings: &str,
            holdings: Option<&[Holding]>,
        ) -> Result<Outcome, String> {
            let Some(holdings) = holdings else {
                return self.keys(&request.scope, "", settings).map(Outcome::Needs);
            };
            let holders: Vec<&str> = holdings.iter().map(|holding| &*holding.holder.namespace).collect();
            let patch = r#"[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]"#;
            let object = request.object.clone().unwrap_or_default().into_owned();
            Ok(Outcome::Decided(Verdict {
                findings: if holders.is_empty() { Vec::new() } else { vec![denial()] },
                patch: (request.phase == Phase::Mutate).then(|| patch.to_owned()),
                audit: vec![
                    Annotation { key: "holders".to_owned(), value: holders.join(" ") },
                    Annotation { key: "object".to_owned(), value: object },
                ],
                ..Verdict::allow()
            }))
        }
    }

    fn denial() -> Finding {
        Finding::new("one-a-name", Severity::Deny, "the name is taken")
    }

    fn answers(state: &str, name: &str) -> Result<Expect, String> {
        let text = format!(
            "why: x\nstate: [{state}]\nrequest: {{object: {{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}}}}}\n"
        );
        run(&Case::parse(&text).expect("a case"), &Indexed(OneAName))
    }

    fn audit(answer: Option<Answer>) -> (bool, Vec<String>) {
        let answer = answer.expect("an answer");
        (answer.allowed, answer.audit.into_iter().map(|note| note.value).collect())
    }

    const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}"#;

    #[test]
    fn shows_the_validating_call_what_the_mutating_call_made() {
        let answers = answers("", "a").expect("answers");
        let patched = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"},"name":"a"}}"#;
        assert_eq!(audit(answers.mutate), (true, vec![String::new(), POD.to_owned()]));
        assert_eq!(audit(answers.validate), (true, vec![String::new(), patched.to_owned()]));
    }

    #[test]
    fn shows_the_validating_call_the_object_itself_after_a_refusal() {
        let state = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: other}}";
        let answers = answers(state, "a").expect("answers");
        assert_eq!(audit(answers.validate), (false, vec!["other".to_owned(), POD.to_owned()]));
    }

    #[test]
    fn tells_the_policy_nothing_of_the_object_itself_nor_of_what_it_cannot_read() {
        let state = "{apiVersion: v1, kind: Pod, metadata: {name: a}}, {apiVersion: v1, kind: Pod, metadata: {name: unreadable}}";
        assert_eq!(audit(answers(state, "a").expect("answers").mutate).1.first(), Some(&String::new()));
    }

    #[test]
    fn fails_where_the_policy_gives_no_verdict() {
        assert_eq!(answers("", "unreadable"), Err("unreadable".to_owned()));
    }
}
