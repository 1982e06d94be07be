//! Checks whether this kernel and process support a feature, by trying it. Nothing is left behind.

use std::fs::OpenOptions;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::resource::{Resource, getrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use super::loopback;
use super::netlink::{Netlink, NetlinkError};
use super::rtnl;
use super::sock_destroy::SockDestroyer;

/// `PACKET_VNET_HDR` (Linux `include/uapi/linux/if_packet.h`).
const PACKET_VNET_HDR: i32 = 15;
/// `IP_LOCAL_PORT_RANGE` (Linux 6.3, `include/uapi/linux/in.h`).
const IP_LOCAL_PORT_RANGE: i32 = 51;
/// `IPCTNL_MSG_CT_GET_STATS` (Linux 3.16, `include/uapi/linux/netfilter/nfnetlink_conntrack.h`).
const CT_GET_STATS: u16 = 5;

/// Checks packet sockets that keep offloads (`PACKET_VNET_HDR`). This needs CAP_NET_RAW in the namespace.
///
/// # Errors
/// EPERM without the privilege.
pub fn packet_sockets() -> io::Result<()> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    set_int(&socket, libc::SOL_PACKET, PACKET_VNET_HDR, 1)
}

/// Checks local port ranges per socket (`IP_LOCAL_PORT_RANGE`).
///
/// # Errors
/// ENOPROTOOPT before Linux 6.3.
pub fn local_port_range() -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    set_int(&socket, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, 0)
}

#[expect(unsafe_code, reason = "socket2 does not wrap these options")]
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

/// Checks that a TIME_WAIT socket can be ended (`SOCK_DESTROY`). It creates one on the loopback device, which
/// it brings up. This needs CAP_NET_ADMIN in the namespace.
///
/// # Errors
/// EOPNOTSUPP without CONFIG_INET_DIAG_DESTROY, or if TIME_WAIT cannot be ended: 5.10 cannot, 6.1 can (both tried).
pub fn end_time_wait() -> Result<(), NetlinkError> {
    let closed = loopback::up().and_then(|()| closed_here_first());
    let (client, server) = closed.map_err(NetlinkError::Socket)?;
    let mut sockets = SockDestroyer::open()?;
    let mut found = None;
    rtnl::wait_until(|| {
        found = sockets.find(client, server)?;
        Ok(found.is_some())
    })?;
    match found {
        Some(socket) => sockets.destroy(&socket).map(|_| ()),
        // The namespace keeps no TIME_WAIT (tcp_max_tw_buckets is 0), so there is none to end.
        None => Ok(()),
    }
}

/// Makes a connection on the loopback device that the client closes first, and returns both addresses.
fn closed_here_first() -> io::Result<(SocketAddr, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let addresses = (client.local_addr()?, client.peer_addr()?);
    let (accepted, _) = listener.accept()?;
    drop(client);
    drop(accepted);
    Ok(addresses)
}

/// Checks that conntrack tables can be read and filled over netlink.
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

/// Checks that the kernel's log can be read.
///
/// # Errors
/// EPERM if `kernel.dmesg_restrict` requires CAP_SYSLOG; ENOENT in containers without the device.
pub fn kernel_log() -> io::Result<()> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/kmsg")
        .map(|_| ())
}

/// Returns the limit up to which a process may raise its descriptor limit (`RLIMIT_NOFILE`, hard).
///
/// # Errors
/// The errors of getrlimit(2).
pub fn descriptors() -> io::Result<u64> {
    Ok(getrlimit(Resource::RLIMIT_NOFILE)?.1)
}
