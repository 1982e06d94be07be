//! Programs that scenarios run, and the packages that contain them.

use std::path::PathBuf;

use crate::sys::search_path;

/// Debian packages of common network test programs.
const PACKAGES: [(&str, &str); 14] = [
    ("ab", "apache2-utils"),
    ("apache2", "apache2"),
    ("curl", "curl"),
    ("httpd", "apache2"),
    ("ip", "iproute2"),
    ("iperf3", "iperf3"),
    ("nc", "netcat-openbsd"),
    ("nginx", "nginx"),
    ("nstat", "iproute2"),
    ("ping", "iputils-ping"),
    ("squid", "squid"),
    ("ss", "iproute2"),
    ("unshare", "util-linux"),
    ("wrk", "wrk"),
];

/// Programs that the shipped scenarios run.
pub(super) const SHIPPED: [&str; 6] = ["ab", "apache2", "nginx", "squid", "iperf3", "ss"];

/// Finds a program on `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| search_path::DEFAULT_PATH.into());
    search_path::find(program, &path)
}

/// Returns the Debian package of a common program.
pub fn package_of(program: &str) -> Option<&'static str> {
    let known = PACKAGES.iter().find(|(name, _)| *name == program);
    known.map(|(_, package)| *package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_program_has_a_package() {
        for program in SHIPPED {
            assert!(package_of(program).is_some(), "{program}");
        }
    }
}
