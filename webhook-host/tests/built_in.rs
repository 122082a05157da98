//! The built-in policy as the host runs it.

use ordinance::engine::{Engine, Policy};
use ordinance::limits::Limits;

#[test]
fn says_who_it_is() {
    let engine = Engine::new(&Limits::default()).expect("an engine");
    let policy = Policy::built_in(&engine, "").expect("the built-in policy");
    assert_eq!(policy.description().name, "storage");
}
