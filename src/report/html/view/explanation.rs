//! Explanations: for a state, a counter or the reason for a loss, what bounds it, the setting that changes that, and
//! the shipped scenario that explains it.

use serde_json::{Value, json};

/// An explanation. `what` are the names that it explains: states, counters without their node, the kernel's reasons for
/// a drop or a reset, and the beginnings of inferred reasons.
#[derive(Debug)]
struct Explanation {
    what: &'static [&'static str],
    text: &'static str,
    /// Counters and levels of the node, or of a server on it, that belong to it.
    counters: &'static [&'static str],
    settings: &'static [&'static str],
    /// The command that runs the lesson, or a shipped scenario that shows it.
    lesson: Option<&'static str>,
}

const fn because(what: &'static [&'static str], text: &'static str) -> Explanation {
    Explanation {
        what,
        text,
        counters: &[],
        settings: &[],
        lesson: None,
    }
}

impl Explanation {
    const fn counted(self, counters: &'static [&'static str]) -> Self {
        Self { counters, ..self }
    }

    const fn set_by(self, settings: &'static [&'static str]) -> Self {
        Self { settings, ..self }
    }

    const fn taught_by(self, lesson: &'static str) -> Self {
        Self {
            lesson: Some(lesson),
            ..self
        }
    }
}

