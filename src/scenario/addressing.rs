//! Assigns addresses and finds routes. Pure and deterministic: the order of the file decides.
//!
//! Link `l` is `10.(l / 256).(l % 256).0/24`, or `fd00:0:0:l::/64`. Its ends have the host numbers 1
//! and 2 in the order of `between`; addresses for SNAT follow from 101 (0x101). A segment is a switch with a link to
//! each of its members; all of these share the network of the first, and the members have the host numbers 1, 2, 3
//! and so on. The `i`-th node with
//! local sources has `10.(128 + i).0.0/16`, or `fd00:1:i::/64`; the `i`-th flood forges addresses of
//! `10.(64 + i).0.0/16`, or `fd00:2:i::/64`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::topology::{IpVersion, Prefix};

/// A graph of nodes and links, identified by their numbers in the file.
#[derive(Debug)]
pub(crate) struct Network {
    ip: IpVersion,
    /// The two nodes of each link.
    links: Vec<[usize; 2]>,
    /// For each node, its links and the end at which the node is.
    ends: Vec<Vec<(usize, usize)>>,
    /// The number of the first switch; every node from there on is one.
    first_switch: usize,
    /// The paths that [`Network::address_from`] found last, with the node that they start from: in a large lab, a
    /// search for each client would take most of the time.
    last: RefCell<Option<(usize, Paths)>>,
}

/// Shortest paths from one node to every other.
#[derive(Debug)]
pub(crate) struct Paths {
    /// Indexed by node; `None` for nodes that cannot be reached.
    paths: Vec<Option<GraphPath>>,
}

/// A shortest path. Of two that are equally short, it is the one over the link that comes first in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GraphPath {
    /// The first link and the end at which the path enters it.
    pub(crate) leaves: (usize, usize),
    /// The last link and the end at which the path leaves it.
    pub(crate) arrives: (usize, usize),
    /// The link and end at which the path arrives at its first node.
    hop: (usize, usize),
    pub(crate) length: usize,
}

impl Paths {
    /// Returns the path to a node; `None` for the node itself and for nodes that cannot be reached.
    pub(crate) fn to(&self, node: usize) -> Option<GraphPath> {
        self.paths.get(node).copied().flatten()
    }
}

impl Network {
    /// Creates the graph of `nodes` nodes, the last `switches` of which are the switches of segments. In the
    /// links of a segment, the switch comes second.
    pub(crate) fn new(
        ip: IpVersion,
        nodes: usize,
        switches: usize,
        links: Vec<[usize; 2]>,
    ) -> Self {
        let mut ends = vec![Vec::new(); nodes];
        for (link, between) in links.iter().enumerate() {
            for (end, node) in between.iter().enumerate() {
                ends[*node].push((link, end));
            }
        }
        Self {
            ip,
            links,
            ends,
            first_switch: nodes - switches,
            last: RefCell::new(None),
        }
    }

    /// Returns true if a node is the switch of a segment.
    pub(crate) fn is_switch(&self, node: usize) -> bool {
        node >= self.first_switch
    }

    /// Returns the switch of a link, if it belongs to a segment.
    fn switch_of(&self, link: usize) -> Option<usize> {
        let [_, second] = *self.links.get(link)?;
        Some(second).filter(|node| self.is_switch(*node))
    }

    /// Returns the first link of those that share a link's network: the link itself, or the first of its segment.
    pub(crate) fn first_of_subnet(&self, link: usize) -> usize {
        let switch = self.switch_of(link);
        switch.map_or(link, |switch| self.ends[switch][0].0)
    }

    /// Returns the networks, each as the link that its number comes from.
    pub(crate) fn subnets(&self) -> impl Iterator<Item = usize> {
        (0..self.links.len()).filter(|link| self.first_of_subnet(*link) == *link)
    }

    /// Returns the nodes in a link's network, each with its link and end.
    fn members(&self, link: usize) -> Vec<(usize, (usize, usize))> {
        let plain = [0, 1].map(|end| (self.links[link][end], (link, end)));
        match self.switch_of(link) {
            None => plain.to_vec(),
            Some(switch) => self.ends[switch]
                .iter()
                .map(|(link, _)| (self.links[*link][0], (*link, 0)))
                .collect(),
        }
    }

