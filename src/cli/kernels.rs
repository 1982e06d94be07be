//! On which kernels scenarios run, as the command line says it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokio::runtime::Runtime;

use super::output;
use crate::backend::vm::{Kernel, Store, Time, VmError};
use crate::backend::{Backend, VmBackend};

/// Which kernels, and how time passes there.
#[derive(Debug, Args)]
pub(super) struct OnArguments {
    /// Run on this kernel, in a virtual machine; may be repeated
    ///
    /// A vmlinuz, a linux-image package (.deb), a name of `nslab kernel list` or its beginning, or `host`. With several, everything runs on
    /// each, and the outcomes are shown side by side. No root is needed, and nothing but QEMU.
    #[arg(long = "kernel", value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Where the modules are of a kernel that is an image alone: lib/modules/RELEASE, or a folder that it lies in
    #[arg(long, value_name = "DIR", requires = "kernels")]
    modules: Option<PathBuf>,
    /// How time passes there
    #[arg(
        long,
        value_enum,
        default_value = "virtual",
        value_name = "TIME",
        requires = "kernels"
    )]
    time: TimeWord,
    /// Do every run twice, and see that it is the same to the last bit
    #[arg(long, requires = "kernels")]
    verify_repeatable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TimeWord {
    /// By instructions: waiting takes no time, and every run is the same to the last bit
    Virtual,
    /// As on this host, by KVM where that can be used: for rates
    Real,
}

/// A place for runs with its name, where it has one.
#[derive(Debug)]
pub(super) struct On {
    pub(super) name: Option<String>,
    pub(super) backend: Backend,
}

impl OnArguments {
    /// What contradicts itself.
    pub(super) fn problem(&self) -> Option<String> {
        (self.verify_repeatable && self.time == TimeWord::Real).then(|| {
            "--verify-repeatable is for virtual time: in real time no two runs are the same"
                .to_owned()
        })
    }

    /// Whether each run is to be done twice.
    pub(super) fn verify(&self) -> bool {
        self.verify_repeatable
    }

    /// Where to run: on this kernel, or on each that is named, once.
    pub(super) fn places(&self) -> Result<Vec<On>, Box<dyn std::error::Error>> {
        if self.kernels.is_empty() {
            return Ok(vec![On {
                name: None,
                backend: Backend::default(),
            }]);
        }
        let mut places: Vec<On> = Vec::new();
        for text in &self.kernels {
            let kernel = Kernel::resolve(text, self.modules.as_deref(), Store::of_user)?;
            let name = Some(kernel.name.clone());
            if places.iter().any(|on| on.name == name) {
                continue;
            }
            let time = match self.time {
                TimeWord::Virtual => Time::Virtual,
                TimeWord::Real => Time::Real,
            };
            places.push(On {
                name,
                backend: Backend::Vm(VmBackend::new(kernel, time)?),
            });
        }
        Ok(places)
    }
}

/// Boots what runs begin with, and says what is to be known of it. False where the kernel does not boot, which is told.
pub(super) fn prepare(runtime: &Runtime, backend: &Backend) -> bool {
    let Backend::Vm(vm) = backend else {
        return true;
    };
    match runtime.block_on(vm.prepare()) {
        Ok(note) => {
            if let Some(note) = note {
                output::err(&format!("note: {note}\n"));
            }
            true
        }
        Err(error) => {
            tell(&error);
            false
        }
    }
}

/// An error, with what the guest's console said last.
pub(super) fn tell(error: &VmError) {
    output::error(error);
    for line in error.console() {
        output::err(&format!("  | {line}\n"));
    }
}
