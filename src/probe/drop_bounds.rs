//! Finds the queue or setting that bounds packets which the kernel dropped, with its value.
//!
//! The levels of a socket's own queues come with the drop. All else is deduced from the reason and read in the node's
//! namespace a little later, and is marked as inferred.

use crate::record::DropBound;
use crate::sys::NetNs;
use crate::sys::kernel_trace::ReceiverQueues;
use crate::sys::sysctl::{Key, Sysctls};

/// Reasons that a sysctl bounds, with its key; of several numbers, the last one is the limit. From the code that drops
/// (Linux 6.18, `net/core/dev.c`, `net/core/neighbour.c`, `net/ipv4/tcp_input.c`, `ip_input.c`, `ip_fragment.c`).
const BY_SETTING: [(&str, &str); 7] = [
    ("CPU_BACKLOG", "net.core.netdev_max_backlog"),
    ("NEIGH_QUEUEFULL", "net.ipv4.neigh.default.unres_qlen_bytes"),
    ("IP_RPFILTER", "net.ipv4.conf.all.rp_filter"),
    ("TCP_RFC7323_PAWS", "net.ipv4.tcp_timestamps"),
    ("TCP_RFC7323_TW_PAWS", "net.ipv4.tcp_timestamps"),
    ("FRAG_REASM_TIMEOUT", "net.ipv4.ipfrag_time"),
    ("FRAG_TOO_FAR", "net.ipv4.ipfrag_max_dist"),
];
const ENTRIES: &str = "net.netfilter.nf_conntrack_count";
const MOST_ENTRIES: &str = "net.netfilter.nf_conntrack_max";

/// Returns the setting or table of the node that bounds packets dropped for this reason, if there is one. It is
/// inferred.
pub(super) fn of_node(node: &NetNs, (reason, is_tcp): (&str, bool)) -> Option<DropBound> {
    if reason == "NETFILTER_DROP" {
        return full_table(&read(node, &[ENTRIES, MOST_ENTRIES]));
    }
    let of_memory = match is_tcp {
        true => "net.ipv4.tcp_mem",
        false => "net.ipv4.udp_mem",
    };
    let of_memory = [("PROTO_MEM", of_memory)];
    let mut by_setting = BY_SETTING.iter().chain(&of_memory);
    let (_, key) = by_setting.find(|(known, _)| *known == reason)?;
    let limit = read(node, &[key]).pop().flatten()?;
    Some(DropBound {
        name: (*key).to_owned(),
        value: None,
        limit: Some(limit),
        inferred: true,
    })
}

/// Returns the queue of the receiving socket that bounds packets dropped for this reason, if it is one of its queues.
pub(super) fn of_socket(reason: &str, queues: ReceiverQueues) -> Option<DropBound> {
    let (name, value, limit) = match reason {
        "SOCKET_RCVBUFF" => (
            "receive buffer",
            queues.received,
            Some(queues.receive_limit),
        ),
        // The limit is computed from both buffers, in another way in each version.
        "SOCKET_BACKLOG" => (
            "socket backlog",
            queues.backlog.saturating_add(queues.received),
            None,
        ),
        "TCP_LISTEN_OVERFLOW" => ("accept queue", queues.accept, Some(queues.accept_limit)),
        _ => return None,
    };
    Some(DropBound {
        name: name.to_owned(),
        value: Some(value.into()),
        limit: limit.map(u64::from),
        inferred: false,
    })
}

/// Returns the table of connections if it is full, which is then the likely reason why netfilter dropped a packet.
fn full_table(read: &[Option<u64>]) -> Option<DropBound> {
    let [Some(entries), Some(most)] = *read else {
        return None;
    };
    (entries >= most).then(|| DropBound {
        name: MOST_ENTRIES.to_owned(),
        value: Some(entries),
        limit: Some(most),
        inferred: true,
    })
}

/// Reads sysctls in the node; `None` for one that cannot be read.
fn read(node: &NetNs, keys: &[&str]) -> Vec<Option<u64>> {
    let keys: Vec<Option<Key>> = keys.iter().map(|key| Key::parse(key)).collect();
    let read = node.run(move || {
        let mut sysctls = Sysctls::new();
        let each = keys.iter().map(|key| {
            let value = sysctls.read(key.as_ref()?).ok()?;
            value.split_whitespace().last()?.parse().ok()
        });
        each.collect()
    });
    read.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUES: ReceiverQueues = ReceiverQueues {
        received: 213_000,
        receive_limit: 212_992,
        backlog: 0,
        accept: 6,
        accept_limit: 5,
    };

    #[test]
    fn queues_of_the_socket_are_not_inferred() {
        let bound = of_socket("SOCKET_RCVBUFF", QUEUES).unwrap();
        assert_eq!(bound.to_string(), "receive buffer 213000 of 212992");
        let bound = of_socket("TCP_LISTEN_OVERFLOW", QUEUES).unwrap();
        assert_eq!(bound.to_string(), "accept queue 6 of 5");
        assert_eq!(of_socket("NO_SOCKET", QUEUES), None);
    }

    #[test]
    fn a_table_with_room_does_not_bound_what_netfilter_drops() {
        assert_eq!(full_table(&[Some(9), Some(10)]), None);
        assert_eq!(full_table(&[None, Some(10)]), None);
        let bound = full_table(&[Some(10), Some(10)]).unwrap();
        let said = "net.netfilter.nf_conntrack_max 10 of 10 (inferred)";
        assert_eq!(bound.to_string(), said);
    }
}
