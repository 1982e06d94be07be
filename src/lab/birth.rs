//! Namespaces are born: at the baseline, with the scenario's settings and rules, before any device is in them.
//!
//! All of this is done by the thread that creates them, so nothing has to be entered.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use indexmap::IndexMap;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::baseline::{self, Survey};
use super::capacity;
use super::error::{BuildError, Feature, NotApplicable};
use super::plan::{NamespaceOp, Op, Plan, Site};
use super::rules::Rules;
use super::settings::{Became, Wanted, write_all};
use crate::scenario::topology::IpVersion;
use crate::sys::NetNs;
use crate::sys::netlink::{Netlink, NetlinkError};
use crate::sys::netns::Created;
use crate::sys::sandbox::may_bind_low_ports;
use crate::sys::sysctl::{Key, SysctlError, Sysctls};

/// Another thread is worth its while for so many namespaces (measured, best of 200 on a busy machine:
/// a lab of 3 stands in 2.6 ms in place of 3.0).
const A_THREAD_FOR: usize = 2;

/// The first port that anyone may bind to.
const LOW_PORTS: &str = "net.ipv4.ip_unprivileged_port_start";

/// What a namespace is to be.
#[derive(Debug, Clone)]
struct Birth {
    op: NamespaceOp,
    sysctls: Vec<Wanted>,
    rules: Option<Rules>,
    /// Entries of the socket hash of the namespace that the same thread creates next.
    socket_hash: Option<u64>,
    /// Whether servers need the namespace's leave to listen below 1024.
    low_ports: bool,
}

/// A namespace with its settings and rules, without links.
#[derive(Debug)]
pub(super) struct Born {
    pub(super) netns: NetNs,
    /// rtnetlink in this namespace, whichever thread uses it.
    pub(super) route: Netlink,
    /// The settings that the lab pinned or needs, as they are.
    pub(super) survey: Survey,
    /// What became of the scenario's settings.
    pub(super) became: Vec<(Wanted, Became)>,
    /// Settings of interfaces, which are not there yet.
    pub(super) of_interfaces: Vec<Wanted>,
}

/// Creates every namespace of a plan, in the order of the plan.
///
/// # Errors
/// The first, in the order in which they are found.
pub(super) fn bear_all(
    plan: &Plan,
    socket_hash: Option<u64>,
) -> Result<IndexMap<Site, Born>, BuildError> {
    // Those of a lab are alike, so what the first to come finds holds for all.
    let common = Arc::new(OnceLock::new());
    let births: Vec<(usize, Birth)> = births(plan, socket_hash)
        .into_values()
        .enumerate()
        .collect();
    let threads = processors().min(births.len().div_ceil(A_THREAD_FOR)).max(1);
    let mut shares = vec![Share::default(); threads];
    for (number, birth) in births {
        shares[number % threads].numbers.push(number);
        shares[number % threads].births.push(birth);
    }
    let begun = shares
        .into_iter()
        .map(|share| share.begin(&common))
        .collect::<Result<Vec<_>, _>>()?;
    let mut born = Vec::new();
    for share in begun {
        born.extend(share.finish()?);
    }
    born.sort_by_key(|(number, ..)| *number);
    let born = born.into_iter().map(|(_, site, born)| (site, born));
    Ok(born.collect())
}

/// What one thread creates, with the place of each in the plan.
#[derive(Debug, Default, Clone)]
struct Share {
    numbers: Vec<usize>,
    births: Vec<Birth>,
}

/// A share whose thread is at work.
#[derive(Debug)]
struct Begun {
    sites: Vec<(usize, Site)>,
    thread: JoinHandle<Vec<Created<Result<Inside, BuildError>>>>,
}

impl Share {
    fn begin(self, common: &Arc<OnceLock<Survey>>) -> Result<Begun, BuildError> {
        let sites = self.births.iter().map(|birth| birth.op.site.clone());
        let sites: Vec<_> = self.numbers.into_iter().zip(sites).collect();
        let inside = |birth: Birth| {
            let common = common.clone();
            move || birth.settle_in(&common)
        };
        let works = self.births.into_iter().map(inside).collect();
        match NetNs::create_each(works) {
            Ok(thread) => Ok(Begun { sites, thread }),
            Err(source) => Err(BuildError::Thread(source)),
        }
    }
}

