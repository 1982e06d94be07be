//! The system calls that a confined program may not make: those that administer the machine, look into other
//! processes, or are known mainly for the holes that they opened.
//!
//! The list follows the default profile of container engines. Others may be added by the kernel at any time, so this
//! is one layer of several: the program also lacks the capabilities that most of these calls need.

use std::collections::BTreeMap;
use std::io;

use nix::errno::Errno;
#[cfg(target_arch = "x86_64")]
use seccompiler::sock_filter;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::capabilities::Capability;

/// CAP_SYS_ADMIN (Linux `include/uapi/linux/capability.h`), with which all calls are allowed.
const SYS_ADMIN: Capability = Capability(21);

/// Bit of the system calls of the x32 ABI (`__X32_SYSCALL_BIT`, Linux `arch/x86/include/uapi/asm/unistd.h`). A filter
/// sees them as different calls of the same architecture, some with numbers of their own.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// Calls that are allowed with a capability: by its number (Linux `include/uapi/linux/capability.h`).
const UNLESS_CAPABLE: [(Capability, &[i64]); 10] = [
    // CAP_SYS_PTRACE
    (
        Capability(19),
        &[
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_kcmp,
        ],
    ),
    // CAP_DAC_READ_SEARCH
    (Capability(2), &[libc::SYS_open_by_handle_at]),
    // CAP_SYS_MODULE
    (
        Capability(16),
        &[
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_delete_module,
        ],
    ),
    // CAP_SYS_CHROOT
    (Capability(18), &[libc::SYS_chroot]),
    // CAP_SYS_PACCT
    (Capability(20), &[libc::SYS_acct]),
    // CAP_SYS_BOOT
    (Capability(22), &[libc::SYS_reboot, libc::SYS_kexec_load]),
    // CAP_SYS_TIME
    (
        Capability(25),
        &[libc::SYS_settimeofday, libc::SYS_clock_settime],
    ),
    // CAP_SYSLOG
    (Capability(34), &[libc::SYS_syslog]),
    // CAP_PERFMON
    (Capability(38), &[libc::SYS_perf_event_open]),
    // CAP_BPF
    (Capability(39), &[libc::SYS_bpf]),
];

const FORBIDDEN: [i64; 29] = [
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
    // The kernel itself.
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    // Clocks, names and schedules of the machine.
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    // Keys.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Ways around the other layers.
    libc::SYS_setns,
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
const FORBIDDEN_HERE: [i64; 3] = [libc::SYS_uselib, libc::SYS_modify_ldt, libc::SYS__sysctl];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: [i64; 0] = [];

/// Calls of one architecture that are allowed with CAP_SYS_RAWIO or CAP_SYS_BOOT.
#[cfg(target_arch = "x86_64")]
const UNLESS_CAPABLE_HERE: [(Capability, &[i64]); 2] = [
    (Capability(17), &[libc::SYS_iopl, libc::SYS_ioperm]),
    (Capability(22), &[libc::SYS_kexec_file_load]),
];
#[cfg(not(target_arch = "x86_64"))]
const UNLESS_CAPABLE_HERE: [(Capability, &[i64]); 0] = [];

/// The only families of sockets. Others are not divided by network namespaces (AF_VSOCK reaches the host of a virtual
/// machine, AF_BLUETOOTH and AF_QIPCRTR its devices), reach into the kernel (AF_ALG), or make it load modules.
const FAMILIES: [i32; 5] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
    libc::AF_PACKET,
];

/// The only protocols of netlink. Others administer what network namespaces do not divide: the kernel's cryptography
/// (NETLINK_CRYPTO, which asks for no more than CAP_NET_ADMIN), RDMA devices, disks.
const NETLINK_PROTOCOLS: [i32; 10] = [
    libc::NETLINK_ROUTE,
    libc::NETLINK_USERSOCK,
    libc::NETLINK_SOCK_DIAG,
    libc::NETLINK_XFRM,
    libc::NETLINK_SELINUX,
    libc::NETLINK_AUDIT,
    libc::NETLINK_FIB_LOOKUP,
    libc::NETLINK_NETFILTER,
    libc::NETLINK_KOBJECT_UEVENT,
    libc::NETLINK_GENERIC,
];

