//! Metrics of the rules of a node's firewall.

use super::{Metric, NameParameter};
use crate::units::Unit::{Bytes, Count};

const SOURCE: &str = "the counter of the rule, nf_tables NFT_MSG_GETRULE";

pub(crate) static PACKETS: Metric = Metric::counter(
    "rules.RULE.packets",
    Count,
    "Packets that the rule of the firewall decided about.",
    SOURCE,
)
.with(NameParameter::Rule);
pub(crate) static BYTES: Metric = Metric::counter(
    "rules.RULE.bytes",
    Bytes,
    "Bytes of the packets that the rule of the firewall decided about, with their IP headers.",
    SOURCE,
)
.with(NameParameter::Rule);

pub(crate) const ALL: &[&Metric] = &[&PACKETS, &BYTES];
