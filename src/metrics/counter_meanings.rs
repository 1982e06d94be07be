//! One sentence for each counter of the kernel that scenarios about TCP usually look at.
//!
//! From `Documentation/networking/snmp_counter.rst`, `include/uapi/linux/snmp.h` and the code that counts (Linux 6.18).

/// Returns the meaning of a counter, if it is one of these.
pub(super) fn meaning(name: &str) -> Option<&'static str> {
    let found = MEANINGS.iter().find(|(known, _)| *known == name);
    found.map(|(_, meaning)| *meaning)
}

const MEANINGS: [(&str, &str); 49] = [
    (
        "TcpActiveOpens",
        "Connections that were begun with connect(2).",
    ),
    (
        "TcpPassiveOpens",
        "Connections that were begun by a SYN to a listener.",
    ),
    (
        "TcpAttemptFails",
        "Connections that ended before they were established.",
    ),
    (
        "TcpEstabResets",
        "Established connections that a reset ended.",
    ),
    (
        "TcpCurrEstab",
        "Connections in ESTABLISHED, and since Linux 6.10 in CLOSE_WAIT.",
    ),
    ("TcpInSegs", "Segments that were received."),
    (
        "TcpOutSegs",
        "Segments that were sent, without those that only repeat data.",
    ),
    ("TcpRetransSegs", "Segments that were retransmitted."),
    (
        "TcpInErrs",
        "Segments that were received with an error, such as a wrong checksum.",
    ),
    ("TcpOutRsts", "Segments with RST that were sent."),
    (
        "TcpExtSyncookiesSent",
        "SYN cookies that were sent because the SYN queue was full.",
    ),
    (
        "TcpExtSyncookiesRecv",
        "Valid SYN cookies that were received.",
    ),
    (
        "TcpExtSyncookiesFailed",
        "SYN cookies that were received and not valid.",
    ),
    (
        "TcpExtListenOverflows",
        "Completed handshakes and SYNs that found the accept queue full.",
    ),
    (
        "TcpExtListenDrops",
        "SYNs and handshakes that a listener dropped for any reason, a full accept queue included.",
    ),
    (
        "TcpExtTCPReqQFullDoCookies",
        "SYNs that were answered with a cookie because the SYN queue was full.",
    ),
    (
        "TcpExtTCPReqQFullDrop",
        "SYNs that were dropped because the SYN queue was full and cookies were off.",
    ),
    (
        "TcpExtTW",
        "Sockets whose time in TIME_WAIT ended normally.",
    ),
    (
        "TcpExtTWRecycled",
        "Sockets in TIME_WAIT that gave their port to a new connection (net.ipv4.tcp_tw_reuse).",
    ),
    (
        "TcpExtTWKilled",
        "Sockets in TIME_WAIT that were ended early by tcp_tw_recycle, up to Linux 4.11.",
    ),
    (
        "TcpExtTCPTimeWaitOverflow",
        "Sockets that were not kept in TIME_WAIT because of net.ipv4.tcp_max_tw_buckets.",
    ),
    (
        "TcpExtPAWSActive",
        "SYN-ACKs that were rejected for their timestamp (PAWS, RFC 7323).",
    ),
    (
        "TcpExtPAWSEstab",
        "Segments of established connections that were rejected for their timestamp (PAWS).",
    ),
    (
        "TcpExtPAWSPassive",
        "SYNs that were rejected for their timestamp by tcp_tw_recycle, up to Linux 4.11.",
    ),
    (
        "TcpExtDelayedACKs",
        "Acknowledgements that were sent by the delayed-ACK timer.",
    ),
    ("TcpExtTCPTimeouts", "Retransmission timeouts."),
    (
        "TcpExtTCPSynRetrans",
        "SYNs and SYN-ACKs that were retransmitted.",
    ),
    (
        "TcpExtTCPFastRetrans",
        "Segments that were retransmitted without waiting for the timeout.",
    ),
    ("TcpExtTCPLossProbes", "Tail loss probes that were sent."),
    (
        "TcpExtTCPSpuriousRTOs",
        "Retransmission timeouts that proved unnecessary (F-RTO).",
    ),
    (
        "TcpExtTCPAbortOnData",
        "Connections that were reset because data came after close(2), or by SO_LINGER 0.",
    ),
    (
        "TcpExtTCPAbortOnClose",
        "Connections that were reset because close(2) found unread data.",
    ),
    (
        "TcpExtTCPAbortOnMemory",
        "Connections that were reset for lack of memory or too many orphans.",
    ),
    (
        "TcpExtTCPAbortOnTimeout",
        "Connections that were given up because retransmissions or probes went unanswered.",
    ),
    (
        "TcpExtTCPAbortOnLinger",
        "Connections that were reset because FIN_WAIT2 lasted too long without an owner.",
    ),
    (
        "TcpExtTCPMemoryPressures",
        "Times that TCP came under memory pressure (net.ipv4.tcp_mem).",
    ),
    (
        "TcpExtTCPBacklogDrop",
        "Segments that were dropped because the socket's backlog was full.",
    ),
    (
        "TcpExtTCPRcvQDrop",
        "Segments that were dropped because the receive buffer was full.",
    ),
    (
        "TcpExtTCPZeroWindowDrop",
        "Segments that were dropped because they came while the window was zero.",
    ),
    (
        "TcpExtTCPToZeroWindowAdv",
        "Times that the advertised window went to zero.",
    ),
    (
        "TcpExtTCPFromZeroWindowAdv",
        "Times that the advertised window came back from zero.",
    ),
    ("TcpExtTCPWinProbe", "Zero-window probes that were sent."),
    ("TcpExtTCPKeepAlive", "Keep-alive probes that were sent."),
    (
        "TcpExtTCPChallengeACK",
        "Challenge ACKs that were sent (RFC 5961).",
    ),
    (
        "TcpExtTCPDeferAcceptDrop",
        "Handshakes whose last ACK was ignored because of TCP_DEFER_ACCEPT.",
    ),
    (
        "TcpExtTCPMigrateReqSuccess",
        "Half-open connections that moved to another listener of a closed one's group.",
    ),
    (
        "IpInDiscards",
        "Packets that were received and dropped, for example for lack of memory.",
    ),
    (
        "IpOutDiscards",
        "Packets that were dropped before they were sent, for example by a full queue or a filter.",
    ),
    (
        "IpOutNoRoutes",
        "Packets that were dropped because there was no route.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::kernel_counters;

    #[test]
    fn every_meaning_is_of_a_known_counter() {
        for (name, _) in MEANINGS {
            assert!(kernel_counters::is_known(name), "{name}");
        }
    }
}
