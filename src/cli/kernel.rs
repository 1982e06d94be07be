//! `nslab kernel`: the kernels that scenarios can be run on, by name.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::kernels::prepare;
use super::runtime::runtime;
use super::{exit, output};
use crate::backend::vm::{Kernel, Store, StoreError, Time};
use crate::backend::{Backend, VmBackend};

/// Shown below the help of `nslab kernel`.
const HELP: &str = "\
How to come by a kernel:
  Debian    apt-get download linux-image-6.1.0-56-cloud-amd64     (apt-cache search linux-image | grep cloud)
            nslab kernel add ./linux-image-6.1.0-56-cloud-amd64_*.deb
  Ubuntu    apt-get download linux-image-6.8.0-60-generic linux-modules-6.8.0-60-generic
            nslab kernel add ./linux-image-6.8.0-60-*.deb ./linux-modules-6.8.0-60-*.deb
  your own  make bzImage modules && make modules_install INSTALL_MOD_PATH=/tmp/mine
            nslab kernel add arch/x86/boot/bzImage --modules /tmp/mine --name mine
  running   nslab run --kernel host ... (where its image can be read)

Neither root nor dpkg is needed; packages are unpacked, nothing of them is run. Then:
  nslab run --kernel debian-6.1 scenarios/

A kernel is named by its maker and release: debian-6.1.0-56-cloud-amd64. Its beginning will do where no other kernel begins so.";

/// Arguments of `nslab kernel`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct KernelArguments {
    /// Keep kernels in this folder [default: $XDG_DATA_HOME/nslab/kernels or ~/.local/share/nslab/kernels]
    #[arg(long, value_name = "DIR", global = true)]
    store: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a kernel: packages (.deb) of one, or its image
    Add(AddArguments),
    /// List the kernels that there are
    List,
    /// Boot kernels once, so that every run on them begins at once
    ///
    /// A run does so by itself where it has not been done; this is for when that shall not take a run's time.
    Warm(WarmArguments),
    /// Remove kernels
    Rm(RmArguments),
}

#[derive(Debug, Args)]
struct AddArguments {
    /// A vmlinuz or bzImage, or the packages that make up one kernel: linux-image-*.deb, with linux-modules-*.deb where those are apart
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The modules of an image: the folder lib/modules/RELEASE, or one that it lies in
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// Call it so
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Args)]
struct WarmArguments {
    /// Names as `nslab kernel list` shows them or their beginning, images, packages, or `host`; all that are kept where none is given
    #[arg(value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Where the modules are of a kernel that is an image alone
    #[arg(long, value_name = "DIR", requires = "kernels")]
    modules: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RmArguments {
    /// Names as `nslab kernel list` shows them, or their beginning where no other begins so
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn main(arguments: &KernelArguments) -> ExitCode {
    match act(arguments) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            exit::invalid()
        }
    }
}

fn act(arguments: &KernelArguments) -> Result<ExitCode, StoreError> {
    let store = match &arguments.store {
        Some(folder) => Store::at(folder),
        None => Store::of_user()?,
    };
    match &arguments.verb {
        Verb::Add(add) => {
            let added = store.add(&add.files, add.modules.as_deref(), add.name.as_deref())?;
            let was = if added.was_there {
                "is there already"
            } else {
                "added"
            };
            output::out(&format!(
                "{} {was}\n{}",
                added.kernel.name,
                about(&added.kernel)
            ));
            Ok(ExitCode::SUCCESS)
        }
        Verb::List => list(&store),
        Verb::Warm(warm) => Ok(warm_all(warm, &store)),
        Verb::Rm(rm) => {
            for name in &rm.names {
                output::out(&format!("removed {}\n", store.remove(name)?));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Boots each; one that does not boot keeps no other from it.
fn warm_all(arguments: &WarmArguments, store: &Store) -> ExitCode {
    let Some(runtime) = runtime() else {
        return exit::errored();
    };
    let names = match arguments.kernels.is_empty() {
        true => store.names().unwrap_or_default(),
        false => arguments.kernels.clone(),
    };
    let mut code = ExitCode::SUCCESS;
    for name in names {
        let warmed = || -> Result<(), Box<dyn std::error::Error>> {
            let kernel =
                Kernel::resolve(&name, arguments.modules.as_deref(), || Ok(store.clone()))?;
            let vm = VmBackend::new(kernel, Time::Virtual)?;
            if !prepare(&runtime, &Backend::Vm(vm)) {
                return Err("it does not boot".into());
            }
            Ok(())
        };
        match warmed() {
            Ok(()) => output::out(&format!("{name} is warm\n")),
            Err(error) => {
                output::err(&format!("error: cannot warm {name}: {error}\n"));
                code = exit::errored();
            }
        }
    }
    code
}

fn list(store: &Store) -> Result<ExitCode, StoreError> {
    let names = store.names()?;
    if names.is_empty() {
        output::out(&format!(
            "no kernels in {}; `nslab kernel --help` says how to come by some\n",
            store.folder().display()
        ));
    }
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match store.load(&name) {
            Ok(kernel) => output::out(&format!("{name}\n{}", about(&kernel))),
            Err(error) => {
                output::error(&error);
                code = exit::errored();
            }
        }
    }
    Ok(code)
}

/// Release, whether it has modules, the beginning of its hash.
fn about(kernel: &Kernel) -> String {
    /// Characters of a hash that tell kernels apart.
    const ENOUGH: usize = 16;
    let modules = match kernel.modules {
        Some(_) => "with modules",
        None => "no modules: what is not built in is not there",
    };
    format!(
        "  Linux {}, {modules}, sha256 {}\n",
        kernel.release,
        kernel.hash.get(..ENOUGH).unwrap_or(&kernel.hash)
    )
}
