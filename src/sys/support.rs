//! Whether this kernel and this process can do something: each is tried, and leaves nothing behind.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use io_uring::IoUring;
use nix::sys::resource::{Resource, getrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use super::netlink::{ACK, Batch, Netlink, NetlinkError};

/// `PACKET_VNET_HDR` (Linux `include/uapi/linux/if_packet.h`).
const PACKET_VNET_HDR: i32 = 15;
/// `IP_LOCAL_PORT_RANGE` (Linux 6.3, `include/uapi/linux/in.h`).
const IP_LOCAL_PORT_RANGE: i32 = 51;
/// `SOCK_DESTROY` (Linux 4.5, `include/uapi/linux/sock_diag.h`).
const SOCK_DESTROY: u16 = 21;
/// Bytes of `struct inet_diag_sockid` and the masks before it, in `struct inet_diag_req_v2`.
const INET_DIAG_REQ_V2: usize = 56;
/// `IPCTNL_MSG_CT_GET_STATS` (Linux 3.16, `include/uapi/linux/netfilter/nfnetlink_conntrack.h`).
const CT_GET_STATS: u16 = 5;

/// Packet sockets that keep offloads (`PACKET_VNET_HDR`). Needs CAP_NET_RAW in the namespace.
///
/// # Errors
/// EPERM without the privilege.
pub fn packet_sockets() -> io::Result<()> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    set_int(&socket, libc::SOL_PACKET, PACKET_VNET_HDR, 1)
}

/// A range of local ports for each socket (`IP_LOCAL_PORT_RANGE`).
///
/// # Errors
/// ENOPROTOOPT before Linux 6.3.
pub fn local_port_range() -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    set_int(&socket, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, 0)
}

#[expect(unsafe_code, reason = "socket2 has not wrapped these options")]
fn set_int(socket: &Socket, level: i32, option: i32, value: i32) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value outlives the call and is `length` bytes long.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Ends a socket from outside (`SOCK_DESTROY`); asked for one that is not there. Needs CAP_NET_ADMIN in the namespace.
///
/// # Errors
/// EOPNOTSUPP without CONFIG_INET_DIAG_DESTROY.
pub fn destroy_sockets() -> Result<(), NetlinkError> {
    let mut batch = Batch::new();
    batch.push(SOCK_DESTROY, ACK, |body| {
        let start = body.len();
        body.resize(start + INET_DIAG_REQ_V2, 0);
        body[start] = libc::AF_INET as u8;
        body[start + 1] = libc::IPPROTO_TCP as u8;
        // Any state; the cookie that matches any socket (INET_DIAG_NOCOOKIE).
        body[start + 4..start + 8].copy_from_slice(&u32::MAX.to_ne_bytes());
        body[start + 48..].copy_from_slice(&[0xff; 8]);
    });
    match Netlink::open(libc::NETLINK_SOCK_DIAG)?.request(batch) {
        Err(error) if error.errno() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}

/// Reads and fills connection tracking tables by netlink.
///
/// # Errors
/// EINVAL or EOPNOTSUPP without CONFIG_NF_CT_NETLINK.
pub fn conntrack_netlink() -> Result<(), NetlinkError> {
    let kind = (libc::NFNL_SUBSYS_CTNETLINK as u16) << 8 | CT_GET_STATS;
    Netlink::open(libc::NETLINK_NETFILTER)?.get(
        kind,
        |body| body.extend_from_slice(&[libc::AF_UNSPEC as u8, libc::NFNETLINK_V0 as u8, 0, 0]),
        |_| Some(()),
    )
}

/// io_uring(7).
///
/// # Errors
/// EPERM where `kernel.io_uring_disabled` or a seccomp filter forbids it; ENOSYS before Linux 5.1.
pub fn io_uring() -> io::Result<()> {
    IoUring::new(2).map(|_| ())
}

/// The kernel's log.
///
/// # Errors
/// EPERM where `kernel.dmesg_restrict` asks for CAP_SYSLOG; ENOENT in containers without the device.
pub fn kernel_log() -> io::Result<()> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/kmsg")
        .map(|_| ())
}

/// How many descriptors a process may raise its limit to (`RLIMIT_NOFILE`, hard).
///
/// # Errors
/// Those of getrlimit(2).
pub fn descriptors() -> io::Result<u64> {
    Ok(getrlimit(Resource::RLIMIT_NOFILE)?.1)
}
