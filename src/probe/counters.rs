//! Every counter that nstat(8) prints: `snmp`, `netstat` and `snmp6` of a namespace, as changes since the baseline.
//!
//! Most of a file stays the same from look to look, so lines are compared as bytes and only those that differ are read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::ProbeError;
use super::watched::Changes;
use crate::names::{NodeName, SeriesName};
use crate::record::{Event, Offset, Recorder, SeriesId, SeriesKind, SeriesUnit};
use crate::sys::procfs::{NetFile, column_names, column_values, line_pairs, named_values};

/// What these files list besides counters: settings and states, whose value is told as it is (RFC 4293 `ipForwarding`,
/// `ipDefaultTTL`; RFC 4022 `tcpRtoAlgorithm` to `tcpCurrEstab`; Linux `net/mptcp/mib.c`).
const GAUGES: [&str; 8] = [
    "IpForwarding",
    "IpDefaultTTL",
    "TcpRtoAlgorithm",
    "TcpRtoMin",
    "TcpRtoMax",
    "TcpMaxConn",
    "TcpCurrEstab",
    "MPTcpExtMPCurrEstab",
];
/// The line whose values cannot stay the same while a segment comes or goes, or a connection begins or ends.
const TCP_LINE: &[u8] = b"Tcp:";
/// Where a lab speaks no IPv6, `snmp6` (15 of the 60 µs that all files take) is read at one look of so many, and at the last.
const IDLE_SNMP6: u32 = 10;

/// The counters of one namespace.
#[derive(Debug)]
pub(super) struct Counters {
    node: NodeName,
    recorder: Recorder,
    files: [NetFile; 2],
    blocks: [Vec<Block>; 2],
    snmp6: Option<NetFile>,
    snmp6_text: Vec<u8>,
    snmp6_every: u32,
    looks: u32,
    slots: Slots,
}

/// One pair of lines as it was last seen, and which counter each column is.
#[derive(Debug, Default)]
struct Block {
    names: Vec<u8>,
    values: Vec<u8>,
    slots: Vec<usize>,
}

/// Every counter seen so far.
#[derive(Debug, Default)]
struct Slots {
    by_name: BTreeMap<String, usize>,
    all: Vec<Slot>,
    changed: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    gauge: bool,
    baseline: i64,
    value: i64,
    /// What was told last, or would have been: as [`Slot::told_as`] gives it.
    told: i64,
    series: Option<SeriesId>,
}

impl Slot {
    fn told_as(&self) -> i64 {
        if self.gauge {
            self.value
        } else {
            self.value.wrapping_sub(self.baseline)
        }
    }
}

impl Slots {
    /// The counter of this name. One that was not listed before was 0: the kernel leaves out some lines of zeros.
    fn of(&mut self, name: &str) -> usize {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = self.all.len();
        self.by_name.insert(name.to_owned(), slot);
        self.all.push(Slot {
            gauge: GAUGES.contains(&name),
            baseline: 0,
            value: 0,
            told: 0,
            series: None,
        });
        slot
    }

    fn see(&mut self, slot: usize, value: i64) {
        if let Some(known) = self.all.get_mut(slot)
            && known.value != value
        {
            known.value = value;
            self.changed.push(slot);
        }
    }

    /// Reads `snmp` or `netstat`. Returns whether TCP's own line has changed.
    fn read_pairs(&mut self, text: &[u8], blocks: &mut Vec<Block>) -> bool {
        let mut tcp_changed = false;
        for (index, (names, values)) in line_pairs(text).enumerate() {
            if blocks.len() == index {
                blocks.push(Block::default());
            }
            let block = &mut blocks[index];
            if block.names != names {
                block.names = names.to_owned();
                block.values.clear();
                block.slots = column_names(names).map(|name| self.of(&name)).collect();
            }
            if block.values != values {
                tcp_changed |= values.starts_with(TCP_LINE);
                for (slot, value) in block.slots.iter().zip(column_values(values)) {
                    if let Some(value) = value {
                        self.see(*slot, value);
                    }
                }
                block.values.clear();
                block.values.extend_from_slice(values);
            }
        }
        tcp_changed
    }

