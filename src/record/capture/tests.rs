//! Captures written and read back, cut, corrupted, foreign; and what tshark makes of them.

use std::process::Command;

use proptest::prelude::*;

use super::*;

/// A Thursday in November 2025, in nanoseconds since 1970.
const ZERO: u64 = 1_763_640_000_123_456_789;

fn end(node: &str, interface: &str) -> LinkEnd {
    LinkEnd {
        node: NodeName::new(node),
        interface: IfName::new(interface),
    }
}

fn header() -> CaptureHeader {
    CaptureHeader {
        run: "exhaustion / reuse [rate=500/s]".to_owned(),
        clock_zero: ZERO,
        snap: 128,
        interfaces: vec![
            (end("client", "eth0"), "client, toward nat".to_owned()),
            (end("nat", "eth1"), "nat, toward server".to_owned()),
        ],
    }
}

/// A SYN over Ethernet and IPv4, 10.0.0.1:40000 to 10.0.0.2:80.
const SYN: &[u8] = &[
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, // Ethernet
    0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0x26, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
    0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xfa, 0xf0, 0, 0, 0, 0, // TCP
];

fn packets() -> Vec<CapturedPacket<'static>> {
    vec![
        CapturedPacket {
            interface: 0,
            time: ZERO,
            direction: Some(Direction::Outbound),
            length: 54,
            bytes: SYN,
        },
        CapturedPacket {
            interface: 1,
            time: ZERO + 12_345,
            direction: Some(Direction::Inbound),
            length: 65_000,
            bytes: &SYN[..53],
        },
        CapturedPacket {
            interface: 1,
            time: ZERO + 2_000_000_001,
            direction: None,
            length: 0,
            bytes: &[],
        },
    ]
}

/// A whole capture, and where each of its blocks ends.
fn written() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    let mut writer = CaptureWriter::begin(&mut bytes, &header()).unwrap();
    ends.push(writer.written());
    for packet in packets() {
        writer.packet(&packet).unwrap();
        ends.push(writer.written());
    }
    writer
        .statistics(0, ZERO + 3_000_000_000, [1, 0], None)
        .unwrap();
    ends.push(writer.written());
    writer.statistics(1, ZERO + 5, [9, 7], None).unwrap();
    ends.push(writer.written());
    assert_eq!(writer.written(), bytes.len() as u64);
    let ends = ends.into_iter().map(|end| usize::try_from(end).unwrap());
    (bytes, ends.collect())
}

#[test]
fn a_written_capture_is_read_back() {
    let capture = Capture::parse(written().0.as_slice()).unwrap();
    assert_eq!(
        capture.run.as_deref(),
        Some("exhaustion / reuse [rate=500/s]")
    );
    assert_eq!(capture.clock_zero, Some(ZERO));
    assert_eq!((capture.dropped, capture.ended), (7, ZERO + 3_000_000_000));
    assert!(!capture.ends_early);
    assert_eq!(capture.link_end(0), Some(&end("client", "eth0")));
    assert_eq!(capture.link_end(1), Some(&end("nat", "eth1")));
    assert_eq!(capture.link_end(2), None);
    assert_eq!(capture.packets().collect::<Vec<_>>(), packets());
}

#[test]
fn packets_are_sorted_by_time_and_large_ones_are_complete() {
    let large = vec![7; 262_144];
    let mut bytes = Vec::new();
    let mut writer = CaptureWriter::begin(&mut bytes, &header()).unwrap();
    for time in [3, 1, 2] {
        let packet = CapturedPacket {
            interface: 0,
            time: ZERO + time,
            direction: None,
            length: 262_144,
            bytes: &large,
        };
        writer.packet(&packet).unwrap();
    }
    let capture = Capture::parse(bytes.as_slice()).unwrap();
    let times: Vec<_> = capture.packets().map(|packet| packet.time - ZERO).collect();
    assert_eq!(times, [1, 2, 3]);
    assert!(capture.packets().all(|packet| packet.bytes == large));
}