impl Begun {
    fn finish(self) -> Result<Vec<(usize, Site, Born)>, BuildError> {
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

fn births(plan: &Plan, socket_hash: Option<u64>) -> IndexMap<Site, Birth> {
    let mut births: IndexMap<Site, Birth> = IndexMap::new();
    let low_ports = !may_bind_low_ports();
    for op in &plan.ops {
        match op {
            Op::Namespace(op) => {
                let birth = Birth {
                    op: op.clone(),
                    sysctls: Vec::new(),
                    rules: None,
                    socket_hash,
                    low_ports,
                };
                births.insert(op.site.clone(), birth);
            }
            Op::Sysctl {
                node,
                key,
                value,
                place,
                emulate,
            } => {
                if let Some(birth) = births.get_mut(&Site::Node(node.clone())) {
                    birth.sysctls.push(Wanted {
                        key: key.clone(),
                        value: value.clone(),
                        place: *place,
                        emulated: emulate.is_some(),
                    });
                }
            }
            Op::Rules { node, ip, nat, own } => {
                if let Some(birth) = births.get_mut(&Site::Node(node.clone())) {
                    birth.rules = Some(Rules {
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
    births
}

impl Birth {
    /// In the calling thread's new namespace.
    fn settle_in(self, common: &OnceLock<Survey>) -> Result<Inside, BuildError> {
        let site = self.op.site.clone();
        let mut sysctls = Sysctls::new();
        if let Some(entries) = self.socket_hash {
            capacity::size_socket_hash(&mut sysctls, entries);
        }
        // What needs no survey comes first, so that another namespace has the time to take it.
        if let Some(rules) = &self.rules {
            rules.apply()?;
        }
        let conntrack = match self.op.conntrack {
            true => Survey::take(baseline::CONNTRACK, &mut sysctls),
            false => Survey::default(),
        };
        let mut survey = pin(self.op.ip, common, &mut sysctls);
        survey.extend(conntrack);
        prepare(&self.op, &mut survey, &mut sysctls).map_err(|error| unsettled(&site, error))?;
        let (of_interfaces, now): (Vec<_>, Vec<_>) =
            self.sysctls.into_iter().partition(Wanted::is_of_interface);
        let became = match &site {
            Site::Node(node) => write_all(now, node, &mut sysctls)?,
            Site::Wire => Vec::new(),
        };
        if self.low_ports && !became.iter().any(|(wanted, _)| wanted.key == LOW_PORTS) {
            open_low_ports(&mut survey, &mut sysctls);
        }
        let route = Netlink::open(libc::NETLINK_ROUTE)
            .map_err(|error| unsettled(&site, Unsettled::Netlink(error)))?;
        Ok(Inside {
            route,
            survey,
            became,
            of_interfaces,
        })
    }
}

/// What the thread inside gives back.
#[derive(Debug)]
struct Inside {
    route: Netlink,
    survey: Survey,
    became: Vec<(Wanted, Became)>,
    of_interfaces: Vec<Wanted>,
}

impl Inside {
    fn with(self, netns: NetNs) -> Born {
        Born {
            netns,
            route: self.route,
            survey: self.survey,
            became: self.became,
            of_interfaces: self.of_interfaces,
        }
    }
}

/// Why a new namespace could not be prepared.
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

/// Brings the calling thread's new namespace to the baseline: reads every setting if nobody has, else repeats what was off.
fn pin(ip: IpVersion, common: &OnceLock<Survey>, sysctls: &mut Sysctls) -> Survey {
    let mut taken_here = false;
    let survey = common.get_or_init(|| {
        taken_here = true;
        let mut survey = Survey::take(baseline::NODE, sysctls);
        if ip == IpVersion::V6 {
            survey.extend(Survey::take(baseline::IPV6, sysctls));
        }
        survey
    });
    if !taken_here {
        survey.repeat(sysctls);
    }
    survey.clone()
}

/// Gives the calling thread's new namespace what the topology needs, before it has any device.
fn prepare(op: &NamespaceOp, survey: &mut Survey, sysctls: &mut Sysctls) -> Result<(), Unsettled> {
    match op.ip {
        IpVersion::V4 => match set(survey, sysctls, "net.ipv6.conf.all.disable_ipv6") {
            // Without IPv6 there is nothing to turn off.
            Err(Unsettled::Sysctl(_, SysctlError::Absent)) => {}
            other => other?,
        },
        IpVersion::V6 => has_ipv6(sysctls)?,
    }
    if op.forwards {
        set(survey, sysctls, "net.ipv4.ip_forward")?;
        if op.ip == IpVersion::V6 {
            set(survey, sysctls, "net.ipv6.conf.all.forwarding")?;
        }
    }
    if op.nonlocal_bind {
        set(survey, sysctls, "net.ipv6.ip_nonlocal_bind")?;
    }
    Ok(())
}

/// Whether this kernel has IPv6.
fn has_ipv6(sysctls: &mut Sysctls) -> Result<(), Unsettled> {
    const KEY: &str = "net.ipv6.conf.default.accept_dad";
    let key = Key::parse(KEY).ok_or(Unsettled::NoIpv6)?;
    match sysctls.read(&key) {
        Ok(_) => Ok(()),
        Err(SysctlError::Absent) => Err(Unsettled::NoIpv6),
        Err(error) => Err(Unsettled::Sysctl(KEY, error)),
    }
}

/// Lets servers listen below 1024 also where this process has not the privilege for that. Last, since the kernel takes no
/// `ip_local_port_range` that begins below this setting (`ipv4_local_port_range`, Linux `net/ipv4/sysctl_net_ipv4.c`): what the scenario
/// sets is tried at the kernel's own value.
fn open_low_ports(survey: &mut Survey, sysctls: &mut Sysctls) {
    // Before Linux 4.11 there is none; then servers say so.
    if let Some(Ok(value)) = Key::parse(LOW_PORTS).map(|key| sysctls.set(&key, "0")) {
        survey.note(LOW_PORTS, value);
    }
}

/// Turns on what the topology needs.
fn set(survey: &mut Survey, sysctls: &mut Sysctls, key: &'static str) -> Result<(), Unsettled> {
    let fail = |error| Unsettled::Sysctl(key, error);
    let path = Key::parse(key).ok_or(fail(SysctlError::Absent))?;
    survey.note(key, sysctls.set(&path, "1").map_err(fail)?);
    Ok(())
}
