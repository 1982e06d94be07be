//! A lab with packets made by hand.
//!
//! ```text
//! client 10.0.0.1 ---- 10.0.0.2 nat 10.0.1.1 ---- 10.0.1.2 server
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use etherparse::PacketBuilder;

use crate::ladder::{Ladder, LadderError, LadderRow, PacketRow, draw};
use crate::names::{IfName, NodeName, SeriesName};
use crate::record::{
    Capture, CaptureHeader, CaptureWriter, CapturedPacket, Direction, Event, LinkEnd, Offset,
    SeriesDeclaration, SeriesId, SeriesKind, Timeline,
};
use crate::scenario::{self, RunSpec};
use crate::units::Unit;

/// Wall-clock time at the zero of the run's clock.
const ZERO: u64 = 1_763_640_000_000_000_000;
/// Initial sequence numbers of the client and the server.
pub(crate) const ISN: [u32; 2] = [4_294_967_000, 700];

const SCENARIO: &str = "
name: by-hand
title: By hand
nodes:
  client: {}
  nat: { nat: { masquerade: { toward: server } }, conntrack: { room: 10 } }
  server: {}
links:
  - between: [client, nat]
  - between: [nat, server]
servers:
  web: { node: server, port: 80 }
clients:
  load: { node: client, to: web, connect: { rate: 10/s, for: 1s, timeout: 1s } }
expect:
  - load.established >= 0
";

/// Returns the packets of a ladder, without the rows between them.
pub(crate) fn packets(ladder: &Ladder) -> Vec<&PacketRow> {
    let packets = ladder.rows.iter().filter_map(|row| match row {
        LadderRow::Packet(packet) => Some(packet),
        LadderRow::LeftOut(_) | LadderRow::State(_) => None,
    });
    packets.collect()
}

/// Returns the first run of a scenario.
pub(crate) fn spec_of(scenario: &str) -> RunSpec {
    let parsed = scenario::parse("by-hand.yaml", scenario, &BTreeMap::new());
    let problems = |problems: scenario::Problems| panic!("{:?}", problems.problems);
    parsed.unwrap_or_else(problems).runs.remove(0)
}

/// Returns a link end: `client:eth0`.
pub(crate) fn end(node: &str, interface: &str) -> LinkEnd {
    LinkEnd {
        node: NodeName::new(node),
        interface: IfName::new(interface),
    }
}

/// A file in memory.
#[derive(Clone, Default)]
struct SharedFile(Rc<RefCell<Vec<u8>>>);

impl io::Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A capture and a record under construction.
pub(crate) struct Script {
    pub(crate) spec: RunSpec,
    /// The link ends in path order, each with the addresses there from the client to the server.
    pub(crate) ends: Vec<(LinkEnd, [String; 2])>,
    pub(crate) timeline: Timeline,
    /// TSval of the packets that are sent from now on.
    pub(crate) stamp: Option<u32>,
    identification: u16,
    /// Number of the first of the ends in the capture.
    first: usize,
    writer: CaptureWriter<SharedFile>,
    written: SharedFile,
    series: u32,
}

impl Script {
    /// Creates a lab whose NAT gives the client's connections its own address and this port.
    pub(crate) fn with_port(port: u16) -> Self {
        let before = ["10.0.0.1:40000".to_owned(), "10.0.1.2:80".to_owned()];
        let behind = [format!("10.0.1.1:{port}"), "10.0.1.2:80".to_owned()];
        let ends = [
            ("client", "eth0", &before),
            ("nat", "eth0", &before),
            ("nat", "eth1", &behind),
            ("server", "eth0", &behind),
        ];
        let ends = ends.map(|(node, interface, pair)| (end(node, interface), pair.clone()));
        Self::new(spec_of(SCENARIO), ends.to_vec())
    }

    pub(crate) fn new(spec: RunSpec, ends: Vec<(LinkEnd, [String; 2])>) -> Self {
        let header = CaptureHeader {
            run: spec.id.to_string(),
            clock_zero: ZERO,
            snap: 128,
            interfaces: ends
                .iter()
                .map(|(end, _)| (end.clone(), String::new()))
                .collect(),
        };
        let written = SharedFile::default();
        Self {
            spec,
            ends,
            timeline: Timeline::default(),
            writer: CaptureWriter::begin(written.clone(), &header).unwrap(),
            written,
            stamp: None,
            identification: 0,
            first: 0,
            series: 0,
        }
    }

    /// Sends a packet `> PSH-ACK 1 1 10` (direction, flags, relative sequence number, acknowledgement number, bytes;
    /// then the status, if it is an HTTP reply) `at` milliseconds after the clock's zero. It is seen at `seen` link
    /// ends, 10 µs apart.
    pub(crate) fn send(&mut self, at: f64, what: &str, seen: usize) -> &mut Self {
        self.identification += 1;
        for number in 0..seen {
            let time = ZERO + (at * 1e6) as u64 + number as u64 * 10_000;
            self.sight(time, what, number);
        }
        self
    }

    /// Sends a packet that arrives at its receiver.
    pub(crate) fn reach(&mut self, at: f64, what: &str) -> &mut Self {
        self.send(at, what, self.ends.len())
    }

