//! Tests of the analysis with packets made by hand, through captures as they are written.

mod choices;
mod every;
mod exchanges;
pub(crate) mod lab;
mod proxies;
mod reasons;
mod ways;