#[test]
fn a_capture_may_be_truncated_at_any_byte() {
    let (bytes, ends) = written();
    assert!(matches!(
        Capture::parse(&bytes[..0]),
        Err(CaptureReadError::Empty)
    ));
    for cut in 1..bytes.len() {
        let capture =
            Capture::parse(&bytes[..cut]).unwrap_or_else(|error| panic!("{cut}: {error}"));
        let whole = ends
            .iter()
            .filter(|end| **end <= cut)
            .count()
            .saturating_sub(1);
        let whole = whole.min(packets().len());
        assert_eq!(capture.packets().count(), whole, "cut at {cut}");
        // A cut between two blocks cannot be noticed; one within a block can.
        if !ends.contains(&cut) && cut > ends[0] {
            assert!(capture.ends_early, "cut at {cut}");
        }
    }
}

#[test]
fn a_reached_limit_is_reported() {
    let mut bytes = Vec::new();
    let mut writer = CaptureWriter::begin(&mut bytes, &header()).unwrap();
    writer
        .statistics(0, ZERO, [1, 0], Some("it has reached 64 MiB"))
        .unwrap();
    assert!(Capture::parse(bytes.as_slice()).unwrap().ends_early);
}

/// A capture from another program: big endian, microseconds with an offset, unknown blocks and options, two sections.
#[test]
fn captures_from_other_programs_are_read() {
    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let length = (u32::try_from(body.len()).unwrap() + 12).to_be_bytes();
        [&kind.to_be_bytes(), &length, body, &length].concat()
    }
    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        let mut option = [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }
    let section = [
        &block::BYTE_ORDER.to_be_bytes()[..],
        &[0, 1, 0, 2],
        &[0xff; 8],
        &option(block::COMMENT, b"made by hand"),
    ]
    .concat();
    let named = |name: &[u8], options: &[u8]| {
        [
            &[0, 1, 0, 0, 0, 0, 0xff, 0xff],
            &option(2, name)[..],
            options,
        ]
        .concat()
    };
    let packet = |interface: u8, ticks: u8| {
        [
            &[0, 0, 0, interface, 0, 0, 0, 0, 0, 0, 0, ticks][..],
            &[0, 0, 0, 2, 0, 0, 0, 9, 0xab, 0xcd, 0, 0],
            &option(block::PACKET_FLAGS, &[0, 0, 0, 2]),
        ]
        .concat()
    };
    let offset = option(block::INTERFACE_OFFSET, &[0, 0, 0, 0, 0, 0, 0, 1]);
    let sixteenths = option(block::INTERFACE_RESOLUTION, &[0x84]);
    let bytes = [
        block(block::SECTION, &section),
        block(0x0bad, b"four"),
        block(block::INTERFACE, &named(b"wlan0", &offset)),
        block(block::PACKET, &packet(0, 3)),
        block(block::SECTION, &section),
        block(block::INTERFACE, &named(b"a:b", &sixteenths)),
        block(block::PACKET, &packet(0, 8)),
    ]
    .concat();
    let capture = Capture::parse(bytes.as_slice()).unwrap();
    assert_eq!(capture.link_end(0), None);
    assert_eq!(capture.link_end(1), Some(&end("a", "b")));
    let seen: Vec<_> = capture
        .packets()
        .map(|packet| {
            (
                packet.interface,
                packet.time,
                packet.direction,
                packet.bytes,
            )
        })
        .collect();
    let left = Some(Direction::Outbound);
    // Half a second in sixteenths; three microseconds and a second.
    assert_eq!(
        seen,
        [
            (1, 500_000_000, left, &[0xab, 0xcd][..]),
            (0, 1_000_003_000, left, &[0xab, 0xcd][..])
        ]
    );
}

