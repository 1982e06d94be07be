//! Which parts of a kernel a run uses, and whether a kernel has them: told before anything is booted.
//!
//! Parts have had other names: what 5.1 merged into `nft_chain_nat` was `nft_chain_nat_ipv4` before, and IPv4 had modules of its own for
//! tables, tracking and masquerade (Linux 4.9, `net/ipv4/netfilter/Kconfig`).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{ModulePlan, ModulesError};
use crate::backend::vm::kernel::Kernel;
use crate::backend::vm::kernel::module_files::spelled;
use crate::backend::vm::shell_words::words;
use crate::scenario::RunSpec;
use crate::scenario::topology::{ImpairedBy, IpVersion, NatSpec, Topology};
use crate::scenario::workload::StepAction;

/// Why a kernel cannot run a scenario.
#[derive(Debug, Error)]
pub(crate) enum NeedsError {
    /// It lacks a part: the scenario is not applicable on it.
    #[error(
        "needs {what}, which {kernel} (Linux {release}) lacks: {option} is not built in{}",
        told(modules, *has_modules)
    )]
    Missing {
        /// What the scenario uses.
        what: &'static str,
        /// The option that has it built.
        option: &'static str,
        /// Names of its module.
        modules: &'static [&'static str],
        kernel: String,
        release: String,
        /// Whether its modules are there to be looked at.
        has_modules: bool,
    },
    /// Its configuration cannot be read.
    #[error("cannot read {}", path.display())]
    Config {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Its modules cannot be told.
    #[error(transparent)]
    Modules(#[from] ModulesError),
}

fn told(modules: &[&str], has_modules: bool) -> String {
    match (modules, has_modules) {
        ([], _) => String::new(),
        (modules, true) => format!(" and there is no module {}", modules.join(" or ")),
        (modules, false) => format!(
            ", and no modules were given with it (--modules DIR) to have {}",
            modules.join(" or ")
        ),
    }
}

/// A part of a kernel that a run cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    what: &'static str,
    option: &'static str,
    /// Its module, by the names it has had; one will do. None: it cannot be a module.
    modules: &'static [&'static str],
}

const fn need(what: &'static str, option: &'static str, modules: &'static [&'static str]) -> Need {
    Need {
        what,
        option,
        modules,
    }
}

const NAMESPACES: Need = need("network namespaces", "CONFIG_NET_NS", &[]);
const SOCKETS: Need = need(
    "a look at sockets (sock_diag)",
    "CONFIG_INET_TCP_DIAG",
    &["tcp_diag"],
);
const LINKS: Need = need("links (veth)", "CONFIG_VETH", &["veth"]);
const IPV6: Need = need("IPv6", "CONFIG_IPV6", &["ipv6"]);
const NETEM: Need = need("netem", "CONFIG_NET_SCH_NETEM", &["sch_netem"]);
const PACKETS: Need = need("packet sockets", "CONFIG_PACKET", &["af_packet"]);
const TABLES: Need = need("nf_tables", "CONFIG_NF_TABLES", &["nf_tables"]);
const TRACKING: Need = need(
    "connection tracking",
    "CONFIG_NF_CONNTRACK",
    &["nf_conntrack"],
);
const TABLE_OF_CONNECTIONS: Need = need(
    "its table of connections by netlink",
    "CONFIG_NF_CT_NETLINK",
    &["nf_conntrack_netlink"],
);
const TRACKED: Need = need(
    "nf_tables' look at tracked connections",
    "CONFIG_NFT_CT",
    &["nft_ct"],
);
const TRANSLATION: Need = need(
    "address translation by nf_tables",
    "CONFIG_NFT_NAT",
    &["nft_chain_nat", "nft_chain_nat_ipv4"],
);
const TRANSLATION_V6: Need = need(
    "address translation of IPv6 by nf_tables",
    "CONFIG_NFT_NAT",
    &["nft_chain_nat", "nft_chain_nat_ipv6"],
);
const ADDRESSES: Need = need("SNAT and DNAT by nf_tables", "CONFIG_NFT_NAT", &["nft_nat"]);
const MASQUERADE: Need = need("masquerade by nf_tables", "CONFIG_NFT_MASQ", &["nft_masq"]);

/// Loaded where they are files: every kernel has what they do, some have it in modules of their own.
const BESIDE: [&str; 2] = ["unix", "af_packet"];
/// The same where connections are tracked: parts of their own before 4.19, 4.17 and 5.1. They come first: address translation does not
/// load before tracking of its protocol is there (`nf_ct_l3proto_try_module_get`, Linux 4.9), and there is nobody to ask for it.
const BESIDE_TRACKING: [&str; 4] = ["nf_conntrack_ipv4", "nf_tables_ipv4", "nft_meta", "nft_ct"];
const BESIDE_TRACKING_V6: [&str; 4] = ["nf_conntrack_ipv6", "nf_tables_ipv6", "nft_meta", "nft_ct"];

