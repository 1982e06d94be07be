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

/// Returns a filter that keeps the first `snap` bytes of Ethernet frames with one of these protocols (at most 100)
/// directly on IPv4 or IPv6.
pub(super) fn protocols(protocols: &[i32], snap: u32) -> Vec<SockFilter> {
    let count = protocols.len();
    let (ipv6, keep, drop) = (3 + count, 5 + 2 * count, 6 + 2 * count);
    // Jumps are relative to the instruction behind; a program is far shorter than 256.
    let to = |target: usize, from: usize| u8::try_from(target - from - 1).unwrap_or(u8::MAX);
    let if_equal = |at: usize, value: u32, yes: usize, no: usize| {
        SockFilter::new(IF_EQUAL, to(yes, at), to(no, at), value)
    };
    // Compares the protocol that was loaded, from this position of the program on.
    let compare = |start: usize| {
        let each = protocols.iter().enumerate().map(move |(index, protocol)| {
            let at = start + index;
            let next = if index + 1 == count { drop } else { at + 1 };
            if_equal(at, protocol.cast_unsigned(), keep, next)
        });
        each.collect::<Vec<_>>()
    };
    let mut program = vec![
        // The type in the Ethernet header.
        SockFilter::new(LOAD_16, 0, 0, 12),
        if_equal(1, libc::ETH_P_IP.cast_unsigned(), 2, ipv6),
        // IPv4: the protocol field.
        SockFilter::new(LOAD_8, 0, 0, 14 + 9),
    ];
    program.extend(compare(3));
    program.push(if_equal(
        ipv6,
        libc::ETH_P_IPV6.cast_unsigned(),
        ipv6 + 1,
        drop,
    ));
    // IPv6: the next header field.
    program.push(SockFilter::new(LOAD_8, 0, 0, 14 + 6));
    program.extend(compare(ipv6 + 2));
    program.push(SockFilter::new(KEEP, 0, 0, snap));
    program.push(SockFilter::new(KEEP, 0, 0, 0));
    program
}

/// Returns a filter that drops every packet.
pub(super) fn nothing() -> Vec<SockFilter> {
    vec![SockFilter::new(KEEP, 0, 0, 0)]
}