/// From the code that counts or drops (Linux 6.18, `include/net/dropreason-core.h`, `net/ipv4`).
static EXPLANATIONS: [Explanation; 33] = [
    because(
        &["accept queue full", "dropped by the listener", "TcpExtListenOverflows", "TcpExtListenDrops"],
        "The listener's accept queue is full: its program does not call accept(2) fast enough. The kernel ignores the \
         SYN or the last ACK of a handshake, and the client sends it again. The queue holds one connection more than \
         its limit, which is the smaller of the backlog and net.core.somaxconn.",
    )
    .counted(&["TcpExtListenOverflows", "TcpExtListenDrops", "accept_queue", "accept_queue.limit"])
    .set_by(&["net.core.somaxconn", "net.ipv4.tcp_abort_on_overflow"])
    .taught_by("nslab learn handshake"),
    because(
        &["SYN queue full", "TcpExtTCPReqQFullDrop", "TcpExtTCPReqQFullDoCookies", "TcpExtSyncookiesSent"],
        "Too many connections to the listener are half-open. With SYN cookies, the kernel answers without keeping a \
         state; without them, it ignores the SYN.",
    )
    .counted(&["TcpExtTCPReqQFullDrop", "TcpExtSyncookiesSent", "tcp.SYN_RECV", "syn_queue"])
    .set_by(&["net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies", "net.core.somaxconn"])
    .taught_by("nslab learn syn-flood"),
    because(
        &["SYN_RECV", "NEW_SYN_RECV"],
        "The server has answered a SYN and waits for the last ACK of the handshake. If it does not come, the server \
         sends the SYN-ACK again.",
    )
    .counted(&["tcp.SYN_RECV", "syn_queue"])
    .set_by(&["net.ipv4.tcp_synack_retries", "net.ipv4.tcp_max_syn_backlog"])
    .taught_by("nslab learn handshake"),
    because(
        &["SYN_SENT"],
        "The client has sent a SYN and waits for the answer. It sends it again, by default first after 1 second.",
    )
    .counted(&["TcpExtTCPSynRetrans", "tcp.SYN_SENT"])
    .set_by(&["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts"])
    .taught_by("nslab run syn-retries"),
    because(
        &["ESTABLISHED"],
        "The handshake is complete as seen from this end. On the server, the connection may still wait for accept(2).",
    )
    .counted(&["TcpCurrEstab", "accept_queue"])
    .set_by(&["net.ipv4.tcp_keepalive_time"])
    .taught_by("nslab learn handshake"),
    because(
        &["FIN_WAIT1"],
        "This end has sent its FIN, and it has not been acknowledged yet.",
    )
    .counted(&["tcp.FIN_WAIT1"])
    .set_by(&["net.ipv4.tcp_orphan_retries"])
    .taught_by("nslab learn who-closes"),
    because(
        &["FIN_WAIT2"],
        "This end has closed and waits for the FIN of its peer. Only without an owner (after close(2)) does \
         net.ipv4.tcp_fin_timeout end this.",
    )
    .counted(&["tcp.FIN_WAIT2"])
    .set_by(&["net.ipv4.tcp_fin_timeout"])
    .taught_by("nslab learn fin-timeout"),
    because(
        &["TIME_WAIT"],
        "This end closed first. It keeps the addresses and ports for 60 seconds (TCP_TIMEWAIT_LEN, a constant), so \
         that late segments do no harm. No sysctl shortens it.",
    )
    .counted(&["tcp.TIME_WAIT", "TcpExtTW"])
    .set_by(&["net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.ip_local_port_range"])
    .taught_by("nslab learn timewait-arithmetic"),
    because(
        &["errors.EADDRNOTAVAIL"],
        "connect(2) found no free local port for this destination, so no packet was sent. Each connection holds its \
         port until it is over, and the end that closes first holds it for 60 seconds more, in TIME_WAIT: P ports \
         carry P / 60 connections per second to one destination.",
    )
    .counted(&["errors.EADDRNOTAVAIL", "ports.range", "tcp.TIME_WAIT"])
    .set_by(&["net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse"])
    .taught_by("nslab learn timewait-arithmetic"),
    because(
        &["errors.ETIMEDOUT"],
        "Nothing answered in time: packets were lost on the way, or the receiver ignored them. The key d goes to the \
         packets that were lost, with their reasons.",
    )
    .counted(&["errors.ETIMEDOUT", "TcpExtTCPSynRetrans", "tcp.SYN_SENT"])
    .set_by(&["net.ipv4.tcp_syn_retries"])
    .taught_by("nslab run reject-or-drop"),
    because(
        &["errors.ECONNREFUSED"],
        "A RST answered the SYN: no socket listens on this port, or a firewall rejects.",
    )
    .counted(&["errors.ECONNREFUSED", "TcpOutRsts"])
    .taught_by("nslab run reject-or-drop"),
    because(
        &["CLOSE_WAIT"],
        "The peer has closed and the program of this end has not. No timer ends this state; the program must call \
         close(2).",
    )
    .counted(&["tcp.CLOSE_WAIT"])
    .taught_by("nslab run close-wait-leak"),
    because(
        &["LAST_ACK", "CLOSING"],
        "This end has sent its FIN after that of its peer, and waits for the acknowledgement.",
    )
    .counted(&["tcp.LAST_ACK"])
    .set_by(&["net.ipv4.tcp_orphan_retries"])
    .taught_by("nslab learn who-closes"),
    because(&["CLOSE"], "This end has no such connection, or no longer.").taught_by("nslab learn how-it-ends"),
    because(&["LISTEN"], "The socket takes connections.").set_by(&["net.core.somaxconn"]),
    because(
        &["table full", "conntrack.drop", "conntrack.early_drop", "dropped by connection tracking"],
        "Connection tracking has no room for another entry, so the router drops the packet of a new connection.",
    )
    .counted(&["conntrack.entries", "conntrack.max", "conntrack.drop"])
    .set_by(&["net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_tcp_timeout_time_wait"])
    .taught_by("nslab learn nat-table"),
    because(
        &["connection tracking could not insert it", "conntrack.insert_failed"],
        "Another connection has the same addresses and ports after translation, so the entry could not be inserted and \
         the packet was dropped.",
    )
    .counted(&["conntrack.insert_failed", "conntrack.entries"])
    .taught_by("nslab run nat-ports"),
    because(
        &["NO_SOCKET", "TcpOutRsts"],
        "No socket has this address and port. The kernel answers with a RST, if the packet is not one itself.",
    )
    .counted(&["TcpOutRsts"])
    .taught_by("nslab run reject-or-drop"),
    because(
        &["PAWS: older timestamp", "TcpExtPAWSPassive", "TcpExtPAWSEstab", "TCP_RFC7323_PAWS"],
        "The segment's timestamp is older than the last one from the same peer (PAWS, RFC 7323).",
    )
    .counted(&["TcpExtPAWSPassive", "TcpExtPAWSEstab"])
    .set_by(&["net.ipv4.tcp_timestamps"])
    .taught_by("nslab run tw-recycle-nat"),
    because(
        &["NETFILTER_DROP"],
        "A rule of the firewall, address translation or connection tracking dropped the packet.",
    )
    .counted(&["conntrack.entries", "conntrack.max", "conntrack.drop"])
    .set_by(&["net.netfilter.nf_conntrack_max"])
    .taught_by("nslab run reject-or-drop"),
    because(
        &["SOCKET_RCVBUFF", "SOCKET_BACKLOG", "PROTO_MEM", "TcpExtTCPRcvQDrop", "TcpExtTCPBacklogDrop"],
        "The receiving socket has no room for the packet.",
    )
    .counted(&["TcpExtTCPRcvQDrop", "TcpExtTCPBacklogDrop", "memory.tcp"])
    .set_by(&["net.ipv4.tcp_rmem", "net.core.rmem_max", "net.ipv4.tcp_mem"]),
    because(
        &["QUEUE_PURGE", "SOCKET_CLOSE"],
        "A closed socket still held this packet, and the kernel freed it. Nothing was lost on the way.",
    ),
    because(
        &["not translated", "conntrack.invalid"],
        "The translating node no longer has an entry for this connection, and does not create one in the middle of \
         it. It passes the segment on with the client's own address, which the server does not know, so the server \
         answers with a RST.",
    )
    .counted(&["conntrack.invalid", "conntrack.entries"])
    .set_by(&[
        "net.netfilter.nf_conntrack_tcp_timeout_established",
        "net.netfilter.nf_conntrack_tcp_loose",
    ])
    .taught_by("nslab run nat-idle-timeout"),
    because(
        &["bypasses the translation"],
        "The packet goes directly between its two ends, past the node that translated the packets before it. Its \
         receiver knows no connection with these addresses, so it answers with a RST. The translating node must also \
         translate the source (masquerade), so that answers return through it.",
    )
    .taught_by("nslab run hairpin"),
    because(
        &["entry SYN_SENT", "entry SYN_SENT2"],
        "Connection tracking has seen a SYN and no answer. The entry stays until its timeout, even if the client gives \
         up before. A full table can evict it.",
    )
    .counted(&["conntrack.entries", "conntrack.max", "conntrack.early_drop"])
    .set_by(&["net.netfilter.nf_conntrack_tcp_timeout_syn_sent"])
    .taught_by("nslab run conntrack-half-open"),
    because(
        &["entry SYN_RECV"],
        "Connection tracking has seen a SYN and a SYN-ACK, but not the last packet of the handshake.",
    )
    .counted(&["conntrack.entries", "conntrack.max"])
    .set_by(&["net.netfilter.nf_conntrack_tcp_timeout_syn_recv"])
    .taught_by("nslab run conntrack-half-open"),
    because(
        &["entry ESTABLISHED"],
        "The connection is open as far as connection tracking sees. Every packet renews the timeout. An idle \
         connection whose entry is removed is cut off: the translating node no longer knows where its packets \
         belong.",
    )
    .counted(&["conntrack.entries", "conntrack.max"])
    .set_by(&["net.netfilter.nf_conntrack_tcp_timeout_established"])
    .taught_by("nslab run nat-idle-timeout"),
    because(
        &["entry FIN_WAIT", "entry CLOSE_WAIT", "entry LAST_ACK"],
        "Connection tracking has seen a FIN. The entry goes on from state to state until both ends have closed.",
    )
    .counted(&["conntrack.entries", "conntrack.max"])
    .set_by(&[
        "net.netfilter.nf_conntrack_tcp_timeout_fin_wait",
        "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
        "net.netfilter.nf_conntrack_tcp_timeout_last_ack",
    ])
    .taught_by("nslab run conntrack-closing"),
    because(
        &["entry TIME_WAIT"],
        "Both ends have closed. The entry takes a place in the table until its timeout, by default for 120 seconds. \
         At a steady rate, the table holds rate × timeout of these.",
    )
    .counted(&["conntrack.entries", "conntrack.max", "conntrack.drop"])
    .set_by(&["net.netfilter.nf_conntrack_tcp_timeout_time_wait"])
    .taught_by("nslab learn nat-table"),
    because(
        &["entry CLOSE"],
        "A RST ended the connection. The entry stays for its timeout, by default 10 seconds.",
    )
    .counted(&["conntrack.entries", "conntrack.max"])
    .set_by(&["net.netfilter.nf_conntrack_tcp_timeout_close"]),
    because(
        &["entry udp"],
        "UDP has no connections: an entry lasts until no datagram has come for its timeout, which is longer once both \
         ends have sent.",
    )
    .counted(&["conntrack.entries", "conntrack.max", "conntrack.drop"])
    .set_by(&[
        "net.netfilter.nf_conntrack_udp_timeout",
        "net.netfilter.nf_conntrack_udp_timeout_stream",
    ])
    .taught_by("nslab run one-packet-flows"),
    because(
        &["retry", "TcpExtTCPSynRetrans"],
        "A SYN or SYN-ACK was not answered in time and was sent again.",
    )
    .counted(&["TcpExtTCPSynRetrans", "TcpExtTCPTimeouts"])
    .set_by(&["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_synack_retries"])
    .taught_by("nslab run syn-retries"),
    because(
        &["retransmission", "TcpRetransSegs", "TcpExtTCPTimeouts"],
        "Data or a FIN was not acknowledged in time and was sent again.",
    )
    .counted(&["TcpRetransSegs", "TcpExtTCPTimeouts", "TcpExtTCPFastRetrans"])
    .set_by(&["net.ipv4.tcp_retries2"])
    .taught_by("nslab run loss-and-rate"),
];