    /// Returns the nodes at the other side of a node's link, each with the link and end at which it is.
    fn neighbours(
        &self,
        node: usize,
        link: usize,
    ) -> impl Iterator<Item = (usize, (usize, usize))> {
        let members = self.members(link).into_iter();
        members.filter(move |(member, _)| *member != node)
    }

    /// Returns a node's links, each with the end at which the node is, in the order of the file.
    pub(crate) fn ends(&self, node: usize) -> &[(usize, usize)] {
        &self.ends[node]
    }

    /// Returns the number of links.
    pub(crate) fn links(&self) -> usize {
        self.links.len()
    }

    /// Returns the two nodes of a link.
    pub(crate) fn between(&self, link: usize) -> [usize; 2] {
        self.links[link]
    }

    /// Returns the network of a link.
    pub(crate) fn subnet(&self, link: usize) -> Prefix {
        self.in_subnet(link, 0)
    }

    /// Returns the address of a link's end, with the length of the link's network.
    pub(crate) fn end_address(&self, link: usize, end: usize) -> Prefix {
        let place_in_segment = |switch: usize| {
            let mut ends = self.ends[switch].iter();
            ends.position(|(other, _)| *other == link)
        };
        match self.switch_of(link).and_then(place_in_segment) {
            Some(place) => self.in_subnet(link, place + 1),
            None => self.in_subnet(link, end + 1),
        }
    }

    /// Returns the `n`-th further address on a link, for SNAT.
    pub(crate) fn extra_address(&self, link: usize, n: usize) -> Prefix {
        match self.ip {
            IpVersion::V4 => self.in_subnet(link, 101 + n),
            IpVersion::V6 => self.in_subnet(link, 0x101 + n),
        }
    }

