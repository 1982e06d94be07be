//! Reads and parses files under `/proc` by which a namespace is observed. The files stay open.
//!
//! `/proc/net` shows the main thread's namespace to every reader. `/proc/thread-self/net` shows the caller's,
//! and a file opened there stays with that namespace.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of the first read. `sockstat` has 200, and `netstat` 5,500 on Linux 6.18: the buffer grows with its file,
/// because a lab with thousands of nodes has five for each.
const FIRST_READ: usize = 1024;

/// A file of `/proc/thread-self/net` that is opened once and read from its start each time.
#[derive(Debug)]
pub struct NetFile {
    file: File,
    buffer: Vec<u8>,
}

impl NetFile {
    /// Opens a file of the calling thread's namespace, such as `snmp`, `netstat` or `sockstat`.
    ///
    /// # Errors
    /// The errors of open(2): ENOENT if the kernel does not have the protocol (`snmp6`, `sockstat6`).
    pub fn open(name: &str) -> io::Result<Self> {
        Ok(Self {
            file: File::open(Path::new("/proc/thread-self/net").join(name))?,
            buffer: vec![0; FIRST_READ],
        })
    }

    /// Reads the whole file. This works only for files that the kernel writes as one record
    /// (`single_open_net`): one read with a sufficient buffer returns everything.
    ///
    /// # Errors
    /// The errors of pread(2).
    pub fn read(&mut self) -> io::Result<&[u8]> {
        loop {
            let length = self.file.read_at(&mut self.buffer, 0)?;
            if length < self.buffer.len() {
                return Ok(&self.buffer[..length]);
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }

    /// Reads the whole file, also one of several records, of which the kernel returns only so many in a read as fit
    /// into a page.
    ///
    /// # Errors
    /// The errors of pread(2).
    pub fn read_records(&mut self) -> io::Result<&[u8]> {
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match self
                .file
                .read_at(&mut self.buffer[length..], length as u64)?
            {
                0 => return Ok(&self.buffer[..length]),
                more => length += more,
            }
        }
    }
}

/// Returns whether `tw` of `sockstat` counts only the calling thread's namespace. This is so since Linux
/// 4.11, which also made `tcp_max_tw_buckets` visible in namespaces other than the initial one.
pub fn counts_tw_by_namespace() -> bool {
    Path::new("/proc/sys/net/ipv4/tcp_max_tw_buckets").exists()
}

/// Returns the bytes of memory available without swapping: `MemAvailable` of proc_meminfo(5).
///
/// # Errors
/// `/proc` is not mounted.
pub fn available_memory() -> io::Result<u64> {
    meminfo("MemAvailable:")
}

/// Bytes of memory that the kernel manages: `MemTotal` of proc_meminfo(5).
///
/// # Errors
/// If `/proc` is not mounted.
pub fn total_memory() -> io::Result<u64> {
    meminfo("MemTotal:")
}

fn meminfo(field: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    text.lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| io::Error::other(format!("/proc/meminfo has no {field}")))
}

/// Returns the size of a memory page in bytes (`_SC_PAGESIZE`, sysconf(3)).
pub fn page_size() -> u64 {
    /// The size on every architecture on which sysconf(3) could fail.
    const USUAL: u64 = 4096;
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    size.ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or(USUAL)
}

/// The values of the line `TCP:` in `sockstat` that are per namespace; its `orphan` and `mem` are machine-wide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpSockstat {
    /// IPv4 sockets that are connected, connecting or listening (`sockstat6` has those of IPv6, and nothing else).
    pub inuse: u64,
    /// Small sockets of both families that stand for others: in TIME_WAIT, and late in FIN_WAIT2.
    pub tw: u64,
    /// Sockets of both families on the whole machine, without those in TIME_WAIT.
    pub alloc: u64,
}

/// Returns the number of sockets of all kinds in the namespace (`sockets: used` of `sockstat`; in old kernels, of
/// the whole machine).
pub fn used_sockets(sockstat: &[u8]) -> Option<u64> {
    let rest = sockstat.strip_prefix(b"sockets: used ")?;
    let end = rest.iter().position(u8::is_ascii_whitespace)?;
    Some(number(&rest[..end])?.cast_unsigned())
}

/// Parses `sockstat` or `sockstat6`; `None` if it has no TCP line.
pub fn tcp_sockstat(text: &[u8]) -> Option<TcpSockstat> {
    let line = text
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"TCP: ").or(line.strip_prefix(b"TCP6: ")))?;
    let mut words = line.split(|byte| *byte == b' ');
    let mut read = TcpSockstat::default();
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        match key {
            b"inuse" => read.inuse = number(value)?.cast_unsigned(),
            b"tw" => read.tw = number(value)?.cast_unsigned(),
            b"alloc" => read.alloc = number(value)?.cast_unsigned(),
            _ => {}
        }
    }
    Some(read)
}

/// Iterates over the pairs of lines in `snmp` and `netstat`: names, followed by values with the same prefix
/// (`Tcp: `). A line without its partner is skipped.
pub fn line_pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut lines = text.split(|byte| *byte == b'\n').peekable();
    std::iter::from_fn(move || {
        loop {
            let names = lines.next()?;
            let prefix = prefix(names);
            if !prefix.is_empty()
                && let Some(values) = lines.next_if(|line| line.starts_with(prefix))
            {
                return Some((names, values));
            }
        }
    })
}

