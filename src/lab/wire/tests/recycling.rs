//! The run on Linux 4.9, repeated with this kernel's sockets and the wire's emulation.
//!
//!     a 10.1.0.2 -- [wire: clock 800 s ahead] --+
//!                                               nat 10.3.0.1, masquerades -- [wire] -- 10.3.0.2 server, closes first
//!     b 10.2.0.2 -------------------------------+

use super::*;
use crate::scenario::topology::{Emulation, InterfaceSpec, NodeSpec, Prefix, SysctlSpec, Topology};

/// Attempts of each host, and the time limit of each: well below the second after which a SYN is sent again.
const ATTEMPTS: usize = 30;
const TIMEOUT: Duration = ms(100);

struct Hosts {
    a: NetNs,
    b: NetNs,
    /// Kept so that the namespace exists.
    _nat: NetNs,
    server: NetNs,
    wires: [Wire; 2],
    recycle: TwRecycle,
    recorder: Recorder,
    closed: RecorderClosed,
    output: RecordBuffer,
}

impl Hosts {
    fn new(tw_recycle: &str) -> Self {
        let (a, b, nat) = (namespace(), namespace(), namespace());
        let (server, wires) = (namespace(), namespace());
        disable_ipv6(&wires);
        add_veth(&wires, "w-a", &a, "eth0");
        add_veth(&wires, "w-toa", &nat, "toa");
        add_veth(&nat, "tob", &b, "eth0");
        add_veth(&wires, "w-nat", &nat, "up0");
        add_veth(&wires, "w-server", &server, "eth0");
        shell(
            &a,
            "ip addr add 10.1.0.2/24 dev eth0; ip route add default via 10.1.0.1",
        );
        shell(
            &b,
            "ip addr add 10.2.0.2/24 dev eth0; ip route add default via 10.2.0.1",
        );
        for host in [&a, &b] {
            shell(host, "echo 2 > /proc/sys/net/ipv4/tcp_timestamps");
        }
        shell(
            &nat,
            "ip addr add 10.1.0.1/24 dev toa; ip addr add 10.2.0.1/24 dev tob
             ip addr add 10.3.0.1/24 dev up0; echo 1 > /proc/sys/net/ipv4/ip_forward
             nft 'table ip t { chain c { type nat hook postrouting priority 100; oifname up0 masquerade; }; }'",
        );
        // A late ACK would end a TIME_WAIT early (RFC 1337), and they are counted here.
        shell(
            &server,
            "ip addr add 10.3.0.2/24 dev eth0; echo 1 > /proc/sys/net/ipv4/tcp_rfc1337",
        );
        let recycle = TwRecycle::start(&server, &"server".into(), &spec(tw_recycle)).unwrap();
        let ahead = NodeSpec {
            clock_shift: 800,
            ..spec(tw_recycle)
        };
        let from_a = [
            WireEnd {
                clock: Some(HostClock::of(&"a".into(), &ahead, 1)),
                ..end("w-a", "a")
            },
            end("w-toa", "nat"),
        ];
        let to_server = [
            end("w-nat", "nat"),
            WireEnd {
                recycle: Some(recycle.clone()),
                ..end("w-server", "server")
            },
        ];
        let wires = [from_a, to_server]
            .map(|ends| Wire::start(&wires, ends, &Impairment::default(), &[], 1).unwrap());
        let output = RecordBuffer::default();
        let (recorder, closed) = Recorder::start(output.clone()).unwrap();
        let clock = RunClock::starting_in(Duration::ZERO);
        wires.iter().for_each(|wire| wire.begin(clock, &recorder));
        Self {
            a,
            b,
            _nat: nat,
            server,
            wires,
            recycle,
            recorder,
            closed,
            output,
        }
    }

