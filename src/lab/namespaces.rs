//! Namespaces are created: at the baseline, with the scenario's settings and rules, before any device is in them.
//!
//! All of this is done by the thread that creates them, so nothing has to be entered.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use indexmap::IndexMap;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::baseline::{self, PinnedSettings};
use super::capacity;
use super::error::{BuildError, Feature, NotApplicable};
use super::plan::{LabPlan, NamespaceOp, Op, Site};
use super::rules::Rules;
use super::settings::{SetOutcome, WantedSysctl, write_all};
use crate::scenario::topology::IpVersion;
use crate::sys::NetNs;
use crate::sys::netlink::{Netlink, NetlinkError};
use crate::sys::netns::Created;
use crate::sys::sandbox::may_bind_low_ports;
use crate::sys::sysctl::{Key, SysctlError, Sysctls};

/// Another thread is worth its while for so many namespaces (measured, best of 200 on a busy machine:
/// a lab of 3 stands in 2.6 ms in place of 3.0).
const NAMESPACES_PER_THREAD: usize = 2;

/// The first port that anyone may bind to.
const LOW_PORTS: &str = "net.ipv4.ip_unprivileged_port_start";

/// What a namespace is to be.
#[derive(Debug, Clone)]
struct NamespaceSpec {
    op: NamespaceOp,
    sysctls: Vec<WantedSysctl>,
    rules: Option<Rules>,
    /// Entries of the socket hash of the namespace that the same thread creates next.
    socket_hash: Option<u64>,
    /// Whether servers need the namespace's leave to listen below 1024.
    low_ports: bool,
}

/// A namespace with its settings and rules, without links.
#[derive(Debug)]
pub(super) struct CreatedNamespace {
    pub(super) netns: NetNs,
    /// rtnetlink in this namespace, whichever thread uses it.
    pub(super) route: Netlink,
    /// The settings that the lab pinned or needs, as they are.
    pub(super) pinned: PinnedSettings,
    /// What outcomes of the scenario's settings.
    pub(super) outcomes: Vec<(WantedSysctl, SetOutcome)>,
    /// Settings of interfaces, which are not there yet.
    pub(super) of_interfaces: Vec<WantedSysctl>,
}

/// Creates every namespace of a plan, in the order of the plan.
///
/// # Errors
/// The first, in the order in which they are found.
pub(super) fn create_all(
    plan: &LabPlan,
    socket_hash: Option<u64>,
) -> Result<IndexMap<Site, CreatedNamespace>, BuildError> {
    // Those of a lab are alike, so what the first to come finds holds for all.
    let common = Arc::new(OnceLock::new());
    let specs: Vec<(usize, NamespaceSpec)> =
        specs(plan, socket_hash).into_values().enumerate().collect();
    let threads = processors()
        .min(specs.len().div_ceil(NAMESPACES_PER_THREAD))
        .max(1);
    let mut shares = vec![Share::default(); threads];
    for (number, spec) in specs {
        shares[number % threads].numbers.push(number);
        shares[number % threads].specs.push(spec);
    }
    let running = shares
        .into_iter()
        .map(|share| share.begin(&common))
        .collect::<Result<Vec<_>, _>>()?;
    let mut created = Vec::new();
    for share in running {
        created.extend(share.finish()?);
    }
    created.sort_by_key(|(number, ..)| *number);
    let created = created
        .into_iter()
        .map(|(_, site, created)| (site, created));
    Ok(created.collect())
}

/// What one thread creates, with the place of each in the plan.
#[derive(Debug, Default, Clone)]
struct Share {
    numbers: Vec<usize>,
    specs: Vec<NamespaceSpec>,
}

/// A share whose thread is at work.
#[derive(Debug)]
struct RunningShare {
    sites: Vec<(usize, Site)>,
    thread: JoinHandle<Vec<Created<Result<PreparedNamespace, BuildError>>>>,
}

impl Share {
    fn begin(self, common: &Arc<OnceLock<PinnedSettings>>) -> Result<RunningShare, BuildError> {
        let sites = self.specs.iter().map(|spec| spec.op.site.clone());
        let sites: Vec<_> = self.numbers.into_iter().zip(sites).collect();
        let inside = |spec: NamespaceSpec| {
            let common = common.clone();
            move || spec.prepare_inside(&common)
        };
        let works = self.specs.into_iter().map(inside).collect();
        match NetNs::create_each(works) {
            Ok(thread) => Ok(RunningShare { sites, thread }),
            Err(source) => Err(BuildError::Thread(source)),
        }
    }
}

