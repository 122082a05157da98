//! End to end: the real component, real sockets.
