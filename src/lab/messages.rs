//! Batches of rtnetlink messages, with the line of the plan that each message belongs to.

use super::error::{BuildError, Feature, NotApplicable};
use super::plan::LabPlan;
use crate::sys::netlink::{Batch, Netlink, NetlinkError};

/// Bytes per batch: well below a socket's send buffer, 212,992 by default (`SK_WMEM_MAX`, Linux
/// `include/net/sock.h`).
const SEND: usize = 64 * 1024;

/// Messages to send together, each with its line of the plan.
#[derive(Debug, Default)]
pub(super) struct Messages {
    batch: Batch,
    lines: Vec<usize>,
}

impl Messages {
    /// Adds the one message that `write` writes.
    pub(super) fn add(&mut self, line: usize, write: impl FnOnce(&mut Batch)) {
        write(&mut self.batch);
        self.lines.push(line);
    }

    /// Returns whether the batch should be sent before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.batch.byte_len() >= SEND
    }

    /// Sends the messages and waits until the kernel has handled all of them.
    pub(super) fn send(&mut self, plan: &LabPlan, netlink: &mut Netlink) -> Result<(), BuildError> {
        let mut messages = std::mem::take(self);
        messages.batch.acknowledge_last();
        netlink.request(messages.batch).map_err(|source| {
            let index = match &source {
                NetlinkError::Refused { index, .. } => *index,
                NetlinkError::Socket(_) | NetlinkError::Truncated => 0,
            };
            let line = messages.lines.get(index);
            let op = line.and_then(|line| plan.ops.get(*line));
            refusal(op.map(ToString::to_string).unwrap_or_default(), source)
        })
    }
}

/// Distinguishes missing features from other errors: a refused link means that the kernel has no veth, and a
/// discipline that is not found means that it has no netem.
fn refusal(op: String, source: NetlinkError) -> BuildError {
    let feature = match source.errno() {
        Some(libc::EOPNOTSUPP) if op.starts_with("link ") => Some(Feature::Veth),
        Some(libc::ENOENT) if op.starts_with("netem ") => Some(Feature::Netem),
        _ => None,
    };
    match (feature, source) {
        (Some(feature), NetlinkError::Refused { source, .. }) => {
            BuildError::NotApplicable(NotApplicable::Feature { feature, source })
        }
        (_, source) => BuildError::Refused { op, source },
    }
}
