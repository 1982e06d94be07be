//! The baseline: every per-namespace setting that affects outcomes, with the value that new namespaces get.
//!
//! New namespaces differ from machine to machine. Some settings depend on the machine's memory (`tcp_max_tw_buckets`,
//! `tcp_max_syn_backlog`), some are copied from the host (`tcp_congestion_control`, `tcp_rmem`, all of
//! `net.ipv4.conf`), and some changed their default between kernels. With pinned settings, an outcome depends on the
//! kernel and not on the machine. Unless a line says otherwise, the values are the kernel's defaults on a machine
//! with enough memory (Linux 6.18: `tcp_sk_init` in `net/ipv4/tcp_ipv4.c`, `Documentation/networking/ip-sysctl.rst`).
//!
//! All new namespaces of one kernel are alike. Settings are therefore read once per lab, and those that are
//! constants in the kernel's sources once per process; the ones that differ from the baseline are then
//! written in each namespace. A key that the kernel does not have is left out. If the kernel keeps another
//! value, that value is recorded.

mod differences;
mod page;
mod pins;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

pub(crate) use differences::{PinnedDifference, differences};
pub(super) use page::page;
pub(super) use pins::{CONNTRACK, IPV6, NODE};

use self::pins::KERNEL;
use super::LabScope;
use super::machine::machine;
use crate::scenario::topology::Baseline;
use crate::sys::sysctl::{Key, Sysctls, same};
use crate::sysctls;

/// The value that a setting is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Value(&'static str),
    /// The first of these values that the kernel accepts.
    FirstOf(&'static [&'static str]),
    /// The kernel's value: a constant in its sources, neither copied from the host nor derived from memory.
    AsFound,
}

/// A setting of the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pin {
    /// The key with dots.
    pub(super) key: &'static str,
    pub(super) to: To,
    found: ValueSource,
    /// The reason for the value; empty if it is the kernel's default on every machine.
    pub(super) why: &'static str,
}

/// The source of the value that a new namespace gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueSource {
    /// A constant in the kernel's sources.
    Constant,
    /// The host's current value, or a value derived from the size of the socket hash.
    Now,
}

const fn pin(key: &'static str, value: &'static str, why: &'static str) -> Pin {
    Pin {
        key,
        to: To::Value(value),
        found: ValueSource::Constant,
        why,
    }
}

const fn pin_now(key: &'static str, value: &'static str, why: &'static str) -> Pin {
    Pin {
        found: ValueSource::Now,
        ..pin(key, value, why)
    }
}

impl Pin {
    /// Returns the values that it is pinned to, the preferred one first; none if it stays as found.
    fn values(&self) -> Vec<String> {
        match self.to {
            To::Value(value) => vec![value.to_owned()],
            To::FirstOf(values) => values.iter().map(|value| (*value).to_owned()).collect(),
            To::AsFound => Vec::new(),
        }
    }

    /// Returns the kernel's default, if a new namespace may have another value.
    fn of_kernel(&self) -> Option<String> {
        match self.found {
            ValueSource::Constant => None,
            ValueSource::Now => sysctls::default(self.key, machine()?),
        }
    }
}

/// The constants as new namespaces have them. A kernel does not change them while it runs, so one reading is enough.
static SEEN: Mutex<BTreeMap<&'static str, Option<String>>> = Mutex::new(BTreeMap::new());

/// Brings a kernel that the lab owns to the baseline, from its initial namespace. This covers settings that are
/// host-wide today and those that once were: before 4.11 most settings of a node belonged to the whole kernel.
/// With the kernel's own defaults as the baseline, nothing is pinned.
pub(super) fn pin_kernel(baseline: Baseline) -> BTreeMap<&'static str, String> {
    if baseline == Baseline::Kernel {
        return BTreeMap::new();
    }
    let mut sysctls = Sysctls::new();
    let mut pinned = PinnedSettings::take_anew(NODE, &mut sysctls);
    pinned.extend(PinnedSettings::take_anew(CONNTRACK, &mut sysctls));
    pinned.extend(PinnedSettings::take_anew(KERNEL, &mut sysctls));
    pinned.values
}

