//! For tests: the loopback device of the calling thread's namespace, up.

use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::NetNs;

/// A namespace with 127.0.0.1 and ::1, or `None` (said aloud) where this process may not create one.
pub(crate) fn namespace() -> Option<NetNs> {
    match NetNs::create() {
        Ok(namespace) => {
            namespace.run(set_up).unwrap().unwrap();
            Some(namespace)
        }
        Err(error) => {
            panic!("cannot create a network namespace: {error}")
        }
    }
}

/// `SIOCSIFFLAGS`, netdevice(7).
#[expect(unsafe_code, reason = "ioctl(2)")]
fn set_up() -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    let mut name = [0; libc::IFNAMSIZ];
    name[0] = b'l' as libc::c_char;
    name[1] = b'o' as libc::c_char;
    let flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags },
    };
    // SAFETY: the request is a whole `ifreq` that lives for the length of the call, which only reads it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(result)?;
    Ok(())
}
