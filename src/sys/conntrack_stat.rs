//! `/proc/net/stat/nf_conntrack` of a namespace: the entries and most counters of its connection tracking table in one
//! read, which takes a quarter of the time of the two requests over netlink (`conntrack`).

use std::io;

use super::conntrack::TableCounters;
use super::procfs::NetFile;

/// The file, which stays open and with the namespace of the thread that opened it.
#[derive(Debug)]
pub struct ConntrackStat(NetFile);

impl ConntrackStat {
    /// Opens the file of the calling thread's namespace.
    ///
    /// # Errors
    /// ENOENT if the kernel does not have it (`CONFIG_NF_CONNTRACK_PROCFS`).
    pub fn open() -> io::Result<Self> {
        NetFile::open("stat/nf_conntrack").map(Self)
    }

    /// Returns the number of entries, and the counters of the columns whose meaning is the same on every kernel;
    /// `None` if the file has another form.
    ///
    /// # Errors
    /// The errors of pread(2).
    pub fn read(&mut self) -> io::Result<Option<(u32, TableCounters)>> {
        // The kernel writes a record for each processor.
        let text = self.0.read_records()?;
        Ok(std::str::from_utf8(text).ok().and_then(parse))
    }
}

fn parse(text: &str) -> Option<(u32, TableCounters)> {
    let mut lines = text.lines();
    let names = lines.next()?;
    let (mut entries, mut counters) = (None, TableCounters::default());
    for line in lines {
        for (name, value) in names.split_whitespace().zip(line.split_whitespace()) {
            let value = u32::from_str_radix(value, 16).ok()?;
            if name == "entries" {
                entries = Some(value);
            } else {
                counters.add_column(name, value);
            }
        }
    }
    Some((entries?, counters))
}

#[cfg(test)]
mod tests {
    use super::super::conntrack::Conntrack;
    use super::*;
    use crate::sys::testing::{HASTY, NatLab, connect, listen};

    #[test]
    fn the_values_of_all_processors_are_added_up() {
        let text = "entries  clashres found new chainlength insert drop\n\
            0000000a  00000000 00000001 00000007 00000002 00000010 00000000\n\
            0000000a  00000000 00000002 00000007 00000002 00000001 00000003\n";
        let (entries, counters) = parse(text).unwrap();
        assert_eq!(entries, 10);
        let read: Vec<_> = counters
            .iter()
            .map(|(metric, value)| (metric.name.trim_start_matches("conntrack."), value))
            .collect();
        let expected = [
            ("found", 3),
            ("insert", 17),
            ("drop", 3),
            ("clash_resolve", 0),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn another_form_is_not_a_table() {
        for text in ["", "entries found\n", "found\n00000001\n", "entries\nten\n"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_the_file_has_the_values_that_netlink_sends() {
        let lab = NatLab::build();
        let _listener = listen(&lab.server, NatLab::SERVER);
        let _connections = connect(&lab.client, NatLab::SERVER, 20, HASTY);
        let read = || {
            let mut netlink = Conntrack::open().unwrap();
            let (entries, from_file) = ConntrackStat::open().unwrap().read().unwrap().unwrap();
            (
                netlink.size().unwrap().count,
                netlink.counters().unwrap(),
                entries,
                from_file,
            )
        };
        let (count, from_netlink, entries, from_file) = lab.nat.run(read).unwrap();
        assert_eq!((entries, count), (20, 20));
        let without = |counters: &TableCounters| -> Vec<_> {
            let each = counters.iter().map(|(metric, value)| (metric.name, value));
            each.filter(|(name, _)| *name != "conntrack.chaintoolong")
                .collect()
        };
        assert_eq!(without(&from_file), without(&from_netlink));
    }
}
