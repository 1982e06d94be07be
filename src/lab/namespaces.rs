//! Creates the namespaces of a lab with baseline settings, the scenario's settings and rules, and no devices yet.
//!
//! The thread that creates a namespace does all of this, so that no namespace has to be entered.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::baseline::{self, PinnedSettings};
use super::capacity;
use super::error::{BuildError, Feature, NotApplicable};
use super::plan::{LabPlan, NamespaceOp, Op, Site};
use super::rules::Rules;
use super::settings::{SetOutcome, WantedSysctl, write_all};
use crate::scenario::topology::{Baseline, IpVersion};
use crate::sys::NetNs;
use crate::sys::netlink::{Netlink, NetlinkError};
use crate::sys::netns::Created;
use crate::sys::sandbox::may_bind_low_ports;
use crate::sys::sysctl::{Key, SysctlError, Sysctls};

/// Namespaces that make another thread worthwhile (measured, best of 200 on a busy machine: a lab of three is
/// built in 2.6 ms instead of 3.0 ms).
const NAMESPACES_PER_THREAD: usize = 2;

/// The first port that unprivileged programs may bind.
const LOW_PORTS: &str = "net.ipv4.ip_unprivileged_port_start";

/// The specification of a namespace.
#[derive(Debug, Clone)]
struct NamespaceSpec {
    op: NamespaceOp,
    sysctls: Vec<WantedSysctl>,
    rules: Option<Rules>,
    /// Entries of the socket hash of the namespace that the same thread creates next.
    socket_hash: Option<u64>,
    /// True if the namespace must allow servers to listen below 1024, because this process lacks the privilege.
    low_ports: bool,
}

/// A new namespace with its settings and rules, but without links.
#[derive(Debug)]
pub(super) struct CreatedNamespace {
    pub(super) netns: NetNs,
    /// An rtnetlink socket in this namespace, usable from any thread.
    pub(super) route: Netlink,
    /// The settings that the lab pinned or needs, as read back.
    pub(super) pinned: PinnedSettings,
    /// The scenario's settings with the result of applying each.
    pub(super) outcomes: Vec<(WantedSysctl, SetOutcome)>,
    /// Settings of interfaces that do not exist yet.
    pub(super) of_interfaces: Vec<WantedSysctl>,
}

/// The creation of the namespaces of a plan, on several processors.
#[derive(Debug)]
pub(super) struct Creating {
    /// The namespaces of the plan, in its order.
    sites: Vec<Site>,
    left: usize,
    inbox: Receiver<(usize, Created<Result<PreparedNamespace, BuildError>>)>,
}

impl Creating {
    /// Starts to create every namespace.
    ///
    /// # Errors
    /// A thread cannot be created.
    pub(super) fn start(plan: &LabPlan, socket_hash: Option<u64>) -> Result<Self, BuildError> {
        // The namespaces of a lab are alike, so the settings found in one apply to all.
        let common = Arc::new(OnceLock::new());
        let specs = specs(plan, socket_hash);
        let sites: Vec<Site> = specs.keys().cloned().collect();
        let threads = processors()
            .min(specs.len().div_ceil(NAMESPACES_PER_THREAD))
            .max(1);
        let mut shares: Vec<Vec<(usize, NamespaceSpec)>> = vec![Vec::new(); threads];
        for (number, spec) in specs.into_values().enumerate() {
            shares[number % threads].push((number, spec));
        }
        let (sender, inbox) = mpsc::channel();
        for share in shares {
            begin(share, &common, sender.clone())?;
        }
        Ok(Self {
            left: sites.len(),
            sites,
            inbox,
        })
    }

    /// Waits for the next namespaces, in any order; `None` after the last.
    ///
    /// # Errors
    /// The first error in the order of completion.
    pub(super) fn next(&mut self) -> Result<Option<Vec<(Site, CreatedNamespace)>>, BuildError> {
        if self.left == 0 {
            return Ok(None);
        }
        let panicked = |_| BuildError::Thread(io::Error::other("it panicked"));
        let first = self.inbox.recv().map_err(panicked)?;
        let created = std::iter::once(first)
            .chain(self.inbox.try_iter())
            .map(|(number, made)| {
                let site = self.sites[number].clone();
                let (netns, inside) = made.map_err(|source| BuildError::Namespace {
                    site: site.clone(),
                    source,
                })?;
                Ok((site, inside?.with(netns)))
            })
            .collect::<Result<Vec<_>, BuildError>>()?;
        self.left = self.left.saturating_sub(created.len());
        Ok(Some(created))
    }
}