/// Returns the text before the first column, with its colon; empty if there is none.
fn prefix(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| *byte == b':');
    end.map_or(&[], |colon| &line[..=colon])
}

/// Iterates over the column names of a line, as nstat(8) prints them: prefix and column joined.
pub fn column_names(line: &[u8]) -> impl Iterator<Item = String> {
    let prefix = prefix(line);
    let group = String::from_utf8_lossy(prefix.strip_suffix(b":").unwrap_or(prefix));
    words(&line[prefix.len()..])
        .map(move |name| format!("{group}{}", String::from_utf8_lossy(name)))
}

/// Iterates over the numbers of a line of values, by column; `None` for words that are not numbers.
pub fn column_values(line: &[u8]) -> impl Iterator<Item = Option<i64>> {
    words(&line[prefix(line).len()..]).map(number)
}

/// Iterates over the names and numbers of `snmp6`.
pub fn named_values(text: &[u8]) -> impl Iterator<Item = (&[u8], i64)> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut words = words(line);
        Some((words.next()?, number(words.next()?)?))
    })
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Parses a decimal number, which may be negative. Counters are unsigned: one beyond `i64` wraps,
/// and so do differences.
fn number(word: &[u8]) -> Option<i64> {
    let (digits, negative) = word
        .strip_prefix(b"-")
        .map_or((word, false), |digits| (digits, true));
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    let value = value.cast_signed();
    Some(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOCKSTAT: &[u8] = b"sockets: used 15\nTCP: inuse 12 orphan 3 tw 481 alloc 14 mem 214\n\
        UDP: inuse 2 mem 0\nRAW: inuse 0\n";

    fn pairs(text: &[u8]) -> Vec<(String, i64)> {
        let columns = |(names, values)| {
            let values: Vec<_> = column_values(values).flatten().collect();
            column_names(names).zip(values).collect::<Vec<_>>()
        };
        line_pairs(text).flat_map(columns).collect()
    }

    fn pair(name: &str, value: i64) -> (String, i64) {
        (name.to_owned(), value)
    }

    #[test]
    fn sockstat_has_the_values_of_the_namespace() {
        let read = tcp_sockstat(SOCKSTAT).unwrap();
        let of_ipv4 = TcpSockstat {
            inuse: 12,
            tw: 481,
            alloc: 14,
        };
        assert_eq!(read, of_ipv4);
        assert_eq!(used_sockets(SOCKSTAT), Some(15));
        assert_eq!(used_sockets(b"TCP6: inuse 7\n"), None);
        let read = tcp_sockstat(b"TCP6: inuse 7\nUDP6: inuse 1\n").unwrap();
        let of_ipv6 = TcpSockstat {
            inuse: 7,
            ..TcpSockstat::default()
        };
        assert_eq!(read, of_ipv6);
        assert_eq!(tcp_sockstat(b"sockets: used 15\n"), None);
    }

    #[test]
    fn columns_get_the_names_that_nstat_prints() {
        let text = b"Tcp: MaxConn InSegs\nTcp: -1 5330\nIpExt: InOctets\nIpExt: 96699077\n";
        assert_eq!(
            pairs(text),
            [
                pair("TcpMaxConn", -1),
                pair("TcpInSegs", 5330),
                pair("IpExtInOctets", 96_699_077)
            ]
        );
    }

    #[test]
    fn malformed_lines_are_skipped() {
        let text = b"\nno colon\nIp: Forwarding\nTcp: A B\nTcp: 1\nUdp: C\n";
        assert_eq!(pairs(text), [pair("TcpA", 1)]);
        assert_eq!(pairs(b"Icmp: A B\nIcmp: x 2\n"), [pair("IcmpA", 2)]);
    }

    #[test]
    fn a_counter_beyond_the_signed_range_wraps() {
        let text = format!("Ip: A\nIp: {}\n", u64::MAX);
        assert_eq!(pairs(text.as_bytes()), [pair("IpA", -1)]);
    }

    #[test]
    fn snmp6_has_a_name_and_a_number_per_line() {
        let text = b"Ip6InReceives                   \t12\nIcmp6InType135\t3\nodd\n";
        let read: Vec<_> = named_values(text).collect();
        assert_eq!(read[0], (b"Ip6InReceives".as_slice(), 12));
        assert_eq!(read[1], (b"Icmp6InType135".as_slice(), 3));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn files_of_this_thread_can_be_read_repeatedly() {
        let mut file = NetFile::open("snmp").unwrap();
        for _ in 0..3 {
            let text = file.read().unwrap();
            assert!(line_pairs(text).any(|(names, _)| names.starts_with(b"Tcp:")));
        }
    }

    proptest! {
        #[test]
        fn written_columns_are_read_back(
            columns in prop::collection::vec(("[A-Z][A-Za-z0-9]{0,20}", any::<u64>()), 1..40)
        ) {
            let names: String = columns.iter().map(|(name, _)| format!(" {name}")).collect();
            let values: String = columns.iter().map(|(_, value)| format!(" {value}")).collect();
            let text = format!("TcpExt:{names}\nTcpExt:{values}\n");
            let expected: Vec<_> = columns
                .iter()
                .map(|(name, value)| (format!("TcpExt{name}"), value.cast_signed()))
                .collect();
            prop_assert_eq!(pairs(text.as_bytes()), expected);
        }

        #[test]
        fn any_text_is_accepted(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let _some = pairs(&text);
            let _some = tcp_sockstat(&text);
            let _some = named_values(&text).count();
        }
    }
}
