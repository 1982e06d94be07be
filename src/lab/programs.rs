//! Finds the programs that scenarios run, and the packages that contain them.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The search path if the environment has none: Debian's default for root (`/etc/login.defs`, ENV_SUPATH).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

/// Finds a program as execvp(3) does: a name with a slash is a path, any other is looked up in the search path.
pub fn find(program: &str, search_path: &OsStr) -> Option<PathBuf> {
    if program.is_empty() {
        return None;
    }
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| is_program(path));
    }
    std::env::split_paths(search_path)
        .map(|directory| directory.join(program))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
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
    fn a_file_that_cannot_be_executed_is_not_found() {
        let find = |program, path: &str| find(program, path.as_ref());
        assert_eq!(find("passwd", "/etc:/nonexistent"), None);
        assert_eq!(find("", "/bin"), None);
        assert_eq!(find("/bin/sh", ""), Some("/bin/sh".into()));
        assert_eq!(find("sh", "/etc:/bin"), Some("/bin/sh".into()));
    }

    #[test]
    fn every_shipped_program_has_a_package() {
        for program in SHIPPED {
            assert!(package_of(program).is_some(), "{program}");
        }
    }
}
