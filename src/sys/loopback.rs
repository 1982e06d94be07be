//! The loopback device of the calling thread's namespace.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;

#[cfg(test)]
use super::NetNs;

/// Sends a datagram from 127.0.0.1 to its port 9 (discard, RFC 863), where nothing needs to listen.
///
/// # Errors
/// The errors of sendto(2).
pub fn send_a_datagram() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.send_to(&[0], (Ipv4Addr::LOCALHOST, 9)).map(|_| ())
}

/// Creates a namespace with 127.0.0.1 and ::1 for a test, which fails if this process may not create one.
///
/// `tcp_rfc1337` is on, as in a lab: on a busy machine segments can cross and meet no socket, and the RST in reply must
/// not end a TIME_WAIT that the test counts.
#[cfg(test)]
pub(crate) fn namespace() -> NetNs {
    let namespace = NetNs::create()
        .unwrap_or_else(|error| panic!("cannot create a network namespace: {error}"));
    let set_up = || up().and_then(|()| std::fs::write("/proc/sys/net/ipv4/tcp_rfc1337", "1"));
    namespace.run(set_up).unwrap().unwrap();
    namespace
}

/// Brings the device up (`SIOCSIFFLAGS`, netdevice(7)).
///
/// # Errors
/// EPERM without CAP_NET_ADMIN in the namespace.
#[expect(unsafe_code, reason = "ioctl(2)")]
pub fn up() -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    let mut name = [0; libc::IFNAMSIZ];
    name[0] = b'l' as libc::c_char;
    name[1] = b'o' as libc::c_char;
    let flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags },
    };
    // SAFETY: the request is a complete `ifreq` that outlives the call, which only reads it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(result)?;
    Ok(())
}
