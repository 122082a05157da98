//! Files that another user may have prepared: they are opened only if they have the expected type, read up to a size, and
//! reached in an open [`Directory`] without following links.

mod directory;
mod read;

pub use directory::Directory;
pub use read::{is_own_file, open_regular, open_regular_or_pipe, read_regular, read_up_to};
