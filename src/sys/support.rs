//! Whether this kernel and this process can do something: each is tried, and leaves nothing behind.

use std::fs::OpenOptions;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use io_uring::IoUring;
use nix::sys::resource::{Resource, getrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use super::netlink::{Batch, Netlink, NetlinkError};
use super::rtnl;
use super::sock_destroy::SockDestroyer;

/// `PACKET_VNET_HDR` (Linux `include/uapi/linux/if_packet.h`).
const PACKET_VNET_HDR: i32 = 15;
/// `IP_LOCAL_PORT_RANGE` (Linux 6.3, `include/uapi/linux/in.h`).
const IP_LOCAL_PORT_RANGE: i32 = 51;
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

/// Ends a TIME_WAIT socket from outside (`SOCK_DESTROY`): one is made for it on the loopback device, which is brought up. Needs
/// CAP_NET_ADMIN in the namespace.
///
/// # Errors
/// EOPNOTSUPP without CONFIG_INET_DIAG_DESTROY, and where TIME_WAIT cannot be ended: 5.10 cannot, 6.1 can (both tried).
pub fn end_time_wait() -> Result<(), NetlinkError> {
    let mut up = Batch::new();
    rtnl::set_link(&mut up, rtnl::LOOPBACK, true);
    up.acknowledge_last();
    Netlink::open(libc::NETLINK_ROUTE)?.request(up)?;
    let (client, server) = closed_here_first().map_err(NetlinkError::Socket)?;
    let mut sockets = SockDestroyer::open()?;
    let mut found = None;
    rtnl::wait_until(|| {
        found = sockets.find(client, server)?;
        Ok(found.is_some())
    })?;
    match found {
        Some(socket) => sockets.destroy(&socket).map(|_| ()),
        // The namespace keeps no TIME_WAIT (tcp_max_tw_buckets 0), so there is none to be ended.
        None => Ok(()),
    }
}

/// A connection on the loopback device that its client has closed first; gives the addresses of both.
fn closed_here_first() -> io::Result<(SocketAddr, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let addresses = (client.local_addr()?, client.peer_addr()?);
    let (accepted, _) = listener.accept()?;
    drop(client);
    drop(accepted);
    Ok(addresses)
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