    /// Adds a sighting of a packet at a link end, counted in its direction.
    pub(crate) fn sight(&mut self, time: u64, what: &str, number: usize) {
        let words: Vec<&str> = what.split(' ').collect();
        let forward = words[0] == ">";
        let end = if forward {
            number
        } else {
            self.ends.len() - 1 - number
        };
        let number_at = |at: usize| words.get(at).map_or(0, |word| word.parse().unwrap());
        let [own, other] = if forward { ISN } else { [ISN[1], ISN[0]] };
        let (seq, ack) = (
            own.wrapping_add(number_at(2)),
            other.wrapping_add(number_at(3)),
        );
        let [client, server] = &self.ends[end].1;
        let (from, to) = if forward {
            (client, server)
        } else {
            (server, client)
        };
        let address = |text: &str| -> ([u8; 4], u16) {
            let address: std::net::SocketAddrV4 = text.parse().unwrap();
            (address.ip().octets(), address.port())
        };
        let ((from, from_port), (to, to_port)) = (address(from), address(to));
        let mut ip =
            etherparse::Ipv4Header::new(0, 64, etherparse::IpNumber::TCP, from, to).unwrap();
        // As in Linux, a SYN-ACK has no identification.
        let accepts = words[1] == "SYN-ACK";
        ip.identification = if accepts { 0 } else { self.identification };
        let mut builder = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ip(etherparse::IpHeaders::Ipv4(ip, Default::default()))
            .tcp(from_port, to_port, seq, 64_000);
        for flag in words[1].split('-') {
            builder = match flag {
                "SYN" => builder.syn(),
                "FIN" => builder.fin(),
                "RST" => builder.rst(),
                "PSH" => builder.psh(),
                "ACK" => builder.ack(ack),
                other => panic!("no flag {other}"),
            };
        }
        if let Some(stamp) = self.stamp {
            let option = etherparse::TcpOptionElement::Timestamp(stamp, 0);
            builder = builder.options(&[option]).unwrap();
        }
        let mut data = vec![b'x'; number_at(4) as usize];
        if let Some(status) = words.get(5) {
            let line = format!("HTTP/1.1 {status} ");
            data[..line.len()].copy_from_slice(line.as_bytes());
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &data).unwrap();
        let length = u32::try_from(bytes.len()).unwrap();
        bytes.truncate(128);
        let packet = CapturedPacket {
            interface: self.first + self.interface(end),
            time,
            direction: Some(if number.is_multiple_of(2) {
                Direction::Outbound
            } else {
                Direction::Inbound
            }),
            length,
            bytes: &bytes,
        };
        self.writer.packet(&packet).unwrap();
    }

    /// Sends a UDP datagram with this data, which is seen at `seen` link ends, 10 µs apart.
    pub(crate) fn datagram(&mut self, at: f64, way: &str, data: &[u8], seen: usize) -> &mut Self {
        for number in 0..seen {
            let forward = way == ">";
            let end = if forward {
                number
            } else {
                self.ends.len() - 1 - number
            };
            let address = |text: &String| text.parse::<std::net::SocketAddrV4>().unwrap();
            let [client, server] = self.ends[end].1.each_ref().map(address);
            let (from, to) = if forward {
                (client, server)
            } else {
                (server, client)
            };
            let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
                .ipv4(from.ip().octets(), to.ip().octets(), 64)
                .udp(from.port(), to.port());
            let mut bytes = Vec::new();
            builder.write(&mut bytes, data).unwrap();
            let leaves = number.is_multiple_of(2);
            let packet = CapturedPacket {
                interface: self.first + self.interface(end),
                time: ZERO + (at * 1e6) as u64 + number as u64 * 10_000,
                direction: Some(if leaves {
                    Direction::Outbound
                } else {
                    Direction::Inbound
                }),
                length: u32::try_from(bytes.len()).unwrap(),
                bytes: &bytes,
            };
            self.writer.packet(&packet).unwrap();
        }
        self
    }

    /// Returns the first of the ends that is the same as this one: a packet can pass a link end twice.
    fn interface(&self, end: usize) -> usize {
        let mut ends = self.ends.iter();
        let same = ends.position(|(other, _)| *other == self.ends[end].0);
        same.unwrap_or(end)
    }

    /// Adds a series with its values: milliseconds and value.
    pub(crate) fn series(
        &mut self,
        name: &str,
        emulated: bool,
        values: &[(u64, i64)],
    ) -> &mut Self {
        let id = SeriesId(self.series);
        self.series += 1;
        self.timeline.add(Event::Series(SeriesDeclaration {
            id,
            name: SeriesName::new(name),
            kind: SeriesKind::Counter,
            unit: Unit::Count,
            emulated,
        }));
        for (at, value) in values {
            self.timeline.add(Event::Sample {
                t: Offset(at * 1_000_000),
                v: vec![(id, *value)],
            });
        }
        self
    }

    /// Lets packets pass only `count` link ends from `first` on.
    pub(crate) fn between(&mut self, first: usize, count: usize, act: impl FnOnce(&mut Self)) {
        let all = self.ends.clone();
        self.ends = all[first..first + count].to_vec();
        self.first = first;
        act(self);
        self.first = 0;
        self.ends = all;
    }

    /// Extends the capture with other traffic, to this many milliseconds.
    pub(crate) fn until(&mut self, at: u64) -> &mut Self {
        let time = ZERO + at * 1_000_000;
        let saved = std::mem::replace(
            &mut self.ends[0].1,
            ["10.0.0.1:9".to_owned(), "10.0.1.2:9".to_owned()],
        );
        self.sight(time, "> ACK 1 1", 0);
        self.ends[0].1 = saved;
        self
    }

    /// Returns the capture so far.
    pub(crate) fn capture(&self) -> Capture {
        Capture::parse(self.written.0.borrow().as_slice()).unwrap()
    }

    pub(crate) fn draw(&self, which: &str) -> Result<Ladder, LadderError> {
        let which = which.parse().unwrap();
        draw(&self.capture(), &self.spec, &self.timeline, &which)
    }
}
