//! Tells what happened.
