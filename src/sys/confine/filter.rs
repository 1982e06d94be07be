//! The system calls that a confined program may not make: those that administer the machine, look into other
//! processes, or are known mainly for the holes that they opened.
//!
//! The list follows the default profile of container engines. Others may be added by the kernel at any time, so this
//! is one layer of several: the program also lacks the capabilities that most of these calls need.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::capabilities::Capability;

/// CAP_SYS_PTRACE (Linux `include/uapi/linux/capability.h`), with which the calls that look into processes are allowed.
const SYS_PTRACE: Capability = Capability(19);
/// CAP_SYS_ADMIN (the same file), with which all calls are allowed.
const SYS_ADMIN: Capability = Capability(21);

/// Bit of the system calls of the x32 ABI (`__X32_SYSCALL_BIT`, Linux `arch/x86/include/uapi/asm/unistd.h`). A filter
/// sees them as different calls of the same architecture.
const X32: i64 = 0x4000_0000;

/// Calls that look into other processes.
const INSPECTING: [i64; 4] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
];

const FORBIDDEN: [i64; 42] = [
    // Mounts.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_chroot,
    // The kernel itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    // Clocks, names and schedules of the machine.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    // Keys.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Ways around the other layers.
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    // Its requests pass no filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// The same, of one architecture.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: [i64; 6] = [
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_kexec_file_load,
    libc::SYS_uselib,
    libc::SYS_modify_ldt,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: [i64; 0] = [];

/// Namespaces that a program may not create. Not here: user namespaces, with which a program becomes another user in
/// its own eyes; what they would allow beyond that is forbidden by this filter.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64
    | CLONE_NEWTIME;
/// Linux `include/uapi/linux/sched.h`. As an argument of clone(2), the bit belongs to the signal number.
const CLONE_NEWTIME: u64 = 0x80;

/// The filter as a program of the kernel.
#[derive(Debug)]
pub(super) struct SyscallFilter(Vec<BpfProgram>);

impl SyscallFilter {
    /// Builds the filter for a program that has these capabilities in addition to the basic ones.
    pub(super) fn build(capabilities: &[Capability]) -> io::Result<Self> {
        if capabilities.contains(&SYS_ADMIN) {
            return Ok(Self(Vec::new()));
        }
        let inspecting = match capabilities.contains(&SYS_PTRACE) {
            true => &[][..],
            false => &INSPECTING[..],
        };
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for call in FORBIDDEN.iter().chain(&FORBIDDEN_HERE).chain(inspecting) {
            rules.insert(*call, Vec::new());
        }
        rules.insert(libc::SYS_unshare, any_of(NAMESPACES)?);
        rules.insert(libc::SYS_clone, any_of(NAMESPACES & !CLONE_NEWTIME)?);
        // Its sockets reach the host of a virtual machine from any network namespace (vsock(7)).
        rules.insert(libc::SYS_socket, vec![equal(0, libc::AF_VSOCK)?]);
        // These make a terminal accept input as if it was typed, until Linux 6.2.
        let ioctls = [libc::TIOCSTI as i32, libc::TIOCLINUX as i32];
        let ioctls = ioctls.iter().map(|request| equal(1, *request));
        rules.insert(libc::SYS_ioctl, ioctls.collect::<io::Result<_>>()?);
        if cfg!(target_arch = "x86_64") {
            let x32 = rules
                .iter()
                .map(|(call, rules)| (call | X32, rules.clone()));
            let x32: Vec<_> = x32.collect();
            rules.extend(x32);
        }
        // The flags of clone3(2) are in memory, where a filter cannot see them; programs fall back to clone(2).
        let hidden = [(libc::SYS_clone3, Vec::new())].into();
        Ok(Self(vec![
            compile(rules, libc::EPERM)?,
            compile(hidden, libc::ENOSYS)?,
        ]))
    }

    /// Installs the filter for the calling process, which must have given up gaining privileges. Makes system calls
    /// only. A kernel without filters is left without.
    pub(super) fn install(&self) -> io::Result<()> {
        for program in &self.0 {
            match apply_filter(program) {
                Ok(()) => {}
                // CONFIG_SECCOMP_FILTER is not set.
                Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
                    if error.raw_os_error() == Some(libc::EINVAL)
                        || error.raw_os_error() == Some(libc::ENOSYS) => {}
                Err(_) => return Err(io::Error::from_raw_os_error(libc::EACCES)),
            }
        }
        Ok(())
    }
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: libc::c_int) -> io::Result<BpfProgram> {
    let arch = std::env::consts::ARCH
        .try_into()
        .map_err(io::Error::other)?;
    let forbidden = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, forbidden, arch);
    let filter = filter.map_err(io::Error::other)?;
    BpfProgram::try_from(filter).map_err(io::Error::other)
}

/// Returns rules that match if the first argument has any of these bits.
fn any_of(bits: u64) -> io::Result<Vec<SeccompRule>> {
    let set = (0..64).map(|bit| 1 << bit).filter(|bit| bits & bit != 0);
    let rule = |bit| condition(0, SeccompCmpOp::MaskedEq(bit), bit);
    set.map(rule).collect()
}

fn equal(argument: u8, value: i32) -> io::Result<SeccompRule> {
    condition(argument, SeccompCmpOp::Eq, u64::from(value.unsigned_abs()))
}

fn condition(argument: u8, operation: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value);
    let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
    rule.map_err(io::Error::other)
}
