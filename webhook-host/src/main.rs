//! The binary `ordinance`.

fn main() {}
