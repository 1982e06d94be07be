//! The kernel's state of one connection: `struct tcp_info` (`include/uapi/linux/tcp.h`, Linux 6.18; tcp(7)).
//!
//! This file has the offsets of the fields. Not here: their names, units and meanings (`metrics::tcp_info`).

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::sockopt::tcp_socket;
use crate::metrics::{Metric, tcp_info};
use crate::units::Unit;

/// A field with its offset in the struct.
#[derive(Debug, Clone, Copy)]
pub struct TcpInfoField {
    pub(crate) metric: &'static Metric,
    at: usize,
    size: usize,
}

const fn field(metric: &'static Metric, at: usize, size: usize) -> TcpInfoField {
    TcpInfoField { metric, at, size }
}

/// The supported fields, in the order of the struct.
pub const FIELDS: [TcpInfoField; 26] = [
    field(&tcp_info::RTO, 8, 4),
    field(&tcp_info::SND_MSS, 16, 4),
    field(&tcp_info::RCV_MSS, 20, 4),
    field(&tcp_info::UNACKED, 24, 4),
    field(&tcp_info::LOST, 32, 4),
    field(&tcp_info::RETRANS, 36, 4),
    field(&tcp_info::PMTU, 60, 4),
    field(&tcp_info::RTT, 68, 4),
    field(&tcp_info::RTTVAR, 72, 4),
    field(&tcp_info::SND_SSTHRESH, 76, 4),
    field(&tcp_info::SND_CWND, 80, 4),
    field(&tcp_info::RCV_RTT, 92, 4),
    field(&tcp_info::RCV_SPACE, 96, 4),
    field(&tcp_info::TOTAL_RETRANS, 100, 4),
    field(&tcp_info::BYTES_ACKED, 120, 8),
    field(&tcp_info::BYTES_RECEIVED, 128, 8),
    field(&tcp_info::SEGS_OUT, 136, 4),
    field(&tcp_info::SEGS_IN, 140, 4),
    field(&tcp_info::NOTSENT_BYTES, 144, 4),
    field(&tcp_info::MIN_RTT, 148, 4),
    field(&tcp_info::DELIVERY_RATE, 160, 8),
    field(&tcp_info::BUSY_TIME, 168, 8),
    field(&tcp_info::RWND_LIMITED, 176, 8),
    field(&tcp_info::SNDBUF_LIMITED, 184, 8),
    field(&tcp_info::BYTES_RETRANS, 208, 8),
    field(&tcp_info::SND_WND, 228, 4),
];

impl TcpInfoField {
    /// Returns true if a struct of this many bytes contains the field.
    pub fn is_within(&self, length: usize) -> bool {
        self.at + self.size <= length
    }
}

/// Returns the length of this kernel's struct. Newer kernels append fields.
///
/// # Errors
/// The errors of socket(2) and getsockopt(2).
#[expect(unsafe_code, reason = "getsockopt(2) returns the length of the struct")]
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

/// The `struct tcp_info` of one connection. It is shorter on older kernels.
#[derive(Debug, Clone, Copy)]
pub struct TcpInfo<'a>(pub(super) &'a [u8]);

impl TcpInfo<'_> {
    /// Returns the value of a field, times in nanoseconds; `None` if this kernel's struct ends before it.
    pub fn get(&self, field: TcpInfoField) -> Option<u64> {
        let bytes = self.0.get(field.at..field.at + field.size)?;
        let value = match bytes.try_into() {
            Ok(bytes) => u64::from(u32::from_ne_bytes(bytes)),
            Err(_) => u64::from_ne_bytes(bytes.try_into().ok()?),
        };
        Some(match field.metric.unit {
            // The kernel counts microseconds.
            Unit::Seconds => value.saturating_mul(1_000),
            _ => value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_order_and_do_not_overlap() {
        for pair in FIELDS.windows(2) {
            assert!(
                pair[0].at + pair[0].size <= pair[1].at,
                "{}",
                pair[1].metric.name
            );
        }
    }

    #[test]
    fn every_registered_field_has_its_place() {
        let placed = FIELDS.map(|field| field.metric.name);
        let registered: Vec<&str> = tcp_info::FIELDS.iter().map(|metric| metric.name).collect();
        assert_eq!(placed.as_slice(), registered);
    }

    #[test]
    fn this_kernels_struct_has_the_fields_of_every_kernel() {
        let length = length().unwrap();
        let oldest = FIELDS
            .iter()
            .find(|field| field.metric.name == "tcp_info.total_retrans");
        assert!(oldest.unwrap().is_within(length));
        assert!(length < 1024, "the struct may be longer than the buffer");
    }

    #[test]
    fn the_struct_of_an_older_kernel_lacks_the_last_fields() {
        let words: Vec<u8> = (0..26_u32).flat_map(u32::to_ne_bytes).collect();
        let get = |name| {
            let field = FIELDS
                .iter()
                .find(|field| field.metric.name == name)
                .unwrap();
            TcpInfo(&words).get(*field)
        };
        assert_eq!(get("tcp_info.snd_cwnd"), Some(20));
        assert_eq!(
            get("tcp_info.rtt"),
            Some(17_000),
            "microseconds become nanoseconds"
        );
        assert_eq!(get("tcp_info.total_retrans"), Some(25));
        assert_eq!(get("tcp_info.delivery_rate"), None);
    }
}
