//! Links as meant, and what they do to packets.

use super::names::Names;
use crate::scenario::decode::List;
use crate::scenario::document::{Bandwidth, Bytes, Share, Text, Timespan};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::topology::{Impairment, IpVersion};

/// The two nodes of a link.
pub(crate) fn between(
    written: &Spanned<List<Spanned<Text>>>,
    names: &Names<'_>,
    cx: &mut Collector<'_>,
) -> Option<[usize; 2]> {
    let [one, other] = written.value.0.as_slice() else {
        cx.error(
            written.span,
            format!("a link is between two nodes, not {}", written.value.0.len()),
        )
        .help("write `between: [a, b]`");
        return None;
    };
    let (one, other) = (one.as_ref(), other.as_ref());
    let numbers = [one, other].map(|name| name.and_then(|name| names.node(name, cx)));
    let [Some(first), Some(second)] = numbers else {
        return None;
    };
    if first == second {
        cx.error(
            written.span,
            format!("a link from {} to itself", quoted(names.node_name(first))),
        )
        .help("a node reaches itself without a link");
        return None;
    }
    Some([first, second])
}

/// What a link does to packets, as written on the link or in a step.
pub(crate) struct Written {
    pub(crate) delay: Option<Timespan>,
    pub(crate) jitter: Option<Spanned<Timespan>>,
    pub(crate) loss: Option<Share>,
    pub(crate) rate: Option<Bandwidth>,
    pub(crate) queue: Option<Spanned<Bytes>>,
    pub(crate) reorder: Option<Spanned<Share>>,
    pub(crate) duplicate: Option<Share>,
}

/// Takes what is written of it from a mapping that has all of its keys.
macro_rules! written {
    ($doc:expr) => {
        $crate::scenario::resolve::links::Written {
            delay: $doc.delay,
            jitter: $doc.jitter,
            loss: $doc.loss,
            rate: $doc.rate,
            queue: $doc.queue,
            reorder: $doc.reorder,
            duplicate: $doc.duplicate,
        }
    };
}
pub(super) use written;

impl Written {
    /// Whether anything is written.
    pub(crate) fn says_something(&self) -> bool {
        self.delay.is_some()
            || self.jitter.is_some()
            || self.loss.is_some()
            || self.rate.is_some()
            || self.queue.is_some()
            || self.reorder.is_some()
            || self.duplicate.is_some()
    }

    /// Checks that each setting has what it works on.
    pub(crate) fn impairment(&self, complete: bool, cx: &mut Collector<'_>) -> Impairment {
        if let Some(jitter) = self.jitter
            && complete
        {
            match self.delay {
                None => {
                    cx.error(jitter.span, "`jitter` without `delay`")
                        .help("jitter is the deviation from a delay: give both");
                }
                Some(delay) if jitter.value.0 > delay.0 => {
                    cx.error(jitter.span, "the jitter is greater than the delay")
                        .help("packets cannot arrive before they are sent");
                }
                Some(_) => {}
            }
        }
        if let Some(queue) = self.queue
            && self.rate.is_none()
            && complete
        {
            cx.error(queue.span, "`queue` without `rate`")
                .help("packets wait in front of a bandwidth: give both");
        }
        if let Some(reorder) = self.reorder
            && self.delay.is_none()
            && complete
        {
            cx.error(reorder.span, "`reorder` without `delay`")
                .help("a packet overtakes others by skipping the delay: give both");
        }
        Impairment {
            delay: self.delay.map(|delay| delay.0),
            jitter: self.jitter.map(|jitter| jitter.value.0),
            loss: self.loss.map(|loss| loss.0),
            rate: self.rate.map(|rate| rate.0),
            queue: self.queue.map(|queue| queue.value.0),
            reorder: self.reorder.map(|reorder| reorder.value.0),
            duplicate: self.duplicate.map(|duplicate| duplicate.0),
        }
    }
}

/// The least MTU: RFC 791 for IPv4; RFC 8200, section 5, for IPv6.
pub(crate) fn mtu(
    written: Option<Spanned<Bytes>>,
    ip: IpVersion,
    cx: &mut Collector<'_>,
) -> Option<u32> {
    let written = written?;
    let least = match ip {
        IpVersion::V4 => 68,
        IpVersion::V6 => 1280,
    };
    let bytes = written.value.0.0;
    if !(least..=65_535).contains(&bytes) {
        cx.error(written.span, format!("an MTU is {least} to 65535 bytes"))
            .label(format!("{bytes} is out of bounds"));
    }
    u32::try_from(bytes).ok()
}
