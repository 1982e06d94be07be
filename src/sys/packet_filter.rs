//! Filters of packet sockets: classic BPF programs (Linux `Documentation/networking/filter.rst`).

use socket2::SockFilter;

/// `BPF_LD | BPF_ABS`, for 16 bits.
const LOAD_16: u16 = 0x28;
/// `BPF_LD | BPF_ABS`, for 8 bits.
const LOAD_8: u16 = 0x30;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const IF_EQUAL: u16 = 0x15;
/// `BPF_RET | BPF_K`: the number of bytes to keep; 0 drops the packet.
const KEEP: u16 = 0x06;

/// Returns a filter that keeps the first `snap` bytes of Ethernet frames with TCP directly on IPv4 or IPv6.
pub(super) fn tcp(snap: u32) -> Vec<SockFilter> {
    let ethertype = |value: u16| u32::from(value);
    let protocol = libc::IPPROTO_TCP.cast_unsigned();
    vec![
        // The type in the Ethernet header.
        SockFilter::new(LOAD_16, 0, 0, 12),
        SockFilter::new(IF_EQUAL, 0, 2, ethertype(libc::ETH_P_IP as u16)),
        // IPv4: the protocol field.
        SockFilter::new(LOAD_8, 0, 0, 14 + 9),
        SockFilter::new(IF_EQUAL, 3, 4, protocol),
        SockFilter::new(IF_EQUAL, 0, 3, ethertype(libc::ETH_P_IPV6 as u16)),
        // IPv6: the next header field.
        SockFilter::new(LOAD_8, 0, 0, 14 + 6),
        SockFilter::new(IF_EQUAL, 0, 1, protocol),
        SockFilter::new(KEEP, 0, 0, snap),
        SockFilter::new(KEEP, 0, 0, 0),
    ]
}

/// Returns a filter that drops every packet.
pub(super) fn nothing() -> Vec<SockFilter> {
    vec![SockFilter::new(KEEP, 0, 0, 0)]
}
