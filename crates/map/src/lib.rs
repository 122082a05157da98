//! Which ordinal of a StatefulSet writes where: from manifests to writers, and the writers drawn.
//!
//! A [`Map`] is two [`Scene`]s, before and after, each a list of [`Writer`]s with the place that it writes to; what two
//! pods would write stands out. Where a volume lies is asked of the policy, by [`Keys`]; only what a StatefulSet makes of
//! its volumes is read here. Three renderers: [`text()`], [`json()`] and [`svg()`].

mod binding;
mod expression;
mod groups;
mod json;
mod location;
mod map;
mod member;
mod overlap;
mod plain;
mod pod;
mod quantity;
mod scene;
mod set;
mod storage;
mod svg;
mod text;
mod view;

pub use json::json;
pub use location::Location;
pub use map::{Map, Object, Refused, Unread};
pub use member::{ORDINALS, WRITERS};
pub use overlap::{Overlap, Relation};
pub use scene::{Omitted, Pod, Scene, Writer};
pub use storage::{Bound, PersistentVolume};
pub use svg::svg;
pub use text::{Charset, Look, text};

use ordinance_contract::{Key, Scope};

/// What the policy says that an object of the cluster holds, uses or looks at; or, in one line, why it can't read it.
pub type Keys<'a> = dyn Fn(&Scope<'_>, &str) -> Result<Vec<Key>, String> + 'a;
