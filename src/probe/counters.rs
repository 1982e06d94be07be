//! Every counter that nstat(8) prints: `snmp`, `netstat` and `snmp6` of a namespace, as changes since the baseline.

use std::collections::BTreeSet;
use std::io;

use super::ProbeError;
use super::mib::{Block, Slots};
use super::watched::Changes;
use crate::metrics::kernel_counters::CURR_ESTAB;
use crate::names::{NodeName, SeriesName};
use crate::record::{Event, Offset, Recorder, SeriesId, SeriesKind};
use crate::sys::procfs::NetFile;
use crate::units::Unit;

/// In a lab without IPv6, `snmp6` (15 of the 60 µs that all files take) is read at one of this many looks, and at
/// the last.
const IDLE_SNMP6: u32 = 10;

/// TCP's own line at a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct TcpLine {
    /// True if it has changed since the last look: a segment was sent or received, or a connection began or ended.
    pub(super) changed: bool,
    /// `CurrEstab`: connections in ESTABLISHED, and since Linux 6.10 those in CLOSE_WAIT as well (RFC 4022).
    pub(super) established: i64,
}

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

impl Counters {
    /// Opens the files of the calling thread's namespace and takes the baseline. Counters that expectations name
    /// are declared if the kernel lists them.
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
            slot.recorded = slot.recorded_value();
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

    /// Adds the initial values of the declared series.
    pub(super) fn first(&self, changes: &mut Changes) {
        let declared = self.slots.all.iter();
        changes.extend(declared.filter_map(|slot| Some((slot.series?, slot.recorded))));
    }

    /// Adds the values that have changed since the last look.
    pub(super) fn look(
        &mut self,
        last: bool,
        changes: &mut Changes,
    ) -> Result<TcpLine, ProbeError> {
        let changed = self.read(last)?;
        let mut fresh = Changes::new();
        for slot in std::mem::take(&mut self.slots.changed) {
            let known = &self.slots.all[slot];
            let (before, now) = (known.recorded, known.recorded_value());
            if before == now {
                continue;
            }
            let series = known.series.unwrap_or_else(|| {
                let name = self.slots.name_of(slot);
                let series = declare(&self.node, name, known.gauge, &self.recorder);
                fresh.push((series, before));
                series
            });
            changes.push((series, now));
            let known = &mut self.slots.all[slot];
            known.recorded = now;
            known.series = Some(series);
        }
        if !fresh.is_empty() {
            // A counter that changes for the first time had its old value since the start.
            let t = Offset::ZERO;
            self.recorder.record(Event::Sample { t, v: fresh });
        }
        let established = self.slots.of(CURR_ESTAB);
        Ok(TcpLine {
            changed,
            established: self.slots.all[established].value,
        })
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

/// Returns true if a counter comes from `snmp6`: `Ip6InReceives`, `Icmp6InMsgs`, `Udp6NoPorts`, `UdpLite6NoPorts`.
fn is_ipv6(name: &str) -> bool {
    let group = ["Ip6", "Icmp6", "Udp6", "UdpLite6"];
    group.iter().any(|prefix| name.starts_with(prefix))
}

fn declare(node: &NodeName, name: &str, gauge: bool, recorder: &Recorder) -> SeriesId {
    let kind = if gauge {
        SeriesKind::Gauge
    } else {
        SeriesKind::Counter
    };
    recorder.series(SeriesName::new(format!("{node}.{name}")), kind, Unit::Count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_snmp6_are_recognized() {
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
