//! The windows of sockets as columns.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::columns::{TextTable, differences};
use crate::names::NodeName;
use crate::record::{KernelFact, Timeline};

/// A socket: its node, its own address and its peer's.
type SocketPlace = (usize, SocketAddr, SocketAddr);
/// A point of its curves.
type CurvePoint = (i64, [i64; 5]);

/// Returns the curves of each socket whose windows were followed: time, congestion window, slow start threshold (-1 if
/// there is none), smoothed round trip, the windows of the peer and of this end.
pub(super) fn windows(
    timeline: &Timeline,
    nodes: &[NodeName],
    texts: &mut TextTable,
) -> Vec<Value> {
    let mut sockets: BTreeMap<SocketPlace, Vec<CurvePoint>> = BTreeMap::new();
    for event in &timeline.traced {
        let KernelFact::Window {
            cwnd,
            ssthresh,
            srtt,
            snd_wnd,
            rcv_wnd,
        } = event.what
        else {
            continue;
        };
        let node = nodes.iter().position(|node| *node == event.node);
        if let (Some(node), Some(local), Some(peer)) = (node, event.local, event.peer) {
            let point = [
                cwnd.into(),
                ssthresh.map_or(-1, i64::from),
                srtt.cast_signed(),
                snd_wnd.into(),
                rcv_wnd.into(),
            ];
            let points = sockets.entry((node, local, peer)).or_default();
            points.push((event.t.0.cast_signed(), point));
        }
    }
    let each = sockets.into_iter().map(|((node, local, peer), points)| {
        let column = |index: usize| differences(points.iter().map(|(_, point)| point[index]));
        json!({
            "node": node,
            "local": texts.number(&local.to_string()),
            "peer": texts.number(&peer.to_string()),
            "t": differences(points.iter().map(|(t, _)| *t)),
            "v": (0..5).map(column).collect::<Vec<_>>(),
        })
    });
    each.collect()
}
