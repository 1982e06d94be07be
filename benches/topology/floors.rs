//! The least that a lab needs from the kernel, on one thread.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nslab::sys::NetNs;
use nslab::sys::netlink::{Batch, Netlink};
use nslab::sys::rtnl::{self, VethEnd};

use super::bench::Measured;

/// Measures the creation of this many namespaces, each held by a descriptor.
pub(crate) fn bare(count: usize) -> Measured<Duration> {
    on_thread(move || (0..count).map(|_| create()).collect::<Result<Vec<_>, _>>())
}

/// Measures the creation of three namespaces with links, addresses and routes, as in the lab.
pub(crate) fn wired() -> Measured<Duration> {
    on_thread(|| {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push((create()?, Netlink::open(libc::NETLINK_ROUTE)?));
        }
        let mut links = Batch::new();
        for link in 0..2 {
            rtnl::veth(
                &mut links,
                &[
                    end(&nodes[link].0, link as u8 * 2),
                    end(&nodes[link + 1].0, link as u8 * 2 + 1),
                ],
            );
        }
        links.acknowledge_last();
        nodes[0].1.request(links)?;
        for (number, (_, route)) in nodes.iter_mut().enumerate() {
            let mut batch = Batch::new();
            rtnl::set_link(&mut batch, rtnl::LOOPBACK, true);
            for (of, end, address) in ADDRESSES {
                if of == number {
                    rtnl::set_link(&mut batch, index(end), true);
                    rtnl::address(&mut batch, index(end), address, 24);
                }
            }
            for (of, to, via) in ROUTES {
                if of == number {
                    rtnl::route(&mut batch, to, 24, via, None);
                }
            }
            batch.acknowledge_last();
            route.request(batch)?;
        }
        Ok(nodes)
    })
}

/// Node, end and address: end 0 is the first of the first link, and so on.
const ADDRESSES: [(usize, u8, IpAddr); 4] = [
    (0, 0, v4(0, 1)),
    (1, 1, v4(0, 2)),
    (1, 2, v4(1, 1)),
    (2, 3, v4(1, 2)),
];
const ROUTES: [(usize, IpAddr, IpAddr); 2] = [(0, v4(1, 0), v4(0, 2)), (2, v4(0, 0), v4(1, 1))];

const fn v4(network: u8, host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, network, host))
}

fn index(end: u8) -> u32 {
    64 + u32::from(end)
}

fn end(netns: &NetNs, end: u8) -> VethEnd<'_> {
    VethEnd {
        netns,
        name: ["eth0", "eth0", "eth1", "eth0"][usize::from(end)],
        index: index(end),
        mac: [2, 0, 0, 0, 0, end],
        mtu: None,
        arp: true,
        gso_max_segs: None,
    }
}

fn create() -> Result<NetNs, Box<dyn Error + Send + Sync>> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    Ok(NetNs::current()?)
}

/// Measures work on a new thread, whose namespaces may change. What it returns is dropped after the measurement.
fn on_thread<T>(
    work: impl FnOnce() -> Result<T, Box<dyn Error + Send + Sync>> + Send + 'static,
) -> Measured<Duration> {
    let thread = std::thread::spawn(move || {
        let started = Instant::now();
        let held = work()?;
        let took = started.elapsed();
        drop(held);
        Ok::<_, Box<dyn Error + Send + Sync>>(took)
    });
    match thread.join() {
        Ok(took) => took.map_err(|error| error as Box<dyn Error>),
        Err(_) => Err("a thread of the floor panicked".into()),
    }
}
