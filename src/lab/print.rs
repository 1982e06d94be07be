//! Prints the operations of a plan, one line each.

use std::fmt;

use super::plan::{LabPlan, Op, PlannedEnd, Site, WireSide, emulated_key};
use crate::scenario::network_text::{nat_text, rule_text};
use crate::scenario::topology::{Baseline, Impairment, IpVersion};

impl fmt::Display for LabPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ops.iter().try_for_each(|op| writeln!(f, "{op}"))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => f.write_str(node.as_str()),
            Self::Wire => f.write_str("(wire)"),
        }
    }
}

impl fmt::Display for PlannedEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.site, self.interface)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(op) => {
                write!(f, "namespace {}: {}", op.site, protocol(op.ip))?;
                let marks = [
                    (op.baseline == Baseline::Kernel, ", the kernel's defaults"),
                    (op.forwards, ", forwards"),
                    (op.conntrack, ", tracks connections"),
                    (op.nonlocal_bind, ", net.ipv6.ip_nonlocal_bind = 1"),
                ];
                marks
                    .iter()
                    .filter(|(on, _)| *on)
                    .try_for_each(|(_, mark)| f.write_str(mark))
            }
            Self::Veth {
                ends: [a, b],
                mtu,
                max_segments,
                ..
            } => {
                write!(f, "link {a} -- {b}")?;
                if let Some(mtu) = mtu {
                    write!(f, ", mtu {mtu}")?;
                }
                match max_segments {
                    None => Ok(()),
                    Some(1) => f.write_str(", one segment per packet"),
                    Some(most) => write!(f, ", up to {most} segments per packet"),
                }
            }
            Self::Bridge {
                node,
                interface,
                ports,
                ..
            } => {
                let ports: Vec<&str> = ports.iter().map(|(name, _)| name.as_str()).collect();
                write!(f, "bridge {node} {interface}: {}", ports.join(", "))
            }
            Self::Netem {
                node,
                interface,
                impairment,
                ..
            } => {
                write!(f, "netem {node} {interface}{}", added(impairment))
            }
            Self::Address {
                node,
                interface,
                prefix,
                ..
            } => write!(f, "address {node} {interface}: {prefix}"),
            Self::Local { node, prefix } => write!(f, "local addresses {node}: {prefix}"),
            Self::Route { node, to, via, mtu } => {
                write!(f, "route {node}: {to} via {via}")?;
                mtu.map_or(Ok(()), |mtu| write!(f, ", mtu {mtu}"))
            }
            Self::Neighbour {
                node, address, mac, ..
            } => {
                let [a, b, c, d, e, g] = mac;
                write!(
                    f,
                    "neighbour {node}: {address} at {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"
                )
            }
            Self::Sysctl {
                node,
                key,
                value,
                emulate,
                ..
            } => {
                write!(f, "sysctl {node}: {key} = {value}")?;
                f.write_str(if emulate.is_some() {
                    ", emulated if this kernel lacks it"
                } else {
                    ""
                })
            }
            Self::Rules {
                node,
                tracks,
                nat,
                own,
                firewall,
                ..
            } => {
                let mut texts: Vec<String> = Vec::new();
                if *tracks && nat.is_empty() {
                    texts.push("ct state".to_owned());
                }
                texts.extend(nat.iter().map(|nat| nat_text(nat, own)));
                texts.extend(firewall.iter().map(rule_text));
                write!(f, "rules {node}: {}", texts.join("; "))
            }
            Self::Room { node, room } => write!(f, "conntrack {node}: {room} free entries"),
            Self::Wire {
                ends: [a, b],
                impairment,
                faults,
                ..
            } => {
                write!(f, "wire {} -- {}{}", side(a), side(b), added(impairment))?;
                for fault in faults {
                    write!(f, ", fault {}", fault.name)?;
                }
                for end in [a, b] {
                    for emulation in &end.emulate {
                        let key = emulated_key(*emulation);
                        write!(f, ", may emulate {key} of {}", end.node)?;
                    }
                }
                Ok(())
            }
            Self::Limit { node, nofile } => write!(f, "limit {node}: nofile {nofile}"),
        }
    }
}

fn protocol(ip: IpVersion) -> &'static str {
    match ip {
        IpVersion::V4 => "IPv4",
        IpVersion::V6 => "IPv6",
    }
}

fn side(side: &WireSide) -> String {
    format!("{} ({})", side.interface, side.node)
}

/// Returns an impairment as the end of a line that has something before it.
fn added(impairment: &Impairment) -> String {
    match impairment.to_string() {
        none if none.is_empty() => none,
        some => format!(", {some}"),
    }
}
