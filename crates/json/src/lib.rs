//! JSON without Kubernetes: the nesting of a text, its members without their values, one value of a text, and the check and application of a patch.

mod brackets;
mod cursor;
mod depth;
mod patch;
mod seek;

pub use cursor::{Cursor, CursorError, unquoted};
pub use depth::exceeds;
pub use patch::{OperationFault, PatchError, applied, check_object_patch, check_patch};
pub use seek::at;
