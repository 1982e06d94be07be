//! nslab
fn main() {}