/// Which modules a kernel must load for a run, in which order.
pub(crate) fn plan(spec: &RunSpec, kernel: &Kernel) -> Result<ModulePlan, NeedsError> {
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
    names.extend(named_to_tc(spec));
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
    // What is still missing is another name of what is there, or is looked for by the lab itself.
    plan.missing.clear();
    Ok(plan)
}

/// Whether a kernel takes no module without a signature, as far as its configuration is known.
pub(crate) fn forces_signatures(kernel: &Kernel) -> Result<bool, NeedsError> {
    let config = config(kernel)?;
    let forced = config
        .as_ref()
        .and_then(|config| config.get("CONFIG_MODULE_SIG_FORCE"));
    Ok(forced.is_some_and(|value| value == "y"))
}

fn needs(topology: &Topology) -> Vec<Need> {
    let mut needs = vec![NAMESPACES, SOCKETS];
    if !topology.links.is_empty() {
        needs.push(LINKS);
    }
    if topology.ip == IpVersion::V6 {
        needs.push(IPV6);
    }
    if topology.links.iter().any(|link| link.needs_wire(topology)) {
        needs.push(PACKETS);
    }
    let mut links = topology.links.iter();
    if links.any(|link| link.by == ImpairedBy::Netem) {
        needs.push(NETEM);
    }
    let nodes = || topology.nodes.values();
    let translates = nodes().any(|node| !node.nat.is_empty());
    if translates || nodes().any(|node| node.conntrack_room.is_some()) {
        needs.extend([TABLES, TRACKING, TABLE_OF_CONNECTIONS]);
    }
    if nodes().any(|node| node.nat.is_empty() && node.conntrack_room.is_some()) {
        needs.push(TRACKED);
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
    }
    needs
}

/// Modules that a kernel would load by itself when a setting names them, if it had somebody to ask: a guest has no modprobe(8).
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

/// The same for what commands tell tc(8): disciplines, classifiers and actions are modules named after them (Linux
/// `net/sched/sch_api.c`, `cls_api.c`, `act_api.c`).
fn named_to_tc(spec: &RunSpec) -> Vec<String> {
    let commands = spec.workload.commands.iter();
    let words = commands.map(|command| {
        let words = command.run.iter().flat_map(|text| words(text));
        words.collect::<Vec<_>>()
    });
    words
        .filter(|words| words.contains(&"tc"))
        .flatten()
        .flat_map(|word| ["sch", "cls", "act"].map(|kind| format!("{kind}_{word}")))
        .collect()
}

/// What each option is set to: `y`, `m`, or something else.
type Config = BTreeMap<String, String>;