/// Starts a thread that creates these namespaces and sends each with its position in the plan.
fn begin(
    share: Vec<(usize, NamespaceSpec)>,
    common: &Arc<OnceLock<PinnedSettings>>,
    sender: Sender<(usize, Created<Result<PreparedNamespace, BuildError>>)>,
) -> Result<(), BuildError> {
    let (numbers, specs): (Vec<usize>, Vec<NamespaceSpec>) = share.into_iter().unzip();
    let works = specs.into_iter().map(|spec| {
        let common = common.clone();
        move || spec.prepare_inside(&common)
    });
    let mut numbers = numbers.into_iter();
    NetNs::create_each(works.collect(), move |made| {
        if let Some(number) = numbers.next() {
            // Nobody waits for it after an error.
            let _given_up = sender.send((number, made));
        }
    })
    .map(drop)
    .map_err(BuildError::Thread)
}

/// Returns how many processors this thread may use. (std's `available_parallelism` also reads the files of
/// control groups, which takes a fifth of the time needed to create a namespace.)
fn processors() -> usize {
    let allowed = sched_getaffinity(Pid::from_raw(0));
    let count = |set: CpuSet| {
        (0..CpuSet::count())
            .filter(|cpu| set.is_set(*cpu) == Ok(true))
            .count()
    };
    allowed.map_or(1, count)
}

fn specs(plan: &LabPlan, socket_hash: Option<u64>) -> IndexMap<Site, NamespaceSpec> {
    let mut specs: IndexMap<Site, NamespaceSpec> = IndexMap::new();
    let low_ports = !may_bind_low_ports();
    for op in &plan.ops {
        match op {
            Op::Namespace(op) => {
                let spec = NamespaceSpec {
                    op: op.clone(),
                    sysctls: Vec::new(),
                    rules: None,
                    socket_hash,
                    low_ports,
                };
                specs.insert(op.site.clone(), spec);
            }
            Op::Sysctl {
                node,
                key,
                value,
                place,
                emulate,
            } => {
                if let Some(spec) = specs.get_mut(&Site::Node(node.clone())) {
                    spec.sysctls.push(WantedSysctl {
                        key: key.clone(),
                        value: value.clone(),
                        place: *place,
                        emulated: emulate.is_some(),
                    });
                }
            }
            Op::Rules {
                node,
                ip,
                tracks,
                nat,
                own,
                firewall,
            } => {
                if let Some(spec) = specs.get_mut(&Site::Node(node.clone())) {
                    spec.rules = Some(Rules {
                        ip: *ip,
                        tracks: *tracks,
                        nat: nat.clone(),
                        own: own.clone(),
                        firewall: firewall.clone(),
                        line: op.to_string(),
                    });
                }
            }
            _ => {}
        }
    }
    specs
}

impl NamespaceSpec {
    /// Prepares the calling thread's new namespace.
    fn prepare_inside(
        self,
        common: &OnceLock<PinnedSettings>,
    ) -> Result<PreparedNamespace, BuildError> {
        let site = self.op.site.clone();
        let mut sysctls = Sysctls::new();
        if let Some(entries) = self.socket_hash {
            capacity::size_socket_hash(&mut sysctls, entries);
        }
        // Rules do not depend on pinned settings, so they come first: meanwhile another thread may read the settings.
        if let Some(rules) = &self.rules {
            rules.apply()?;
        }
        let conntrack = match self.op.conntrack {
            true => PinnedSettings::take(baseline::CONNTRACK, self.op.baseline, &mut sysctls),
            false => PinnedSettings::default(),
        };
        let mut pinned = pin(&self.op, common, &mut sysctls);
        pinned.extend(conntrack);
        prepare(&self.op, &mut pinned, &mut sysctls).map_err(|error| build_error(&site, error))?;
        let (of_interfaces, now): (Vec<_>, Vec<_>) = self
            .sysctls
            .into_iter()
            .partition(WantedSysctl::is_of_interface);
        let outcomes = match &site {
            Site::Node(node) => write_all(now, node, &mut sysctls)?,
            Site::Wire => Vec::new(),
        };
        if self.low_ports && !outcomes.iter().any(|(wanted, _)| wanted.key == LOW_PORTS) {
            open_low_ports(&mut pinned, &mut sysctls);
        }
        let route = Netlink::open(libc::NETLINK_ROUTE)
            .map_err(|error| build_error(&site, PrepareError::Netlink(error)))?;
        Ok(PreparedNamespace {
            route,
            pinned,
            outcomes,
            of_interfaces,
        })
    }
}

/// A prepared namespace, as its thread returns it.
#[derive(Debug)]
struct PreparedNamespace {
    route: Netlink,
    pinned: PinnedSettings,
    outcomes: Vec<(WantedSysctl, SetOutcome)>,
    of_interfaces: Vec<WantedSysctl>,
}

