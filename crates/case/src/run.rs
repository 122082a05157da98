//! Runs a case: gets the verdicts of a build of a policy.

use crate::case::{Case, ExpectedVerdict, ExpectedVerdicts};
use ordinance_contract::{HOLDINGS, Holding, Key, Outcome, Phase, Request, Scope, Verdict};
use ordinance_index::Index;
use ordinance_json::applied;
use ordinance_manifests::Manifest;

/// A build of a policy together with an index, as an API server calls it: a library, a component, an npm package or a
/// host.
pub trait Build {
    /// Returns the verdict on a request, given the stored objects.
    ///
    /// # Errors
    ///
    /// Why there is no verdict, in one line.
    fn verdict(&self, settings: &str, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String>;

    /// Returns the keys of a stored object, or in one line why the policy can't read it.
    ///
    /// # Errors
    ///
    /// Why there is no answer, in one line.
    fn keys(
        &self,
        settings: &str,
        scope: &Scope<'_>,
        object: &str,
    ) -> Result<Result<Vec<Key>, String>, String>;
}

/// The functions of a policy that `policy.wit` defines; [`Indexed`] adds an index.
pub trait PolicyFunctions {
    /// Returns the keys of a stored object.
    ///
    /// # Errors
    ///
    /// Why the policy can't read the object, in one line.
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String>;

    /// Returns the verdict; without holdings perhaps the keys that the verdict depends on.
    ///
    /// # Errors
    ///
    /// Why there is neither, in one line.
    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String>;
}

/// A policy with an index of the stored objects.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<P>(pub P);

/// Returns the verdicts on the phases of a case. The validating review gets the object with the mutating review's
/// patch.
///
/// # Errors
///
/// The build gives no verdict, or a patch does not fit the object.
pub fn run(case: &Case, build: &dyn Build) -> Result<ExpectedVerdicts, String> {
    run_to_end(case, build).map(|(verdicts, _)| verdicts)
}

/// Returns the verdicts on the phases of a case, and the request of the last phase with the patches of all.
pub(crate) fn run_to_end(
    case: &Case,
    build: &dyn Build,
) -> Result<(ExpectedVerdicts, Request<'static>), String> {
    let mut request = case.request.clone();
    let mut verdicts = ExpectedVerdicts::default();
    for phase in &case.phases {
        request.phase = *phase;
        let verdict = ExpectedVerdict::try_from(build.verdict(&case.settings, &case.state, &request)?)?;
        if let (true, Some(object)) = (verdict.allowed, request.object.as_deref()) {
            request.object = Some(applied(object, &verdict.patch)?.into());
        }
        match phase {
            Phase::Mutate => verdicts.mutate = Some(verdict),
            Phase::Validate => verdicts.validate = Some(verdict),
            Phase::Audit => verdicts.audit = Some(verdict),
        }
    }
    Ok((verdicts, request))
}

// === impl Indexed ===

impl<P: PolicyFunctions> Build for Indexed<P> {
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

    fn keys(
        &self,
        settings: &str,
        scope: &Scope<'_>,
        object: &str,
    ) -> Result<Result<Vec<Key>, String>, String> {
        Ok(self.0.keys(scope, object, settings))
    }
}

impl<P: PolicyFunctions> Indexed<P> {
    /// Indexes the stored objects. Leaves out an object that the policy can't read or whose keys are too large, as the
    /// server does.
    fn index(&self, settings: &str, state: &[Manifest]) -> Index {
        let mut index = Index::default();
        for object in state {
            let keys = self.0.keys(&object.scope, &object.json, settings);
            let _left_out = keys.map(|keys| index.insert(&object.scope, &keys));
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::{Annotation, Finding, Severity, Stance};

    /// Denies a name that another object has, adds a label in the mutating phase, and records its input in audit
    /// annotations.
    struct UniqueNames;

    impl PolicyFunctions for UniqueNames {
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
        Finding::new("unique-name", Severity::Deny, "the name is taken")
    }

    fn verdicts(state: &str, name: &str) -> Result<ExpectedVerdicts, String> {
        let text = format!(
            "why: x\nstate: [{state}]\nrequest: {{object: {{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}}}}}\n"
        );
        run(&Case::parse(&text).expect("a case"), &Indexed(UniqueNames))
    }

    fn audit(verdict: Option<ExpectedVerdict>) -> (bool, Vec<String>) {
        let verdict = verdict.expect("a verdict");
        (verdict.allowed, verdict.audit.into_iter().map(|note| note.value).collect())
    }

    const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}"#;

    #[test]
    fn the_validating_review_gets_the_patched_object() {
        let verdicts = verdicts("", "a").expect("verdicts");
        let patched = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"},"name":"a"}}"#;
        assert_eq!(audit(verdicts.mutate), (true, vec![String::new(), POD.to_owned()]));
        assert_eq!(audit(verdicts.validate), (true, vec![String::new(), patched.to_owned()]));
    }

    #[test]
    fn the_validating_review_gets_the_unpatched_object_after_a_denial() {
        let state = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: other}}";
        let verdicts = verdicts(state, "a").expect("verdicts");
        assert_eq!(audit(verdicts.validate), (false, vec!["other".to_owned(), POD.to_owned()]));
    }

    #[test]
    fn the_index_leaves_out_the_object_itself_and_unreadable_objects() {
        let state = "{apiVersion: v1, kind: Pod, metadata: {name: a}}, {apiVersion: v1, kind: Pod, metadata: {name: unreadable}}";
        assert_eq!(audit(verdicts(state, "a").expect("verdicts").mutate).1.first(), Some(&String::new()));
    }

    #[test]
    fn fails_if_the_policy_gives_no_verdict() {
        assert_eq!(verdicts("", "unreadable"), Err("unreadable".to_owned()));
    }
}
