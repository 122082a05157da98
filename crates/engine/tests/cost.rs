//! What a review costs grows with its size, whatever there is in great number.
//!
//! The cost is the fuel that the component burns: wasmtime counts instructions, so the same review always costs the same,
//! on any machine.

use ordinance_contract::{Holding, Phase, Request};
use ordinance_testkit::shapes::{ShapedReview, shapes};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, OptLevel, Store};

mod bindings {
    wasmtime::component::bindgen!({ path: "../../wit/policy.wit", world: "policy" });
}

use bindings::exports::ordinance::policy::rules;

/// The sizes of a review that are compared, in bytes.
const SIZES: [usize; 2] = [16 * 1024, 96 * 1024];

/// How much more a byte of the larger review may cost. What is quadratic costs six times as much; a logarithm, and the
/// longer names of more mounts, cost up to 1.4 times as much.
const GROWTH: f64 = 1.7;

/// Fuel that a byte may cost in the larger review.
const PER_BYTE: u64 = 3_000;

/// The component, compiled to count its instructions.
struct CountedPolicy {
    engine: Engine,
    linker: Linker<()>,
    component: Component,
}

// === impl CountedPolicy ===

impl CountedPolicy {
    fn new() -> Self {
        let mut config = Config::new();
        config.consume_fuel(true).cranelift_opt_level(OptLevel::None).concurrency_support(false);
        let engine = Engine::new(&config).expect("an engine");
        let component =
            Component::new(&engine, ordinance_engine::builtin::COMPONENT).expect("the built-in policy");
        Self { linker: Linker::new(&engine), engine, component }
    }

    /// Calls functions of a fresh instance, and returns the fuel that they burn: all of it, if they need more than a byte
    /// may cost.
    fn count(&self, review: &ShapedReview, call: impl FnOnce(&bindings::Policy, &mut Store<()>)) -> u64 {
        let fuel = 2 * PER_BYTE * review.bytes() as u64;
        let mut store = Store::new(&self.engine, ());
        store.set_fuel(fuel).expect("fuel is counted");
        let policy =
            bindings::Policy::instantiate(&mut store, &self.component, &self.linker).expect("an instance");
        call(&policy, &mut store);
        fuel - store.get_fuel().expect("fuel is counted")
    }

    /// Returns the fuel of a review in a phase.
    fn review(&self, review: &ShapedReview, phase: Phase) -> u64 {
        let request = request(&review.request, phase);
        let holdings: Vec<rules::Holding> = review.holdings.iter().map(holding).collect();
        self.count(review, |policy, store| {
            let rules = policy.ordinance_policy_rules();
            // Without fuel there is no verdict.
            let _ = rules.call_review(store, &request, review.settings, Some(&holdings));
        })
    }

    /// Returns the fuel of the keys of the object as it is stored.
    fn keys(&self, review: &ShapedReview) -> u64 {
        let request = request(&review.request, Phase::Audit);
        let object = request.object.unwrap_or_default();
        self.count(review, |policy, store| {
            let rules = policy.ordinance_policy_rules();
            // An object that lacks a part has no keys.
            let _ = rules.call_keys(store, &request.scope, &object, review.settings);
        })
    }
}

fn scope(scope: &ordinance_contract::Scope<'_>) -> rules::Scope {
    rules::Scope {
        group: scope.group.to_string(),
        version: scope.version.to_string(),
        resource: scope.resource.to_string(),
        subresource: scope.subresource.to_string(),
        namespace: scope.namespace.to_string(),
        name: scope.name.to_string(),
    }
}

fn request(request: &Request<'_>, phase: Phase) -> rules::Request {
    use ordinance_contract::Operation;
    rules::Request {
        operation: match request.operation {
            Operation::Update => rules::Operation::Update,
            _ => rules::Operation::Create,
        },
        phase: match phase {
            Phase::Mutate => rules::Phase::Mutate,
            Phase::Validate => rules::Phase::Validate,
            Phase::Audit => rules::Phase::Audit,
        },
        scope: scope(&request.scope),
        kind: request.kind.to_string(),
        dry_run: false,
        user_info: request.user_info.to_string(),
        object: request.object.as_deref().map(str::to_owned),
        old_object: request.old_object.as_deref().map(str::to_owned),
    }
}

fn holding(holding: &Holding) -> rules::Holding {
    rules::Holding {
        realm: holding.realm.clone(),
        path: holding.path.clone(),
        stance: rules::Stance::Holds,
        note: holding.note.clone(),
        holder: scope(&holding.holder),
        count: holding.count,
    }
}

/// Returns the fuel of the most expensive call per byte of the review.
fn cost(policy: &CountedPolicy, review: &ShapedReview) -> f64 {
    let phases = [Phase::Mutate, Phase::Validate, Phase::Audit].into_iter();
    let reviews = phases.map(|phase| policy.review(review, phase)).chain([policy.keys(review)]);
    let variants = review.variants();
    let variants = variants.iter().map(|variant| policy.review(variant, Phase::Mutate));
    reviews.chain(variants).max().unwrap_or_default() as f64 / review.bytes() as f64
}

#[test]
fn the_cost_of_every_shape_grows_no_faster_than_its_size_and_a_logarithm() {
    let policy = CountedPolicy::new();
    let mut faults = Vec::new();
    for shape in shapes() {
        let [small, large] = SIZES.map(|bytes| cost(&policy, &shape.of_bytes(bytes)));
        println!("{small:>8.0} {large:>8.0} {:>6.2} {}", large / small, shape.name);
        if large > PER_BYTE as f64 || large > GROWTH * small {
            faults.push(format!("{}: {small:.0}, then {large:.0} instructions per byte", shape.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
