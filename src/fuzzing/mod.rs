//! All readers of untrusted input, as functions of bytes: the bodies of the fuzz targets in `fuzz/`, which the
//! test program `rootless` drives too.
//!
//! A target panics if its reader panics, or breaks a promise that it makes to the rest of the program. Errors are
//! results.

#![expect(clippy::expect_used, reason = "a failed `expect` is a finding")]

mod records;
mod scenarios;

use crate::backend::vm::readers;
use crate::sys::answers;

/// A target: its name, which is the folder of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("scenario", scenarios::scenario),
    ("expectation", scenarios::expectation),
    ("parameter", scenarios::parameter),
    ("sysctl", scenarios::sysctl),
    ("record", records::record),
    ("capture", records::capture),
    ("deb", readers::package),
    ("image", readers::image),
    ("module", readers::module),
    ("modules_dep", readers::modules_dep),
    ("program", readers::program),
    ("library_cache", readers::library_cache),
    ("qmp", readers::monitor),
    ("netlink", answers::read_all),
];

/// Runs the target of a name.
///
/// # Panics
/// There is no such target, or its reader panics on these bytes.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, body) = target.expect("the name of a target");
    body(bytes);
}
