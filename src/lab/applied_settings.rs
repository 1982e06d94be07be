//! The settings of every node as they were applied, collected for the record.

use std::collections::BTreeMap;

use super::NodeSettings;
use super::baseline::PinnedSettings;
use super::error::BuildError;
use super::settings::{SetOutcome, WantedSysctl};
use crate::names::NodeName;
use crate::sys::sysctl::same;

/// The settings applied so far, and those that the wires must emulate.
#[derive(Debug)]
pub(super) struct AppliedSettings {
    pub(super) settings: NodeSettings,
    /// The settings that the wires must emulate, by node, as `KEY = VALUE`.
    pub(super) emulated: BTreeMap<String, Vec<String>>,
    /// Settings of nodes that were applied to the whole kernel.
    of_kernel: BTreeMap<String, String>,
    owns_kernel: bool,
}

impl AppliedSettings {
    /// If the lab owns the kernel, a setting that a namespace cannot have is applied to the whole kernel.
    pub(super) fn new(owns_kernel: bool) -> Self {
        Self {
            settings: NodeSettings::default(),
            emulated: BTreeMap::new(),
            of_kernel: BTreeMap::new(),
            owns_kernel,
        }
    }

    /// Adds a node: its baseline values and the outcomes of the scenario's settings.
    ///
    /// # Errors
    /// A setting is not applicable on this kernel, or conflicts with another node's.
    pub(super) fn add_node(
        &mut self,
        node: &NodeName,
        pinned: &PinnedSettings,
        settings: Vec<(WantedSysctl, SetOutcome)>,
    ) -> Result<(), BuildError> {
        self.settings.absent.extend(pinned.absent());
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut off: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in &pinned.values {
            values.insert((*key).to_owned(), value.clone());
        }
        for key in &pinned.off {
            if let Some(value) = pinned.value(key) {
                off.insert((*key).to_owned(), value.clone());
            }
        }
        for (key, value) in &pinned.needed {
            values.insert((*key).to_owned(), value.clone());
        }
        for (wanted, outcome) in settings {
            let kept = match outcome {
                SetOutcome::Kept(kept) => kept,
                SetOutcome::NotHere(why) => match self.set_for_kernel(node, &wanted)? {
                    Some(kept) => kept,
                    None if wanted.emulated => {
                        self.emulated
                            .entry(node.to_string())
                            .or_default()
                            .push(format!("{} = {}", wanted.key, wanted.value));
                        continue;
                    }
                    None => return Err(why.into()),
                },
            };
            if pinned.value(&wanted.key) != Some(&kept) {
                off.insert(wanted.key.clone(), kept.clone());
            }
            values.insert(wanted.key, kept);
        }
        self.settings.sysctls.insert(node.to_string(), values);
        if !off.is_empty() {
            self.settings.off_baseline.insert(node.to_string(), off);
        }
        Ok(())
    }

    /// Returns all settings. Those of the whole kernel come from three sources: the lab's pins that nodes do
    /// not have themselves, nodes' settings that only the kernel has, and the scenario's `kernel:` section.
    pub(super) fn finish(
        mut self,
        pinned: BTreeMap<&'static str, String>,
        set: BTreeMap<String, String>,
    ) -> NodeSettings {
        let of_nodes = |key: &str| {
            self.settings
                .sysctls
                .values()
                .any(|own| own.contains_key(key))
        };
        let pinned = pinned.into_iter().filter(|(key, _)| !of_nodes(key));
        let mut of_kernel: BTreeMap<String, String> =
            pinned.map(|(key, value)| (key.to_owned(), value)).collect();
        of_kernel.extend(self.of_kernel);
        of_kernel.extend(set);
        self.settings
            .absent
            .retain(|key| !of_kernel.contains_key(key));
        self.settings.of_kernel = of_kernel;
        self.settings
    }

    /// Applies a setting to the whole kernel, if the lab owns it and no other node wants a different value.
    fn set_for_kernel(
        &mut self,
        node: &NodeName,
        wanted: &WantedSysctl,
    ) -> Result<Option<String>, BuildError> {
        if !self.owns_kernel {
            return Ok(None);
        }
        if let Some(other) = self.of_kernel.get(&wanted.key)
            && !same(other, &wanted.value)
        {
            return Err(BuildError::Conflict {
                node: node.clone(),
                key: wanted.key.clone(),
                wanted: wanted.value.clone(),
                other: other.clone(),
                place: wanted.place,
            });
        }
        let kept = wanted.write_for_kernel(node)?;
        if let Some(kept) = &kept {
            self.of_kernel.insert(wanted.key.clone(), kept.clone());
        }
        Ok(kept)
    }
}
