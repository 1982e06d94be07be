//! How every node is set: gathered as settings are made, for the record.

use std::collections::BTreeMap;

use super::NodeSettings;
use super::baseline::PinnedSettings;
use super::error::BuildError;
use super::settings::{SetOutcome, WantedSysctl};
use crate::names::NodeName;
use crate::sys::sysctl::same;

/// What was set, and what must be emulated.
#[derive(Debug)]
pub(super) struct AppliedSettings {
    pub(super) settings: NodeSettings,
    /// What the wires must emulate, by node: key and value.
    pub(super) emulated: BTreeMap<String, Vec<String>>,
    /// Settings of nodes that were made for the whole kernel.
    of_kernel: BTreeMap<String, String>,
    owns_kernel: bool,
}

impl AppliedSettings {
    /// An empty one. Where the lab owns the kernel, what a namespace cannot have is set for the whole kernel.
    pub(super) fn new(owns_kernel: bool) -> Self {
        Self {
            settings: NodeSettings::default(),
            emulated: BTreeMap::new(),
            of_kernel: BTreeMap::new(),
            owns_kernel,
        }
    }

    /// Takes down a node: the baseline as it is there, and what outcome of the scenario's settings.
    ///
    /// # Errors
    /// Where something cannot be had here.
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

    /// All settings, with those of the whole kernel: what the lab has pinned for it and nodes do not have of their own, what nodes have
    /// set for it, and what the scenario has.
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

    /// Sets for the whole kernel what a namespace cannot have, where the lab may and no other node wants it otherwise.
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
