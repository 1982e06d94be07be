//! Positions of the kernel's fields that the trace reads, in this kernel.

use std::io;

use crate::sys::bpf::btf::KernelTypes;

/// Positions of fields in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct KernelLayout {
    /// In a socket: the pointer to its namespace.
    pub(super) socket_net: i32,
    /// In a socket: its family, the two addresses, and the port of the peer.
    pub(super) family: i32,
    pub(super) peer_v4: i32,
    pub(super) local_v4: i32,
    pub(super) peer_port: i32,
    /// IPv6 addresses, if the kernel has IPv6.
    pub(super) v6: Option<[i32; 2]>,
    /// In a full socket: the local port in the order of the network, which outlives the release.
    pub(super) source_port: i32,
    /// In a namespace: its number.
    pub(super) net_number: i32,
    /// In a packet: pointers to device and socket, the start of the buffer, and the network header within it.
    pub(super) packet_device: i32,
    pub(super) packet_socket: i32,
    pub(super) packet_head: i32,
    pub(super) packet_network: i32,
    pub(super) packet_protocol: i32,
    pub(super) packet_length: i32,
    /// In a receiving socket, in the order of [`position::QUEUES`]: bytes in its receive buffer and their limit, bytes
    /// in its backlog, connections in its accept queue and their limit.
    ///
    /// [`position::QUEUES`]: super::message::position::QUEUES
    pub(super) queues: [i32; 5],
    /// In a TCP socket, in the order of [`position::WINDOW`]: the congestion window and the slow start threshold in
    /// segments, eight times the smoothed round trip in microseconds, the windows of the peer and of this end in bytes.
    ///
    /// [`position::WINDOW`]: super::message::position::WINDOW
    pub(super) window: [i32; 5],
    /// In a device: the pointer to its namespace.
    pub(super) device_net: i32,
}

impl KernelLayout {
    /// Finds the fields in a kernel's types.
    ///
    /// # Errors
    /// `Unsupported` with the name of the first field that this kernel lacks.
    pub(super) fn find(types: &KernelTypes) -> io::Result<Self> {
        let at = |structure: &str, path: &[&str]| {
            types.position(structure, path).ok_or_else(|| {
                let field = path.join(".");
                let text = format!("this kernel has no `{field}` in `struct {structure}`");
                io::Error::new(io::ErrorKind::Unsupported, text)
            })
        };
        let v6 = [["skc_v6_daddr"], ["skc_v6_rcv_saddr"]]
            .map(|path| types.position("sock_common", &path));
        Ok(Self {
            socket_net: at("sock_common", &["skc_net", "net"])?,
            family: at("sock_common", &["skc_family"])?,
            peer_v4: at("sock_common", &["skc_daddr"])?,
            local_v4: at("sock_common", &["skc_rcv_saddr"])?,
            peer_port: at("sock_common", &["skc_dport"])?,
            v6: match v6 {
                [Some(peer), Some(local)] => Some([peer, local]),
                _ => None,
            },
            source_port: at("inet_sock", &["inet_sport"])?,
            net_number: at("net", &["ns", "inum"])?,
            packet_device: at("sk_buff", &["dev"])?,
            packet_socket: at("sk_buff", &["sk"])?,
            packet_head: at("sk_buff", &["head"])?,
            packet_network: at("sk_buff", &["network_header"])?,
            packet_protocol: at("sk_buff", &["protocol"])?,
            packet_length: at("sk_buff", &["len"])?,
            queues: [
                at("sock", &["sk_backlog", "rmem_alloc"])?,
                at("sock", &["sk_rcvbuf"])?,
                at("sock", &["sk_backlog", "len"])?,
                at("sock", &["sk_ack_backlog"])?,
                at("sock", &["sk_max_ack_backlog"])?,
            ],
            window: [
                at("tcp_sock", &["snd_cwnd"])?,
                at("tcp_sock", &["snd_ssthresh"])?,
                at("tcp_sock", &["srtt_us"])?,
                at("tcp_sock", &["snd_wnd"])?,
                at("tcp_sock", &["rcv_wnd"])?,
            ],
            device_net: at("net_device", &["nd_net", "net"])?,
        })
    }
}
