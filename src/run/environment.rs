//! Collects the environment of a run for its record: kernel, machine, privileges, resource usage.

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::sys::{sysinfo, utsname};

use crate::lab::NodeSettings;
use crate::record::{Environment, Privileges};
use crate::run::WorkOrder;

/// Describes the kernel and machine that this process runs on.
pub(crate) fn of_run(
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
        descriptors: getrlimit(Resource::RLIMIT_NOFILE).map_or(None, |(_, hard)| Some(hard)),
        memory: sysinfo::sysinfo().map_or(0, |info| info.ram_total()),
        privileges,
        owns_kernel: order.scope.owns_kernel,
        virtual_time: order.in_virtual_time(),
        guest: order.guest.clone(),
        seed: order.spec.seed,
        sysctls: settings.sysctls,
        off_baseline: settings.off_baseline,
        kernel_sysctls: settings.of_kernel,
        absent_sysctls: settings.absent,
    }
}

/// Returns the processor time in nanoseconds and the peak memory in bytes of this process and of the children that it
/// has waited for. The memory is that of the largest of them.
pub(crate) fn usage() -> Option<(u64, u64)> {
    let each = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].map(|who| getrusage(who).ok());
    let (mut cpu, mut memory) = (0, 0);
    for usage in each {
        let usage = usage?;
        cpu += usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
        // ru_maxrss is in KiB (getrusage(2)).
        memory = usage.max_rss().max(memory);
    }
    let memory = u64::try_from(memory).ok()?.saturating_mul(1024);
    Some((u64::try_from(cpu).ok()?, memory))
}