impl RunningShare {
    fn finish(self) -> Result<Vec<(usize, Site, CreatedNamespace)>, BuildError> {
        let each = self
            .thread
            .join()
            .map_err(|_| BuildError::Thread(io::Error::other("it panicked")))?;
        self.sites
            .into_iter()
            .zip(each)
            .map(|((number, site), made)| {
                let (netns, inside) = made.map_err(|source| BuildError::Namespace {
                    site: site.clone(),
                    source,
                })?;
                Ok((number, site, inside?.with(netns)))
            })
            .collect()
    }
}

/// How many processors this thread may use. (std's `available_parallelism` reads the files of control groups as well, which costs
/// as much as a fifth of a namespace.)
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
            Op::Rules { node, ip, nat, own } => {
                if let Some(spec) = specs.get_mut(&Site::Node(node.clone())) {
                    spec.rules = Some(Rules {
                        ip: *ip,
                        nat: nat.clone(),
                        own: own.clone(),
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
    /// In the calling thread's new namespace.
    fn prepare_inside(
        self,
        common: &OnceLock<PinnedSettings>,
    ) -> Result<PreparedNamespace, BuildError> {
        let site = self.op.site.clone();
        let mut sysctls = Sysctls::new();
        if let Some(entries) = self.socket_hash {
            capacity::size_socket_hash(&mut sysctls, entries);
        }
        // What needs no pinned comes first, so that another namespace has the time to take it.
        if let Some(rules) = &self.rules {
            rules.apply()?;
        }
        let conntrack = match self.op.conntrack {
            true => PinnedSettings::take(baseline::CONNTRACK, &mut sysctls),
            false => PinnedSettings::default(),
        };
        let mut pinned = pin(self.op.ip, common, &mut sysctls);
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

/// What the thread inside gives back.
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

/// Why a new namespace could not be prepared.
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

/// Brings the calling thread's new namespace to the baseline: reads every setting if nobody has, else repeats what was off.
fn pin(ip: IpVersion, common: &OnceLock<PinnedSettings>, sysctls: &mut Sysctls) -> PinnedSettings {
    let mut taken_here = false;
    let pinned = common.get_or_init(|| {
        taken_here = true;
        let mut pinned = PinnedSettings::take(baseline::NODE, sysctls);
        if ip == IpVersion::V6 {
            pinned.extend(PinnedSettings::take(baseline::IPV6, sysctls));
        }
        pinned
    });
    if !taken_here {
        pinned.repeat(sysctls);
    }
    pinned.clone()
}

/// Gives the calling thread's new namespace what the topology needs, before it has any device.
fn prepare(
    op: &NamespaceOp,
    pinned: &mut PinnedSettings,
    sysctls: &mut Sysctls,
) -> Result<(), PrepareError> {
    match op.ip {
        IpVersion::V4 => match set(pinned, sysctls, "net.ipv6.conf.all.disable_ipv6") {
            // Without IPv6 there is nothing to turn off.
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

/// Whether this kernel has IPv6.
fn has_ipv6(sysctls: &mut Sysctls) -> Result<(), PrepareError> {
    const KEY: &str = "net.ipv6.conf.default.accept_dad";
    let key = Key::parse(KEY).ok_or(PrepareError::NoIpv6)?;
    match sysctls.read(&key) {
        Ok(_) => Ok(()),
        Err(SysctlError::Absent) => Err(PrepareError::NoIpv6),
        Err(error) => Err(PrepareError::Sysctl(KEY, error)),
    }
}

/// Lets servers listen below 1024 also where this process has not the privilege for that. Last, since the kernel takes no
/// `ip_local_port_range` that begins below this setting (`ipv4_local_port_range`, Linux `net/ipv4/sysctl_net_ipv4.c`): what the scenario
/// sets is tried at the kernel's own value.
fn open_low_ports(pinned: &mut PinnedSettings, sysctls: &mut Sysctls) {
    // Before Linux 4.11 there is none; then servers say so.
    if let Some(Ok(value)) = Key::parse(LOW_PORTS).map(|key| sysctls.set(&key, "0")) {
        pinned.note(LOW_PORTS, value);
    }
}

/// Turns on what the topology needs.
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
