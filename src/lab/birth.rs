//! Namespaces are born: at the baseline, with the scenario's settings and rules, before any device is in them.
//!
//! All of this is done by the thread that each is born with, so nothing has to be entered; a few at a time, as many as there
//! are processors.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use indexmap::IndexMap;

use super::baseline::{self, Survey};
use super::error::{BuildError, Feature, NotApplicable};
use super::plan::{NamespaceOp, Op, Plan, Site};
use super::rules::Rules;
use super::settings::{Became, Wanted, write_all};
use crate::scenario::topology::IpVersion;
use crate::sys::NetNs;
use crate::sys::netlink::{Netlink, NetlinkError};
use crate::sys::sysctl::{Key, SysctlError};

/// What a namespace is to be.
#[derive(Debug, Clone)]
struct Birth {
    op: NamespaceOp,
    sysctls: Vec<Wanted>,
    rules: Option<Rules>,
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

/// Creates every namespace of a plan.
///
/// # Errors
/// The first in the order of the plan.
pub(super) fn bear_all(plan: &Plan) -> Result<IndexMap<Site, Born>, BuildError> {
    let births = births(plan);
    // Those of a lab are alike, so what the first to come finds holds for all.
    let common = Arc::new(OnceLock::new());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(births.len()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((site, birth)) = births.get_index(number) else {
                return;
            };
            let born = birth.bear(&common);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((number, site.clone(), born));
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..processors.min(births.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, ..)| *number);
    done.into_iter()
        .map(|(_, site, born)| Ok((site, born?)))
        .collect()
}

fn births(plan: &Plan) -> IndexMap<Site, Birth> {
    let mut births: IndexMap<Site, Birth> = IndexMap::new();
    for op in &plan.ops {
        match op {
            Op::Namespace(op) => {
                let birth = Birth {
                    op: op.clone(),
                    sysctls: Vec::new(),
                    rules: None,
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
    fn bear(&self, common: &Arc<OnceLock<Survey>>) -> Result<Born, BuildError> {
        let (birth, common) = (self.clone(), common.clone());
        let (netns, inside) =
            NetNs::create_with(move || birth.settle_in(&common)).map_err(|source| {
                BuildError::Namespace {
                    site: self.op.site.clone(),
                    source,
                }
            })?;
        let inside = inside?;
        Ok(Born {
            netns,
            route: inside.route,
            survey: inside.survey,
            became: inside.became,
            of_interfaces: inside.of_interfaces,
        })
    }

    /// In the calling thread's new namespace.
    fn settle_in(self, common: &OnceLock<Survey>) -> Result<Inside, BuildError> {
        let site = self.op.site.clone();
        let mut survey = pin(self.op.ip, common);
        prepare(&self.op, &mut survey).map_err(|error| unsettled(&site, error))?;
        if let Some(rules) = &self.rules {
            rules.apply()?;
        }
        let (of_interfaces, now): (Vec<_>, Vec<_>) =
            self.sysctls.into_iter().partition(Wanted::is_of_interface);
        let became = match &site {
            Site::Node(node) => write_all(now, node)?,
            Site::Wire => Vec::new(),
        };
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
fn pin(ip: IpVersion, common: &OnceLock<Survey>) -> Survey {
    let mut taken_here = false;
    let survey = common.get_or_init(|| {
        taken_here = true;
        let mut survey = Survey::take(baseline::NODE);
        if ip == IpVersion::V6 {
            survey.extend(Survey::take(baseline::IPV6));
        }
        survey
    });
    if !taken_here {
        survey.repeat();
    }
    survey.clone()
}

/// Gives the calling thread's new namespace what the topology needs, before it has any device.
fn prepare(op: &NamespaceOp, survey: &mut Survey) -> Result<(), Unsettled> {
    match op.ip {
        IpVersion::V4 => match set(survey, "net.ipv6.conf.all.disable_ipv6") {
            // Without IPv6 there is nothing to turn off.
            Err(Unsettled::Sysctl(_, SysctlError::Absent)) => {}
            other => other?,
        },
        IpVersion::V6 if !survey.has("net.ipv6.conf.default.accept_dad") => {
            return Err(Unsettled::NoIpv6);
        }
        IpVersion::V6 => {}
    }
    if op.forwards {
        set(survey, "net.ipv4.ip_forward")?;
        if op.ip == IpVersion::V6 {
            set(survey, "net.ipv6.conf.all.forwarding")?;
        }
    }
    if op.nonlocal_bind {
        set(survey, "net.ipv6.ip_nonlocal_bind")?;
    }
    if op.conntrack {
        survey.extend(Survey::take(baseline::CONNTRACK));
    }
    Ok(())
}

/// Turns on what the topology needs.
fn set(survey: &mut Survey, key: &'static str) -> Result<(), Unsettled> {
    let fail = |error| Unsettled::Sysctl(key, error);
    let path = Key::parse(key).ok_or(fail(SysctlError::Absent))?;
    path.write("1").map_err(fail)?;
    survey.note(key, path.read().map_err(fail)?);
    Ok(())
}
