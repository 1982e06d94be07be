//! Checks, before anything boots, that a kernel has the parts that a run uses.
//!
//! Parts have changed their names: what 5.1 merged into `nft_chain_nat` was `nft_chain_nat_ipv4` before, and IPv4
//! had its own modules for tables, tracking and masquerade (Linux 4.9, `net/ipv4/netfilter/Kconfig`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::requirement::{
    ADDRESSES, BRIDGES, HASHES, IPV6, LIMITS, LINKS, MASQUERADE, NAMESPACES, NETEM, NUMBERS,
    PACKETS, REJECTS, REJECTS_V6, Requirement, SOCKETS, TABLE_OF_CONNECTIONS, TABLES, TRACKED,
    TRACKING, TRANSLATION, TRANSLATION_V6,
};
use super::{ModulePlan, ModulesError};
use crate::backend::vm::kernel::Kernel;
use crate::backend::vm::kernel::module_files::spelled;
use crate::input_file;
use crate::scenario::RunSpec;
use crate::scenario::firewall::{FirewallRule, RuleVerdict};
use crate::scenario::topology::{DnatBalance, ImpairedBy, IpVersion, NatSpec, NodeSpec, Topology};
use crate::scenario::workload::StepAction;
use crate::sys::build_config::options_of_module;

