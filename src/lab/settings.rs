//! Applies the scenario's settings, reads them back, and detects those that the kernel or a namespace cannot have.

use std::collections::BTreeMap;

use super::error::{BuildError, NotApplicable};
use super::known_sysctls::{host_wide, is_host_wide, removed_in};
use super::node::LiveNode;
use crate::names::NodeName;
use crate::scenario::{Place, nearest};
use crate::sys::sysctl::{Key, SysctlError, Sysctls, same};

/// A setting of a node that the scenario sets.
#[derive(Debug, Clone)]
pub(super) struct WantedSysctl {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) place: Place,
    /// True if the wire emulates the setting if the kernel does not have it.
    pub(super) emulated: bool,
}

/// The result of applying a setting.
#[derive(Debug)]
pub(super) enum SetOutcome {
    /// The namespace has the setting, with this value as read back.
    Kept(String),
    /// The namespace cannot have the setting, but the whole kernel might.
    NotHere(NotApplicable),
}

impl WantedSysctl {
    /// Applies the setting in the calling thread's namespace.
    pub(super) fn write(
        &self,
        node: &NodeName,
        sysctls: &mut Sysctls,
    ) -> Result<SetOutcome, BuildError> {
        let key = self.key(node)?;
        if !key.is_network() {
            return Ok(SetOutcome::NotHere(self.not_applicable(node, sysctls)));
        }
        match sysctls.set(&key, &self.value) {
            Ok(kept) if same(&self.value, &kept) => Ok(SetOutcome::Kept(kept)),
            Ok(kept) => Err(self.kept(node, kept)),
            Err(SysctlError::Absent | SysctlError::ReadOnly) => {
                Ok(SetOutcome::NotHere(self.not_applicable(node, sysctls)))
            }
            Err(source) => Err(self.refused(node, source)),
        }
    }

    /// Applies the setting to the whole kernel, from the initial namespace. Returns `None` if the kernel
    /// does not have it.
    pub(super) fn write_for_kernel(&self, node: &NodeName) -> Result<Option<String>, BuildError> {
        let key = self.key(node)?;
        match Sysctls::new().set(&key, &self.value) {
            Ok(kept) if same(&self.value, &kept) => Ok(Some(kept)),
            Ok(kept) => Err(self.kept(node, kept)),
            Err(SysctlError::Absent) => Ok(None),
            Err(source) => Err(self.refused(node, source)),
        }
    }

    /// Returns the reason why the calling thread's namespace cannot have the setting.
    fn not_applicable(&self, node: &NodeName, sysctls: &mut Sysctls) -> NotApplicable {
        let (node, key, place) = (node.clone(), self.key.clone(), self.place);
        // A setting that the namespace has but cannot write belongs to the whole kernel, even if it is
        // not in the list.
        let is_here = Key::parse(&key).is_some_and(|key| sysctls.has(&key));
        if let Some(since) = removed_in(&key) {
            NotApplicable::Gone {
                node,
                key,
                since,
                place,
            }
        } else if is_host_wide(&key) || is_here {
            NotApplicable::HostWide { node, key, place }
        } else {
            let similar = similar(&key);
            NotApplicable::Absent {
                node,
                key,
                place,
                similar,
            }
        }
    }

    /// Returns whether the setting belongs to an interface, so that it exists
    /// only with it: `net.ipv4.conf.eth0.rp_filter`.
    pub(super) fn is_of_interface(&self) -> bool {
        let mut words = self.key.split('.').skip(2);
        matches!(words.next(), Some("conf" | "neigh"))
            && !matches!(words.next(), Some("all" | "default" | "lo") | None)
    }

    fn key(&self, node: &NodeName) -> Result<Key, BuildError> {
        Key::parse(&self.key).ok_or_else(|| BuildError::Key {
            node: node.clone(),
            key: self.key.clone(),
            place: self.place,
        })
    }

