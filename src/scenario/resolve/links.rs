//! Resolves links and their impairments.

use super::names::Names;
use crate::scenario::decode::{Framed, List};
use crate::scenario::document::{Bandwidth, Bytes, LinkDoc, Share, Text, Timespan};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::topology::{ImpairedBy, Impairment, IpVersion};

/// Resolves the two nodes of a link that is defined.
pub(crate) fn between(
    written: &Spanned<List<Spanned<Text>>>,
    names: &Names<'_>,
    cx: &mut Collector<'_>,
) -> Option<[usize; 2]> {
    ends(written, |name, cx| names.node(name, cx), names, cx)
}

/// Resolves the two ends of an existing link: two nodes, or a node and its segment.
pub(crate) fn existing(
    written: &Spanned<List<Spanned<Text>>>,
    names: &Names<'_>,
    cx: &mut Collector<'_>,
) -> Option<[usize; 2]> {
    ends(
        written,
        |name, cx| names.node_or_segment(name, cx),
        names,
        cx,
    )
}

fn ends(
    written: &Spanned<List<Spanned<Text>>>,
    find: impl Fn(&Spanned<Text>, &mut Collector<'_>) -> Option<usize>,
    names: &Names<'_>,
    cx: &mut Collector<'_>,
) -> Option<[usize; 2]> {
    let [one, other] = written.value.0.as_slice() else {
        cx.error(
            written.span,
            format!(
                "a link is between two nodes, found {}",
                written.value.0.len()
            ),
        )
        .help(match written.value.0.as_slice() {
            [Some(name)] if name.value.0.split_whitespace().count() == 2 => {
                let names: Vec<&str> = name.value.0.split_whitespace().collect();
                format!("write `between: [{}]`", names.join(", "))
            }
            _ => "write `between: [a, b]`".to_owned(),
        });
        return None;
    };
    let (one, other) = (one.as_ref(), other.as_ref());
    let numbers = [one, other].map(|name| name.and_then(|name| find(name, cx)));
    let [Some(first), Some(second)] = numbers else {
        return None;
    };
    if first == second {
        cx.error(
            written.span,
            format!(
                "the link connects {} to itself",
                quoted(names.node_name(first))
            ),
        )
        .help("a node reaches itself without a link: name another node");
        return None;
    }
    Some([first, second])
}

/// An impairment as written on a link or in a step.
pub(crate) struct WrittenImpairment {
    pub(crate) delay: Option<Timespan>,
    pub(crate) jitter: Option<Spanned<Timespan>>,
    pub(crate) loss: Option<Share>,
    pub(crate) rate: Option<Bandwidth>,
    pub(crate) queue: Option<Spanned<Bytes>>,
    pub(crate) reorder: Option<Spanned<Share>>,
    pub(crate) duplicate: Option<Share>,
}

/// Collects the impairment of a document that has all of its keys.
macro_rules! written {
    ($doc:expr) => {
        $crate::scenario::resolve::links::WrittenImpairment {
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

impl WrittenImpairment {
    /// Returns true if any key is given.
    pub(crate) fn is_given(&self) -> bool {
        self.delay.is_some()
            || self.jitter.is_some()
            || self.loss.is_some()
            || self.rate.is_some()
            || self.queue.is_some()
            || self.reorder.is_some()
            || self.duplicate.is_some()
    }

    /// Returns the impairment, and reports keys that lack the key that they depend on.
    pub(crate) fn impairment(&self, complete: bool, cx: &mut Collector<'_>) -> Impairment {
        if let Some(jitter) = self.jitter
            && complete
        {
            match self.delay {
                None => {
                    cx.error(jitter.span, "`jitter` without `delay`")
                        .help("jitter is a deviation from the delay: set both");
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
                .help("the queue is in front of a rate limit: set both");
        }
        if let Some(reorder) = self.reorder
            && self.delay.is_none()
            && complete
        {
            cx.error(reorder.span, "`reorder` without `delay`")
                .help("a packet overtakes others by skipping the delay: set both");
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

/// Returns whether packets may carry several segments, and reports a link for which that has no meaning.
pub(crate) fn tso(link: &LinkDoc, cx: &mut Collector<'_>) -> bool {
    let Some(tso) = link.tso.filter(|tso| tso.value.0) else {
        return false;
    };
    let by_netem = link.by.is_some_and(|by| by.value == ImpairedBy::Netem);
    let single = [
        ("loss", link.loss.is_some()),
        ("reorder", link.reorder.is_some()),
        ("duplicate", link.duplicate.is_some()),
        ("by: netem", by_netem),
    ];
    if let Some((key, _)) = single.iter().find(|(_, given)| *given) {
        cx.error(tso.span, format!("`tso` with `{key}`"))
            .help("then each packet carries one segment: leave `tso` out");
    } else if link.rate.is_none() && link.complete() {
        cx.error(tso.span, "`tso` without `rate`")
            .help("without a rate, packets carry several segments in any case: leave `tso` out");
    }
    true
}

/// Returns the MTU, and reports one out of bounds. The least is 68 for IPv4 (RFC 791) and 1,280 for IPv6
/// (RFC 8200, section 5).
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
        cx.error(
            written.span,
            format!("an MTU must be between {least} and 65535 bytes"),
        )
        .label(format!("{bytes} is out of bounds"));
    }
    u32::try_from(bytes).ok()
}