/// Namespaces that a program may not create. Not here: user namespaces, with which a program appears to itself as
/// another user (`unshare --map-user`); what they would allow beyond that is forbidden by this filter.
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
        if !is_supported() {
            return Ok(Self(Vec::new()));
        }
        let guarded = UNLESS_CAPABLE.iter().chain(&UNLESS_CAPABLE_HERE);
        let guarded = guarded
            .filter(|(capability, _)| !capabilities.contains(capability))
            .flat_map(|(_, calls)| *calls);
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for call in FORBIDDEN.iter().chain(&FORBIDDEN_HERE).chain(guarded) {
            rules.insert(*call, Vec::new());
        }
        rules.insert(libc::SYS_unshare, any_of(NAMESPACES)?);
        rules.insert(libc::SYS_clone, any_of(NAMESPACES & !CLONE_NEWTIME)?);
        let other_families = SeccompRule::new(none_of(0, &FAMILIES)?).map_err(io::Error::other)?;
        rules.insert(libc::SYS_socketpair, vec![other_families.clone()]);
        rules.insert(
            libc::SYS_socket,
            vec![other_families, other_netlink_protocols()?],
        );
        // These make a terminal accept input as if it was typed, until Linux 6.2.
        let ioctls = [libc::TIOCSTI as i32, libc::TIOCLINUX as i32];
        let ioctls = ioctls.iter().map(|request| equal(1, *request));
        rules.insert(libc::SYS_ioctl, ioctls.collect::<io::Result<_>>()?);
        // The flags of clone3(2) are in memory, where a filter cannot see them; programs fall back to clone(2).
        let hidden = [(libc::SYS_clone3, Vec::new())].into();
        Ok(Self(vec![
            compile(rules, libc::EPERM)?,
            compile(hidden, libc::ENOSYS)?,
            #[cfg(target_arch = "x86_64")]
            without_x32(),
        ]))
    }

    /// Installs the filter for the calling process, which must have given up gaining privileges. Makes system calls
    /// only.
    pub(super) fn install(&self) -> io::Result<()> {
        for program in &self.0 {
            apply_filter(program).map_err(|_| io::Error::from_raw_os_error(libc::EACCES))?;
        }
        Ok(())
    }
}

/// Returns true if the kernel has filters (CONFIG_SECCOMP_FILTER): it then looks for one at the address 0, and fails
/// with EFAULT (prctl(2), PR_SET_SECCOMP). A program on a kernel without filters lacks this layer.
#[expect(unsafe_code, reason = "prctl(2) with an address of no filter")]
fn is_supported() -> bool {
    // SAFETY: the kernel reads nothing at the address 0, and installs nothing.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, 0, 0, 0) };
    done != 0 && Errno::last() == Errno::EFAULT
}

/// Returns a program that refuses every call of the x32 ABI, as a kernel without that ABI does.
#[cfg(target_arch = "x86_64")]
fn without_x32() -> BpfProgram {
    let instruction = |code: u32, jt, jf, k| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    // `struct seccomp_data` (Linux `include/uapi/linux/seccomp.h`) begins with the number of the call.
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs(),
        ),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
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

/// Returns the rule that matches netlink sockets of all but some protocols.
fn other_netlink_protocols() -> io::Result<SeccompRule> {
    let mut conditions = none_of(2, &NETLINK_PROTOCOLS)?;
    conditions.push(compare(0, SeccompCmpOp::Eq, libc::AF_NETLINK as u64)?);
    SeccompRule::new(conditions).map_err(io::Error::other)
}

/// Returns the conditions that hold together if an argument is none of these values.
fn none_of(argument: u8, values: &[i32]) -> io::Result<Vec<SeccompCondition>> {
    let differs =
        |value: &i32| compare(argument, SeccompCmpOp::Ne, u64::from(value.unsigned_abs()));
    values.iter().map(differs).collect()
}

fn equal(argument: u8, value: i32) -> io::Result<SeccompRule> {
    condition(argument, SeccompCmpOp::Eq, u64::from(value.unsigned_abs()))
}

fn condition(argument: u8, operation: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    SeccompRule::new(vec![compare(argument, operation, value)?]).map_err(io::Error::other)
}

fn compare(argument: u8, operation: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value)
        .map_err(io::Error::other)
}