    fn in_subnet(&self, link: usize, host: usize) -> Prefix {
        let link = self.first_of_subnet(link);
        match self.ip {
            IpVersion::V4 => Prefix {
                address: IpAddr::V4(Ipv4Addr::new(
                    10,
                    low(link >> 8) & 0x7f,
                    low(link),
                    low(host),
                )),
                length: 24,
            },
            IpVersion::V6 => Prefix {
                address: IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, word(link), 0, 0, 0, word(host))),
                length: 64,
            },
        }
    }

    /// Returns the `i`-th network of local sources.
    pub(crate) fn source_prefix(&self, i: usize) -> Prefix {
        Prefix {
            address: self.source_address(i, 65_535),
            length: match self.ip {
                IpVersion::V4 => 16,
                IpVersion::V6 => 64,
            },
        }
    }

    /// Returns the `n`-th address of the `i`-th network of local sources, from 1; the last of 65,536 is 0.
    pub(crate) fn source_address(&self, i: usize, n: usize) -> IpAddr {
        let host = word((n + 1) & 0xffff);
        match self.ip {
            IpVersion::V4 => {
                let [high, low_byte] = host.to_be_bytes();
                IpAddr::V4(Ipv4Addr::new(10, 128 | low(i), high, low_byte))
            }
            IpVersion::V6 => IpAddr::V6(Ipv6Addr::new(0xfd00, 1, word(i), 0, 0, 0, 0, host)),
        }
    }

    /// Returns the `i`-th network of forged addresses, as its first address and its length.
    pub(crate) fn forged_prefix(&self, i: usize) -> Prefix {
        match self.ip {
            IpVersion::V4 => Prefix {
                address: IpAddr::V4(Ipv4Addr::new(10, 64 | low(i) & 0x3f, 0, 0)),
                length: 16,
            },
            IpVersion::V6 => Prefix {
                address: IpAddr::V6(Ipv6Addr::new(0xfd00, 2, word(i), 0, 0, 0, 0, 0)),
                length: 64,
            },
        }
    }

    /// Returns the first forged address of the `i`-th network.
    pub(crate) fn forged_address(&self, i: usize) -> IpAddr {
        match self.forged_prefix(i).address {
            IpAddr::V4(network) => IpAddr::V4(Ipv4Addr::from(network.to_bits() + 1)),
            IpAddr::V6(network) => IpAddr::V6(Ipv6Addr::from(network.to_bits() + 1)),
        }
    }

    /// Returns the largest number of floods.
    pub(crate) fn forged_prefixes(&self) -> usize {
        match self.ip {
            IpVersion::V4 => 64,
            IpVersion::V6 => 65_536,
        }
    }

    /// Returns the largest number of nodes with local sources.
    pub(crate) fn source_prefixes(&self) -> usize {
        match self.ip {
            IpVersion::V4 => 128,
            IpVersion::V6 => 65_536,
        }
    }

    /// Returns the address that a node uses for servers on itself: that of its first interface, or loopback.
    pub(crate) fn own_address(&self, node: usize) -> IpAddr {
        match self.ends[node].first() {
            Some((link, end)) => self.end_address(*link, *end).address,
            None => self.loopback(),
        }
    }

    /// Returns the address of the loopback interface.
    pub(crate) fn loopback(&self) -> IpAddr {
        match self.ip {
            IpVersion::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpVersion::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        }
    }

    /// Returns a node's address as another node reaches it: on the interface at which
    /// the shortest path arrives.
    pub(crate) fn address_from(&self, from: usize, to: usize) -> Option<IpAddr> {
        if from == to {
            return Some(self.own_address(to));
        }
        let mut start = from;
        // All paths of a node with one link begin with it, so they go on like those of its neighbour.
        if let [(link, end)] = *self.ends[from]
            && self.switch_of(link).is_none()
        {
            start = self.links[link][1 - end];
            if start == to {
                return Some(self.end_address(link, 1 - end).address);
            }
        }
        let mut last = self.last.borrow_mut();
        let (_, paths) = match last.take().filter(|(of, _)| *of == start) {
            Some(known) => last.insert(known),
            None => last.insert((start, self.paths(start))),
        };
        let (link, end) = paths.to(to)?.arrives;
        Some(self.end_address(link, end).address)
    }

    /// Returns the number of a node's link among those of the node.
    pub(crate) fn place_at_node(&self, node: usize, link: usize) -> Option<usize> {
        // They are in the order of their numbers.
        self.ends[node]
            .binary_search_by_key(&link, |(number, _)| *number)
            .ok()
    }

    /// Finds the shortest paths from a node to all others, breadth first.
    pub(crate) fn paths(&self, from: usize) -> Paths {
        let mut paths: Vec<Option<GraphPath>> = vec![None; self.ends.len()];
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            for (link, end) in &self.ends[node] {
                for (neighbour, arrives) in self.neighbours(node, *link) {
                    if neighbour == from || paths[neighbour].is_some() {
                        continue;
                    }
                    paths[neighbour] = Some(match paths[node] {
                        None => GraphPath {
                            leaves: (*link, *end),
                            arrives,
                            hop: arrives,
                            length: 1,
                        },
                        Some(so_far) => GraphPath {
                            arrives,
                            length: so_far.length + 1,
                            ..so_far
                        },
                    });
                    queue.push_back(neighbour);
                }
            }
        }
        Paths { paths }
    }

    /// Returns the address of the neighbour that a path goes to first.
    pub(crate) fn next_hop(&self, path: GraphPath) -> IpAddr {
        let (link, end) = path.hop;
        self.end_address(link, end).address
    }

    /// Returns the path to the nearest node in the network of a link, for a node that is not in it.
    pub(crate) fn path_to_link(&self, paths: &Paths, link: usize) -> Option<GraphPath> {
        self.members(link)
            .into_iter()
            .filter_map(|(node, _)| paths.to(node))
            .min_by_key(|path| path.length)
    }

    /// Returns true if a node is in the network of a link.
    pub(crate) fn is_on(&self, node: usize, link: usize) -> bool {
        self.members(link).iter().any(|(member, _)| *member == node)
    }

    /// Returns the destination that matches everything, for a node with only one link.
    pub(crate) fn default_prefix(&self) -> Prefix {
        Prefix {
            address: match self.ip {
                IpVersion::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpVersion::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            },
            length: 0,
        }
    }
}

