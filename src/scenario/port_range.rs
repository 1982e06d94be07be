//! The range of local ports that connect(2) chooses from.

/// The setting of the range.
pub(crate) const KEY: &str = "net.ipv4.ip_local_port_range";
/// The first and last port of a fresh namespace (Linux `net/ipv4/af_inet.c`, `inet_init_net`).
pub(crate) const DEFAULT: [u64; 2] = [32_768, 60_999];
