//! Finding a program, and what it is started with.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scenario::workload::CommandSpec;
use crate::traffic::TrafficError;

/// Where programs are looked for when the environment does not say: Debian's default for root (`/etc/login.defs`, ENV_SUPATH).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Debian's packages of the programs that people test networks with.
const PACKAGES: [(&str, &str); 13] = [
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
    ("wrk", "wrk"),
];

/// A program that was found.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    search_path: OsString,
}

impl Program {
    /// Looks for a command's program on `PATH`: the scenario's, else this process's.
    pub(crate) fn find(spec: &CommandSpec) -> Result<Self, TrafficError> {
        let search_path = spec.env.get("PATH").map(OsString::from);
        let search_path = search_path
            .or_else(|| std::env::var_os("PATH"))
            .unwrap_or_else(|| DEFAULT_PATH.into());
        let program = spec.run.first().cloned().unwrap_or_default();
        match find_in(&program, &search_path) {
            Some(path) => Ok(Self { path, search_path }),
            None => Err(TrafficError::NoProgram {
                actor: spec.name.clone(),
                package: package_of(&program),
                program,
            }),
        }
    }

    /// What starts it: arguments and environment, and nothing of this process's own.
    pub(super) fn command(&self, spec: &CommandSpec) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(spec.run.iter().skip(1))
            .env_clear()
            .env("PATH", &self.search_path)
            .env("HOME", "/nonexistent")
            .env("LANG", "C")
            .envs(&spec.env);
        command
    }
}

/// A program with a slash is a path; others are looked for (execvp(3)).
fn find_in(program: &str, search_path: &std::ffi::OsStr) -> Option<PathBuf> {
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

fn package_of(program: &str) -> Option<&'static str> {
    let known = PACKAGES.iter().find(|(name, _)| *name == program);
    known.map(|(_, package)| *package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::tests::command;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let mut spec = command("load", "client", &["ab", "-n", "1"]);
        spec.env
            .insert("PATH".to_owned(), "/nonexistent".to_owned());
        let error = Program::find(&spec).unwrap_err();
        assert!(error.is_not_applicable());
        let expected =
            "run `load`: there is no program `ab` on PATH (Debian: apt install apache2-utils)";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn what_cannot_be_executed_is_no_program() {
        assert_eq!(find_in("passwd", "/etc:/nonexistent".as_ref()), None);
        assert_eq!(find_in("", "/bin".as_ref()), None);
        assert_eq!(find_in("/bin/sh", "".as_ref()), Some("/bin/sh".into()));
        assert_eq!(find_in("sh", "/etc:/bin".as_ref()), Some("/bin/sh".into()));
    }
}
