//! The storage policy for Node and browsers.
