//! The script of the Jobs, run on a directory that stands for a volume, by the shell of this machine and by busybox if it is
//! there.

mod copies;
mod failures;
mod interruptions;
mod later;
mod tree;
mod volume;
