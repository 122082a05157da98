//! Adds to manifests as people write them: every other byte stays.
//!
//! [`amend()`] takes the text of a file and what is to be added to which of its objects, and gives the new text: in the
//! style of the lines around, with comments, layout, quoting, anchors and line ends as they are. The result is read again
//! and compared with what was wanted, so a text that would say something else is never given. [`save()`] replaces a file
//! by it in one step; [`diff()`] shows it. [`splices()`] says of one object what would be added, and where.

mod alone;
mod amend;
mod block;
mod change;
mod diff;
mod draft;
mod flow;
mod lines;
mod place;
mod reason;
mod save;
mod scalar;
mod splice;
mod template;
mod tree;

pub use alone::splices;
pub use amend::{Amended, Left, amend};
pub use change::{Change, Wanted};
pub use diff::{Color, diff};
pub use reason::{Reason, field};
pub use save::{SaveError, save};
pub use splice::Splice;
