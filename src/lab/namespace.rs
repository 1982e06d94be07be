//! One namespace of the lab under construction: born at the baseline, then given what the plan says.

use std::io;

use super::baseline::{self, Survey};
use super::error::{BuildError, Feature, NotApplicable};
use super::plan::{NamespaceOp, Plan, Site};
use super::rules::Rules;
use super::settings::Wanted;
use crate::scenario::topology::IpVersion;
use crate::sys::NetNs;
use crate::sys::netlink::{Batch, Netlink, NetlinkError};
use crate::sys::rtnl;
use crate::sys::sysctl::{Key, SysctlError};

/// A namespace under construction.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) netns: NetNs,
    /// rtnetlink in this namespace, whichever thread uses it.
    pub(super) route: Netlink,
    /// Addresses and routes to give it.
    pub(super) messages: Messages,
    /// The settings that all nodes have, as they were found or pinned: the same in each new namespace.
    pub(super) common: Survey,
    /// All pinned settings, as they are here.
    pub(super) survey: Survey,
    /// What the scenario sets.
    pub(super) sysctls: Vec<Wanted>,
    /// Address translation, where it has some.
    pub(super) rules: Option<Rules>,
}

/// Messages to send in one go, each with the line of the plan that it belongs to.
#[derive(Debug, Default)]
pub(super) struct Messages {
    batch: Batch,
    lines: Vec<usize>,
}

/// Bytes sent at once: well below a socket's send buffer, 212,992 by default (`SK_WMEM_MAX`, Linux `include/net/sock.h`).
const SEND: usize = 64 * 1024;

impl Messages {
    /// Adds the one message that `write` writes.
    pub(super) fn add(&mut self, line: usize, write: impl FnOnce(&mut Batch)) {
        write(&mut self.batch);
        self.lines.push(line);
    }

    /// Whether it is time to send.
    pub(super) fn is_full(&self) -> bool {
        self.batch.byte_len() >= SEND
    }

    /// Sends them all and waits until they are done.
    pub(super) fn send(&mut self, plan: &Plan, netlink: &mut Netlink) -> Result<(), BuildError> {
        let mut messages = std::mem::take(self);
        messages.batch.acknowledge_last();
        netlink.request(messages.batch).map_err(|source| {
            let index = match &source {
                NetlinkError::Refused { index, .. } => *index,
                NetlinkError::Socket(_) | NetlinkError::Truncated => 0,
            };
            let op = messages
                .lines
                .get(index)
                .and_then(|line| plan.ops.get(*line));
            refusal(op.map(ToString::to_string).unwrap_or_default(), source)
        })
    }
}

/// A refused link means that the kernel has no such links; all else is an error.
fn refusal(op: String, source: NetlinkError) -> BuildError {
    match source {
        NetlinkError::Refused { source, .. }
            if source.raw_os_error() == Some(libc::EOPNOTSUPP) && op.starts_with("link ") =>
        {
            BuildError::NotApplicable(NotApplicable::Feature {
                feature: Feature::Veth,
                source,
            })
        }
        source => BuildError::Refused { op, source },
    }
}

impl Namespace {
    /// Creates it, on a thread that is born with it. Settings are read where nobody has done so yet, and then repeated.
    pub(super) fn create(op: &NamespaceOp, common: Option<&Survey>) -> Result<Self, BuildError> {
        let (order, common) = (op.clone(), common.cloned());
        let (netns, born) = NetNs::create_with(move || {
            let common = in_common(order.ip, common);
            let survey = settle(&order, common.clone())?;
            let route = Netlink::open(libc::NETLINK_ROUTE).map_err(Unsettled::Netlink)?;
            Ok((common, survey, route))
        })
        .map_err(|source| BuildError::Namespace {
            site: op.site.clone(),
            source,
        })?;
        let (common, survey, route) = born.map_err(|error| unsettled(&op.site, error))?;
        Ok(Self {
            netns,
            route,
            messages: Messages::default(),
            common,
            survey,
            sysctls: Vec::new(),
            rules: None,
        })
    }

    /// Sends what is gathered.
    pub(super) fn send(&mut self, plan: &Plan) -> Result<(), BuildError> {
        self.messages.send(plan, &mut self.route)
    }
}

/// Why a fresh namespace could not be brought to the baseline.
#[derive(Debug)]
enum Unsettled {
    NoIpv6,
    Sysctl(&'static str, SysctlError),
    Netlink(NetlinkError),
}

fn unsettled(site: &Site, error: Unsettled) -> BuildError {
    match error {
        Unsettled::NoIpv6 => BuildError::NotApplicable(NotApplicable::Feature {
            feature: Feature::Ipv6,
            source: io::Error::from_raw_os_error(libc::EAFNOSUPPORT),
        }),
        Unsettled::Sysctl(key, source) => BuildError::Own {
            site: site.clone(),
            key,
            source,
        },
        Unsettled::Netlink(source) => BuildError::Netlink {
            site: site.clone(),
            source,
        },
    }
}

/// Brings the calling thread's new namespace to the baseline. What was found in the first of a lab is repeated in the others.
fn in_common(ip: IpVersion, common: Option<Survey>) -> Survey {
    if let Some(common) = common {
        common.repeat();
        return common;
    }
    let mut common = Survey::take(baseline::NODE);
    if ip == IpVersion::V6 {
        common.extend(Survey::take(baseline::IPV6));
    }
    common
}

/// Gives the calling thread's new namespace what the topology needs, before it has any device.
fn settle(op: &NamespaceOp, mut survey: Survey) -> Result<Survey, Unsettled> {
    match op.ip {
        IpVersion::V4 => match set(&mut survey, "net.ipv6.conf.all.disable_ipv6", "1") {
            // Without IPv6 there is nothing to turn off.
            Err(Unsettled::Sysctl(_, SysctlError::Absent)) => {}
            other => other?,
        },
        IpVersion::V6 if !survey.has("net.ipv6.conf.default.accept_dad") => {
            return Err(Unsettled::NoIpv6);
        }
        IpVersion::V6 => {}
    }
    let forwarding = if op.forwards { "1" } else { "0" };
    set(&mut survey, "net.ipv4.ip_forward", forwarding)?;
    if op.ip == IpVersion::V6 {
        set(&mut survey, "net.ipv6.conf.all.forwarding", forwarding)?;
    }
    if op.nonlocal_bind {
        set(&mut survey, "net.ipv6.ip_nonlocal_bind", "1")?;
    }
    if op.conntrack {
        survey.extend(Survey::take(baseline::CONNTRACK));
    }
    Ok(survey)
}

/// Sets what the topology needs.
fn set(survey: &mut Survey, key: &'static str, value: &str) -> Result<(), Unsettled> {
    let fail = |error| Unsettled::Sysctl(key, error);
    let path = Key::parse(key).ok_or(fail(SysctlError::Absent))?;
    // Written in any case: a namespace starts with the host's value, and a write that changes nothing costs as little.
    path.write(value).map_err(fail)?;
    survey.note(key, path.read().map_err(fail)?);
    Ok(())
}

/// The first message to each namespace: its loopback interface comes up.
pub(super) fn bring_up_loopback(namespace: &mut Namespace, line: usize) {
    namespace.messages.add(line, |batch| {
        rtnl::set_link(batch, rtnl::LOOPBACK, true);
    });
}
