//! Ladders of packets made by hand, through captures as they are written.

mod choices;
mod lab;
mod laws;
mod pictures;
mod reasons;
mod ways;
