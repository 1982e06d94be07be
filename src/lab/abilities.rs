//! The checks of `nslab doctor`: each kernel or machine feature that labs need is tried for real.
//!
//! The checks change nothing: child processes perform them in namespaces of their own, which disappear afterwards.

use std::fmt::Display;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::error::{BuildError, Feature, NotApplicable};
use super::{Lab, LabScope, programs};
use crate::causes::chain;
use crate::names::{IfName, NodeName};
use crate::scenario::topology::{
    Baseline, ImpairedBy, InterfaceSpec, IpVersion, LinkSpec, NatSpec, NodeSpec, Prefix, Topology,
};
use crate::scenario::{RunId, RunSpec};
use crate::sys::sandbox::{
    SandboxOptions, SandboxProcess, enter, in_child, is_privileged, isolate,
};
use crate::sys::{sched, support};

/// Descriptors that a process should be allowed to have: one for each port.
const ENOUGH_DESCRIPTORS: u64 = 65_536;

/// The two ways to get namespaces.
const AS_ROOT: &str = "namespaces, as root";
const ROOTLESS: &str = "namespaces, rootless";
/// The name of the feature that expectations about the kernel's log need.
pub const KERNEL_LOG: &str = "the kernel's log (kernel.log)";

/// A feature that scenarios may need, and the result of trying it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Ability {
    pub name: String,
    pub state: Availability,
}

/// The result of trying a feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Availability {
    Yes,
    No {
        reason: String,
        /// Instructions for enabling it.
        how_to_get: String,
    },
    /// The feature works, with restrictions.
    Limited {
        reason: String,
        /// Instructions for lifting the restriction.
        how_to_get: String,
    },
}

impl Ability {
    fn new<T, E: Display>(name: &str, tried: Result<T, E>, how_to_get: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: match tried {
                Ok(_) => Availability::Yes,
                Err(error) => Availability::No {
                    reason: error.to_string(),
                    how_to_get: how_to_get.to_owned(),
                },
            },
        }
    }
}

/// Tries every feature. The process must have only one thread, because this forks.
pub fn probe_all() -> Vec<Ability> {
    let privileged = is_privileged();
    let mut all = vec![as_root(privileged), namespaces(ROOTLESS, can_isolate(true))];
    all.extend(try_privileged(privileged));
    all.push(Ability::new(
        "local port ranges per socket (port: sequential)",
        support::local_port_range(),
        "Linux 6.3 or later",
    ));
    all.push(Ability::new(
        KERNEL_LOG,
        support::kernel_log(),
        "run as root, or: sysctl -w kernel.dmesg_restrict=0; in a container: --device /dev/kmsg --cap-add SYSLOG",
    ));
    all.push(descriptors());
    all.push(priority());
    all.extend(programs::SHIPPED.map(program));
    all
}

fn as_root(privileged: bool) -> Ability {
    let tried = if privileged {
        can_isolate(false)
    } else {
        Err("this process has neither CAP_SYS_ADMIN nor CAP_NET_ADMIN".to_owned())
    };
    namespaces(AS_ROOT, tried)
}

/// Separates the cause from the remedy, which an error of a sandbox has after a semicolon.
fn namespaces(name: &str, tried: Result<(), String>) -> Ability {
    let error = match tried {
        Ok(()) => return Ability::new(name, Ok::<(), String>(()), ""),
        Err(error) => error,
    };
    match error.split_once("; ") {
        Some((reason, remedy)) => Ability::new(name, Err::<(), _>(reason), remedy),
        None => Ability::new(name, Err::<(), _>(&error), "run as root"),
    }
}

/// Returns true if a lab can be built here, as root or rootless.
pub fn can_run(abilities: &[Ability]) -> bool {
    let mut named = abilities
        .iter()
        .filter(|ability| [AS_ROOT, ROOTLESS].contains(&ability.name.as_str()));
    named.any(|ability| ability.state == Availability::Yes)
}

