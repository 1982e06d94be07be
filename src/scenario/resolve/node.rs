//! Resolves the settings of a node that depend on nothing else: sysctls, limits, tracking, emulations.

use super::server::number;
use super::sysctl;
use crate::scenario::bounds::MAX_NOFILE;
use crate::scenario::decode::Framed;
use crate::scenario::document::{ConntrackDoc, NodeDoc};
use crate::scenario::problem::Collector;
use crate::scenario::topology::NodeSpec;

/// Descriptors that a node's process needs for one server before its first connection, the listener included.
/// With fewer, nothing starts (measured, Linux 6.18).
const MIN_NOFILE: u64 = 7;

/// Applies the settings of a node that need nothing but the node.
pub(crate) fn apply(spec: &mut NodeSpec, written: &NodeDoc, cx: &mut Collector<'_>) {
    if let Some(entries) = &written.sysctls {
        spec.sysctls = sysctl::resolve(entries, cx);
    }
    spec.nofile = written
        .limits
        .as_ref()
        .and_then(|limits| limits.nofile)
        .map(|nofile| {
            number(
                Some(nofile),
                MIN_NOFILE,
                MIN_NOFILE..=MAX_NOFILE,
                "`nofile`",
                cx,
            )
        });
    if let Some(conntrack) = &written.conntrack {
        let ConntrackDoc { room, track, .. } = conntrack;
        if room.is_none() && track.is_none() && conntrack.complete() {
            cx.error(conntrack.head(), "`conntrack` changes nothing")
                .help("to track connections, write `conntrack: { track: true }`");
        }
        spec.conntrack_room =
            room.map(|room| number(Some(room), 0, 0..=u64::from(u32::MAX), "`room`", cx));
        spec.track = track.is_some_and(|track| track.0);
    }
    spec.emulate = written
        .emulate
        .as_ref()
        .map(|emulate| emulate.0.clone())
        .unwrap_or_default();
    spec.clock_shift = written.clock.map_or(0, |clock| clock.0);
}