/// Returns the lowest byte of a number.
fn low(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

/// Returns the lowest two bytes of a number.
fn word(number: usize) -> u16 {
    let [low, high, ..] = number.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```text
    ///     0 --l0-- 1 --l1-- 2 --l2-- 3
    ///              1 -------l3------ 3
    /// ```
    fn diamond(ip: IpVersion) -> Network {
        Network::new(ip, 5, 0, vec![[0, 1], [1, 2], [2, 3], [3, 1]])
    }

    #[test]
    fn addresses_follow_the_numbers_of_links_and_ends() {
        let v4 = diamond(IpVersion::V4);
        assert_eq!(v4.subnet(1).to_string(), "10.0.1.0/24");
        assert_eq!(v4.end_address(1, 0).to_string(), "10.0.1.1/24");
        assert_eq!(v4.end_address(300, 1).to_string(), "10.1.44.2/24");
        assert_eq!(v4.extra_address(0, 0).to_string(), "10.0.0.101/24");
        assert_eq!(v4.source_prefix(2).to_string(), "10.130.0.0/16");
        assert_eq!(v4.source_address(2, 0).to_string(), "10.130.0.1");
        assert_eq!(v4.source_address(2, 65_535).to_string(), "10.130.0.0");
        assert_eq!(v4.forged_prefix(1).to_string(), "10.65.0.0/16");
        assert_eq!(v4.forged_address(1).to_string(), "10.65.0.1");
        let v6 = diamond(IpVersion::V6);
        assert_eq!(v6.end_address(300, 1).to_string(), "fd00:0:0:12c::2/64");
        assert_eq!(v6.source_prefix(2).to_string(), "fd00:1:2::/64");
        assert_eq!(v6.source_address(2, 0).to_string(), "fd00:1:2::1");
        assert_eq!(v6.forged_prefix(1).to_string(), "fd00:2:1::/64");
    }

    #[test]
    fn paths_are_shortest_and_the_file_decides_between_equals() {
        let network = diamond(IpVersion::V4);
        let paths = network.paths(0);
        assert_eq!(paths.to(0), None);
        assert_eq!(paths.to(4), None);
        assert_eq!(
            paths.to(3),
            Some(GraphPath {
                leaves: (0, 0),
                arrives: (3, 0),
                hop: (0, 1),
                length: 2
            })
        );
        assert_eq!(
            network
                .address_from(0, 3)
                .map(|address| address.to_string()),
            Some("10.0.3.1".to_owned())
        );
        assert_eq!(network.own_address(4).to_string(), "127.0.0.1");
    }

    #[test]
    fn the_shortest_path_decides_the_address_regardless_of_earlier_lookups() {
        let segment = vec![[0, 4], [1, 4], [2, 4], [2, 3]];
        for network in [
            diamond(IpVersion::V4),
            Network::new(IpVersion::V4, 5, 1, segment),
        ] {
            for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))) {
                let searched = network.paths(from).to(to).map(|path| path.arrives);
                let expected = searched.map(|(link, end)| network.end_address(link, end).address);
                let expected = expected.or((from == to).then(|| network.own_address(from)));
                assert_eq!(network.address_from(from, to), expected, "{from} to {to}");
            }
        }
        let network = diamond(IpVersion::V4);
        assert_eq!(network.address_from(0, 4), None);
        assert_eq!(network.place_at_node(1, 3), Some(2));
        assert_eq!(network.place_at_node(0, 3), None);
    }

    /// ```text
    ///     0 ----+
    ///     1 --[ 4 ]-- 2 --- 3
    /// ```
    #[test]
    fn a_segment_is_one_network_and_one_hop() {
        let network = Network::new(IpVersion::V4, 5, 1, vec![[0, 4], [1, 4], [2, 4], [2, 3]]);
        assert_eq!(network.end_address(2, 0).to_string(), "10.0.0.3/24");
        assert_eq!(network.subnets().collect::<Vec<_>>(), [0, 3]);
        assert!(network.is_on(1, 0) && !network.is_on(3, 0));
        let path = network.paths(0).to(3).unwrap();
        assert_eq!(path.length, 2);
        assert_eq!(network.next_hop(path).to_string(), "10.0.0.3");
        let address = |from, to| network.address_from(from, to).unwrap().to_string();
        assert_eq!(address(0, 1), "10.0.0.2");
        assert_eq!(address(3, 1), "10.0.0.2");
        let back = network.path_to_link(&network.paths(3), 0).unwrap();
        assert_eq!(network.next_hop(back).to_string(), "10.0.3.1");
    }
}
