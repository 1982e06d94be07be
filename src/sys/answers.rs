//! A datagram of netlink, read in turn as each of the answers that this program asks for.

use super::conntrack_events::EntryReport;
use super::netlink::{messages, verdict};
use super::sock_diag::{ListedConnection, ListeningSocket, SocketCounts};
use super::{conntrack, nft, tcp_info};

/// Reads every message of a datagram in every way.
pub(crate) fn read_all(datagram: &[u8]) {
    let _malformed = messages(datagram, |_, kind, body| {
        let _refusal = verdict(0, body);
        let _listening = ListeningSocket::read(body);
        if let Some(info) = ListedConnection::read(body).and_then(|listed| listed.info) {
            for field in tcp_info::FIELDS {
                let _value = info.get(field);
            }
        }
        SocketCounts::default().add(body, true);
        conntrack::TableCounters::default().add(body);
        let _report = EntryReport::read(kind, body);
        let _rule = nft::counters::count(body);
        Ok(false)
    });
}
