//! The run of Linux 4.9 once more, with this kernel's sockets and the wire's emulation.
//!
//!     a 10.1.0.2 --+
//!                  nat 10.3.0.1, masquerades ---- [wire] ---- 10.3.0.2 server, closes first
//!     b 10.2.0.2 --+

use super::*;
use crate::scenario::topology::{InterfaceSpec, NodeSpec, Prefix, SysctlSpec};

/// Attempts of each host, and how long each may take: well below the second after which a SYN is sent again.
const ATTEMPTS: usize = 30;
const TIMEOUT: Duration = ms(100);

struct Hosts {
    a: NetNs,
    b: NetNs,
    server: NetNs,
    wire: Wire,
    recycle: TwRecycle,
    recorder: Recorder,
    closed: RecorderClosed,
    output: Output,
}

impl Hosts {
    fn lay(tw_recycle: &str) -> Option<Self> {
        let (a, b, nat) = (namespace()?, namespace()?, namespace()?);
        let (server, wires) = (namespace()?, namespace()?);
        silence(&wires);
        lay(&nat, "toa", &a, "eth0");
        lay(&nat, "tob", &b, "eth0");
        lay(&wires, "w-nat", &nat, "up0");
        lay(&wires, "w-server", &server, "eth0");
        shell(
            &a,
            "ip addr add 10.1.0.2/24 dev eth0; ip route add default via 10.1.0.1",
        );
        shell(
            &b,
            "ip addr add 10.2.0.2/24 dev eth0; ip route add default via 10.2.0.1",
        );
        shell(
            &nat,
            "ip addr add 10.1.0.1/24 dev toa; ip addr add 10.2.0.1/24 dev tob
             ip addr add 10.3.0.1/24 dev up0; echo 1 > /proc/sys/net/ipv4/ip_forward
             nft 'table ip t { chain c { type nat hook postrouting priority 100; oifname up0 masquerade; }; }'",
        );
        shell(&server, "ip addr add 10.3.0.2/24 dev eth0");
        let recycle = TwRecycle::start(&server, &"server".into(), &spec(tw_recycle)).unwrap();
        let ends = [
            end("w-nat", "nat"),
            WireEnd {
                recycle: Some(recycle.clone()),
                ..end("w-server", "server")
            },
        ];
        let wire = Wire::start(&wires, ends, &Impairment::default(), 1).unwrap();
        let output = Output::default();
        let (recorder, closed) = Recorder::start(output.clone());
        wire.begin(RunClock::starting_in(Duration::ZERO), &recorder);
        Some(Self {
            a,
            b,
            server,
            wire,
            recycle,
            recorder,
            closed,
            output,
        })
    }

    /// Both hosts connect in turn. How many attempts of each were served.
    fn served(&self) -> [usize; 2] {
        let listener = self.server.run(|| TcpListener::bind("10.3.0.2:80"));
        let listener = listener.unwrap().unwrap();
        socket2::SockRef::from(&listener)
            .set_read_timeout(Some(ms(20)))
            .unwrap();
        let done = AtomicBool::new(false);
        let connect = |host: &NetNs| {
            host.run(|| {
                let server = "10.3.0.2:80".parse().unwrap();
                (0..ATTEMPTS)
                    .filter(|_| {
                        let stream = TcpStream::connect_timeout(&server, TIMEOUT);
                        stream.is_ok_and(|mut stream| stream.read(&mut [0]).unwrap() == 0)
                    })
                    .count()
            })
            .unwrap()
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // The server closes each connection as soon as it has it.
                    drop(listener.accept());
                }
            });
            let both = [&self.a, &self.b].map(|host| scope.spawn(move || connect(host)));
            let served = both.map(|host| host.join().unwrap());
            done.store(true, Ordering::Relaxed);
            served
        })
    }

    /// Sockets of the server in TIME_WAIT.
    fn time_waits(&self) -> usize {
        let read = || std::fs::read_to_string(concat!("/", "proc/thread-self/net/sockstat"));
        let text = self.server.run(read).unwrap().unwrap();
        let (_, rest) = text.split_once(" tw ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    fn finish(self) -> Timeline {
        self.wire.stop().unwrap();
        drop((self.recycle, self.recorder));
        self.output.timeline(self.closed)
    }
}

fn spec(tw_recycle: &str) -> NodeSpec {
    NodeSpec {
        sysctls: vec![SysctlSpec {
            key: "net.ipv4.tcp_tw_recycle".to_owned(),
            value: tw_recycle.to_owned(),
            place: crate::scenario::model::Place::default(),
        }],
        nofile: None,
        conntrack_room: None,
        nat: Vec::new(),
        emulate: vec![crate::scenario::topology::Emulation::TcpTwRecycle],
        clock_shift: 0,
        forwards: false,
        interfaces: vec![InterfaceSpec {
            name: "eth0".into(),
            link: 0,
            peer: "nat".into(),
            addresses: vec![Prefix {
                address: "10.3.0.2".parse().unwrap(),
                length: 24,
            }],
        }],
        source_prefix: None,
        routes: Vec::new(),
    }
}

#[test]
fn kernel_with_tw_recycle_one_host_starves_and_time_wait_empties() {
    let Some(hosts) = Hosts::lay("1") else {
        return;
    };
    let mut served = hosts.served();
    served.sort_unstable();
    // The other one may get in once: before anything is remembered.
    assert!(served[0] <= 1 && served[1] == ATTEMPTS, "{served:?}");
    let began = Instant::now();
    while hosts.time_waits() > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "TIME_WAIT stays");
    }
    let timeline = hosts.finish();
    let series = timeline.series("server.TcpExtPAWSPassive").unwrap();
    assert!(series.declaration.emulated);
    assert_eq!(series.last().unwrap(), (ATTEMPTS - served[0]) as i64);
    assert_eq!(series.at(crate::record::Offset::ZERO), Some(0));
    assert_eq!(timeline.notes, []);
}

#[test]
fn kernel_without_tw_recycle_both_hosts_are_served_and_time_wait_stays() {
    let Some(hosts) = Hosts::lay("0") else {
        return;
    };
    assert_eq!(hosts.served(), [ATTEMPTS; 2]);
    assert_eq!(hosts.time_waits(), 2 * ATTEMPTS);
    assert_eq!(last(&hosts.finish(), "server.TcpExtPAWSPassive"), 0);
}
