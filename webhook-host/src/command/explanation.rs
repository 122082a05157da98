//! How a policy comes to its verdict on a request, as text for its author.

use ordinance_contract::{Holding, Key, Request, Stance, Verdict};
use ordinance_engine::{Failure, ReviewStep, ReviewTrace, StepCost};
use ordinance_report::printable;
use std::fmt::Write as _;

/// The keys and the holdings that are listed of each.
const LISTED: usize = 20;

/// Returns the explanation of a review.
pub(super) fn explanation(request: &Request<'_>, trace: &ReviewTrace) -> String {
    let scope = &request.scope;
    let object = printable(&name(&scope.namespace, &scope.name));
    let (operation, phase) = (request.operation.word(), request.phase.word());
    let mut text = format!("{operation} {} {object}, phase {phase}:\n", printable(&request.kind));
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<9} {}", printable(&value));
    };
    fact("verdict", outcome(&trace.outcome));
    fact("decided", step(trace));
    for finding in trace.outcome.iter().flat_map(|verdict| &verdict.findings) {
        fact("finding", format!("{} {}: {}", finding.word(), finding.rule, finding.fact));
    }
    listed(&trace.keys, "keys").for_each(|line| fact("key", line));
    listed(&trace.holdings, "holdings").for_each(|line| fact("holding", line));
    for (position, function) in trace.functions.iter().enumerate() {
        fact(if position == 0 { "trap in" } else { "called by" }, function.clone());
    }
    if matches!(trace.outcome, Err(Failure::Trap(_))) && trace.functions.is_empty() {
        fact("trap in", "a component without names; build it without stripping them".to_owned());
    }
    costs(trace).for_each(|(step, cost)| fact(step, cost_text(&cost)));
    fact("memory", format!("{} KiB of linear memory", trace.usage.memory.div_ceil(1024)));
    text
}

fn name(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

fn outcome(outcome: &Result<Verdict, Failure>) -> String {
    match outcome {
        Ok(verdict) if !verdict.is_allowed() => "denied".to_owned(),
        Ok(Verdict { patch: Some(patch), .. }) => format!("allowed, with the patch {patch}"),
        Ok(_) => "allowed".to_owned(),
        Err(failure) => format!("none: the policy {failure}"),
    }
}

/// Returns the step at which the review was decided.
fn step(trace: &ReviewTrace) -> String {
    let is_decided = trace.outcome.is_ok();
    match (trace.step, trace.holdings.len()) {
        (ReviewStep::Instantiate, _) => "not: there was no instance",
        (ReviewStep::Review, _) if is_decided => "by review, since no other object matters",
        (ReviewStep::Review, _) => "not: review failed",
        (ReviewStep::Lookup, _) => "not: the lookup of holdings failed",
        (ReviewStep::Resume, 0) if is_decided => "by resume: no other object overlaps the keys",
        (ReviewStep::Resume, 1) if is_decided => "by resume, with 1 holding",
        (ReviewStep::Resume, holdings) if is_decided => {
            return format!("by resume, with {holdings} holdings");
        }
        (ReviewStep::Resume, _) => "not: resume failed",
    }
    .to_owned()
}

/// Returns a line for each element, and one for how many are left out.
fn listed<T: Explained>(all: &[T], what: &str) -> impl Iterator<Item = String> {
    let more = all.len().saturating_sub(LISTED);
    let rest = (more > 0).then(|| format!("and {more} more {what}"));
    all.iter().take(LISTED).map(Explained::line).chain(rest)
}

/// Returns what each step took that was made, and what they took together.
fn costs(trace: &ReviewTrace) -> impl Iterator<Item = (&'static str, StepCost)> {
    let total = StepCost { time: trace.instantiation.time + trace.evaluation(), fuel: trace.usage.fuel };
    let steps = [
        ("instance", Some(trace.instantiation)),
        ("review", trace.review),
        ("resume", trace.resume),
        ("total", Some(total)),
    ];
    steps.into_iter().filter_map(|(step, cost)| Some((step, cost?)))
}

fn cost_text(StepCost { time, fuel }: &StepCost) -> String {
    let fuel = fuel.map(|fuel| format!(", {fuel} fuel")).unwrap_or_default();
    format!("{} µs{fuel}", time.as_micros())
}

/// A key or a holding, in one line.
trait Explained {
    fn line(&self) -> String;
}

impl Explained for Key {
    fn line(&self) -> String {
        let note = if self.note.is_empty() { String::new() } else { format!(", note {:?}", self.note) };
        format!("{} {} /{}{note}", stance(self.stance), self.realm, self.path.join("/"))
    }
}

impl Explained for Holding {
    fn line(&self) -> String {
        let holder = name(&self.holder.namespace, &self.holder.name);
        let more = if self.count > 1 { format!(" and {} more", self.count - 1) } else { String::new() };
        let (resource, place) = (self.holder.qualified_resource(), self.path.join("/"));
        format!("{resource} {holder}{more} {} {} /{place}", stance(self.stance), self.realm)
    }
}

const fn stance(stance: Stance) -> &'static str {
    match stance {
        Stance::Holds => "holds",
        Stance::Uses => "uses",
        Stance::Looks => "looks",
    }
}