impl PreparedNamespace {
    fn with(self, netns: NetNs) -> CreatedNamespace {
        CreatedNamespace {
            netns,
            route: self.route,
            pinned: self.pinned,
            outcomes: self.outcomes,
            of_interfaces: self.of_interfaces,
        }
    }
}

/// An error of preparing a new namespace.
#[derive(Debug)]
enum PrepareError {
    NoIpv6,
    Sysctl(&'static str, SysctlError),
    Netlink(NetlinkError),
}

fn build_error(site: &Site, error: PrepareError) -> BuildError {
    match error {
        PrepareError::NoIpv6 => BuildError::NotApplicable(NotApplicable::Feature {
            feature: Feature::Ipv6,
            source: io::Error::from_raw_os_error(libc::EAFNOSUPPORT),
        }),
        PrepareError::Sysctl(key, source) => BuildError::Own {
            site: site.clone(),
            key,
            source,
        },
        PrepareError::Netlink(source) => BuildError::Netlink {
            site: site.clone(),
            source,
        },
    }
}

/// Brings the calling thread's new namespace to the baseline. The first ones of a lab read every setting; the
/// others repeat their writes.
fn pin(
    op: &NamespaceOp,
    common: &OnceLock<PinnedSettings>,
    sysctls: &mut Sysctls,
) -> PinnedSettings {
    if let Some(pinned) = common.get() {
        pinned.repeat(sysctls);
        return pinned.clone();
    }
    let mut pinned = PinnedSettings::take(baseline::NODE, op.baseline, sysctls);
    if op.ip == IpVersion::V6 {
        // The lab needs these, whatever the baseline.
        let needed = PinnedSettings::take(baseline::IPV6, Baseline::Pinned, sysctls);
        pinned.extend(needed);
    }
    // Another thread may have found the same meanwhile: reading takes less time than waiting for it.
    let _found_twice = common.set(pinned.clone());
    pinned
}

/// Applies the settings that the topology needs, before the namespace has any device.
fn prepare(
    op: &NamespaceOp,
    pinned: &mut PinnedSettings,
    sysctls: &mut Sysctls,
) -> Result<(), PrepareError> {
    match op.ip {
        IpVersion::V4 => match set(pinned, sysctls, "net.ipv6.conf.all.disable_ipv6") {
            // A kernel without IPv6 has nothing to turn off.
            Err(PrepareError::Sysctl(_, SysctlError::Absent)) => {}
            other => other?,
        },
        IpVersion::V6 => has_ipv6(sysctls)?,
    }
    if op.forwards {
        set(pinned, sysctls, "net.ipv4.ip_forward")?;
        if op.ip == IpVersion::V6 {
            set(pinned, sysctls, "net.ipv6.conf.all.forwarding")?;
        }
    }
    if op.nonlocal_bind {
        set(pinned, sysctls, "net.ipv6.ip_nonlocal_bind")?;
    }
    Ok(())
}

/// Checks that this kernel has IPv6.
fn has_ipv6(sysctls: &mut Sysctls) -> Result<(), PrepareError> {
    const KEY: &str = "net.ipv6.conf.default.accept_dad";
    let key = Key::parse(KEY).ok_or(PrepareError::NoIpv6)?;
    match sysctls.read(&key) {
        Ok(_) => Ok(()),
        Err(SysctlError::Absent) => Err(PrepareError::NoIpv6),
        Err(error) => Err(PrepareError::Sysctl(KEY, error)),
    }
}

/// Lets servers listen below 1024 even if this process lacks the privilege. This comes last, because the
/// kernel accepts no `ip_local_port_range` that begins below this setting (`ipv4_local_port_range`, Linux
/// `net/ipv4/sysctl_net_ipv4.c`), and the scenario's range must be tried at the kernel's own value.
fn open_low_ports(pinned: &mut PinnedSettings, sysctls: &mut Sysctls) {
    // The setting does not exist before Linux 4.11; servers then report the error.
    if let Some(Ok(value)) = Key::parse(LOW_PORTS).map(|key| sysctls.set(&key, "0")) {
        pinned.note(LOW_PORTS, value);
    }
}

/// Sets a key that the topology needs to 1.
fn set(
    pinned: &mut PinnedSettings,
    sysctls: &mut Sysctls,
    key: &'static str,
) -> Result<(), PrepareError> {
    let fail = |error| PrepareError::Sysctl(key, error);
    let path = Key::parse(key).ok_or(fail(SysctlError::Absent))?;
    pinned.note(key, sysctls.set(&path, "1").map_err(fail)?);
    Ok(())
}