    fn kept(&self, node: &NodeName, kept: String) -> BuildError {
        BuildError::Kept {
            node: node.clone(),
            key: self.key.clone(),
            wanted: self.value.clone(),
            kept,
            place: self.place,
        }
    }

    fn refused(&self, node: &NodeName, source: SysctlError) -> BuildError {
        BuildError::Sysctl {
            node: node.clone(),
            key: self.key.clone(),
            wanted: self.value.clone(),
            place: self.place,
            source,
        }
    }
}

/// Returns the existing key that may have been meant: one in the same folder if that exists, otherwise any.
fn similar(key: &str) -> Option<String> {
    let mut known = Sysctls::network_keys();
    known.extend(host_wide().map(str::to_owned));
    let (folder, name) = key.rsplit_once('.')?;
    let split = |known| str::rsplit_once(known, '.');
    let beside = known.iter().filter_map(|known| split(known));
    let beside: Vec<&str> = beside
        .filter(|(other, _)| *other == folder)
        .map(|(_, name)| name)
        .collect();
    if beside.is_empty() {
        return nearest(key, known.iter().map(String::as_str)).map(str::to_owned);
    }
    nearest(name, beside).map(|name| format!("{folder}.{name}"))
}

/// Applies settings in the calling thread's namespace, in order.
pub(super) fn write_all(
    wanted: Vec<WantedSysctl>,
    node: &NodeName,
    sysctls: &mut Sysctls,
) -> Result<Vec<(WantedSysctl, SetOutcome)>, BuildError> {
    wanted
        .into_iter()
        .map(|wanted| {
            let outcome = wanted.write(node, sysctls)?;
            Ok((wanted, outcome))
        })
        .collect()
}

/// Applies host-wide settings to a kernel that the lab owns. Returns the values as read back.
///
/// # Errors
/// Not applicable if the lab does not own the kernel; an error if the kernel refuses a value or keeps another.
pub(super) fn set_kernel_sysctls(
    wanted: &BTreeMap<String, String>,
    owns_kernel: bool,
) -> Result<BTreeMap<String, String>, BuildError> {
    let mut read_back = BTreeMap::new();
    for (name, value) in wanted {
        let (key, owned) = (Key::parse(name), owns_kernel);
        let Some(key) = key.filter(|_| owned) else {
            return Err(NotApplicable::Kernel { key: name.clone() }.into());
        };
        let kept = Sysctls::new()
            .set(&key, value)
            .map_err(|source| match source {
                SysctlError::Absent => NotApplicable::KernelLacks { key: name.clone() }.into(),
                source => BuildError::Kernel {
                    key: name.clone(),
                    wanted: value.clone(),
                    source,
                },
            })?;
        if !same(value, &kept) {
            return Err(BuildError::KernelKept {
                key: name.clone(),
                wanted: value.clone(),
                kept,
            });
        }
        read_back.insert(name.clone(), kept);
    }
    Ok(read_back)
}

/// Checks that settings of the whole kernel have an effect on a node; all nodes are alike in this.
///
/// # Errors
/// Not applicable if a setting is separate for each namespace, which depends on the kernel (`tcp_tw_recycle`
/// is since Linux 4.10).
pub(super) fn check_hold_on(
    node: &LiveNode,
    set: &BTreeMap<String, String>,
) -> Result<(), BuildError> {
    let keys: Vec<Key> = set.keys().filter_map(|name| Key::parse(name)).collect();
    let seen = node.netns.run(move || {
        let mut sysctls = Sysctls::new();
        let mut read = |key: Key| Some((sysctls.read(&key).ok()?, key));
        keys.into_iter().filter_map(&mut read).collect::<Vec<_>>()
    });
    for (value, key) in seen.map_err(BuildError::Thread)? {
        let wanted = &set[key.as_str()];
        if !same(wanted, &value) {
            return Err(NotApplicable::KernelOfNodes {
                key: key.as_str().to_owned(),
                node: node.name.clone(),
                wanted: wanted.clone(),
            }
            .into());
        }
    }
    Ok(())
}
