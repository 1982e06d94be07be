//! Stub.
mod line;
mod random;
pub mod recycle;
pub mod segment;
