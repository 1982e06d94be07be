//! Every counter that nstat(8) prints: `snmp`, `netstat` and `snmp6` of a namespace, as changes since the baseline.

use std::collections::BTreeSet;
use std::io;

use super::ProbeError;
use super::activity::NodeActivity;
use super::mib::{Block, ChangedLines, Slots};
use super::watched::Changes;
use crate::metrics::kernel_counters::CURR_ESTAB;
use crate::names::{NodeName, SeriesName};
use crate::record::{Event, Offset, Recorder, SeriesId, SeriesKind};
use crate::sys::procfs::NetFile;
use crate::units::Unit;

/// TCP's own line at a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct TcpLine {
    /// True if it has changed since the last look: a segment was sent or received, or a connection began or ended.
    pub(super) changed: bool,
    /// `CurrEstab`: connections in ESTABLISHED, and since Linux 6.10 those in CLOSE_WAIT as well (RFC 4022).
    pub(super) established: i64,
}

/// A file with pairs of lines, and its text as last seen.
#[derive(Debug)]
struct CounterFile {
    name: &'static str,
    file: NetFile,
    blocks: Vec<Block>,
}

#[derive(Debug)]
pub(super) struct Counters {
    node: NodeName,
    recorder: Recorder,
    snmp: CounterFile,
    /// Takes half of the time of all files, and changes only with what the others show too.
    netstat: CounterFile,
    /// True if an expectation names a counter of `netstat`, which is then read at every look.
    netstat_always: bool,
    snmp6: Option<NetFile>,
    snmp6_text: Vec<u8>,
    /// True unless the lab has no IPv6 and no expectation names a counter of `snmp6`.
    snmp6_always: bool,
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
        let snmp6 = match NetFile::open("snmp6") {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(ProbeError::file(node, "snmp6", source)),
        };
        let mut counters = Self {
            node: node.clone(),
            recorder: recorder.clone(),
            snmp: CounterFile::open("snmp", node)?,
            netstat: CounterFile::open("netstat", node)?,
            netstat_always: named.iter().any(|name| is_extended(name)),
            snmp6,
            snmp6_text: Vec::new(),
            snmp6_always: speaks_ipv6 || named.iter().any(|name| is_ipv6(name)),
            slots: Slots::default(),
        };
        counters.read(&mut NodeActivity::new())?;
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
        activity: &mut NodeActivity,
        changes: &mut Changes,
    ) -> Result<TcpLine, ProbeError> {
        let changed = self.read(activity)?;
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

    /// Reads `snmp`, and the other files if they may have changed. Returns true if TCP's own line has changed.
    fn read(&mut self, activity: &mut NodeActivity) -> Result<bool, ProbeError> {
        let tcp_changed = self
            .snmp
            .read(&self.node, &mut self.slots, activity)?
            .is_tcp;
        let due = self.snmp6_always || activity.is_full();
        if let Some(file) = self.snmp6.as_mut().filter(|_| due) {
            let text = file
                .read()
                .map_err(|source| ProbeError::file(&self.node, "snmp6", source))?;
            if text != self.snmp6_text {
                activity.see(true);
                self.slots.read_named(text);
                self.snmp6_text.clear();
                self.snmp6_text.extend_from_slice(text);
            }
        }
        if self.netstat_always || activity.wants_all() {
            self.netstat.read(&self.node, &mut self.slots, activity)?;
        }
        Ok(tcp_changed)
    }
}

impl CounterFile {
    fn open(name: &'static str, node: &NodeName) -> Result<Self, ProbeError> {
        let file = NetFile::open(name).map_err(|source| ProbeError::file(node, name, source))?;
        Ok(Self {
            name,
            file,
            blocks: Vec::new(),
        })
    }

    fn read(
        &mut self,
        node: &NodeName,
        slots: &mut Slots,
        activity: &mut NodeActivity,
    ) -> Result<ChangedLines, ProbeError> {
        let text = self.file.read();
        let text = text.map_err(|source| ProbeError::file(node, self.name, source))?;
        let changed = slots.read_pairs(text, &mut self.blocks);
        activity.see(changed.is_any);
        Ok(changed)
    }
}

/// Returns true if a counter comes from `netstat`: `TcpExtListenDrops`, `IpExtInOctets`, `MPTcpExtMPCapableSYNRX`.
fn is_extended(name: &str) -> bool {
    let group = ["TcpExt", "IpExt", "MPTcpExt"];
    group.iter().any(|prefix| name.starts_with(prefix))
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
    fn the_file_of_a_counter_is_known_by_its_name() {
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
        for (name, expected) in [
            ("TcpExtTW", true),
            ("IpExtInOctets", true),
            ("TcpInSegs", false),
            ("IpInReceives", false),
        ] {
            assert_eq!(is_extended(name), expected, "{name}");
        }
    }
}