    /// Connects once from `a`, then from both hosts at the same time. Returns how many attempts of each were served.
    fn served(&self) -> [usize; 2] {
        let listener = self.server.run(|| TcpListener::bind("10.3.0.2:80"));
        let listener = listener.unwrap().unwrap();
        socket2::SockRef::from(&listener)
            .set_read_timeout(Some(ms(20)))
            .unwrap();
        let done = AtomicBool::new(false);
        let connect = |host: &NetNs, attempts: usize| {
            host.run(move || {
                let server = "10.3.0.2:80".parse().unwrap();
                (0..attempts)
                    .filter(|_| {
                        let stream = TcpStream::connect_timeout(&server, TIMEOUT);
                        stream.is_ok_and(|mut stream| {
                            stream
                                .set_read_timeout(Some(Duration::from_secs(5)))
                                .unwrap();
                            stream.read(&mut [0]).unwrap() == 0
                        })
                    })
                    .count()
            })
            .unwrap()
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // The server closes each connection as soon as it has accepted it.
                    drop(listener.accept());
                }
            });
            let first = connect(&self.a, 1);
            let b = scope.spawn(|| connect(&self.b, ATTEMPTS));
            let served = [first + connect(&self.a, ATTEMPTS - 1), b.join().unwrap()];
            done.store(true, Ordering::Relaxed);
            served
        })
    }

    /// Returns the number of the server's sockets in TIME_WAIT.
    fn time_waits(&self) -> usize {
        let read = || std::fs::read_to_string(concat!("/", "proc/thread-self/net/sockstat"));
        let text = self.server.run(read).unwrap().unwrap();
        let (_, rest) = text.split_once(" tw ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until there are `count` of them, for well under the 60 s after which they end on their own.
    fn await_time_waits(&self, count: usize) {
        let began = Instant::now();
        while self.time_waits() != count {
            let waiting = self.time_waits();
            assert!(began.elapsed() < Duration::from_secs(10), "{waiting} wait");
        }
    }

    fn finish(self) -> Timeline {
        for wire in self.wires {
            wire.stop().unwrap();
        }
        drop((self.recycle, self.recorder));
        self.output.timeline(self.closed)
    }
}

fn spec(tw_recycle: &str) -> NodeSpec {
    NodeSpec {
        sysctls: vec![SysctlSpec {
            key: "net.ipv4.tcp_tw_recycle".to_owned(),
            value: tw_recycle.to_owned(),
            place: crate::scenario::Place::default(),
        }],
        emulate: vec![Emulation::TcpTwRecycle],
        interfaces: vec![InterfaceSpec {
            name: "eth0".into(),
            link: 0,
            peer: "nat".into(),
            addresses: vec![Prefix {
                address: "10.3.0.2".parse().unwrap(),
                length: 24,
            }],
        }],
        ..NodeSpec::default()
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_with_tw_recycle_one_host_starves_and_time_wait_empties() {
    let hosts = Hosts::new("1");
    let [a, b] = hosts.served();
    // The other host may get in once, before the first host's timestamp is stored.
    assert!(a == ATTEMPTS && b <= 1, "{a}, {b}");
    hosts.await_time_waits(0);
    let timeline = hosts.finish();
    let series = timeline.series("server.TcpExtPAWSPassive").unwrap();
    assert!(series.declaration.emulated);
    assert_eq!(series.last().unwrap(), (ATTEMPTS - b) as i64);
    assert_eq!(series.at(crate::record::Offset::ZERO), Some(0));
    assert_eq!(timeline.notes, []);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_without_tw_recycle_both_hosts_are_served_and_time_wait_stays() {
    let hosts = Hosts::new("0");
    assert_eq!(hosts.served(), [ATTEMPTS; 2]);
    hosts.await_time_waits(2 * ATTEMPTS);
    assert_eq!(last(&hosts.finish(), "server.TcpExtPAWSPassive"), 0);
}

#[test]
fn the_clocks_of_hosts_beside_a_recycling_node_differ_and_follow_from_the_seed() {
    let host = NodeSpec {
        emulate: Vec::new(),
        ..spec("1")
    };
    let router = NodeSpec {
        forwards: true,
        ..host.clone()
    };
    let mut topology = Topology::default();
    for (name, node) in [
        ("host", host.clone()),
        ("nat", router),
        ("server", spec("1")),
    ] {
        topology.nodes.insert(name.into(), node);
    }
    let having = |topology: &Topology| -> Vec<String> {
        let names = topology
            .nodes
            .keys()
            .filter(|name| topology.has_own_clock(name));
        names.map(ToString::to_string).collect()
    };
    assert_eq!(having(&topology), ["host"]);
    topology.nodes.shift_remove("server");
    assert_eq!(having(&topology), [""; 0]);

    let clock = |name: &str, seed| HostClock::of(&name.into(), &host, seed);
    assert_eq!(clock("a", 1), clock("a", 1));
    assert_ne!(clock("a", 1), clock("b", 1));
    assert_ne!(clock("a", 1), clock("a", 2));
}
