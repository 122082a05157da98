//! JSON without Kubernetes: the nesting of a text, its members without their values, one value of a text, views of it, and the check and application of a patch.

mod brackets;
mod cursor;
mod depth;
mod patch;
mod reader;
mod seek;
mod string;

pub use cursor::{Cursor, CursorError, unquoted};
pub use depth::exceeds;
pub use patch::{OperationFault, PatchError, applied, check_object_patch, check_patch};
pub use reader::{RawText, read};
pub use seek::at;
