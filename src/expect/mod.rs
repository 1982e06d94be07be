//! Judges a record against what its scenario claims.
