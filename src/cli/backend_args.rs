//! Options for the kernels that scenarios run on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio::runtime::Runtime;

use super::runtime::runtime;
use super::{exit, message, output};
use crate::backend::vm::{Kernel, Store, Time, VmError};
use crate::backend::{Backend, VmBackend};
use crate::names::release_numbers;

/// The kernels to run on, and the kind of time there.
#[derive(Debug, Args)]
pub(super) struct BackendArguments {
    /// Run on this kernel in a virtual machine; may be repeated
    ///
    /// KERNEL is a vmlinuz, a linux-image package (.deb), a name shown by `nslab kernel list` or the start
    /// of one, or `host`. With several kernels, everything runs on each, and the differences are shown
    /// first. This needs QEMU, but not root.
    #[arg(long = "kernel", value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Modules for a kernel given as an image: lib/modules/RELEASE, or a folder that contains it
    #[arg(long, value_name = "DIR", requires = "kernels")]
    modules: Option<PathBuf>,
    /// Kind of time in the virtual machine
    #[arg(
        long,
        value_enum,
        default_value = "virtual",
        value_name = "TIME",
        requires = "kernels"
    )]
    time: TimeWord,
    /// Execute every run twice and check that both are identical, bit for bit
    #[arg(long, requires = "kernels")]
    verify_repeatable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TimeWord {
    /// Counts instructions: waiting takes no time, and repeated runs are identical, bit for bit
    Virtual,
    /// The time of this host, with KVM if available; use it to measure rates
    Real,
}

/// A backend for runs, with the name of its kernel if there is one.
#[derive(Debug)]
pub(super) struct BackendTarget {
    pub(super) name: Option<String>,
    /// The output of `uname -r` there, if a kernel is named.
    pub(super) release: String,
    pub(super) backend: Backend,
}

impl BackendArguments {
    /// Returns a message if the options contradict each other.
    pub(super) fn problem(&self) -> Option<String> {
        (self.verify_repeatable && self.time == TimeWord::Real).then(|| {
            "--verify-repeatable needs virtual time, because no two runs in real time are the same"
                .to_owned()
        })
    }

    /// Returns true if each run is executed twice.
    pub(super) fn verify(&self) -> bool {
        self.verify_repeatable
    }

    /// Returns the backends: this kernel, or every kernel that is named.
    pub(super) fn targets(&self) -> Result<Vec<BackendTarget>, Box<dyn std::error::Error>> {
        if self.kernels.is_empty() {
            return Ok(vec![BackendTarget {
                name: None,
                release: String::new(),
                backend: Backend::default(),
            }]);
        }
        let mut targets: Vec<BackendTarget> = Vec::new();
        for text in &self.kernels {
            let kernel = Kernel::resolve(text, self.modules.as_deref(), Store::of_user)?;
            let name = Some(kernel.name.clone());
            if targets.iter().any(|target| target.name == name) {
                continue;
            }
            let time = match self.time {
                TimeWord::Virtual => Time::Virtual,
                TimeWord::Real => Time::Real,
            };
            targets.push(BackendTarget {
                name,
                release: kernel.release.clone(),
                backend: Backend::Vm(VmBackend::new(kernel, time)?),
            });
        }
        Ok(targets)
    }
}

/// Returns the only backend that the options name, ready for runs, with a runtime for them. Prints the error and
/// returns the exit code if the options contradict each other or name several kernels, or if the kernel does not boot.
pub(super) fn prepare_one(
    arguments: &BackendArguments,
) -> Result<(Runtime, BackendTarget), ExitCode> {
    let (runtime, mut targets) = prepare_all(arguments)?;
    match targets.pop() {
        Some(target) if targets.is_empty() => Ok((runtime, target)),
        Some(_) | None => {
            message::error("--kernel takes one kernel at a time here");
            Err(exit::invalid())
        }
    }
}

/// Returns every backend that the options name, from the oldest kernel to the newest, ready for runs, with a runtime
/// for them. Prints the error and returns the exit code if the options contradict each other, or if a kernel does not
/// boot.
pub(super) fn prepare_all(
    arguments: &BackendArguments,
) -> Result<(Runtime, Vec<BackendTarget>), ExitCode> {
    if let Some(problem) = arguments.problem() {
        message::error(problem);
        return Err(exit::invalid());
    }
    let mut targets = match arguments.targets() {
        Ok(targets) => targets,
        Err(error) => {
            message::failure(error.as_ref());
            return Err(exit::errored());
        }
    };
    targets.sort_by_key(|target| release_numbers(&target.release));
    let runtime = runtime().ok_or_else(exit::errored)?;
    for target in &targets {
        if !prepare(&runtime, &target.backend) {
            return Err(exit::errored());
        }
    }
    Ok((runtime, targets))
}

/// Boots the snapshot that runs start from. Prints the error and returns false if the kernel does not boot.
pub(super) fn prepare(runtime: &Runtime, backend: &Backend) -> bool {
    let Backend::Vm(vm) = backend else {
        return true;
    };
    match runtime.block_on(vm.prepare()) {
        Ok(note) => {
            if let Some(note) = note {
                message::note(note);
            }
            true
        }
        Err(error) => {
            print_boot_error(&error);
            false
        }
    }
}

/// Prints an error with the last lines of the guest's console.
fn print_boot_error(error: &VmError) {
    message::failure(error);
    for line in error.console() {
        output::err(&format!("  | {line}\n"));
    }
}
