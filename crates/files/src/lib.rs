//! Files that another user may have prepared: they are opened only if they have the expected type, read up to a size, and
//! reached in an open [`Directory`] without following links. And files that a command writes: each is replaced as a whole.

mod directory;
mod output_file;
mod place;
mod read;
mod save;
mod temporary;

pub use directory::Directory;
pub use output_file::{OutputFile, is_within};
pub use place::FilePlace;
pub use read::{
    is_other_than_file, is_own_file, open_regular, open_regular_or_pipe, read_regular, read_up_to,
};
pub use save::{SaveError, save};
pub use temporary::{PRIVATE, TemporaryFile};
