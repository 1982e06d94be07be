//! Watches what the kernel does; never acts.
