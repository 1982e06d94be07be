//! Finds the program of a command, and builds the call that starts it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::programs;
use crate::scenario::workload::{CommandSpec, Meaning, Privilege};
use crate::sys::confine::{Capability, ConfinementOptions};
use crate::sys::search_path;
use crate::traffic::TrafficError;

/// A program found on `PATH`.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    search_path: OsString,
}

impl Program {
    /// Finds a command's program on the `PATH` of the scenario, or else of this process.
    pub(crate) fn find(spec: &CommandSpec) -> Result<Self, TrafficError> {
        let search_path = spec.env.get("PATH").map(OsString::from);
        let search_path = search_path
            .or_else(|| std::env::var_os("PATH"))
            .unwrap_or_else(|| search_path::DEFAULT_PATH.into());
        let program = spec.run.first().cloned().unwrap_or_default();
        let sees_homes =
            |privilege: &Privilege| matches!(privilege.meaning(), Meaning::Homes | Meaning::All);
        let found = match spec.privileges.iter().any(sees_homes) {
            true => search_path::find(&program, &search_path),
            false => search_path::find_outside_homes(&program, &search_path),
        };
        match found {
            Some(path) => Ok(Self { path, search_path }),
            None => Err(TrafficError::NoProgram {
                actor: spec.name.clone(),
                package: programs::package_of(&program),
                program,
            }),
        }
    }

    /// Returns the needs of the program at its boundary: it sees its own folder, wherever that is.
    /// So it does with what the scenario brings.
    pub(super) fn confinement(&self, spec: &CommandSpec, brings: &[String]) -> ConfinementOptions {
        let mut options = ConfinementOptions::default();
        for privilege in &spec.privileges {
            match privilege.meaning() {
                Meaning::Root => options.as_root = true,
                Meaning::Homes => options.homes = true,
                Meaning::All => options.unconfined = true,
                Meaning::Capability(number) => options.capabilities.push(Capability(number)),
            }
        }
        let real = self.path.canonicalize().ok();
        let paths = [Some(&self.path), real.as_ref()].into_iter().flatten();
        let folders = paths.filter_map(|path| Some(visible_part(path)?.to_path_buf()));
        options.visible = folders.chain(brings.iter().map(PathBuf::from)).collect();
        options
    }

    /// Returns the call that starts the program, with the scenario's arguments and environment and nothing inherited.
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

/// Returns the folder of a program, or the program alone if it lies directly in a folder that holds more than programs:
/// `/tmp`, or the home of a user.
fn visible_part(program: &Path) -> Option<&Path> {
    let folder = program.parent()?;
    let is_home = std::env::var_os("HOME").is_some_and(|home| folder == Path::new(&home));
    Some(match is_home || folder.components().count() <= 2 {
        true => program,
        false => folder,
    })
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
        let expected = "run `load`: no program `ab` on PATH (Debian: apt install apache2-utils)";
        assert_eq!(error.to_string(), expected);
    }
}