    /// Reads `snmp6`, whose lines come and go with what was received.
    fn read_named(&mut self, text: &[u8]) {
        for (name, value) in named_values(text) {
            let slot = self.of(&String::from_utf8_lossy(name));
            self.see(slot, value);
        }
    }
}

impl Counters {
    /// Opens the files of the calling thread's namespace and takes the baseline. Of the counters that expectations name,
    /// those that the kernel lists are declared.
    pub(super) fn open(
        node: &NodeName,
        named: &BTreeSet<String>,
        speaks_ipv6: bool,
        recorder: &Recorder,
    ) -> Result<Self, ProbeError> {
        let open =
            |file| NetFile::open(file).map_err(|source| ProbeError::file(node, file, source));
        let snmp6 = match NetFile::open("snmp6") {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(ProbeError::file(node, "snmp6", source)),
        };
        let named_ipv6 = named.iter().any(|name| is_ipv6(name));
        let mut counters = Self {
            node: node.clone(),
            recorder: recorder.clone(),
            files: [open("snmp")?, open("netstat")?],
            blocks: Default::default(),
            snmp6,
            snmp6_text: Vec::new(),
            snmp6_every: if speaks_ipv6 || named_ipv6 {
                1
            } else {
                IDLE_SNMP6
            },
            looks: 0,
            slots: Slots::default(),
        };
        counters.read(true)?;
        counters.slots.changed.clear();
        for slot in &mut counters.slots.all {
            slot.baseline = slot.value;
            slot.told = slot.told_as();
        }
        for name in named {
            if let Some(slot) = counters.slots.by_name.get(name) {
                let slot = &mut counters.slots.all[*slot];
                let series = declare(node, name, slot.gauge, recorder);
                slot.series = Some(series);
            }
        }
        Ok(counters)
    }

    /// The values that declared series begin with.
    pub(super) fn first(&self, changes: &mut Changes) {
        let declared = self.slots.all.iter();
        changes.extend(declared.filter_map(|slot| Some((slot.series?, slot.told))));
    }

    /// Adds what has changed since the last look. Returns whether TCP's own line has.
    pub(super) fn look(&mut self, last: bool, changes: &mut Changes) -> Result<bool, ProbeError> {
        let tcp_changed = self.read(last)?;
        let mut fresh = Changes::new();
        for slot in std::mem::take(&mut self.slots.changed) {
            let known = &mut self.slots.all[slot];
            let (before, now) = (known.told, known.told_as());
            if before == now {
                continue;
            }
            known.told = now;
            let series = match known.series {
                Some(series) => series,
                None => {
                    let name = name_of(&self.slots.by_name, slot);
                    let series = declare(&self.node, name, known.gauge, &self.recorder);
                    known.series = Some(series);
                    fresh.push((series, before));
                    series
                }
            };
            changes.push((series, now));
        }
        if !fresh.is_empty() {
            // What first changes now was so from the start.
            let t = Offset::ZERO;
            self.recorder.tell(Event::Sample { t, v: fresh });
        }
        Ok(tcp_changed)
    }

    fn read(&mut self, all: bool) -> Result<bool, ProbeError> {
        let mut tcp_changed = false;
        for ((file, blocks), name) in self
            .files
            .iter_mut()
            .zip(&mut self.blocks)
            .zip(["snmp", "netstat"])
        {
            let text = file
                .read()
                .map_err(|source| ProbeError::file(&self.node, name, source))?;
            tcp_changed |= self.slots.read_pairs(text, blocks);
        }
        let due = all || self.looks.is_multiple_of(self.snmp6_every);
        self.looks = self.looks.wrapping_add(1);
        if let Some(file) = self.snmp6.as_mut().filter(|_| due) {
            let text = file
                .read()
                .map_err(|source| ProbeError::file(&self.node, "snmp6", source))?;
            if text != self.snmp6_text {
                self.slots.read_named(text);
                self.snmp6_text.clear();
                self.snmp6_text.extend_from_slice(text);
            }
        }
        Ok(tcp_changed)
    }
}

