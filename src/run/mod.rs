//! One scenario, once.