/// The reason why a kernel cannot run a scenario.
#[derive(Debug, Error)]
pub(crate) enum NeedsError {
    /// It lacks a part, so the scenario is not applicable on it.
    #[error(
        "needs {what}, which {kernel} (Linux {release}) lacks: {option} is not built in{}",
        missing_modules(modules, *has_modules)
    )]
    Missing {
        /// The part, in words.
        what: &'static str,
        /// The configuration option of that part.
        option: &'static str,
        /// The names that its module has had.
        modules: &'static [&'static str],
        kernel: String,
        release: String,
        /// True if the kernel came with its modules.
        has_modules: bool,
    },
    /// It lacks a module that the scenario requires.
    #[error(
        "needs the kernel module `{module}`, which {kernel} (Linux {release}) {}",
        if *has_modules {
            "lacks: it is neither among its modules nor built in"
        } else {
            "does not have built in, as far as its configuration says, and the kernel was given without its modules \
             (--modules DIR)"
        }
    )]
    Module {
        module: String,
        kernel: String,
        release: String,
        /// True if the kernel came with its modules.
        has_modules: bool,
    },
    #[error("cannot read {}", path.display())]
    Config {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Modules(#[from] ModulesError),
}

fn missing_modules(modules: &[&str], has_modules: bool) -> String {
    match (modules, has_modules) {
        ([], _) => String::new(),
        (modules, true) => format!(" and it has no module {}", modules.join(" or ")),
        (modules, false) => format!(
            ", and the kernel was given without its modules (--modules DIR), which may include {}",
            modules.join(" or ")
        ),
    }
}

/// Modules to load if they are files: every kernel has these parts, some as modules.
const BESIDE: [&str; 2] = ["unix", "af_packet"];
/// The same if connections are tracked: these were separate modules before 4.19, 4.17 and 5.1. They come first:
/// address translation cannot load before the tracking of its protocol (`nf_ct_l3proto_try_module_get`, Linux 4.9),
/// and a guest has no modprobe(8) to load that on demand.
const BESIDE_TRACKING: [&str; 4] = ["nf_conntrack_ipv4", "nf_tables_ipv4", "nft_meta", "nft_ct"];
const BESIDE_TRACKING_V6: [&str; 4] = ["nf_conntrack_ipv6", "nf_tables_ipv6", "nft_meta", "nft_ct"];

/// Plans the modules that a guest loads for a run. Fails with [`NeedsError::Missing`] if the kernel lacks a part,
/// so that the run is not applicable on it.
///
/// `of_programs` names the modules that programs may need. Those that the kernel lacks are left out.
pub(crate) fn plan(
    spec: &RunSpec,
    kernel: &Kernel,
    of_programs: &BTreeSet<String>,
) -> Result<ModulePlan, NeedsError> {
    let needs = needs(&spec.topology);
    let mut names: Vec<String> = BESIDE.map(str::to_owned).to_vec();
    if needs.contains(&TRACKING) {
        let beside = match spec.topology.ip {
            IpVersion::V4 => BESIDE_TRACKING,
            IpVersion::V6 => BESIDE_TRACKING_V6,
        };
        names.extend(beside.map(str::to_owned));
    }
    for need in &needs {
        names.extend(need.modules.iter().map(|name| (*name).to_owned()));
    }
    if needs.contains(&MASQUERADE) {
        let masquerade = match spec.topology.ip {
            IpVersion::V4 => "nft_masq_ipv4",
            IpVersion::V6 => "nft_masq_ipv6",
        };
        names.push(masquerade.to_owned());
    }
    names.extend(named_by_settings(spec));
    names.extend(of_programs.iter().cloned());
    names.extend(spec.requires.modules.iter().cloned());
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut plan = kernel.load_order(&wanted)?;
    let config = config(kernel)?;
    if let Some(need) = needs.iter().find(|need| !has(need, &plan, config.as_ref())) {
        return Err(NeedsError::Missing {
            what: need.what,
            option: need.option,
            modules: need.modules,
            kernel: kernel.name.clone(),
            release: kernel.release.clone(),
            has_modules: kernel.modules.is_some(),
        });
    }
    let is_lacking = |module: &&String| {
        let built_in = config.as_ref().map(|config| is_built_in(module, config));
        match kernel.modules.is_some() {
            true => plan.missing.contains(module) && built_in != Some(true),
            // Without modules and configuration, the guest finds out.
            false => built_in == Some(false),
        }
    };
    if let Some(module) = spec.requires.modules.iter().find(is_lacking) {
        return Err(NeedsError::Module {
            module: module.clone(),
            kernel: kernel.name.clone(),
            release: kernel.release.clone(),
            has_modules: kernel.modules.is_some(),
        });
    }
    // A module that is still missing is another name of a part that exists, or the lab itself will look for it.
    plan.missing.clear();
    Ok(plan)
}

/// Returns true if the kernel refuses unsigned modules, as far as its configuration is known.
pub(crate) fn forces_signatures(kernel: &Kernel) -> Result<bool, NeedsError> {
    let config = config(kernel)?;
    let forced = config
        .as_ref()
        .and_then(|config| config.get("CONFIG_MODULE_SIG_FORCE"));
    Ok(forced.is_some_and(|value| value == "y"))
}

fn needs(topology: &Topology) -> Vec<Requirement> {
    let mut needs = vec![NAMESPACES, SOCKETS];
    if !topology.links.is_empty() {
        needs.push(LINKS);
    }
    if topology.nodes.values().any(|node| node.switch) {
        needs.push(BRIDGES);
    }
    if topology.ip == IpVersion::V6 {
        needs.push(IPV6);
    }
    if topology.wired().contains(&true) {
        needs.push(PACKETS);
    }
    let mut links = topology.links.iter();
    if links.any(|link| link.by == ImpairedBy::Netem) {
        needs.push(NETEM);
    }
    let nodes = || topology.nodes.values();
    let translates = nodes().any(|node| !node.nat.is_empty());
    if nodes().any(NodeSpec::has_rules) {
        needs.push(TABLES);
    }
    if nodes().any(NodeSpec::tracks) {
        needs.extend([TRACKING, TABLE_OF_CONNECTIONS]);
    }
    let by_expression =
        |node: &NodeSpec| node.nat.is_empty() || node.firewall.iter().any(FirewallRule::tracks);
    if nodes().any(|node| node.tracks() && by_expression(node)) {
        needs.push(TRACKED);
    }
    let rules = || nodes().flat_map(|node| &node.firewall);
    if rules().any(|rule| rule.limit.is_some()) {
        needs.push(LIMITS);
    }
    if rules().any(|rule| matches!(rule.verdict, RuleVerdict::Reject(_))) {
        needs.push(match topology.ip {
            IpVersion::V4 => REJECTS,
            IpVersion::V6 => REJECTS_V6,
        });
    }
    if translates {
        needs.push(match topology.ip {
            IpVersion::V4 => TRANSLATION,
            IpVersion::V6 => TRANSLATION_V6,
        });
    }
    for nat in nodes().flat_map(|node| &node.nat) {
        needs.push(match nat {
            NatSpec::Masquerade { .. } => MASQUERADE,
            NatSpec::Snat { .. } | NatSpec::Dnat { .. } => ADDRESSES,
        });
        if let NatSpec::Dnat { to, by, .. } = nat
            && to.len() > 1
        {
            needs.push(match by {
                DnatBalance::RoundRobin | DnatBalance::Random => NUMBERS,
                DnatBalance::Hash => HASHES,
            });
        }
    }
    needs
}

/// Returns the modules for settings by which a kernel loads a module on demand; a guest has no modprobe(8).
fn named_by_settings(spec: &RunSpec) -> Vec<String> {
    let of_nodes = spec.topology.nodes.values().flat_map(|node| &node.sysctls);
    let of_nodes = of_nodes.map(|sysctl| (&sysctl.key, &sysctl.value));
    let of_steps = spec.workload.steps.iter();
    let of_steps = of_steps.filter_map(|step| match &step.action {
        StepAction::Sysctl { key, value, .. } => Some((key, value)),
        _ => None,
    });
    of_nodes
        .chain(of_steps)
        .chain(&spec.kernel_sysctls)
        .filter_map(|(key, value)| match key.as_str() {
            "net.ipv4.tcp_congestion_control" => Some(format!("tcp_{value}")),
            "net.core.default_qdisc" => Some(format!("sch_{value}")),
            _ => None,
        })
        .collect()
}

/// The value of each option: `y`, `m`, or something else.
type Config = BTreeMap<String, String>;

/// The largest configuration of a kernel, bytes: many times that of a distribution (0.3 MiB).
const LARGEST_CONFIG: u64 = 8 * 1024 * 1024;

fn config(kernel: &Kernel) -> Result<Option<Config>, NeedsError> {
    let Some(path) = &kernel.config else {
        return Ok(None);
    };
    let text =
        input_file::read_text(path, LARGEST_CONFIG).map_err(|source| NeedsError::Config {
            path: path.clone(),
            source,
        })?;
    let lines = text.lines().filter_map(|line| line.split_once('='));
    Ok(Some(
        lines
            .map(|(option, value)| (option.to_owned(), value.to_owned()))
            .collect(),
    ))
}

/// Returns true if an option that builds the module in is set.
fn is_built_in(module: &str, config: &Config) -> bool {
    let mut options = options_of_module(module).into_iter();
    options.any(|option| config.get(&option).is_some_and(|value| value == "y"))
}

/// Returns true if a kernel has a part or may have it, in which case the guest will find out.
fn has(need: &Requirement, plan: &ModulePlan, config: Option<&Config>) -> bool {
    let named = |name: &str| need.modules.iter().any(|module| spelled(module) == name);
    let there = plan.load.iter().any(|file| named(&file.name))
        || plan.built_in.iter().any(|name| named(name));
    let configured = config.map(|config| config.get(need.option).is_some_and(|value| value == "y"));
    let can_tell = !need.modules.is_empty() && plan.unknown.is_empty();
    there || configured.unwrap_or(!can_tell)
}

#[cfg(test)]
mod tests;
