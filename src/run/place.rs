//! Where a run happens, as its record tells: kernel, machine, privileges.

use nix::sys::{sysinfo, utsname};

use crate::lab::NodeSettings;
use crate::record::{Environment, Privileges};
use crate::run::WorkOrder;

/// Looks at kernel and machine.
pub(crate) fn environment(
    order: &WorkOrder,
    privileges: Privileges,
    settings: NodeSettings,
) -> Environment {
    let uname = utsname::uname().ok();
    let word = |pick: fn(&utsname::UtsName) -> &std::ffi::OsStr| {
        uname
            .as_ref()
            .map(|uname| pick(uname).to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    Environment {
        nslab: env!("CARGO_PKG_VERSION").to_owned(),
        kernel_release: word(utsname::UtsName::release),
        kernel_build: word(utsname::UtsName::version),
        machine: word(utsname::UtsName::machine),
        processors: std::thread::available_parallelism()
            .map_or(0, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        memory: sysinfo::sysinfo().map_or(0, |info| info.ram_total()),
        privileges,
        owns_kernel: order.ground.owns_kernel,
        virtual_time: order.guest.as_ref().is_some_and(|guest| guest.virtual_time),
        guest: order.guest.clone(),
        seed: order.spec.seed,
        sysctls: settings.sysctls,
        off_baseline: settings.off_baseline,
    }
}