/// Reads a key; `None` if the kernel does not have it.
fn read(_: &Pin, key: &Key, sysctls: &mut Sysctls) -> Option<String> {
    sysctls.read(key).ok()
}

/// Reads a key in a new namespace. A constant is read only once per process.
fn seen(pin: &Pin, key: &Key, sysctls: &mut Sysctls) -> Option<String> {
    if pin.found == ValueSource::Now {
        return read(pin, key, sysctls);
    }
    let known = || SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known().get(pin.key) {
        return found.clone();
    }
    let found = read(pin, key, sysctls);
    known().insert(pin.key, found.clone());
    found
}

/// The pinned settings of a namespace, and the values that had to be written for them.
#[derive(Debug, Clone, Default)]
pub(super) struct PinnedSettings {
    /// Each key that the kernel has, with its value as read back.
    pub(super) values: BTreeMap<&'static str, String>,
    /// The keys that are not at their pinned value.
    pub(super) off: Vec<&'static str>,
    /// The settings that the topology needs, as read back.
    pub(super) needed: BTreeMap<&'static str, String>,
    /// The keys and values that had to be written.
    written: Vec<(&'static str, String)>,
}

impl PinnedSettings {
    /// Pins settings in the calling thread's new namespace: reads each, writes those that differ,
    /// and reads them back.
    pub(super) fn take(pins: &'static [Pin], baseline: Baseline, sysctls: &mut Sysctls) -> Self {
        Self::pin(pins, baseline, sysctls, seen)
    }

    /// Like [`Self::take`], in a namespace that is not new.
    fn take_anew(pins: &'static [Pin], sysctls: &mut Sysctls) -> Self {
        Self::pin(pins, Baseline::Pinned, sysctls, read)
    }

    fn pin(
        pins: &'static [Pin],
        baseline: Baseline,
        sysctls: &mut Sysctls,
        look: fn(&Pin, &Key, &mut Sysctls) -> Option<String>,
    ) -> Self {
        let mut pinned = Self::default();
        for pin in pins {
            let Some(key) = Key::parse(pin.key) else {
                continue;
            };
            let Some(found) = look(pin, &key, sysctls) else {
                continue;
            };
            let pinned_to = pin.values();
            let wanted = match baseline {
                Baseline::Pinned => pinned_to.clone(),
                Baseline::Kernel => pin.of_kernel().into_iter().collect(),
            };
            let off = wanted.iter().take_while(|value| !same(value, &found));
            let mut kept = None;
            for value in off {
                // If the kernel refuses the value, the value that it kept is recorded.
                if let Ok(now) = sysctls.set(&key, value) {
                    pinned.written.push((pin.key, value.clone()));
                    kept = Some(now);
                    break;
                }
            }
            let kept = kept.unwrap_or(found);
            if !pinned_to.is_empty() && !pinned_to.iter().any(|value| same(value, &kept)) {
                pinned.off.push(pin.key);
            }
            pinned.values.insert(pin.key, kept);
        }
        pinned
    }

    /// Writes in the calling thread's new namespace what had to be written in the first one.
    pub(super) fn repeat(&self, sysctls: &mut Sysctls) {
        for (key, value) in &self.written {
            if let Some(key) = Key::parse(key) {
                let _recorded_as_kept = sysctls.write(&key, value);
            }
        }
    }

    /// Returns the keys of the node baseline that the namespace does not have.
    pub(super) fn absent(&self) -> impl Iterator<Item = String> {
        let keys = NODE.iter().map(|pin| pin.key);
        keys.filter(|key| self.value(key).is_none())
            .map(str::to_owned)
    }

    /// Records a setting that the topology needs, which does not count as a difference from the baseline.
    pub(super) fn note(&mut self, key: &'static str, value: String) {
        self.values.remove(key);
        self.off.retain(|off| *off != key);
        self.needed.insert(key, value);
    }

    /// Returns the value of a key that was pinned or that the topology needs.
    pub(super) fn value(&self, key: &str) -> Option<&String> {
        self.values.get(key).or_else(|| self.needed.get(key))
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
        self.off.extend(other.off);
        self.written.extend(other.written);
    }
}