fn can_isolate(rootless: bool) -> Result<(), String> {
    let answer = in_child(|| match isolate(rootless) {
        Ok(()) => Vec::new(),
        // The error names the cause. The kernel's errno below it, such as ENOSPC for a limit, would only mislead.
        Err(error) => error.to_string().into_bytes(),
    });
    match answer {
        Ok(answer) if answer.is_empty() => Ok(()),
        Ok(answer) => Err(String::from_utf8_lossy(&answer).into_owned()),
        Err(error) => Err(format!("cannot create a process: {error}")),
    }
}

/// Tries the features that need privileges, in new namespaces.
fn try_privileged(privileged: bool) -> Vec<Ability> {
    let wanted = SandboxOptions {
        rootless: !privileged,
        parent: None,
        keep: None,
    };
    let answer = in_child(|| match enter(wanted) {
        Ok(SandboxProcess::Inside(_)) => serde_json::to_vec(&try_in_sandbox()).unwrap_or_default(),
        Ok(SandboxProcess::Finished(_)) => Vec::new(),
        Err(error) => serde_json::to_vec(&[not_tried(&chain(&error))]).unwrap_or_default(),
    });
    let tried = answer
        .ok()
        .and_then(|answer| serde_json::from_slice(&answer).ok());
    tried.unwrap_or_else(|| vec![not_tried("it cannot be tried without namespaces")])
}

fn not_tried(why: &str) -> Ability {
    Ability::new(
        "links, address translation, wires",
        Err::<(), _>(why),
        "see above",
    )
}

fn try_in_sandbox() -> Vec<Ability> {
    let built = |name, topology, feature: Feature| match try_lab(topology) {
        Err(BuildError::NotApplicable(NotApplicable::Feature { source, feature })) => {
            Ability::new(name, Err::<(), _>(source), feature.how_to_get())
        }
        other => Ability::new(
            name,
            other.map_err(|error| chain(&error)),
            &format!("the kernel has {feature}; the error above says what is wrong"),
        ),
    };
    vec![
        built("links", pair(IpVersion::V4, false), Feature::Veth),
        built("IPv6", pair(IpVersion::V6, false), Feature::Ipv6),
        built(
            "address translation",
            pair(IpVersion::V4, true),
            Feature::NfTables,
        ),
        Ability::new(
            "filling connection tracking tables",
            support::conntrack_netlink(),
            Feature::NfTables.how_to_get(),
        ),
        Ability::new(
            "wires (link impairment, emulation)",
            support::packet_sockets(),
            "as root: CAP_NET_RAW (docker run --cap-add NET_RAW), modprobe af_packet; \
             a custom kernel needs CONFIG_PACKET",
        ),
        built("netem (links with `by: netem`)", by_netem(), Feature::Netem),
        Ability::new(
            "ending sockets (emulation of tcp_tw_recycle)",
            support::end_time_wait(),
            "as root: modprobe tcp_diag; a custom kernel needs CONFIG_INET_DIAG_DESTROY",
        ),
    ]
}

fn try_lab(topology: Topology) -> Result<(), BuildError> {
    Lab::build(&run_of(topology), LabScope::default()).map(|_| ())
}

fn program(program: &str) -> Ability {
    let found =
        programs::find(program).ok_or("not on PATH: scenarios that run it are not applicable");
    let package = programs::package_of(program).unwrap_or(program);
    let how_to_get = format!("Debian: apt install {package}");
    Ability::new(&format!("the program {program}"), found, &how_to_get)
}

fn descriptors() -> Ability {
    Ability {
        name: "descriptors".to_owned(),
        state: match support::descriptors() {
            Ok(limit) if limit >= ENOUGH_DESCRIPTORS => Availability::Yes,
            Ok(limit) => Availability::Limited {
                reason: format!("a process may have at most {limit}"),
                how_to_get: "ulimit -Hn as root, or LimitNOFILE=; \
                             connections above the limit get descriptor tables of their own"
                    .to_owned(),
            },
            Err(error) => Availability::No {
                reason: error.to_string(),
                how_to_get: "see getrlimit(2)".to_owned(),
            },
        },
    }
}

