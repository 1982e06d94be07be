//! What the kernel says of one connection: `struct tcp_info` (`include/uapi/linux/tcp.h`, Linux 6.18; tcp(7)).

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::sockopt::tcp_socket;

/// How a field's number is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpInfoUnit {
    /// Plain numbers, segments among them.
    Count,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Microseconds.
    Microseconds,
}

/// A field of the struct, by the kernel's name without its `tcpi_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfoField {
    /// Its name.
    pub name: &'static str,
    /// How its number is to be read.
    pub unit: TcpInfoUnit,
    at: usize,
    size: usize,
}

const fn field(name: &'static str, unit: TcpInfoUnit, at: usize, size: usize) -> TcpInfoField {
    TcpInfoField {
        name,
        unit,
        at,
        size,
    }
}

/// The fields that can be asked for, in the order of the struct.
pub const FIELDS: [TcpInfoField; 26] = [
    field("rto", TcpInfoUnit::Microseconds, 8, 4),
    field("snd_mss", TcpInfoUnit::Bytes, 16, 4),
    field("rcv_mss", TcpInfoUnit::Bytes, 20, 4),
    field("unacked", TcpInfoUnit::Count, 24, 4),
    field("lost", TcpInfoUnit::Count, 32, 4),
    field("retrans", TcpInfoUnit::Count, 36, 4),
    field("pmtu", TcpInfoUnit::Bytes, 60, 4),
    field("rtt", TcpInfoUnit::Microseconds, 68, 4),
    field("rttvar", TcpInfoUnit::Microseconds, 72, 4),
    field("snd_ssthresh", TcpInfoUnit::Count, 76, 4),
    field("snd_cwnd", TcpInfoUnit::Count, 80, 4),
    field("rcv_rtt", TcpInfoUnit::Microseconds, 92, 4),
    field("rcv_space", TcpInfoUnit::Bytes, 96, 4),
    field("total_retrans", TcpInfoUnit::Count, 100, 4),
    field("bytes_acked", TcpInfoUnit::Bytes, 120, 8),
    field("bytes_received", TcpInfoUnit::Bytes, 128, 8),
    field("segs_out", TcpInfoUnit::Count, 136, 4),
    field("segs_in", TcpInfoUnit::Count, 140, 4),
    field("notsent_bytes", TcpInfoUnit::Bytes, 144, 4),
    field("min_rtt", TcpInfoUnit::Microseconds, 148, 4),
    field("delivery_rate", TcpInfoUnit::BytesPerSecond, 160, 8),
    field("busy_time", TcpInfoUnit::Microseconds, 168, 8),
    field("rwnd_limited", TcpInfoUnit::Microseconds, 176, 8),
    field("sndbuf_limited", TcpInfoUnit::Microseconds, 184, 8),
    field("bytes_retrans", TcpInfoUnit::Bytes, 208, 8),
    field("snd_wnd", TcpInfoUnit::Bytes, 228, 4),
];

impl TcpInfoField {
    /// Whether a struct of so many bytes has it.
    pub fn is_within(&self, length: usize) -> bool {
        self.at + self.size <= length
    }
}

/// Bytes of this kernel's struct: what it has is what was known when it was made.
///
/// # Errors
/// Those of socket(2).
#[expect(
    unsafe_code,
    reason = "getsockopt(2) of a struct whose length is asked for"
)]
pub fn length() -> io::Result<usize> {
    let socket = tcp_socket(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let mut bytes = [0_u8; 1024];
    let mut length = bytes.len() as libc::socklen_t;
    // SAFETY: both pointers describe live memory that the call may write; `length` bounds what it writes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    Errno::result(result)?;
    Ok(length as usize)
}

/// What the kernel said of one connection. An older kernel says less.
#[derive(Debug, Clone, Copy)]
pub struct TcpInfo<'a>(pub(super) &'a [u8]);

impl TcpInfo<'_> {
    /// The number of a field; `None` where this kernel's struct ends before it.
    pub fn get(&self, field: TcpInfoField) -> Option<u64> {
        let bytes = self.0.get(field.at..field.at + field.size)?;
        Some(match bytes.try_into() {
            Ok(bytes) => u64::from(u32::from_ne_bytes(bytes)),
            Err(_) => u64::from_ne_bytes(bytes.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_do_not_overlap() {
        for pair in FIELDS.windows(2) {
            assert!(pair[0].at + pair[0].size <= pair[1].at, "{}", pair[1].name);
        }
    }

    #[test]
    fn this_kernel_s_struct_has_what_every_kernel_has() {
        let length = length().unwrap();
        assert!(FIELDS[13].name == "total_retrans" && FIELDS[13].is_within(length));
        assert!(length < 1024, "there may be more than was asked for");
    }

    #[test]
    fn an_older_kernel_s_struct_ends_before_some_fields() {
        let words: Vec<u8> = (0..26_u32).flat_map(u32::to_ne_bytes).collect();
        let get = |name| {
            let field = FIELDS.iter().find(|field| field.name == name).unwrap();
            TcpInfo(&words).get(*field)
        };
        assert_eq!(get("snd_cwnd"), Some(20));
        assert_eq!(get("total_retrans"), Some(25));
        assert_eq!(get("delivery_rate"), None);
    }
}
