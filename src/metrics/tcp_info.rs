//! Fields of `struct tcp_info` (Linux 6.18 `include/uapi/linux/tcp.h`), named without their `tcpi_`.
//!
//! The mean over the established connections of the subject is recorded under the name itself, the extremes under
//! `.min` and `.max`. `sys::tcp_info` has the places of the fields in the struct.

use super::{Metric, Recorded, SeriesKind};
use crate::units::Unit::{self, Bytes, BytesPerSecond, Count, Seconds};

const fn field(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    let source = "struct tcp_info, INET_DIAG_INFO of sock_diag(7)";
    let metric =
        Metric::new(name, SeriesKind::Gauge, unit, meaning, source).recorded(Recorded::WhenNamed);
    Metric {
        has_extremes: true,
        ..metric
    }
}

pub(crate) static RTO: Metric = field("tcp_info.rto", Seconds, "The retransmission timeout.");
pub(crate) static SND_MSS: Metric = field(
    "tcp_info.snd_mss",
    Bytes,
    "The size of a segment that is sent.",
);
pub(crate) static RCV_MSS: Metric = field(
    "tcp_info.rcv_mss",
    Bytes,
    "The estimated size of a segment that the peer sends.",
);
pub(crate) static UNACKED: Metric = field(
    "tcp_info.unacked",
    Count,
    "Segments that are sent and not yet acknowledged.",
);
pub(crate) static LOST: Metric = field(
    "tcp_info.lost",
    Count,
    "Segments in flight that count as lost.",
);
pub(crate) static RETRANS: Metric = field(
    "tcp_info.retrans",
    Count,
    "Retransmitted segments in flight.",
);
pub(crate) static PMTU: Metric = field("tcp_info.pmtu", Bytes, "The MTU of the path.");
pub(crate) static RTT: Metric = field("tcp_info.rtt", Seconds, "The smoothed round-trip time.");
pub(crate) static RTTVAR: Metric = field(
    "tcp_info.rttvar",
    Seconds,
    "The variation of the round-trip time.",
);
pub(crate) static SND_SSTHRESH: Metric = field(
    "tcp_info.snd_ssthresh",
    Count,
    "The slow-start threshold, in segments.",
);
pub(crate) static SND_CWND: Metric = field(
    "tcp_info.snd_cwnd",
    Count,
    "The congestion window, in segments.",
);
pub(crate) static RCV_RTT: Metric = field(
    "tcp_info.rcv_rtt",
    Seconds,
    "The round-trip time as the receiver estimates it.",
);
pub(crate) static RCV_SPACE: Metric = field(
    "tcp_info.rcv_space",
    Bytes,
    "Data that the application reads per round trip, by which the receive buffer is tuned.",
);
pub(crate) static TOTAL_RETRANS: Metric = field(
    "tcp_info.total_retrans",
    Count,
    "Segments that were retransmitted since the connection began.",
);
pub(crate) static BYTES_ACKED: Metric = field(
    "tcp_info.bytes_acked",
    Bytes,
    "Bytes that the peer has acknowledged.",
);
pub(crate) static BYTES_RECEIVED: Metric = field(
    "tcp_info.bytes_received",
    Bytes,
    "Bytes that were received and acknowledged.",
);
pub(crate) static SEGS_OUT: Metric = field(
    "tcp_info.segs_out",
    Count,
    "Segments that were sent, retransmissions included.",
);
pub(crate) static SEGS_IN: Metric =
    field("tcp_info.segs_in", Count, "Segments that were received.");
pub(crate) static NOTSENT_BYTES: Metric = field(
    "tcp_info.notsent_bytes",
    Bytes,
    "Bytes in the send buffer that are not yet sent.",
);
pub(crate) static MIN_RTT: Metric = field(
    "tcp_info.min_rtt",
    Seconds,
    "The smallest round-trip time of the last minutes (net.ipv4.tcp_min_rtt_wlen).",
);
pub(crate) static DELIVERY_RATE: Metric = field(
    "tcp_info.delivery_rate",
    BytesPerSecond,
    "The latest rate at which data was delivered to the peer.",
);
pub(crate) static BUSY_TIME: Metric = field(
    "tcp_info.busy_time",
    Seconds,
    "Time in which there was data to send or to be acknowledged.",
);
pub(crate) static RWND_LIMITED: Metric = field(
    "tcp_info.rwnd_limited",
    Seconds,
    "Time in which the peer's receive window limited sending.",
);
pub(crate) static SNDBUF_LIMITED: Metric = field(
    "tcp_info.sndbuf_limited",
    Seconds,
    "Time in which the send buffer limited sending.",
);
pub(crate) static BYTES_RETRANS: Metric = field(
    "tcp_info.bytes_retrans",
    Bytes,
    "Bytes that were retransmitted.",
);
pub(crate) static SND_WND: Metric = field(
    "tcp_info.snd_wnd",
    Bytes,
    "The receive window that the peer advertised last.",
);

/// In the order of the struct.
pub(crate) const FIELDS: &[&Metric] = &[
    &RTO,
    &SND_MSS,
    &RCV_MSS,
    &UNACKED,
    &LOST,
    &RETRANS,
    &PMTU,
    &RTT,
    &RTTVAR,
    &SND_SSTHRESH,
    &SND_CWND,
    &RCV_RTT,
    &RCV_SPACE,
    &TOTAL_RETRANS,
    &BYTES_ACKED,
    &BYTES_RECEIVED,
    &SEGS_OUT,
    &SEGS_IN,
    &NOTSENT_BYTES,
    &MIN_RTT,
    &DELIVERY_RATE,
    &BUSY_TIME,
    &RWND_LIMITED,
    &SNDBUF_LIMITED,
    &BYTES_RETRANS,
    &SND_WND,
];
