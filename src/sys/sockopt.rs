//! Calls and options of TCP and UDP sockets that socket2 does not wrap.

#![expect(
    unsafe_code,
    reason = "accept4(2) and setsockopt(2) options that socket2 does not wrap"
)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// `IP_LOCAL_PORT_RANGE`, Linux 6.3, `include/uapi/linux/in.h`; not in libc.
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;

/// Creates a TCP socket of the address's family, non-blocking and closed on exec.
///
/// # Errors
/// The errors of socket(2): EMFILE, ENFILE, ENOBUFS.
pub fn tcp_socket(family_of: IpAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(SocketAddr::new(family_of, 0));
    let kind = Type::STREAM.nonblocking().cloexec();
    Socket::new_raw(domain, kind, Some(Protocol::TCP))
}

/// Creates a UDP socket of the address's family, non-blocking and closed on exec.
///
/// # Errors
/// The errors of socket(2): EMFILE, ENFILE, ENOBUFS.
pub fn udp_socket(family_of: IpAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(SocketAddr::new(family_of, 0));
    let kind = Type::DGRAM.nonblocking().cloexec();
    Socket::new_raw(domain, kind, Some(Protocol::UDP))
}

/// Returns the wildcard address of the same family.
pub fn any_address(family_of: IpAddr) -> IpAddr {
    match family_of {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Begins to connect a non-blocking socket. It may not be established yet.
///
/// # Errors
/// Those of connect(2) that end the attempt.
pub fn begin_connect(socket: &Socket, target: &SockAddr) -> io::Result<()> {
    match socket.connect(target) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}

/// Creates a socket that sends packets including their IP header (raw(7), `IPPROTO_RAW`) and receives nothing.
///
/// # Errors
/// EPERM without CAP_NET_RAW in the namespace.
pub fn raw_sender(family_of: IpAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(SocketAddr::new(family_of, 0));
    Socket::new_raw(
        domain,
        Type::RAW.cloexec(),
        Some(Protocol::from(libc::IPPROTO_RAW)),
    )
}

/// Accepts a connection from a listener's queue, non-blocking and closed on exec, without asking
/// for the peer's address.
///
/// # Errors
/// The errors of accept4(2): EAGAIN if the queue is empty, EMFILE, ENFILE, ECONNABORTED.
pub fn accept(listener: &Socket) -> io::Result<Socket> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let no_address = std::ptr::null_mut();
    // SAFETY: both pointers are null, which accept4(2) allows; it then writes no address.
    let fd = unsafe {
        libc::accept4(
            listener.as_raw_fd(),
            no_address,
            std::ptr::null_mut(),
            flags,
        )
    };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just opened it, so nothing else owns it.
    Ok(Socket::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Makes close(2) send RST instead of FIN (`SO_LINGER` with 0, socket(7)).
pub fn reset_on_close(socket: &Socket) {
    // This can fail only for a descriptor that is not a socket.
    let _always_works = socket.set_linger(Some(std::time::Duration::ZERO));
}

/// Postpones the choice of the port from `bind(2)` to `connect(2)`, when the destination is
/// known (`IP_BIND_ADDRESS_NO_PORT`, Linux 4.2).
///
/// # Errors
/// ENOPROTOOPT on older kernels.
pub fn set_bind_address_no_port(socket: &impl AsFd) -> io::Result<()> {
    set_ip_option(socket, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Limits the range from which `connect(2)` chooses this socket's local port, both ends
/// included (`IP_LOCAL_PORT_RANGE`, Linux 6.3).
///
/// # Errors
/// ENOPROTOOPT on older kernels; EINVAL if the range is reversed.
pub fn set_local_port_range(socket: &impl AsFd, first: u16, last: u16) -> io::Result<()> {
    set_ip_option(
        socket,
        IP_LOCAL_PORT_RANGE,
        (u32::from(last) << 16) | u32::from(first),
    )
}

/// Binds to a local address and leaves the choice of the port to the kernel.
///
/// # Errors
/// The errors of bind(2): EADDRNOTAVAIL if the address is not local.
pub fn bind_address(socket: &Socket, address: IpAddr) -> io::Result<()> {
    socket.bind(&SockAddr::from(SocketAddr::new(address, 0)))
}

/// Sets an option at level `IPPROTO_IP`, which IPv6 sockets pass on (`ipv6_setsockopt`, Linux
/// `net/ipv6/ipv6_sockglue.c`).
fn set_ip_option(socket: &impl AsFd, option: libc::c_int, value: u32) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let length = size_of::<u32>() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `value`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_IP,
            option,
            (&raw const value).cast(),
            length,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// Returns true if everything has been read and the other side has sent its FIN. The socket must not block.
pub fn has_received_end(socket: &Socket) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    matches!(socket.peek(&mut byte), Ok(0))
}
