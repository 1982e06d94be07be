//! What is counted, and when it is told.
