//! Every counter of a namespace as last read: its line and column, its baseline, its value.
//!
//! Most of a file stays the same between looks, so lines are compared as bytes and parsed only if they differ.
//! Not here: opening the files and recording the changes (`counters`).

use std::collections::BTreeMap;

use crate::metrics::{SeriesKind, kernel_counters};
use crate::record::SeriesId;
use crate::sys::procfs::{column_names, column_values, line_pairs, named_values};

/// The line whose values cannot stay the same when a segment is sent or received or a connection begins or ends.
const TCP_LINE: &[u8] = b"Tcp:";

/// A pair of lines as last seen, with the slot of each column.
#[derive(Debug, Default)]
pub(super) struct Block {
    names: Vec<u8>,
    values: Vec<u8>,
    slots: Vec<usize>,
}

/// The changes in a file since it was last read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ChangedLines {
    pub(super) is_any: bool,
    /// True if TCP's own line has changed.
    pub(super) is_tcp: bool,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) by_name: BTreeMap<String, usize>,
    pub(super) all: Vec<Slot>,
    pub(super) changed: Vec<usize>,
}

/// One counter or gauge.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) gauge: bool,
    pub(super) baseline: i64,
    pub(super) value: i64,
    /// The last recorded value, or the one that would have been recorded; as [`Slot::recorded_value`] returns it.
    pub(super) recorded: i64,
    pub(super) series: Option<SeriesId>,
}

impl Slot {
    pub(super) fn recorded_value(&self) -> i64 {
        if self.gauge {
            self.value
        } else {
            self.value.wrapping_sub(self.baseline)
        }
    }
}

impl Slots {
    /// Returns the name of a counter. The search is slow, and needed only when a counter changes for the first time.
    pub(super) fn name_of(&self, slot: usize) -> &str {
        let found = self.by_name.iter().find(|(_, index)| **index == slot);
        found.map_or("", |(name, _)| name)
    }

    /// Returns the slot of a name. A counter that was not listed before was 0, because the kernel omits some
    /// lines of zeros.
    pub(super) fn of(&mut self, name: &str) -> usize {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = self.all.len();
        self.by_name.insert(name.to_owned(), slot);
        self.all.push(Slot {
            gauge: kernel_counters::kind(name) == SeriesKind::Gauge,
            baseline: 0,
            value: 0,
            recorded: 0,
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

    /// Parses `snmp` or `netstat`.
    pub(super) fn read_pairs(&mut self, text: &[u8], blocks: &mut Vec<Block>) -> ChangedLines {
        let mut changed = ChangedLines::default();
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
                changed.is_any = true;
                changed.is_tcp |= values.starts_with(TCP_LINE);
                for (slot, value) in block.slots.iter().zip(column_values(values)) {
                    if let Some(value) = value {
                        self.see(*slot, value);
                    }
                }
                block.values.clear();
                block.values.extend_from_slice(values);
            }
        }
        changed
    }

    /// Parses `snmp6`, whose lines come and go with the packets received.
    pub(super) fn read_named(&mut self, text: &[u8]) {
        for (name, value) in named_values(text) {
            let slot = self.of(&String::from_utf8_lossy(name));
            self.see(slot, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &[u8] = b"Tcp: CurrEstab InSegs\nTcp: 3 100\nUdp: NoPorts\nUdp: 7\n";

    fn changed(slots: &mut Slots) -> Vec<(String, i64)> {
        let changed = std::mem::take(&mut slots.changed);
        let pair = |slot| {
            let name = slots.name_of(slot).to_owned();
            (name, slots.all[slot].recorded_value())
        };
        changed.into_iter().map(pair).collect()
    }

    /// Returns slots whose baseline is [`BEFORE`].
    fn baseline() -> (Slots, Vec<Block>) {
        let (mut slots, mut blocks) = (Slots::default(), Vec::new());
        assert!(slots.read_pairs(BEFORE, &mut blocks).is_tcp);
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
        let changed_lines = slots.read_pairs(now, &mut blocks);
        assert!(changed_lines.is_tcp && changed_lines.is_any);
        let expected = [("TcpCurrEstab".to_owned(), 2), ("TcpInSegs".to_owned(), 5)];
        assert_eq!(changed(&mut slots), expected);
    }

    #[test]
    fn equal_text_changes_nothing() {
        let (mut slots, mut blocks) = baseline();
        assert_eq!(
            slots.read_pairs(BEFORE, &mut blocks),
            ChangedLines::default()
        );
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
}
