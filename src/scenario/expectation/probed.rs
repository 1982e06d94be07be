//! What a probe tells only where it is named: queues of listeners, `tcp_info` of connections, ports toward a server, the
//! kernel's objects.

use super::metric::ActorKind;
use crate::scenario::suggest;
use crate::units::Unit;

/// Fields of `struct tcp_info` (Linux 6.18 `include/uapi/linux/tcp.h`), without their `tcpi_`.
const TCP_INFO: [(&str, Unit); 26] = [
    ("rto", Unit::Seconds),
    ("snd_mss", Unit::Bytes),
    ("rcv_mss", Unit::Bytes),
    ("unacked", Unit::Count),
    ("lost", Unit::Count),
    ("retrans", Unit::Count),
    ("pmtu", Unit::Bytes),
    ("rtt", Unit::Seconds),
    ("rttvar", Unit::Seconds),
    ("snd_ssthresh", Unit::Count),
    ("snd_cwnd", Unit::Count),
    ("rcv_rtt", Unit::Seconds),
    ("rcv_space", Unit::Bytes),
    ("total_retrans", Unit::Count),
    ("bytes_acked", Unit::Bytes),
    ("bytes_received", Unit::Bytes),
    ("segs_out", Unit::Count),
    ("segs_in", Unit::Count),
    ("notsent_bytes", Unit::Bytes),
    ("min_rtt", Unit::Seconds),
    ("delivery_rate", Unit::BytesPerSecond),
    ("busy_time", Unit::Seconds),
    ("rwnd_limited", Unit::Seconds),
    ("sndbuf_limited", Unit::Seconds),
    ("bytes_retrans", Unit::Bytes),
    ("snd_wnd", Unit::Bytes),
];

/// The queues of a listener.
const QUEUES: [&str; 3] = ["accept_queue", "accept_queue.limit", "syn_queue"];

/// Kinds of the kernel's objects that connections are made of (`/proc/slabinfo`, Linux 6.18).
const SLABS: [&str; 10] = [
    "TCP",
    "TCPv6",
    "tw_sock_TCP",
    "tw_sock_TCPv6",
    "request_sock_TCP",
    "request_sock_TCPv6",
    "nf_conntrack",
    "sock_inode_cache",
    "filp",
    "dentry",
];

/// The unit of an actor's quantity, if it is one of these.
pub(super) fn of_actor(kind: ActorKind, name: &str) -> Option<Unit> {
    if let Some(field) = name.strip_prefix("tcp_info.") {
        let field = field.strip_suffix(".min").unwrap_or(field);
        let field = field.strip_suffix(".max").unwrap_or(field);
        let found = TCP_INFO.iter().find(|(known, _)| *known == field)?;
        return kind.connects().then_some(found.1);
    }
    (kind.serves() && QUEUES.contains(&name)).then_some(Unit::Count)
}

/// The unit of a node's quantity, if it is one of these; `serves` says which actors ports can lead to.
pub(super) fn of_node(name: &str, serves: impl Fn(&str) -> bool) -> Option<Unit> {
    let to = name.strip_prefix("ports.to.");
    (name == "ports.range" || to.is_some_and(serves)).then_some(Unit::Count)
}

/// The unit of a quantity of the kernel's, if it is one of these.
pub(super) fn of_kernel(name: &str) -> Option<Unit> {
    let slab = name.strip_prefix("slab.")?;
    let (slab, unit) = match slab.strip_suffix(".size") {
        Some(slab) => (slab, Unit::Bytes),
        None => (slab, Unit::Count),
    };
    SLABS.contains(&slab).then_some(unit)
}

/// The field that may have been meant by an unknown `tcp_info.FIELD`: one that ends so (`cwnd`), else one that is nearly called so.
pub(super) fn meant_by_tcp_info(name: &str) -> Option<String> {
    let field = name.strip_prefix("tcp_info.")?;
    let names = || TCP_INFO.iter().map(|(known, _)| *known);
    let ends_so = |known: &&str| {
        let before = known.strip_suffix(field);
        before.is_some_and(|before| before.ends_with('_'))
    };
    let meant = names()
        .find(ends_so)
        .or_else(|| suggest::nearest(field, names()));
    Some(match meant {
        Some(meant) => format!("did you mean `tcp_info.{meant}`?"),
        None => format!(
            "fields of tcp_info: {}",
            suggest::listed(&names().collect::<Vec<_>>())
        ),
    })
}

/// The names of an actor's quantities, for one that may have been meant.
pub(super) fn names_of_actor(kind: ActorKind) -> impl Iterator<Item = String> {
    let queues = QUEUES.iter().filter(move |_| kind.serves());
    queues.map(|name| (*name).to_owned())
}

/// The names of the kernel's quantities, for one that may have been meant.
pub(super) fn names_of_kernel() -> impl Iterator<Item = String> {
    SLABS.iter().map(|slab| format!("slab.{slab}"))
}
