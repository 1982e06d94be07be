//! Socket options by the names of their constants: set, and read back.

#![expect(
    unsafe_code,
    reason = "setsockopt(2) and getsockopt(2) with options that socket2 does not wrap"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use socket2::Socket;

/// `TCP_THIN_LINEAR_TIMEOUTS`, `TCP_FASTOPEN_CONNECT` and `TCP_NOTSENT_LOWAT` of `include/uapi/linux/tcp.h`, if libc
/// has no constant.
const TCP_THIN_LINEAR_TIMEOUTS: libc::c_int = 16;
const TCP_FASTOPEN_CONNECT: libc::c_int = 30;

/// Level and number of an option, for IPv4 and, if they differ, for IPv6.
type OptionNumbers = (libc::c_int, libc::c_int);

/// A value of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedValue<'a> {
    /// An `int`; for `SO_LINGER`, seconds.
    Number(i32),
    /// A name of ASCII letters.
    Text(&'a str),
}

/// Returns level and number of an option; `None` for a name that is not known here.
fn numbers(name: &str, ipv6: bool) -> Option<OptionNumbers> {
    let (socket, tcp, ip) = (libc::SOL_SOCKET, libc::IPPROTO_TCP, libc::IPPROTO_IP);
    Some(match name {
        "SO_KEEPALIVE" => (socket, libc::SO_KEEPALIVE),
        "SO_LINGER" => (socket, libc::SO_LINGER),
        "SO_RCVBUF" => (socket, libc::SO_RCVBUF),
        "SO_REUSEADDR" => (socket, libc::SO_REUSEADDR),
        "SO_REUSEPORT" => (socket, libc::SO_REUSEPORT),
        "SO_SNDBUF" => (socket, libc::SO_SNDBUF),
        "TCP_CONGESTION" => (tcp, libc::TCP_CONGESTION),
        "TCP_DEFER_ACCEPT" => (tcp, libc::TCP_DEFER_ACCEPT),
        "TCP_FASTOPEN" => (tcp, libc::TCP_FASTOPEN),
        "TCP_FASTOPEN_CONNECT" => (tcp, TCP_FASTOPEN_CONNECT),
        "TCP_KEEPCNT" => (tcp, libc::TCP_KEEPCNT),
        "TCP_KEEPIDLE" => (tcp, libc::TCP_KEEPIDLE),
        "TCP_KEEPINTVL" => (tcp, libc::TCP_KEEPINTVL),
        "TCP_LINGER2" => (tcp, libc::TCP_LINGER2),
        "TCP_MAXSEG" => (tcp, libc::TCP_MAXSEG),
        "TCP_NODELAY" => (tcp, libc::TCP_NODELAY),
        "TCP_NOTSENT_LOWAT" => (tcp, libc::TCP_NOTSENT_LOWAT),
        "TCP_QUICKACK" => (tcp, libc::TCP_QUICKACK),
        "TCP_SYNCNT" => (tcp, libc::TCP_SYNCNT),
        "TCP_THIN_LINEAR_TIMEOUTS" => (tcp, TCP_THIN_LINEAR_TIMEOUTS),
        "TCP_USER_TIMEOUT" => (tcp, libc::TCP_USER_TIMEOUT),
        "TCP_WINDOW_CLAMP" => (tcp, libc::TCP_WINDOW_CLAMP),
        "IP_BIND_ADDRESS_NO_PORT" => (ip, libc::IP_BIND_ADDRESS_NO_PORT),
        "IP_TOS" if ipv6 => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        "IP_TOS" => (ip, libc::IP_TOS),
        "IP_TTL" if ipv6 => (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS),
        "IP_TTL" => (ip, libc::IP_TTL),
        _ => return None,
    })
}

/// Sets an option.
///
/// # Errors
/// EINVAL for a name that is not known here; otherwise the errors of setsockopt(2): ENOPROTOOPT if the kernel lacks the
/// option, ENOENT if it lacks a congestion control.
pub fn set(socket: &Socket, name: &str, value: NamedValue<'_>, ipv6: bool) -> io::Result<()> {
    let (level, number) = numbers(name, ipv6).ok_or(Errno::EINVAL)?;
    match value {
        NamedValue::Number(seconds) if number == libc::SO_LINGER && level == libc::SOL_SOCKET => {
            let seconds = u64::try_from(seconds).unwrap_or_default();
            socket.set_linger(Some(Duration::from_secs(seconds)))
        }
        NamedValue::Number(value) => {
            let bytes = value.to_ne_bytes();
            set_bytes(socket, (level, number), &bytes)
        }
        NamedValue::Text(text) => set_bytes(socket, (level, number), text.as_bytes()),
    }
}

/// Reads an option back as text, in the form in which it is set.
///
/// # Errors
/// The errors of getsockopt(2).
pub fn get(socket: &Socket, name: &str, is_text: bool, ipv6: bool) -> io::Result<String> {
    let (level, number) = numbers(name, ipv6).ok_or(Errno::EINVAL)?;
    if number == libc::SO_LINGER && level == libc::SOL_SOCKET {
        let linger = socket.linger()?;
        return Ok(linger.map_or_else(|| "off".to_owned(), |time| time.as_secs().to_string()));
    }
    let mut bytes = [0_u8; 16];
    let mut length = if is_text {
        bytes.len()
    } else {
        size_of::<i32>()
    } as libc::socklen_t;
    // SAFETY: pointer and length describe `bytes`, which outlives the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            number,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    Errno::result(result)?;
    if is_text {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        return Ok(String::from_utf8_lossy(text).into_owned());
    }
    let [a, b, c, d, ..] = bytes;
    Ok(i32::from_ne_bytes([a, b, c, d]).to_string())
}

fn set_bytes(socket: &Socket, (level, number): OptionNumbers, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: pointer and length describe `bytes`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            number,
            bytes.as_ptr().cast(),
            bytes.len() as libc::socklen_t,
        )
    };
    Errno::result(result)?;
    Ok(())
}
