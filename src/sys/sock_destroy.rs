//! Finds a TIME_WAIT socket by its addresses and ends it early, with sock_diag(7) and `SOCK_DESTROY`.
//!
//! A socket is always ended by its cookie. With only the addresses, the kernel could find another one: a new
//! connection with the same ports, or the listener (Linux `net/ipv4/inet_diag.c`, `inet_diag_find_one_icsk`).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::netlink::{ACK, Batch, Netlink, NetlinkError};

/// `SOCK_DIAG_BY_FAMILY`, Linux `include/uapi/linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `SOCK_DESTROY`, Linux 4.5 and later with `CONFIG_INET_DIAG_DESTROY`, same file.
const SOCK_DESTROY: u16 = 21;
/// `INET_DIAG_NOCOOKIE`, Linux `include/uapi/linux/inet_diag.h`: any socket with these addresses.
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// `TCP_TIME_WAIT`, Linux `include/net/tcp_states.h`.
const TCP_TIME_WAIT: u8 = 6;
/// `TCP_LISTEN`, same file.
const TCP_LISTEN: u8 = 10;

/// Offsets in `struct inet_diag_msg`, Linux `include/uapi/linux/inet_diag.h`.
const STATE: usize = 1;
const COOKIE: std::ops::Range<usize> = 44..52;
/// `struct inet_diag_sockid`: ports, addresses, interface and cookie.
const ID: std::ops::Range<usize> = 4..52;
const EXPIRES: std::ops::Range<usize> = 52..56;

/// A TIME_WAIT socket as found by [`SockDestroyer::find`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWaitSocket {
    local: SocketAddr,
    peer: SocketAddr,
    cookie: [u8; 8],
    /// The time from then until the kernel ends it on its own.
    pub expires: Duration,
}

/// A sock_diag socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct SockDestroyer {
    netlink: Netlink,
}

impl SockDestroyer {
    /// Opens the socket in the calling thread's namespace.
    ///
    /// # Errors
    /// The errors of socket(2).
    pub fn open() -> Result<Self, NetlinkError> {
        Netlink::open(libc::NETLINK_SOCK_DIAG).map(|netlink| Self { netlink })
    }

    /// Looks up the TIME_WAIT socket with these addresses; `None` if there is none.
    ///
    /// # Errors
    /// The kernel refuses the request.
    pub fn find(
        &mut self,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Result<Option<TimeWaitSocket>, NetlinkError> {
        let found = self.netlink.get(
            SOCK_DIAG_BY_FAMILY,
            |body| request(body, local, peer, NO_COOKIE),
            |answer| {
                Some((
                    *answer.get(STATE)?,
                    <[u8; 8]>::try_from(answer.get(COOKIE)?).ok()?,
                    u32::from_ne_bytes(answer.get(EXPIRES)?.try_into().ok()?),
                ))
            },
        );
        match found {
            Ok((TCP_TIME_WAIT, cookie, expires)) => Ok(Some(TimeWaitSocket {
                local,
                peer,
                cookie,
                expires: Duration::from_millis(expires.into()),
            })),
            Ok(_) => Ok(None),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a socket. Returns whether it still existed.
    ///
    /// # Errors
    /// EOPNOTSUPP if the kernel was built without it; EPERM without CAP_NET_ADMIN.
    pub fn destroy(&mut self, socket: &TimeWaitSocket) -> Result<bool, NetlinkError> {
        let mut batch = Batch::new();
        batch.push(SOCK_DESTROY, ACK, |body| {
            request(body, socket.local, socket.peer, socket.cookie);
        });
        match self.netlink.request(batch) {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Ends every TCP socket in the calling thread's namespace except listeners. The kernel may send a RST for each.
///
/// # Errors
/// EOPNOTSUPP if the kernel was built without it; EPERM without CAP_NET_ADMIN.
pub fn destroy_all_tcp() -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open(libc::NETLINK_SOCK_DIAG)?;
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut found: Vec<[u8; 48]> = Vec::new();
        let dumped = netlink.dump(
            SOCK_DIAG_BY_FAMILY,
            0,
            |body| {
                header(body, family, !(1 << TCP_LISTEN));
                body.resize(body.len() + ID.len(), 0);
            },
            |_, answer| found.extend(answer.get(ID).and_then(|id| <[u8; 48]>::try_from(id).ok())),
        );
        match dumped {
            Ok(()) => {}
            // The kernel has no IPv6.
            Err(error) if error.errno() == Some(libc::ENOENT) => continue,
            Err(error) => return Err(error),
        }
        for id in found {
            let mut batch = Batch::new();
            batch.push(SOCK_DESTROY, ACK, |body| {
                header(body, family, u32::MAX);
                body.extend_from_slice(&id);
            });
            match netlink.request(batch) {
                Ok(()) => {}
                // It ended by itself.
                Err(error) if error.errno() == Some(libc::ENOENT) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Writes `struct inet_diag_req_v2` for TCP without the socket's addresses.
fn header(body: &mut Vec<u8>, family: i32, states: u32) {
    body.extend_from_slice(&[family as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    body.extend_from_slice(&states.to_ne_bytes());
}

/// Writes `struct inet_diag_req_v2` for TCP.
fn request(body: &mut Vec<u8>, local: SocketAddr, peer: SocketAddr, cookie: [u8; 8]) {
    let family = if local.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    body.extend_from_slice(&[family as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    body.extend_from_slice(&u32::MAX.to_ne_bytes());
    body.extend_from_slice(&local.port().to_be_bytes());
    body.extend_from_slice(&peer.port().to_be_bytes());
    for end in [local, peer] {
        let start = body.len();
        match end.ip() {
            IpAddr::V4(address) => body.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => body.extend_from_slice(&address.octets()),
        }
        body.resize(start + 16, 0);
    }
    body.extend_from_slice(&0_u32.to_ne_bytes());
    body.extend_from_slice(&cookie);
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::sys::loopback;

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_time_wait_socket_is_found_and_ended_and_its_listener_is_not() {
        let netns = loopback::namespace();
        let check = netns.run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let server = listener.local_addr().unwrap();
            let client = TcpStream::connect(server).unwrap();
            let (accepted, peer) = listener.accept().unwrap();

            let mut sockets = SockDestroyer::open().unwrap();
            assert_eq!(
                sockets.find(server, peer).unwrap(),
                None,
                "it is established"
            );
            drop(accepted);
            drop(client);
            let found = loop {
                if let Some(found) = sockets.find(server, peer).unwrap() {
                    break found;
                }
            };
            assert!(found.expires > Duration::from_secs(50), "{found:?}");
            assert!(sockets.destroy(&found).unwrap());
            assert!(!sockets.destroy(&found).unwrap());
            assert_eq!(sockets.find(server, peer).unwrap(), None);
            TcpStream::connect(server).unwrap();
        });
        check.unwrap();
    }
}