/// Returns the explanations for the scripts.
pub(super) fn table() -> Vec<Value> {
    let each = EXPLANATIONS.iter().map(|each| {
        json!({
            "what": each.what,
            "text": each.text,
            "counters": each.counters,
            "settings": each.settings,
            "lesson": each.lesson,
        })
    });
    each.collect()
}

/// Returns every setting that an explanation names.
pub(super) fn settings() -> impl Iterator<Item = &'static str> {
    EXPLANATIONS
        .iter()
        .flat_map(|each| each.settings.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::listing::described;
    use crate::suite::shipped;
    use crate::tcp::TcpState;

    #[test]
    fn every_counter_setting_and_lesson_of_an_explanation_exists() {
        let scenarios = shipped();
        for each in &EXPLANATIONS {
            for counter in each.counters {
                let is_known = [true, false]
                    .iter()
                    .any(|of_node| described(*of_node, counter).is_some());
                assert!(is_known, "{counter}");
            }
            for setting in each.settings {
                assert!(crate::sysctls::find(setting).is_some(), "{setting}");
            }
            if let Some(lesson) = each.lesson {
                let (verb, name) = lesson.rsplit_once(' ').unwrap();
                let file = format!("/{name}.yaml");
                let shipped = scenarios
                    .iter()
                    .find(|source| source.label.ends_with(&file));
                let shipped = shipped.unwrap_or_else(|| panic!("{lesson}"));
                let is_lesson = shipped.text.contains("\nlearn:");
                assert_eq!(verb == "nslab learn", is_lesson, "{lesson}");
            }
        }
    }

    #[test]
    fn every_listed_state_is_explained() {
        for state in TcpState::LISTED {
            let explains = |each: &Explanation| each.what.contains(&state.as_str());
            assert!(EXPLANATIONS.iter().any(explains), "{state}");
        }
    }
}
