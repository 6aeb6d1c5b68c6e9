//! path bench
fn main() {}