fn config(kernel: &Kernel) -> Result<Option<Config>, NeedsError> {
    let Some(path) = &kernel.config else {
        return Ok(None);
    };
    let text = fs::read_to_string(path).map_err(|source| NeedsError::Config {
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

/// Whether a kernel has a part. Where nothing tells, it may have it, and the guest will find out.
fn has(need: &Need, plan: &ModulePlan, config: Option<&Config>) -> bool {
    let named = |name: &str| need.modules.iter().any(|module| spelled(module) == name);
    let there = plan.load.iter().any(|file| named(&file.name))
        || plan.built_in.iter().any(|name| named(name));
    let told = config.map(|config| config.get(need.option).is_some_and(|value| value == "y"));
    let can_tell = !need.modules.is_empty() && plan.unknown.is_empty();
    there || told.unwrap_or(!can_tell)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::modinfo::tests::module;
    use super::*;

    /// A kernel with these modules, configured so.
    fn kernel(folder: &Path, modules: &[&str], config: &str) -> Kernel {
        for name in modules {
            fs::write(
                folder.join(format!("{name}.ko")),
                module(&["vermagic=6.1.0 "]),
            )
            .unwrap();
        }
        fs::write(folder.join("config"), config).unwrap();
        Kernel {
            name: "debian-6.1".to_owned(),
            release: "6.1.0".to_owned(),
            image: PathBuf::new(),
            modules: Some(folder.to_owned()),
            config: Some(folder.join("config")),
            hash: String::new(),
        }
    }

    /// The first run of a scenario with these nodes and one link.
    fn run(nodes: &str) -> RunSpec {
        let text = format!(
            "name: test\ntitle: A test\nnodes: {{ {nodes} }}\nlinks: [ {{ between: [a, b] }} ]\n\
             servers: {{ web: {{ node: b, port: 80 }} }}\n\
             clients: {{ load: {{ node: a, to: web, connect: {{ rate: 1/s, for: 1s }} }} }}\n\
             expect: [ load.established == 1 ]\n"
        );
        let parsed = crate::scenario::parse("test.yaml", &text, &Default::default());
        parsed.unwrap().runs.remove(0)
    }

    const BASE: &str = "CONFIG_NET_NS=y\nCONFIG_INET_TCP_DIAG=y\n";

    fn loaded(plan: &ModulePlan) -> Vec<&str> {
        plan.load.iter().map(|file| &*file.name).collect()
    }

    #[test]
    fn a_plain_link_takes_veth_and_nothing_of_netfilter() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), &["veth", "nf_tables", "nft_ct", "tun"], BASE);
        let plan = plan(&run("a: {}, b: {}"), &kernel).unwrap();
        assert_eq!(loaded(&plan), ["veth"]);
    }

    #[test]
    fn a_kernel_without_veth_is_told_before_it_is_booted() {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("{BASE}# CONFIG_VETH is not set\n");
        let bare = kernel(folder.path(), &[], &config);
        let error = plan(&run("a: {}, b: {}"), &bare).unwrap_err().to_string();
        assert_eq!(
            error,
            "needs links (veth), which debian-6.1 (Linux 6.1.0) lacks: CONFIG_VETH is not built in and there is no module veth"
        );
        let without = Kernel {
            modules: None,
            ..bare.clone()
        };
        let error = plan(&run("a: {}, b: {}"), &without)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no modules were given with it (--modules DIR)"),
            "{error}"
        );
        // Where nothing tells, the guest has to find out.
        let unknown = Kernel {
            config: None,
            ..without
        };
        assert!(plan(&run("a: {}, b: {}"), &unknown).is_ok());
    }

    #[test]
    fn what_is_built_in_need_not_be_listed_as_a_module() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), &[], &format!("{BASE}CONFIG_VETH=y\n"));
        assert_eq!(
            plan(&run("a: {}, b: {}"), &kernel).unwrap(),
            ModulePlan::default()
        );
    }

    #[test]
    fn masquerade_is_had_by_the_names_of_either_age() {
        let masquerade = "a: {}, b: { nat: { masquerade: { toward: a } } }";
        let always = [
            "veth",
            "nf_tables",
            "nf_conntrack",
            "nf_conntrack_netlink",
            "nft_masq",
        ];
        for age in [
            &["nft_chain_nat"][..],
            &[
                "nft_chain_nat_ipv4",
                "nf_conntrack_ipv4",
                "nf_tables_ipv4",
                "nft_masq_ipv4",
            ],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let kernel = kernel(folder.path(), &[&always[..], age].concat(), BASE);
            let plan = plan(&run(masquerade), &kernel).unwrap();
            for name in age {
                assert!(loaded(&plan).contains(name), "{plan:?}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), &always, BASE);
        let error = plan(&run(masquerade), &kernel).unwrap_err().to_string();
        assert!(
            error.contains("nft_chain_nat or nft_chain_nat_ipv4"),
            "{error}"
        );
    }

    #[test]
    fn what_a_command_names_to_tc_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), &["veth", "sch_htb", "act_mirred"], BASE);
        let mut run = run("a: {}, b: {}");
        let parsed = crate::scenario::parse(
            "test.yaml",
            "name: test\nnodes: { a: {} }\ncommands: { c: { node: a, run: [sh, -c, 'tc qdisc add dev eth0 root htb; ip mirred'] } }\n",
            &Default::default(),
        );
        run.workload.commands = parsed.unwrap().runs.remove(0).workload.commands;
        assert_eq!(
            loaded(&plan(&run, &kernel).unwrap()),
            ["veth", "sch_htb", "act_mirred"]
        );
        run.workload.commands[0].run = vec!["ip".to_owned(), "htb".to_owned()];
        assert_eq!(loaded(&plan(&run, &kernel).unwrap()), ["veth"]);
    }

    #[test]
    fn a_link_by_netem_takes_its_module() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = run("a: {}, b: {}");
        run.topology.links[0].by = ImpairedBy::Netem;
        let with = kernel(folder.path(), &["veth", "sch_netem"], BASE);
        assert_eq!(loaded(&plan(&run, &with).unwrap()), ["veth", "sch_netem"]);
        let folder = tempfile::tempdir().unwrap();
        let without = kernel(folder.path(), &["veth"], BASE);
        let error = plan(&run, &without).unwrap_err().to_string();
        assert!(error.starts_with("needs netem, which"), "{error}");
    }

    #[test]
    fn a_congestion_control_that_a_node_asks_for_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), &["veth", "tcp_bbr"], BASE);
        let node = "a: { sysctls: { net.ipv4.tcp_congestion_control: bbr } }, b: {}";
        assert_eq!(
            loaded(&plan(&run(node), &kernel).unwrap()),
            ["veth", "tcp_bbr"]
        );
    }
}
