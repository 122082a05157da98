//! Who holds which key: realm, tree of segments, holders.
