//! The resolved firewall of a node: an ordered list of rules, of which the first that matches decides.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::topology::Prefix;
use crate::units::Rate;

/// A rule of a firewall. A packet matches if each match that is given holds; a list holds if one of its items does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirewallRule {
    /// The name under which its packets are counted.
    pub name: Option<String>,
    /// The fate of a packet that matches.
    pub verdict: RuleVerdict,
    /// The hooks that the rule is in; never empty.
    pub directions: Vec<RuleDirection>,
    /// Protocols; empty for any.
    pub protocols: Vec<RuleProtocol>,
    /// Ranges of destination ports; empty for any.
    pub ports: Vec<[u16; 2]>,
    /// Source addresses; empty for any.
    pub from: Vec<Prefix>,
    /// Destination addresses; empty for any.
    pub to: Vec<Prefix>,
    /// States of the packet in connection tracking; empty for any.
    pub states: Vec<CtState>,
    /// Rate up to which, or beyond which, packets match.
    pub limit: Option<RuleLimit>,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

impl FirewallRule {
    /// Returns true if the rule needs connection tracking.
    pub fn tracks(&self) -> bool {
        !self.states.is_empty()
    }
}

/// The fate of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleVerdict {
    /// It goes on; later rules are not looked at.
    Accept,
    /// It is dropped without an answer.
    Drop,
    /// It is dropped, and its sender gets an answer.
    Reject(RejectWith),
}

/// The answer to a rejected packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectWith {
    /// A RST.
    TcpReset,
    /// ICMP port unreachable, as nft(8) does by default.
    #[default]
    IcmpPortUnreachable,
    /// ICMP host unreachable; address unreachable with IPv6.
    IcmpHostUnreachable,
    /// ICMP net unreachable; no route with IPv6.
    IcmpNetUnreachable,
    /// ICMP administratively prohibited.
    IcmpAdminProhibited,
}

/// The way of a packet through the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleDirection {
    /// To the node itself.
    In,
    /// Through the node.
    Forward,
    /// From the node itself.
    Out,
}

/// A protocol that a rule can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, or ICMPv6 in an IPv6 lab.
    Icmp,
}

/// A state of a packet in connection tracking (`ct state` of nft(8)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CtState {
    /// It belongs to no connection and cannot begin one.
    Invalid,
    /// It belongs to a connection that has seen packets in both directions.
    Established,
    /// It belongs to another connection, as an ICMP error does.
    Related,
    /// It begins a connection.
    New,
    /// It is not tracked.
    Untracked,
}

/// A limit on the packets that match a rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RuleLimit {
    /// Packets per second.
    pub rate: Rate,
    /// Packets that may come at once.
    pub burst: u32,
    /// True if the packets beyond the rate match, instead of those within it.
    pub beyond: bool,
}

/// Returns the prefix that contains only this address.
pub fn host(address: IpAddr) -> Prefix {
    Prefix {
        address,
        length: if address.is_ipv4() { 32 } else { 128 },
    }
}
