//! Confined programs, as root and in a user namespace.
