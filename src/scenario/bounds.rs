//! Limits on what a scenario may ask for. A number beyond them is a typing mistake, or a load that no machine
//! on which the lab was measured can offer. The limits keep both from using up memory and time unnoticed.

use std::time::Duration;

/// Bytes of a file. The largest useful file, ten thousand nodes with a link and a client each, is a third of this.
pub(crate) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Levels of nesting. The deepest path of the format has 8.
pub(crate) const MAX_DEPTH: usize = 32;
/// Values of one file once aliases are expanded.
pub(crate) const MAX_NODES: usize = 500_000;
/// Values of all runs of one file together; each run has its own copy.
pub(crate) const MAX_NODES_OF_ALL_RUNS: usize = 2_000_000;
/// Runs of one file: variants times matrix cases.
pub(crate) const MAX_RUNS: usize = 200;
/// Namespaces of one lab.
pub(crate) const MAX_NODES_OF_A_LAB: usize = 10_000;
/// Nodes of one segment: those that a /24 has room for below the addresses for SNAT.
pub(crate) const MAX_SEGMENT: usize = 100;
/// Links of one lab. The addresses of floods follow those of 16,384 links.
pub(crate) const MAX_LINKS: usize = 12_000;
/// Routes of one lab. A node with several links has a route to every subnet.
pub(crate) const MAX_ROUTES: usize = 100_000;
/// Routes of all runs of one file together.
pub(crate) const MAX_ROUTES_OF_ALL_RUNS: usize = 1_000_000;
/// Attempts per second: about four times what one core opens on loopback.
pub(crate) const MAX_RATE: f64 = 200_000.0;
/// The lowest rate: one attempt in [`MAX_DURATION`].
pub(crate) const MIN_RATE: f64 = 1.0 / (30.0 * 86_400.0);
/// The lowest bandwidth, in bits per second: a packet takes hours.
pub(crate) const MIN_BANDWIDTH: f64 = 1.0;
/// Attempts of one client.
pub(crate) const MAX_ATTEMPTS: u64 = 20_000_000;
/// Connections that one client holds.
pub(crate) const MAX_HELD: u64 = 2_000_000;
/// Concurrent requests in a closed loop, and streams of a bulk transfer: one descriptor each.
pub(crate) const MAX_CONCURRENCY: u64 = 20_000;
/// Steps of an exchange. Each reply adds to the depth of the engine's stack.
pub(crate) const MAX_EXCHANGE: usize = 1000;
/// Queries that a lookup sends at once. Resolvers send two.
pub(crate) const MAX_AT_ONCE: u64 = 1000;
/// Processors that a scenario may require.
pub(crate) const MAX_PROCESSORS: u64 = 1024;
/// Queries that threads send at the same moment: as many as machines for tests have processors.
pub(crate) const MAX_QUERY_THREADS: u32 = 8;
/// Times that a query is sent again.
pub(crate) const MAX_RETRIES: u64 = 100;
/// Queries of one socket that wait for their answers: half of their 16-bit identifiers.
pub(crate) const MAX_OPEN_QUERIES: u64 = 32_768;
/// Data bytes of a datagram over IPv4: 65,535 without the headers of IP and UDP (RFC 768).
pub(crate) const MAX_DATAGRAM: u64 = 65_507;
/// Threads of a pool.
pub(crate) const MAX_THREADS: u64 = 4096;
/// Local source addresses of a node: an IPv4 /16.
pub(crate) const MAX_SOURCES: u64 = 65_536;
/// Forged addresses of a flood: an IPv4 /16 without its first.
pub(crate) const MAX_FORGED_SOURCES: u64 = 65_535;
/// Addresses of one SNAT: the rest of a /24 above .100.
pub(crate) const MAX_SNAT_ADDRESSES: u64 = 154;
/// Any duration. The kernel's longest timer that a scenario could wait for is
/// conntrack's 5 days (`nf_conntrack_tcp_timeout_established`).
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(30 * 86_400);
/// Bytes of a transfer or a reply: a pebibyte.
pub(crate) const MAX_TRANSFER: u64 = 1 << 50;
/// Bytes of one `write(2)`: the most that Linux moves in one call (`MAX_RW_COUNT`, `include/linux/fs.h`).
pub(crate) const MAX_WRITE: u64 = 0x7fff_f000;
/// Descriptors of a process: the default of `fs.nr_open` (Linux `fs/file.c`).
pub(crate) const MAX_NOFILE: u64 = 1_048_576;
/// Faults of one lab. Each is compared with every segment of its link.
pub(crate) const MAX_FAULTS: usize = 100;
/// Data bytes of a forged segment: with its headers it fits the least MTU that IPv6 allows (1,280, RFC 8200).
pub(crate) const MAX_FORGED: u64 = 1_000;
/// Letters of a name.
pub(crate) const MAX_NAME: usize = 64;
/// Expectations of one run.
pub(crate) const MAX_EXPECTATIONS: usize = 1000;
/// Bytes of one expectation.
pub(crate) const MAX_EXPECTATION: usize = 2000;
/// Nested parentheses in one expectation.
pub(crate) const MAX_PARENTHESES: usize = 32;
/// Bytes of a compiled regular expression.
pub(crate) const MAX_REGEX: usize = 256 * 1024;
/// Interval between samples. Long intervals serve runs of days, which are short in virtual time.
pub(crate) const SAMPLE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(3600);
/// Bytes that parameters fill into one run.
pub(crate) const MAX_FILLED: usize = 1024 * 1024;