fn priority() -> Ability {
    // On a thread of its own: the priority ends with it.
    let tried = std::thread::spawn(sched::run_before_others).join();
    Ability {
        name: "priority over other programs".to_owned(),
        state: match tried {
            Ok(Ok(())) => Availability::Yes,
            _ => Availability::Limited {
                reason: "on a busy machine, connections start late, links deliver late and steps are taken late, so \
                         more runs are inconclusive"
                    .to_owned(),
                how_to_get: "in a container: --cap-add SYS_NICE; rootless: `rtprio 1` in limits.conf, or LimitRTPRIO=1"
                    .to_owned(),
            },
        },
    }
}

/// Returns a topology of two linked nodes. With `nat`, the first node masquerades.
fn pair(ip: IpVersion, nat: bool) -> Topology {
    let names = [NodeName::from("a"), NodeName::from("b")];
    let interface = IfName::from("eth0");
    let node = |end: usize| NodeSpec {
        nat: (nat && end == 0)
            .then(|| NatSpec::masquerade(interface.clone()))
            .into_iter()
            .collect(),
        interfaces: vec![InterfaceSpec {
            name: interface.clone(),
            link: 0,
            peer: names[1 - end].clone(),
            addresses: vec![address(ip, end + 1)],
        }],
        ..NodeSpec::default()
    };
    let nodes = IndexMap::from([(names[0].clone(), node(0)), (names[1].clone(), node(1))]);
    Topology {
        ip,
        baseline: Baseline::default(),
        nodes,
        links: vec![LinkSpec::plain(
            names.clone(),
            [interface.clone(), interface.clone()],
        )],
    }
}

fn by_netem() -> Topology {
    let mut topology = pair(IpVersion::V4, false);
    for link in &mut topology.links {
        link.by = ImpairedBy::Netem;
    }
    topology
}

/// Addresses for documentation (RFC 5737, RFC 3849).
fn address(ip: IpVersion, host: usize) -> Prefix {
    let host = u8::try_from(host).unwrap_or_default();
    match ip {
        IpVersion::V4 => Prefix {
            address: [192, 0, 2, host].into(),
            length: 24,
        },
        IpVersion::V6 => Prefix {
            address: [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)].into(),
            length: 64,
        },
    }
}

fn run_of(topology: Topology) -> RunSpec {
    RunSpec {
        topology,
        ..RunSpec::empty(RunId::of("doctor"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_and_the_remedy_are_shown_apart() {
        let error = "cannot create a user namespace: user.max_user_namespaces is 0 on this machine; run as root";
        let ability = namespaces(ROOTLESS, Err(error.to_owned()));
        let Availability::No { reason, how_to_get } = &ability.state else {
            panic!("{ability:?}");
        };
        assert!(reason.ends_with("on this machine"), "{reason}");
        assert_eq!(how_to_get, "run as root");
        assert!(!can_run(&[ability]));
        assert!(can_run(&[namespaces(AS_ROOT, Ok(()))]));
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_every_ability_works_or_has_instructions() {
        let all = probe_all();
        assert!(all.len() >= 7, "{all:?}");
        for ability in &all {
            match &ability.state {
                Availability::Yes => {}
                Availability::No { reason, how_to_get }
                | Availability::Limited { reason, how_to_get } => {
                    assert!(!reason.is_empty() && !how_to_get.is_empty(), "{ability:?}");
                }
            }
        }
        if is_privileged() {
            let is = |name| all.iter().find(|ability| ability.name == name).unwrap();
            for name in [
                "namespaces, as root",
                "links",
                "address translation",
                "IPv6",
            ] {
                assert_eq!(is(name).state, Availability::Yes, "{name}");
            }
        }
    }
}
