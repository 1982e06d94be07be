//! `nslab kernel`: manages the store of kernels that scenarios can run on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::backend_args::prepare;
use super::runtime::runtime;
use super::{exit, message, output};
use crate::backend::vm::{Kernel, Store, StoreError, Time};
use crate::backend::{Backend, VmBackend};

const HELP: &str = "\
Where to get a kernel:

  Debian (`apt-cache search linux-image | grep cloud` lists the packages):
    apt-get download linux-image-6.1.0-56-cloud-amd64
    nslab kernel add ./linux-image-6.1.0-56-cloud-amd64_*.deb

  Ubuntu:
    apt-get download linux-image-6.8.0-60-generic \\
      linux-modules-6.8.0-60-generic
    nslab kernel add ./linux-image-6.8.0-60-*.deb \\
      ./linux-modules-6.8.0-60-*.deb

  Your own:
    make bzImage modules
    make modules_install INSTALL_MOD_PATH=/tmp/mine
    nslab kernel add arch/x86/boot/bzImage --modules /tmp/mine --name mine

  The kernel of this host, if its image can be read:
    nslab run --kernel host

Then run scenarios on it:
    nslab run --kernel debian-6.1

Neither root nor dpkg is needed. Packages are unpacked; nothing in them is run.
The name of a kernel is its distribution and release, such as
debian-6.1.0-56-cloud-amd64. The start of a name is enough if it is unique.";

/// Arguments of `nslab kernel`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct KernelArguments {
    /// Folder of kernels [default: $XDG_DATA_HOME/nslab/kernels or ~/.local/share/nslab/kernels]
    #[arg(long, value_name = "DIR", global = true)]
    store: Option<PathBuf>,
    #[command(subcommand)]
    verb: KernelVerb,
}

#[derive(Debug, Subcommand)]
enum KernelVerb {
    /// Add a kernel from its packages (.deb) or its image
    Add(AddArguments),
    /// List the kernels
    List(ListKernelsArguments),
    /// Boot kernels once and keep a snapshot, so that runs start at once
    ///
    /// The first run on a kernel does this too; use `warm` to do it beforehand.
    Warm(WarmArguments),
    /// Remove kernels
    Rm(RmArguments),
}

#[derive(Debug, Args)]
struct AddArguments {
    /// A vmlinuz or bzImage, or the packages of one kernel: linux-image-*.deb, and linux-modules-*.deb if
    /// separate
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Modules for an image: lib/modules/RELEASE, or a folder that contains it
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// Name of the kernel
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Args)]
struct ListKernelsArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A kernel in JSON.
#[derive(Debug, Serialize)]
struct ListedKernel {
    name: String,
    release: String,
    modules: bool,
    sha256: String,
}

#[derive(Debug, Args)]
struct WarmArguments {
    /// Names shown by `nslab kernel list` or the start of one, images, packages, or `host`; by default, all
    /// in the list
    #[arg(value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Modules for a kernel given as an image
    #[arg(long, value_name = "DIR", requires = "kernels")]
    modules: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RmArguments {
    /// Names shown by `nslab kernel list`, or the start of one
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn main(arguments: &KernelArguments) -> ExitCode {
    match act(arguments) {
        Ok(code) => code,
        Err(error) => {
            message::failure(&error);
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
        KernelVerb::Add(add) => {
            let added = store.add(&add.files, add.modules.as_deref(), add.name.as_deref())?;
            let was = if added.was_there {
                "already exists"
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
        KernelVerb::List(arguments) if arguments.json => list_json(&store),
        KernelVerb::List(_) => list(&store),
        KernelVerb::Warm(warm) => Ok(warm_all(warm, &store)),
        KernelVerb::Rm(rm) => {
            for name in &rm.names {
                output::out(&format!("removed {}\n", store.remove(name)?));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Boots each kernel. If one does not boot, the others still do.
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
                return Err("the kernel does not boot".into());
            }
            Ok(())
        };
        match warmed() {
            Ok(()) => output::out(&format!("the snapshot of {name} is ready\n")),
            Err(error) => {
                message::error(format!("cannot make a snapshot of {name}: {error}"));
                code = exit::errored();
            }
        }
    }
    code
}

fn list_json(store: &Store) -> Result<ExitCode, StoreError> {
    let mut code = ExitCode::SUCCESS;
    let mut kernels = Vec::new();
    for name in store.names()? {
        match store.load(&name) {
            Ok(kernel) => kernels.push(ListedKernel {
                name,
                release: kernel.release.clone(),
                modules: kernel.modules.is_some(),
                sha256: kernel.hash.clone(),
            }),
            Err(error) => {
                message::failure(&error);
                code = exit::errored();
            }
        }
    }
    output::json(&kernels);
    Ok(code)
}

fn list(store: &Store) -> Result<ExitCode, StoreError> {
    let names = store.names()?;
    if names.is_empty() {
        output::out(&format!(
            "no kernels in {}; see `nslab kernel --help` for where to get one\n",
            store.folder().display()
        ));
    }
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match store.load(&name) {
            Ok(kernel) => output::out(&format!("{name}\n{}", about(&kernel))),
            Err(error) => {
                message::failure(&error);
                code = exit::errored();
            }
        }
    }
    Ok(code)
}

/// Returns a line with the release, the presence of modules, and the start of the hash.
fn about(kernel: &Kernel) -> String {
    /// Characters of a hash that distinguish kernels.
    const ENOUGH: usize = 16;
    let modules = match kernel.modules {
        Some(_) => "with modules",
        None => "no modules (only built-in features)",
    };
    format!(
        "  Linux {}, {modules}, sha256 {}\n",
        kernel.release,
        kernel.hash.get(..ENOUGH).unwrap_or(&kernel.hash)
    )
}