#[test]
fn a_fault_is_reported_with_its_offset() {
    let (whole, ends) = written();
    let problem = |bytes: &[u8]| {
        let error = Capture::parse(bytes).expect_err("an error");
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    };
    assert_eq!(problem(b""), "read it: it is empty");
    assert_eq!(
        problem(b"{\"nslab-record\":{}}"),
        "recognise it: it is not a pcapng file"
    );
    assert_eq!(
        problem(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]),
        "read the old pcap format, only pcapng; convert it with `tshark -r FILE -w NEW`"
    );
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        problem(&bytes)
    };
    let first = ends[0];
    let place = format!("parse the block at byte {first}");
    assert_eq!(
        changed(first + 4, 7),
        format!("{place}: invalid block length: 7")
    );
    assert_eq!(
        changed(first + 8, 9),
        format!("{place}: the capture does not describe interface 9")
    );
    assert_eq!(
        changed(first + 20, 200),
        format!("{place}: a field extends past the end of the block")
    );
    let length = ends[1] - first;
    assert_eq!(
        changed(ends[1] - 4, 1),
        format!("{place}: the block length is {length} at its start and 1 at its end")
    );
    let start = "parse the block at byte 0";
    assert_eq!(
        changed(8, 0),
        format!("{start}: invalid byte order of the section")
    );
    assert_eq!(
        changed(12, 2),
        format!("{start}: unsupported pcapng version 2; only version 1 is supported")
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _any = Capture::parse(bytes.as_slice());
    }

    #[test]
    fn a_modified_capture_does_not_panic_the_reader(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = written().0;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(capture) = Capture::parse(bytes.as_slice()) {
            prop_assert!(capture.packets().count() <= packets().len());
        }
    }
}

/// Runs a Wireshark program on a capture. Checks that standard error has only the warning about running as root.
fn wireshark(program: &str, arguments: &[&str], bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg(file.path())
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<_> = complaints
        .lines()
        .filter(|line| !line.contains("Running as user"))
        .collect();
    assert!(
        complaints.is_empty() && output.status.success(),
        "{complaints:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs tshark; run with --include-ignored"]
fn tshark_reads_interfaces_times_and_directions() {
    let bytes = written().0;
    let fields = [
        "-T",
        "fields",
        "-e",
        "frame.interface_name",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.packet_flags_direction",
        "-e",
        "frame.len",
        "-e",
        "tcp.dstport",
        "-r",
    ];
    let output = wireshark("tshark", &fields, &bytes);
    let lines: Vec<Vec<&str>> = output
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines[0][..2], ["client:eth0", "1763640000.123456789"]);
    assert!(["2", "0x00000002"].contains(&lines[0][2]), "{lines:?}");
    assert_eq!(lines[0][3..], ["54", "80"]);
    assert_eq!(lines[1][..2], ["nat:eth1", "1763640000.123469134"]);
    assert_eq!(lines[1][3], "65000");
    assert_eq!(lines[2][1], "1763640002.123456790");
}

#[test]
#[ignore = "needs capinfos of tshark; run with --include-ignored"]
fn capinfos_counts_packets_and_interfaces() {
    let output = wireshark("capinfos", &["-M"], &written().0);
    let has = |line: &str| {
        output
            .lines()
            .any(|output| output.split_whitespace().collect::<Vec<_>>().join(" ") == line)
    };
    assert!(has("Number of packets: 3"), "{output}");
    assert!(has("Number of interfaces in file: 2"), "{output}");
    assert!(has("Strict time order: True"), "{output}");
    assert!(output.contains("Name = nat:eth1"), "{output}");
    assert!(
        output.contains("Time precision = nanoseconds (9)"),
        "{output}"
    );
    assert!(
        output.contains("run: exhaustion / reuse [rate=500/s]"),
        "{output}"
    );
}

#[test]
fn a_comment_changes_nothing_else_of_a_capture() {
    let (bytes, _) = written();
    let mut commented = Vec::new();
    let mut seen = Vec::new();
    annotate(&bytes, &mut commented, |packet| {
        seen.push((packet.time, packet.length, packet.bytes.to_vec()));
        (packet.length != 65_000).then(|| format!("packet of {} bytes", packet.length))
    })
    .unwrap();
    let expected = packets().into_iter();
    let expected = expected.map(|packet| (packet.time, packet.length, packet.bytes.to_vec()));
    assert_eq!(seen, expected.collect::<Vec<_>>());
    let read = |bytes: &[u8]| Capture::parse(bytes).unwrap();
    assert_eq!(read(&commented), read(&bytes));
    for (text, count) in [
        ("packet of 54 bytes", 1),
        ("packet of 0 bytes", 1),
        ("packet of 65", 0),
    ] {
        let found = commented
            .windows(text.len())
            .filter(|part| *part == text.as_bytes());
        assert_eq!(found.count(), count, "{text}");
    }
    // What is torn stays torn.
    let torn = &bytes[..bytes.len() - 3];
    let mut copied = Vec::new();
    annotate(torn, &mut copied, |_| None).unwrap();
    assert_eq!(copied, torn);
}
