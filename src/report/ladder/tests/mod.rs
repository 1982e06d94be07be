//! Drawings of ladders of packets made by hand.

mod laws;
mod pictures;
