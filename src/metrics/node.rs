//! Metrics of a node's namespace, without its conntrack table (`conntrack`) and its counters (`kernel_counters`).

use super::{Metric, NameParameter, Recorded};
use crate::units::Unit::{Bytes, Count};

pub(crate) static TCP: Metric = Metric::gauge(
    "tcp.STATE",
    Count,
    "TCP sockets in this state, IPv4 and IPv6; counted at most once per second unless an expectation names a state of \
     the node.",
    "sock_diag(7), /proc/net/sockstat, `CurrEstab` of /proc/net/snmp",
)
.with(NameParameter::TcpState);
pub(crate) static TCP_MEMORY: Metric = Metric::gauge(
    "memory.tcp",
    Bytes,
    "Buffer memory of all TCP sockets: received and unread, sent and unacknowledged, reserved.",
    "INET_DIAG_SKMEMINFO, sock_diag(7)",
)
.recorded(Recorded::WhenNamed);
pub(crate) static PORT_RANGE: Metric = Metric::gauge(
    "ports.range",
    Count,
    "Local ports that connect(2) chooses from.",
    "net.ipv4.ip_local_port_range",
)
.recorded(Recorded::WhenNamed);
pub(crate) static PORTS_TO: Metric = Metric::gauge(
    "ports.to.SERVER",
    Count,
    "Local addresses and ports that connections to the server occupy, those in TIME_WAIT included.",
    "sock_diag(7)",
)
.with(NameParameter::Server)
.recorded(Recorded::WhenNamed);

pub(crate) const ALL: &[&Metric] = &[&TCP, &TCP_MEMORY, &PORT_RANGE, &PORTS_TO];