/// Whether a counter is one of `snmp6`: `Ip6InReceives`, `Icmp6InMsgs`, `Udp6NoPorts`, `UdpLite6NoPorts`.
fn is_ipv6(name: &str) -> bool {
    let group = ["Ip6", "Icmp6", "Udp6", "UdpLite6"];
    group.iter().any(|prefix| name.starts_with(prefix))
}

/// Looked for only when a counter changes for the first time.
fn name_of(by_name: &BTreeMap<String, usize>, slot: usize) -> &str {
    let found = by_name.iter().find(|(_, index)| **index == slot);
    found.map_or("", |(name, _)| name)
}

fn declare(node: &NodeName, name: &str, gauge: bool, recorder: &Recorder) -> SeriesId {
    let kind = if gauge {
        SeriesKind::Gauge
    } else {
        SeriesKind::Counter
    };
    recorder.series(
        SeriesName::new(format!("{node}.{name}")),
        kind,
        SeriesUnit::Count,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &[u8] = b"Tcp: CurrEstab InSegs\nTcp: 3 100\nUdp: NoPorts\nUdp: 7\n";

    fn changed(slots: &mut Slots) -> Vec<(String, i64)> {
        let changed = std::mem::take(&mut slots.changed);
        let pair = |slot| {
            let name = name_of(&slots.by_name, slot).to_owned();
            (name, slots.all[slot].told_as())
        };
        changed.into_iter().map(pair).collect()
    }

    /// Slots whose baseline is [`BEFORE`].
    fn baseline() -> (Slots, Vec<Block>) {
        let (mut slots, mut blocks) = (Slots::default(), Vec::new());
        assert!(slots.read_pairs(BEFORE, &mut blocks));
        slots.changed.clear();
        for slot in &mut slots.all {
            slot.baseline = slot.value;
        }
        (slots, blocks)
    }

    #[test]
    fn counters_count_from_the_baseline_and_gauges_do_not() {
        let (mut slots, mut blocks) = baseline();
        let now = b"Tcp: CurrEstab InSegs\nTcp: 2 105\nUdp: NoPorts\nUdp: 7\n";
        assert!(slots.read_pairs(now, &mut blocks));
        let expected = [("TcpCurrEstab".to_owned(), 2), ("TcpInSegs".to_owned(), 5)];
        assert_eq!(changed(&mut slots), expected);
    }

    #[test]
    fn nothing_changes_where_the_text_is_the_same() {
        let (mut slots, mut blocks) = baseline();
        assert!(!slots.read_pairs(BEFORE, &mut blocks));
        assert!(slots.changed.is_empty());
    }

    #[test]
    fn a_line_that_appears_later_counts_from_zero_and_moves_no_other() {
        let (mut slots, mut blocks) = baseline();
        let now = b"IcmpMsg: InType3\nIcmpMsg: 2\n\
            Tcp: CurrEstab InSegs\nTcp: 3 100\nUdp: NoPorts\nUdp: 9\n";
        slots.read_pairs(now, &mut blocks);
        let expected = [
            ("IcmpMsgInType3".to_owned(), 2),
            ("UdpNoPorts".to_owned(), 2),
        ];
        assert_eq!(changed(&mut slots), expected);
    }

    #[test]
    fn a_counter_that_wraps_keeps_counting() {
        let mut slots = Slots::default();
        let slot = slots.of("IpExtInOctets");
        slots.all[slot].baseline = -1;
        slots.see(slot, 4);
        assert_eq!(changed(&mut slots), [("IpExtInOctets".to_owned(), 5)]);
    }

    #[test]
    fn the_groups_of_snmp6_are_told_from_the_others() {
        for name in [
            "Ip6InReceives",
            "Icmp6InMsgs",
            "Udp6NoPorts",
            "UdpLite6NoPorts",
        ] {
            assert!(is_ipv6(name), "{name}");
        }
        for name in ["IpInReceives", "IpExtInOctets", "TcpInSegs", "tcp.LISTEN"] {
            assert!(!is_ipv6(name), "{name}");
        }
    }
}
